//! Known differences between Cairn and today's provider, each with its reason.
//!
//! A case whose rule a difference breaks accepts exactly two answers: today's, and this one. A third
//! is a failure.

use serde::{Serialize, Serializer};

/// A known difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Difference {
    /// A hash of another length than 32 bytes is refused.
    HashLength,
    /// A data root that is not stored is not found.
    UnknownDataRoot,
    /// A body has at most 1 MiB.
    BodyLimit,
    /// A list of hashes is bounded.
    ListLimit,
    /// A bucket is made for an agreement only.
    AgreementFirst,
    /// Each bucket has its own content.
    OwnContent,
    /// A node's data are the hashes of its two children.
    NodeData,
    /// A chunk has at most 256 KiB.
    ChunkLength,
    /// Only what was committed is signed.
    NothingSigned,
    /// A tree with padding is not committed.
    Padding,
    /// The operator decides whose terms are signed.
    TermsPolicy,
    /// One owner has few signed terms at a time.
    OwnerLimit,
    /// Two `Authorization` headers are refused.
    TwoHeaders,
    /// Requests for terms from this machine are not counted.
    LocalRate,
    /// A page of a listed origin may send the context header.
    ContextHeader,
    /// Lists of buckets are half a second old.
    ListDelay,
    /// A replica gets the roots that the chain has.
    ReplicaRoots,
    /// An object is leaves without padding.
    ObjectLeaves,
    /// A range of an object is answered.
    Ranges,
    /// A key or a path has at most 1,024 bytes.
    NameLength,
    /// Metadata have at most 2 KiB.
    MetadataLength,
    /// A page of groups continues after the last of them.
    GroupPages,
    /// A continuation token is opaque.
    OpaqueToken,
    /// A file is not replaced by a folder, nor the other way.
    KindChange,
}

impl Difference {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::HashLength,
        Self::UnknownDataRoot,
        Self::BodyLimit,
        Self::ListLimit,
        Self::AgreementFirst,
        Self::OwnContent,
        Self::NodeData,
        Self::ChunkLength,
        Self::NothingSigned,
        Self::Padding,
        Self::TermsPolicy,
        Self::OwnerLimit,
        Self::TwoHeaders,
        Self::LocalRate,
        Self::ContextHeader,
        Self::ListDelay,
        Self::ReplicaRoots,
        Self::ObjectLeaves,
        Self::Ranges,
        Self::NameLength,
        Self::MetadataLength,
        Self::GroupPages,
        Self::OpaqueToken,
        Self::KindChange,
    ];

    /// Returns its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HashLength => "hash-length",
            Self::UnknownDataRoot => "unknown-data-root",
            Self::BodyLimit => "body-limit",
            Self::ListLimit => "list-limit",
            Self::AgreementFirst => "agreement-first",
            Self::OwnContent => "own-content",
            Self::NodeData => "node-data",
            Self::ChunkLength => "chunk-length",
            Self::NothingSigned => "nothing-signed",
            Self::Padding => "padding",
            Self::TermsPolicy => "terms-policy",
            Self::OwnerLimit => "owner-limit",
            Self::TwoHeaders => "two-headers",
            Self::LocalRate => "local-rate",
            Self::ContextHeader => "context-header",
            Self::ListDelay => "list-delay",
            Self::ReplicaRoots => "replica-roots",
            Self::ObjectLeaves => "object-leaves",
            Self::Ranges => "ranges",
            Self::NameLength => "name-length",
            Self::MetadataLength => "metadata-length",
            Self::GroupPages => "group-pages",
            Self::OpaqueToken => "opaque-token",
            Self::KindChange => "kind-change",
        }
    }

    /// Returns what is answered instead, and the reason.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::HashLength => {
                "400 invalid_hash; today's provider stops the request's thread, and the client gets \
                 no answer"
            }
            Self::UnknownDataRoot => {
                "404 root_not_found; no chunks with a 200 look like empty content"
            }
            Self::BodyLimit => {
                "413 above 1 MiB, of which a chunk in base64 takes a third; 256 MiB for each request \
                 are memory that strangers may fill"
            }
            Self::ListLimit => {
                "413 too_many above 8,192 hashes: the work of one request is bounded"
            }
            Self::AgreementFirst => {
                "404 bucket_not_found; a bucket without an agreement has no quota, and nobody pays \
                 for it"
            }
            Self::OwnContent => {
                "400 children_missing; a bucket that needs another one's content cannot answer a \
                 challenge once that is deleted"
            }
            Self::NodeData => {
                "400 serialization_error; nothing under a node of another shape can be proven"
            }
            Self::ChunkLength => {
                "400 serialization_error; the chain does not verify a longer chunk, so a challenge of \
                 it takes the stake"
            }
            Self::NothingSigned => {
                "404 bucket_not_found, as before the first write; a signature is made for a commit \
                 that is durable, and for nothing else"
            }
            Self::Padding => {
                "422 padding_refused; anyone may challenge a padding slot, which nobody can answer"
            }
            Self::TermsPolicy => {
                "422 not_accepting_primary though the record on chain accepts: the operator's policy \
                 decides"
            }
            Self::OwnerLimit => {
                "503 nonce_counter_unavailable above four terms of one owner that may still be \
                 redeemed: the chain tells 256 nonces apart, and one owner must not use them up"
            }
            Self::TwoHeaders => "401; a proxy may have checked the other one of two headers",
            Self::LocalRate => {
                "requests from this machine are not counted: its operator's, or a proxy's that speaks \
                 for many"
            }
            Self::ContextHeader => {
                "it may be sent; today's provider reads the header, and does not let a page send it"
            }
            Self::ListDelay => {
                "what was committed is listed half a second later: the lists are read page by page from \
                 the index, so that no bucket is opened for them"
            }
            Self::ReplicaRoots => {
                "the root of the last checkpoint, and an empty one before the first: the chain takes a \
                 replica's confirmation of no other"
            }
            Self::ObjectLeaves => {
                "several leaves under the same data root: anyone may challenge a padding slot of one, \
                 which nobody can answer"
            }
            Self::Ranges => "206 with the range: a client that asks for a part need not take 5 GiB",
            Self::NameLength => {
                "400 invalid_object_key or invalid_path above 1,024 bytes: names take space that no \
                 quota bounds"
            }
            Self::MetadataLength => {
                "400 serialization_error above 2 KiB: records take space that no quota bounds"
            }
            Self::GroupPages => {
                "the next page goes on after the group; today's provider begins again, and a client \
                 that reads all pages never ends"
            }
            Self::OpaqueToken => {
                "400 invalid_continuation_token for a token that no page has returned: a page may end \
                 with a group, which is no key"
            }
            Self::KindChange => {
                "400 invalid_path; a file that becomes a folder is lost without a deletion"
            }
        }
    }
}

impl Serialize for Difference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_distinct_and_all_are_listed() {
        let names: BTreeSet<_> = Difference::ALL.iter().map(|one| one.name()).collect();
        assert_eq!(names.len(), Difference::ALL.len());
        assert!(Difference::ALL.is_sorted());
    }
}
