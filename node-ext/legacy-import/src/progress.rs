//! The steps of a bucket's import, as they are told to the caller.

/// Progress of a bucket's import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegacyStep {
    /// Content of leaves was read and stored.
    Content {
        /// Leaves done.
        done: u64,
        /// Leaves in all.
        of: u64,
    },
    /// Leaves were appended to the tree.
    Tree {
        /// Leaves done.
        done: u64,
        /// Leaves in all.
        of: u64,
    },
    /// Names of objects and files were given to the bucket.
    Names {
        /// Names done.
        done: u64,
        /// Names in all.
        of: u64,
    },
    /// The bucket is complete and about to be moved into place.
    Built,
}
