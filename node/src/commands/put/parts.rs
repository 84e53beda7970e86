//! Cuts a file into parts whose numbers of chunks are powers of two, so that their chunk
//! trees have no padding slot.

use cairn_primitives::chunk_tree;
use serde::Serialize;
use std::fmt;

/// The maximum number of parts of a file: one for each bit of a number of chunks.
pub(super) const MAX_PARTS: usize = 46;

/// How files become leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Splitting {
    /// Without padding, as several leaves if necessary.
    WithoutPadding,
    /// Each file as one leaf.
    OneLeaf,
}

/// A part of a file, stored as one leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Part {
    /// The part's number, from 1.
    number: usize,
    of: usize,
    /// The offset in the file, in bytes.
    offset: u64,
    /// The length in bytes, computed from the file's length.
    #[serde(skip)]
    pub(super) bytes: u64,
}

impl Splitting {
    /// Returns the parts of a file, in order.
    pub(super) fn parts(self, length: u64) -> Vec<Part> {
        let sizes: Vec<_> = match self {
            Self::WithoutPadding => chunk_tree::split_without_padding(length).collect(),
            Self::OneLeaf => vec![length],
        };
        let (of, mut offset) = (sizes.len(), 0u64);
        let cut = (1..).zip(sizes).map(|(number, bytes)| {
            let part = Part {
                number,
                of,
                offset,
                bytes,
            };
            offset = offset.saturating_add(bytes);
            part
        });
        cut.collect()
    }
}

impl Part {
    pub(super) const fn is_last(&self) -> bool {
        self.number == self.of
    }

    /// Returns the part, if the file has more than one.
    pub(super) fn if_several(self) -> Option<Self> {
        (self.of > 1).then_some(self)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  (part {} of {})", self.number, self.of)
    }
}
