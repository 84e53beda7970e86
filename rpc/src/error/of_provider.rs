//! What goes wrong in a bucket, as far as it is the client's business. Each
//! error of the crates below is named here, so that a new one gets its code.

use super::{Code, Error};
use cairn_bucket::{
    CommitError, CreateError, IngestError, ProveError, PruneError, SignAgainError, TransferError,
    Unusable,
};
use cairn_engine::EngineError;
use cairn_keys::SigningRefused;
use cairn_provider::ProviderError;
use std::time::Duration;

/// When to ask again for what somebody else holds: a bucket is let go within
/// milliseconds as a rule.
const SOON: Duration = Duration::from_millis(500);

/// When to ask again for room on a disk, which an operator has to make.
const WHEN_THERE_IS_ROOM: Duration = Duration::from_secs(60);

/// What is damaged is logged in full, and told without its whereabouts.
fn damaged(what: &str, error: &dyn std::fmt::Display) -> Error {
    let reference = super::logged("reading a bucket", error);
    let message = format!("{what}: the provider's operator is told (reference {reference})");
    Error::with_data(
        Code::Damaged,
        message,
        super::ErrorData::Reference(reference),
    )
}

impl From<ProviderError> for Error {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::NoSuchBucket { bucket, .. } => {
                let message = format!("the provider has no bucket {bucket}");
                Self::coded(Code::NoSuchBucket, message)
            }
            ProviderError::Lost { bucket } => damaged(&format!("bucket {bucket} is lost"), &error),
            ProviderError::Open { bucket, .. } | ProviderError::Behind { bucket, .. } => {
                damaged(&format!("bucket {bucket} cannot be opened"), &error)
            }
            ProviderError::Quarantined { bucket, .. } => Self::coded(
                Code::Quarantined,
                format!(
                    "bucket {bucket} has failed a check, and takes no writes until it is mended"
                ),
            ),
            ProviderError::WritesNothing { .. } => Self::failed(
                "writing, which it has not been able to since its start",
                &error,
            ),
            ProviderError::Busy { .. } => Self::busy("open buckets", SOON),
            ProviderError::Reserved { bucket } => Self::coded(
                Code::Reserved,
                format!("bucket {bucket} is being made, removed or repaired: ask again later"),
            ),
            ProviderError::Signing(refused) => refused.into(),
            ProviderError::Create(error) => error.into(),
            ProviderError::Prove(error) => error.into(),
            ProviderError::Commit(error) => error.into(),
            ProviderError::Ingest(error) => error.into(),
            ProviderError::Transfer(TransferError::Reserved(_)) => {
                Self::disk_reserved(WHEN_THERE_IS_ROOM)
            }
            ProviderError::Transfer(error) => Self::failed("copying a bucket", &error),
            ProviderError::Budget(_)
            | ProviderError::BasePath(_)
            | ProviderError::Index(_)
            | ProviderError::OtherChain { .. }
            | ProviderError::WouldLose { .. }
            | ProviderError::Io { .. } => Self::failed("looking after its buckets", &error),
        }
    }
}

impl From<CreateError> for Error {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Exists { bucket, .. } => Self::coded(
                Code::BucketExists,
                format!("there is a bucket {bucket} already"),
            ),
            CreateError::Reserved(_) => Self::disk_reserved(WHEN_THERE_IS_ROOM),
            CreateError::Folder { .. } | CreateError::Open(_) | CreateError::Engine(_) => {
                Self::failed("making a bucket", &error)
            }
        }
    }
}

impl From<ProveError> for Error {
    fn from(error: ProveError) -> Self {
        let code = match &error {
            ProveError::UnknownRoot { .. } => Code::UnknownRoot,
            ProveError::Released { .. } => Code::Released,
            ProveError::NoSuchCount { .. } => Code::NoSuchCount,
            ProveError::NoSuchLeaf { .. } => Code::NoSuchLeaf,
            ProveError::NoSuchChunk { .. } => Code::NoSuchChunk,
            ProveError::Unprovable { .. } => Code::Unprovable,
            ProveError::NoSecondDialect { .. } => Code::NoSecondDialect,
            ProveError::SpPlan { .. } => Code::NoSuchProof,
            ProveError::MissingNode { bucket, .. }
            | ProveError::MissingLeaf { bucket, .. }
            | ProveError::MissingContent { bucket, .. }
            | ProveError::Unsound { bucket, .. } => {
                return damaged(&format!("bucket {bucket} is damaged"), &error);
            }
            ProveError::Engine(_) | ProveError::Sink(_) => {
                return Self::failed("reading a bucket", &error);
            }
        };
        Self::coded(code, error.to_string())
    }
}

impl From<IngestError> for Error {
    fn from(error: IngestError) -> Self {
        let code = match &error {
            IngestError::Quota { .. } => Code::Quota,
            IngestError::Reserved(_) => return Self::disk_reserved(WHEN_THERE_IS_ROOM),
            IngestError::HashMismatch { .. } => Code::HashMismatch,
            IngestError::Shape { .. } => Code::Shape,
            IngestError::MissingChild { .. } => Code::MissingChild,
            IngestError::Damaged { bucket, .. } => {
                return damaged(&format!("bucket {bucket} is damaged"), &error);
            }
            IngestError::Unusable(unusable) => return unusable.clone().into(),
            IngestError::Source(_) | IngestError::Engine(_) => {
                return Self::failed("storing content", &error);
            }
        };
        Self::coded(code, error.to_string())
    }
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        let code = match &error {
            CommitError::Nothing { .. } => Code::NothingToCommit,
            CommitError::NothingToSign { .. } => Code::NothingToSign,
            CommitError::UnknownDataRoot { .. } => Code::UnknownDataRoot,
            CommitError::SizeMismatch { .. } => Code::SizeMismatch,
            CommitError::NotARoot { .. } => Code::NotARoot,
            CommitError::Exhausted { .. } => Code::Exhausted,
            CommitError::Quota { .. } => Code::Quota,
            CommitError::LeafTooLarge { .. } => Code::LeafTooLarge,
            CommitError::Reserved(_) => return Self::disk_reserved(WHEN_THERE_IS_ROOM),
            CommitError::Damaged { bucket, .. } => {
                return damaged(&format!("bucket {bucket} is damaged"), &error);
            }
            CommitError::Refused(refused) => return refused.clone().into(),
            CommitError::Unusable(unusable) => return unusable.clone().into(),
            CommitError::Sign { .. } | CommitError::Engine(_) => {
                return Self::failed("committing", &error);
            }
        };
        Self::coded(code, error.to_string())
    }
}

impl From<SignAgainError> for Error {
    fn from(error: SignAgainError) -> Self {
        match error {
            SignAgainError::NotSigned { .. } => {
                let message =
                    format!("{error}: commit first, or wait for the provider's next checkpoint");
                Self::coded(Code::NotSigned, message)
            }
            SignAgainError::Refused(refused) => refused.into(),
            SignAgainError::Prove(error) => error.into(),
            SignAgainError::NotDurable { .. } | SignAgainError::Sign { .. } => {
                Self::failed("signing", &error)
            }
        }
    }
}

impl From<SigningRefused> for Error {
    fn from(refused: SigningRefused) -> Self {
        match refused {
            // What it has failed names files, which are nobody else's business.
            SigningRefused::Quarantined { bucket, reason } => {
                ProviderError::Quarantined { bucket, reason }.into()
            }
            SigningRefused::Unread { bucket, .. } => {
                damaged(&format!("bucket {bucket} cannot be signed for"), &refused)
            }
            SigningRefused::Off { .. }
            | SigningRefused::OtherHashing { .. }
            | SigningRefused::UnknownHashing { .. }
            | SigningRefused::ChunkLimit { .. }
            | SigningRefused::Unprovable { .. } => {
                Self::coded(Code::SigningRefused, refused.to_string())
            }
        }
    }
}

impl From<PruneError> for Error {
    fn from(error: PruneError) -> Self {
        let code = match error {
            PruneError::NothingBefore { .. } => Code::NothingBefore,
            PruneError::PastTheEnd { .. } => Code::PastTheEnd,
            PruneError::SignatureKind { .. } => Code::SignatureKind,
            PruneError::Unauthorised { .. } => Code::Unauthorised,
            PruneError::NotGrown { .. } => Code::NotGrown,
            PruneError::Quota { .. } => Code::Quota,
            PruneError::Reserved(_) => return Self::disk_reserved(WHEN_THERE_IS_ROOM),
            PruneError::Leaf(error) => return error.into(),
            PruneError::Unusable(unusable) => return unusable.into(),
            PruneError::Engine(_) => return Self::failed("pruning", &error),
        };
        Self::coded(code, error.to_string())
    }
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        Self::failed("reading a bucket", &error)
    }
}

impl From<Unusable> for Error {
    fn from(unusable: Unusable) -> Self {
        Self::failed("writing to a bucket", &unusable)
    }
}
