//! Errors of the store as S3 clients know them. What may be tried again is a 503.

use cairn_bucket::{CommitError, IngestError};
use cairn_object_store::{BodyError, StoreError};
use cairn_objects::{AttributesError, NameError, ObjectError};
use cairn_provider::ProviderError;
use cairn_rpc_api::{Code, Error};
use s3s::{S3Error, S3ErrorCode};

fn coded(code: S3ErrorCode, error: &impl ToString) -> S3Error {
    S3Error::with_message(code, error.to_string())
}

/// Returns an error of the store as one of S3.
pub(crate) fn of_store(error: StoreError) -> S3Error {
    match error {
        StoreError::Object(error) => of_object(&error),
        StoreError::Provider(error) => of_provider(error),
        StoreError::Rpc(error) => of_rpc(&error),
        StoreError::Body(error) => of_body(&error),
        StoreError::Busy => coded(S3ErrorCode::SlowDown, &error),
        StoreError::IsReplica => coded(S3ErrorCode::AccessDenied, &error),
        StoreError::UploadInUse { .. } => coded(S3ErrorCode::OperationAborted, &error),
        StoreError::TooLarge { .. } => coded(S3ErrorCode::EntityTooLarge, &error),
    }
}

fn of_body(error: &BodyError) -> S3Error {
    let code = match error {
        BodyError::Broken(reason) if reason == crate::checksums::WRONG => S3ErrorCode::BadDigest,
        BodyError::Broken(_) => S3ErrorCode::IncompleteBody,
        BodyError::TooSlow(_) => S3ErrorCode::RequestTimeout,
        BodyError::TooLong { .. } => S3ErrorCode::EntityTooLarge,
    };
    coded(code, error)
}

fn of_object(error: &ObjectError) -> S3Error {
    let code = match error {
        ObjectError::ContentGone { .. } => S3ErrorCode::NoSuchKey,
        ObjectError::Condition { .. } => S3ErrorCode::PreconditionFailed,
        ObjectError::NoSuchUpload { .. } => S3ErrorCode::NoSuchUpload,
        ObjectError::WrongPart { .. } => S3ErrorCode::InvalidPart,
        ObjectError::PartOrder => S3ErrorCode::InvalidPartOrder,
        ObjectError::PartTooSmall { .. } => S3ErrorCode::EntityTooSmall,
        ObjectError::TooManyUploads { .. } | ObjectError::OtherKind { .. } => {
            S3ErrorCode::InvalidRequest
        }
        ObjectError::TooLate { .. } => S3ErrorCode::SlowDown,
        ObjectError::Token => S3ErrorCode::InvalidArgument,
        ObjectError::IndexFull { .. }
        | ObjectError::Ingest(IngestError::Quota { .. })
        | ObjectError::Commit(CommitError::Quota { .. }) => return quota(error),
        ObjectError::Ingest(IngestError::Reserved(_))
        | ObjectError::Commit(CommitError::Reserved(_) | CommitError::Refused(_)) => {
            S3ErrorCode::ServiceUnavailable
        }
        ObjectError::Unreadable { .. }
        | ObjectError::Ingest(_)
        | ObjectError::Commit(_)
        | ObjectError::Read(_) => return failed(error),
    };
    coded(code, error)
}

/// The bucket is full. Another code would be tried again.
fn quota(error: &ObjectError) -> S3Error {
    let code = S3ErrorCode::from_bytes(b"QuotaExceeded").unwrap_or(S3ErrorCode::AccessDenied);
    let mut error = coded(code, error);
    error.set_status_code(axum::http::StatusCode::FORBIDDEN);
    error
}

/// A failure whose text is for the log.
fn failed(error: &impl std::fmt::Display) -> S3Error {
    tracing::error!(%error, "a request of an S3 client failed");
    S3Error::new(S3ErrorCode::InternalError)
}

fn of_provider(error: ProviderError) -> S3Error {
    match error {
        ProviderError::NoSuchBucket { .. } => S3Error::new(S3ErrorCode::NoSuchBucket),
        ProviderError::Busy { .. } | ProviderError::Reserved { .. } => {
            S3Error::new(S3ErrorCode::SlowDown)
        }
        other => of_rpc(&cairn_rpc_server::MethodError::from(other).into()),
    }
}

fn of_rpc(error: &Error) -> S3Error {
    let Error::Coded { code, .. } = error else {
        return coded(S3ErrorCode::ServiceUnavailable, error);
    };
    let code = match code {
        Code::Busy | Code::TooLate => S3ErrorCode::SlowDown,
        Code::Stopping
        | Code::Reserved
        | Code::DiskReserved
        | Code::Quarantined
        | Code::SigningRefused
        | Code::NotSigned
        | Code::NothingToSign => S3ErrorCode::ServiceUnavailable,
        Code::NoSuchBucket => S3ErrorCode::NoSuchBucket,
        _ => return failed(error),
    };
    coded(code, error)
}

/// Returns the reason why a text is no key.
pub(crate) fn of_name(error: NameError) -> S3Error {
    match error {
        NameError::TooLong { .. } => coded(S3ErrorCode::KeyTooLongError, &error),
        NameError::Empty | NameError::NotAPath | NameError::Upward => {
            coded(S3ErrorCode::InvalidArgument, &error)
        }
    }
}

/// Returns the reason why attributes are refused.
pub(crate) fn of_attributes(error: AttributesError) -> S3Error {
    match error {
        AttributesError::Metadata => coded(S3ErrorCode::MetadataTooLarge, &error),
        AttributesError::ContentType => coded(S3ErrorCode::InvalidArgument, &error),
    }
}
