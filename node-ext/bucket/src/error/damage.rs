//! Classifies the errors of bucket operations: which of them indicate damage.

use super::{
    CommitError, IngestError, OpenError, ProveError, PruneError, RecordRootError, ReleaseError,
    SignAgainError,
};
use cairn_engine::EngineError;
use std::convert::Infallible;

/// An error of a bucket operation, which may indicate damage to the bucket (I7).
///
/// A provider's `Lease::run` takes no other errors, so every bucket operation
/// returns one. Implementations list every variant, so that a new variant has to be
/// classified.
pub trait IndicatesDamage: std::error::Error {
    /// Returns whether the data on disk differs from the data that was written.
    fn indicates_damage(&self) -> bool;
}

impl IndicatesDamage for Infallible {
    fn indicates_damage(&self) -> bool {
        match *self {}
    }
}

impl IndicatesDamage for EngineError {
    fn indicates_damage(&self) -> bool {
        self.is_damage()
    }
}

impl IndicatesDamage for OpenError {
    fn indicates_damage(&self) -> bool {
        match self {
            Self::NotABucket { .. }
            | Self::AnotherBucket { .. }
            | Self::Format { .. }
            | Self::Damaged { .. } => true,
            Self::Engine(error) => error.indicates_damage(),
        }
    }
}

impl IndicatesDamage for ProveError {
    fn indicates_damage(&self) -> bool {
        match self {
            Self::MissingNode { .. }
            | Self::MissingLeaf { .. }
            | Self::MissingContent { .. }
            | Self::Damaged { .. } => true,
            Self::Engine(error) => error.indicates_damage(),
            Self::UnknownRoot { .. }
            | Self::Released { .. }
            | Self::NoSuchCount { .. }
            | Self::NoSuchLeaf { .. }
            | Self::NoSuchChunk { .. }
            | Self::Unprovable { .. }
            | Self::PlainHashingOnly { .. }
            | Self::SpPlan { .. }
            | Self::Sink(_) => false,
        }
    }
}

impl IndicatesDamage for IngestError {
    fn indicates_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::Engine(error) => error.indicates_damage(),
            Self::Source(_)
            | Self::Quota { .. }
            | Self::Reserved(_)
            | Self::HashMismatch { .. }
            | Self::Shape { .. }
            | Self::MissingChild { .. }
            | Self::NotWritable(_) => false,
        }
    }
}

impl IndicatesDamage for CommitError {
    fn indicates_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::Engine(error) => error.indicates_damage(),
            Self::NoLeaves { .. }
            | Self::NothingToSign { .. }
            | Self::OtherCount { .. }
            | Self::UnknownDataRoot { .. }
            | Self::SizeMismatch { .. }
            | Self::NotADataRoot { .. }
            | Self::Exhausted { .. }
            | Self::Quota { .. }
            | Self::LeafTooLarge { .. }
            | Self::Reserved(_)
            | Self::Refused(_)
            | Self::NotWritable(_)
            | Self::Sign { .. } => false,
        }
    }
}

impl IndicatesDamage for RecordRootError {
    fn indicates_damage(&self) -> bool {
        match self {
            Self::Prove(error) => error.indicates_damage(),
            Self::Engine(error) => error.indicates_damage(),
            Self::Empty { .. }
            | Self::OtherTree { .. }
            | Self::Behind { .. }
            | Self::OtherRoot { .. }
            | Self::NotWritable(_) => false,
        }
    }
}

impl IndicatesDamage for SignAgainError {
    fn indicates_damage(&self) -> bool {
        match self {
            Self::Prove(error) => error.indicates_damage(),
            Self::NotSigned { .. }
            | Self::NotDurable { .. }
            | Self::Sign { .. }
            | Self::Refused(_) => false,
        }
    }
}

impl IndicatesDamage for PruneError {
    fn indicates_damage(&self) -> bool {
        match self {
            Self::Leaf(error) => error.indicates_damage(),
            Self::Engine(error) => error.indicates_damage(),
            Self::NothingBefore { .. }
            | Self::PastTheEnd { .. }
            | Self::SignatureKind { .. }
            | Self::Unauthorised { .. }
            | Self::NotGrown { .. }
            | Self::Quota { .. }
            | Self::Reserved(_)
            | Self::NotWritable(_) => false,
        }
    }
}

impl IndicatesDamage for ReleaseError {
    fn indicates_damage(&self) -> bool {
        match self {
            Self::Read(error) => error.indicates_damage(),
            Self::Engine(error) => error.indicates_damage(),
            Self::Current { .. }
            | Self::NoSuchTree { .. }
            | Self::Busy { .. }
            | Self::NotWritable(_) => false,
        }
    }
}
