//! Errors of the provider as errors of the API. Each error of the crates below is matched here,
//! so that a new one gets its code.

use cairn_bucket::{
    CommitError, CreateError, IngestError, NotWritable, ProveError, PruneError, SignAgainError,
    TransferError,
};
use cairn_engine::EngineError;
use cairn_keys::SigningRefused;
use cairn_primitives::cosign::Refusal;
use cairn_primitives::terms::TermsRefusal;
use cairn_provider::ProviderError;
use cairn_rpc_api::{Code, Error, ErrorData};
use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// When to retry for a bucket that is in use: most uses take milliseconds.
const BUCKET_RETRY_DELAY: Duration = Duration::from_millis(500);

/// When to retry for space on a disk, which an operator has to make.
const DISK_RETRY_DELAY: Duration = Duration::from_secs(60);

/// An [`Error`] that `?` makes of the provider's errors. Its text is fit for strangers; what is not
/// is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodError(pub(crate) Error);

impl From<Error> for MethodError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<MethodError> for Error {
    fn from(error: MethodError) -> Self {
        error.0
    }
}

impl From<TermsRefusal> for MethodError {
    fn from(refusal: TermsRefusal) -> Self {
        Self(refusal.into())
    }
}

impl From<Refusal> for MethodError {
    fn from(refusal: Refusal) -> Self {
        Self(refusal.into())
    }
}

pub(crate) fn undecodable(parameter: &str, ty: &str) -> Error {
    let message = format!(
        "{parameter} does not decode as {ty} in SCALE: does it come from another version of the \
         API?"
    );
    Error::new(Code::Undecodable, message)
}

pub(crate) fn too_many(parameter: &str, given: usize, max: u32) -> Error {
    let message = format!("{parameter}: {given} is more than the {max} allowed in one request");
    Error::with_data(Code::TooMany, message, ErrorData::Most(max.into()))
}

pub(crate) fn timed_out(limit: Duration) -> Error {
    let seconds = limit.as_secs_f32();
    let message = format!("the request was not served within {seconds} s: retry");
    Error::new(Code::TooLate, message)
}

pub(crate) fn stopping() -> Error {
    Error::new(
        Code::Stopping,
        "the provider is stopping: retry when it is back",
    )
}

/// The client learns that the disk is full, and not how full it is.
fn disk_reserved() -> MethodError {
    let message = "the provider's disk has no space left but its reserve for answers and \
                   signatures: it takes content again when there is more, so retry later";
    let data = ErrorData::retry_after(DISK_RETRY_DELAY);
    MethodError(Error::with_data(Code::DiskReserved, message, data))
}

/// Logs a failure of the provider in full, and returns only its reference.
pub(crate) fn failed(doing: &'static str, error: &dyn Display) -> Error {
    let reference = log(doing, error);
    let message = format!(
        "the provider has failed at {doing}: its operator finds the reason in its log, under \
         reference {reference}"
    );
    Error::with_data(Code::Failed, message, ErrorData::Reference(reference))
}

/// Logs damage in full, and returns it without file names.
fn damaged(what: &str, error: &dyn Display) -> MethodError {
    let reference = log("reading a bucket", error);
    let message =
        format!("{what}: its operator finds the reason in the log, under reference {reference}");
    let data = ErrorData::Reference(reference);
    MethodError(Error::with_data(Code::Damaged, message, data))
}

/// Logs a failure, and returns the number under which the log has it.
fn log(doing: &'static str, error: &dyn Display) -> u64 {
    // Starts at 1 in each run of the process; the log's times tell the runs apart.
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let reference = NEXT.fetch_add(1, Ordering::Relaxed);
    tracing::error!(reference, %error, "an RPC request has failed at {doing}");
    reference
}

impl MethodError {
    fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Error::new(code, message))
    }

    fn failed(doing: &'static str, error: &dyn Display) -> Self {
        Self(failed(doing, error))
    }
}

impl From<ProviderError> for MethodError {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::NoSuchBucket { bucket, .. } => {
                let message = format!("the provider has no bucket {bucket}");
                Self::new(Code::NoSuchBucket, message)
            }
            ProviderError::Lost { bucket } => damaged(&format!("bucket {bucket} is lost"), &error),
            ProviderError::Open { bucket, .. } | ProviderError::Behind { bucket, .. } => {
                damaged(&format!("bucket {bucket} cannot be opened"), &error)
            }
            ProviderError::Quarantined { bucket, .. } => Self::new(
                Code::Quarantined,
                format!(
                    "bucket {bucket} has failed a check and takes no writes until it is repaired"
                ),
            ),
            ProviderError::ReadOnly { .. } => {
                Self::failed("writing, which fails since its start", &error)
            }
            ProviderError::Busy { .. } => Self(Error::busy("open buckets", BUCKET_RETRY_DELAY)),
            ProviderError::Reserved { bucket } => Self::new(
                Code::Reserved,
                format!("bucket {bucket} is being created, removed or repaired: retry later"),
            ),
            ProviderError::Aborted { .. } => Self::failed("working on a bucket", &error),
            ProviderError::Signing(refused) => refused.into(),
            ProviderError::Create(error) => error.into(),
            ProviderError::Prove(error) => error.into(),
            ProviderError::Commit(error) => error.into(),
            ProviderError::Ingest(error) => error.into(),
            ProviderError::Transfer(TransferError::Reserved(_)) => disk_reserved(),
            ProviderError::Transfer(error) => Self::failed("exporting a bucket", &error),
            ProviderError::Budget(_)
            | ProviderError::BasePath(_)
            | ProviderError::Index(_)
            | ProviderError::OtherChain { .. }
            | ProviderError::MissingSignedRoots { .. }
            | ProviderError::Io(_) => Self::failed("managing its buckets", &error),
        }
    }
}

impl From<CreateError> for MethodError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Exists { bucket, .. } => Self::new(
                Code::BucketExists,
                format!("bucket {bucket} exists already"),
            ),
            CreateError::Reserved(_) => disk_reserved(),
            CreateError::Folder { .. } | CreateError::Open(_) | CreateError::Engine(_) => {
                Self::failed("creating a bucket", &error)
            }
        }
    }
}

impl From<ProveError> for MethodError {
    fn from(error: ProveError) -> Self {
        let code = match &error {
            ProveError::UnknownRoot { .. } => Code::UnknownRoot,
            ProveError::Released { .. } => Code::Released,
            ProveError::NoSuchCount { .. } => Code::NoSuchCount,
            ProveError::NoSuchLeaf { .. } => Code::NoSuchLeaf,
            ProveError::NoSuchChunk { .. } => Code::NoSuchChunk,
            ProveError::Unprovable { .. } => Code::Unprovable,
            ProveError::PlainHashingOnly { .. } => Code::NoPalletMmrProof,
            ProveError::SpPlan { .. } => Code::NoSuchPalletMmrProof,
            ProveError::MissingNode { bucket, .. }
            | ProveError::MissingLeaf { bucket, .. }
            | ProveError::MissingContent { bucket, .. }
            | ProveError::Damaged { bucket, .. } => {
                return damaged(&format!("bucket {bucket} is damaged"), &error);
            }
            ProveError::Engine(_) | ProveError::Sink(_) => {
                return Self::failed("reading a bucket", &error);
            }
        };
        Self::new(code, error.to_string())
    }
}

impl From<IngestError> for MethodError {
    fn from(error: IngestError) -> Self {
        let code = match &error {
            IngestError::Quota { .. } => Code::Quota,
            IngestError::Reserved(_) => return disk_reserved(),
            IngestError::HashMismatch { .. } => Code::HashMismatch,
            IngestError::Shape { .. } => Code::Shape,
            IngestError::MissingChild { .. } => Code::MissingChild,
            IngestError::Damaged { bucket, .. } => {
                return damaged(&format!("bucket {bucket} is damaged"), &error);
            }
            IngestError::NotWritable(unusable) => return unusable.clone().into(),
            IngestError::Source(_) | IngestError::Engine(_) => {
                return Self::failed("storing content", &error);
            }
        };
        Self::new(code, error.to_string())
    }
}

impl From<CommitError> for MethodError {
    fn from(error: CommitError) -> Self {
        let code = match &error {
            CommitError::NoLeaves { .. } => Code::NothingToCommit,
            CommitError::NothingToSign { .. } => Code::NothingToSign,
            CommitError::UnknownDataRoot { .. } => Code::UnknownDataRoot,
            CommitError::SizeMismatch { .. } => Code::SizeMismatch,
            CommitError::NotADataRoot { .. } => Code::NotADataRoot,
            CommitError::Exhausted { .. } => Code::Exhausted,
            CommitError::Quota { .. } => Code::Quota,
            CommitError::LeafTooLarge { .. } => Code::LeafTooLarge,
            CommitError::Reserved(_) => return disk_reserved(),
            CommitError::Damaged { bucket, .. } => {
                return damaged(&format!("bucket {bucket} is damaged"), &error);
            }
            CommitError::Refused(refused) => return refused.clone().into(),
            CommitError::NotWritable(unusable) => return unusable.clone().into(),
            // No method names a leaf count to commit at.
            CommitError::OtherCount { .. } | CommitError::Sign { .. } | CommitError::Engine(_) => {
                return Self::failed("committing", &error);
            }
        };
        Self::new(code, error.to_string())
    }
}

impl From<SignAgainError> for MethodError {
    fn from(error: SignAgainError) -> Self {
        match error {
            SignAgainError::NotSigned { .. } => {
                let message =
                    format!("{error}: commit first, or wait for the provider's next checkpoint");
                Self::new(Code::NotSigned, message)
            }
            SignAgainError::Refused(refused) => refused.into(),
            SignAgainError::Prove(error) => error.into(),
            SignAgainError::NotDurable { .. } | SignAgainError::Sign { .. } => {
                Self::failed("signing", &error)
            }
        }
    }
}

impl From<SigningRefused> for MethodError {
    fn from(refused: SigningRefused) -> Self {
        match refused {
            // The reason names files, which are not for clients.
            SigningRefused::Quarantined { bucket, reason } => {
                ProviderError::Quarantined { bucket, reason }.into()
            }
            SigningRefused::UnreadableFlags { bucket, .. } => {
                damaged(&format!("bucket {bucket} cannot be signed for"), &refused)
            }
            SigningRefused::Off { .. }
            | SigningRefused::OtherHashing { .. }
            | SigningRefused::UnknownHashing { .. }
            | SigningRefused::ChunkLimit { .. }
            | SigningRefused::Unprovable { .. } => {
                Self::new(Code::SigningRefused, refused.to_string())
            }
        }
    }
}

impl From<PruneError> for MethodError {
    fn from(error: PruneError) -> Self {
        let code = match error {
            PruneError::NothingBefore { .. } => Code::NothingBefore,
            PruneError::PastTheEnd { .. } => Code::PastTheEnd,
            PruneError::SignatureKind { .. } => Code::SignatureKind,
            PruneError::Unauthorised { .. } => Code::Unauthorised,
            PruneError::NotGrown { .. } => Code::NotGrown,
            PruneError::Quota { .. } => Code::Quota,
            PruneError::Reserved(_) => return disk_reserved(),
            PruneError::Leaf(error) => return error.into(),
            PruneError::NotWritable(unusable) => return unusable.into(),
            PruneError::Engine(_) => return Self::failed("pruning", &error),
        };
        Self::new(code, error.to_string())
    }
}

impl From<EngineError> for MethodError {
    fn from(error: EngineError) -> Self {
        Self::failed("reading a bucket", &error)
    }
}

impl From<NotWritable> for MethodError {
    fn from(unusable: NotWritable) -> Self {
        Self::failed("writing to a bucket", &unusable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonrpsee::types::ErrorObjectOwned;

    #[test]
    fn a_failure_is_returned_without_its_reason() {
        let error = failed("reading", &"cannot open /srv/cairn/buckets");
        let error = ErrorObjectOwned::from(error);
        assert_eq!(error.code(), Code::Failed.number());
        assert!(!error.message().contains("/srv"), "{error}");
        assert!(error.data().unwrap().get().contains("reference"));
    }
}
