//! Errors of objects and files as today's provider answers them.

use super::{Answer, HttpError};
use axum::http::StatusCode;
use cairn_bucket::{CommitError, IngestError};
use cairn_object_store::{BodyError, StoreError};
use cairn_objects::{AttributesError, ObjectError};
use cairn_primitives::BucketId;
use cairn_rpc_server::MethodError;
use serde_json::json;

/// An error of a route about objects or files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ObjectFault {
    #[error("Invalid object key: {0}")]
    Key(String),
    #[error("Object not found: {bucket}/{key}")]
    NoObject { bucket: BucketId, key: String },
    #[error("File not found: {path}")]
    NoFile { bucket: BucketId, path: String },
    #[error("Not a file: {path}")]
    NotAFile { bucket: BucketId, path: String },
    #[error("{0}")]
    Path(String),
    #[error("{0}")]
    Attributes(AttributesError),
    #[error("the range is not within the {size} bytes")]
    Range { size: u64 },
    #[error("{0}")]
    Token(String),
    #[error("{0}")]
    Gone(String),
    #[error("{0}")]
    Changed(String),
    #[error("{0}")]
    Body(BodyError),
}

impl ObjectFault {
    pub(super) fn answer(&self) -> Answer {
        let message = || Some(json!({ "message": self.to_string() }));
        let bad = StatusCode::BAD_REQUEST;
        match self {
            Self::Key(key) => (bad, "invalid_object_key", Some(json!({ "key": key }))),
            Self::NoObject { bucket, key } => {
                let details = json!({ "bucket_id": bucket.0, "key": key });
                (StatusCode::NOT_FOUND, "object_not_found", Some(details))
            }
            Self::NoFile { bucket, path } => {
                let details = json!({ "bucket_id": bucket.0, "path": path });
                (StatusCode::NOT_FOUND, "file_not_found", Some(details))
            }
            Self::NotAFile { bucket, path } => {
                let details = json!({ "bucket_id": bucket.0, "path": path });
                (bad, "not_a_file", Some(details))
            }
            Self::Path(_) => (bad, "invalid_path", message()),
            Self::Token(_) => (bad, "invalid_continuation_token", message()),
            Self::Attributes(_) => (bad, "serialization_error", message()),
            Self::Range { .. } => {
                let status = StatusCode::RANGE_NOT_SATISFIABLE;
                (status, "invalid_range", message())
            }
            Self::Gone(_) => (StatusCode::NOT_FOUND, "root_not_found", message()),
            Self::Changed(_) => (StatusCode::CONFLICT, "conflict", message()),
            Self::Body(BodyError::TooLong { .. }) => {
                (StatusCode::PAYLOAD_TOO_LARGE, "too_many", message())
            }
            Self::Body(BodyError::TooSlow(_)) => {
                (StatusCode::REQUEST_TIMEOUT, "too_late", message())
            }
            Self::Body(BodyError::Broken(_)) => (bad, "serialization_error", message()),
        }
    }
}

impl From<ObjectError> for HttpError {
    fn from(error: ObjectError) -> Self {
        match error {
            ObjectError::Commit(CommitError::Quota { used, max, .. })
            | ObjectError::Ingest(IngestError::Quota { used, max, .. })
            | ObjectError::IndexFull { used, max, .. } => Self::QuotaExceeded { used, max },
            ObjectError::Ingest(error) => error.into(),
            ObjectError::Commit(error) => error.into(),
            ObjectError::Read(error) => error.into(),
            ObjectError::TooLate { .. } => Self::TooSlow,
            ObjectError::Token => ObjectFault::Token(error.to_string()).into(),
            ObjectError::Condition { .. } => ObjectFault::Changed(error.to_string()).into(),
            ObjectError::OtherKind { name } => {
                let path = format!("a file and a directory cannot both be {name}");
                ObjectFault::Path(path).into()
            }
            ObjectError::ContentGone { .. } => ObjectFault::Gone(error.to_string()).into(),
            ObjectError::Unreadable { .. } => {
                tracing::error!(%error, "a record of an object cannot be read");
                MethodError::from(cairn_rpc_api::Error::new(
                    cairn_rpc_api::Code::Failed,
                    "a record of an object cannot be read",
                ))
                .into()
            }
            // Only the S3 dialect has uploads in parts.
            ObjectError::NoSuchUpload { .. }
            | ObjectError::TooManyUploads { .. }
            | ObjectError::WrongPart { .. }
            | ObjectError::PartOrder
            | ObjectError::PartTooSmall { .. } => ObjectFault::Path(error.to_string()).into(),
        }
    }
}

impl From<StoreError> for HttpError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Object(error) => error.into(),
            StoreError::Provider(error) => error.into(),
            StoreError::Rpc(error) => Self::Provider(error),
            StoreError::Body(error) => ObjectFault::Body(error).into(),
            StoreError::Busy => Self::BodiesBusy,
            StoreError::IsReplica => Self::IsReplica,
            // Only the S3 dialect has uploads in parts.
            StoreError::UploadInUse { .. } | StoreError::TooLarge { .. } => {
                ObjectFault::Changed(error.to_string()).into()
            }
        }
    }
}
