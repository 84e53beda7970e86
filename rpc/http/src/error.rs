//! Errors as today's provider answers them: a status, and a body with a code and its details.

mod body;
mod objects;
mod terms;

pub(crate) use body::ErrorBody;
pub(crate) use objects::ObjectFault;
pub(crate) use terms::RefusedTerms;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cairn_bucket::{CommitError, IngestError, ProveError, PruneError};
use cairn_primitives::{BucketId, H256};
use cairn_provider::ProviderError;
use cairn_rpc_api::{Code, Error, ErrorData};
use cairn_rpc_server::{GuardError, MemberError, MethodError};
use serde_json::{Value, json};

/// An error of a route.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("{expected} is no hash: {actual}")]
    InvalidHash { expected: String, actual: String },
    #[error("Failed to decode {what}: {reason}")]
    Decode { what: &'static str, reason: String },
    #[error("children are missing: {}", .0.len())]
    ChildrenMissing(Vec<H256>),
    #[error("Authentication required")]
    AuthRequired,
    #[error("Request timestamp expired")]
    TimestampExpired,
    #[error("Insufficient role")]
    InsufficientRole,
    #[error("Membership lookup failed: chain unavailable: {0}")]
    MembershipUnavailable(&'static str),
    #[error("This provider is a replica of the bucket: write to a primary provider")]
    IsReplica,
    #[error(
        "This bucket has other primary providers, and a signed header counts at each of them: the \
         operator has not permitted deletions from it over this API"
    )]
    SharedDeletion,
    #[error("The host is not this machine, where this API listens")]
    ForeignHost,
    #[error("The chain has not been read yet, or does not answer")]
    ChainStateNotReady,
    /// The thing that was looked for, as today's provider names it: the hash as it was given, or `leaf_5`.
    #[error("{0} is not found")]
    NotFound(String),
    #[error("bucket {0} is not found")]
    BucketNotFound(BucketId),
    #[error("no content with the data root {0:?}")]
    RootNotFound(H256),
    #[error("the quota of {max} bytes is exceeded")]
    QuotaExceeded { used: u64, max: u64 },
    #[error("the tree under {data_root:?} has padding over its {chunks} chunks")]
    Padding { data_root: H256, chunks: u64 },
    #[error("{given} entries are more than {max}")]
    TooMany { given: usize, max: u32 },
    #[error(transparent)]
    Terms(#[from] RefusedTerms),
    #[error("Too many requests")]
    RateLimited,
    /// Existing clients take a 429 as final, so this one is a 503.
    #[error("{0}")]
    TooOften(&'static str),
    #[error("no leaves would be left of {start}..{end} from {given} on")]
    NothingLeft { given: u64, start: u64, end: u64 },
    #[error("the leaves from {0} on could not answer a challenge of a padding slot")]
    PaddingLeft(u64),
    #[error("too many bodies are being received")]
    BodiesBusy,
    #[error("the request took too long")]
    TooSlow,
    #[error(transparent)]
    Object(#[from] ObjectFault),
    #[error(transparent)]
    Provider(#[from] Error),
}

impl From<MemberError> for HttpError {
    fn from(error: MemberError) -> Self {
        match error {
            MemberError::AuthRequired => Self::AuthRequired,
            MemberError::TimestampExpired => Self::TimestampExpired,
            MemberError::InsufficientRole => Self::InsufficientRole,
            MemberError::Unavailable(why) => Self::MembershipUnavailable(why),
            MemberError::TooOften => Self::TooOften("the account exceeds its request rate"),
        }
    }
}

impl From<MethodError> for HttpError {
    fn from(error: MethodError) -> Self {
        Self::Provider(error.into())
    }
}

impl From<ProviderError> for HttpError {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::NoSuchBucket { bucket, .. } => Self::BucketNotFound(bucket),
            ProviderError::Ingest(error) => error.into(),
            ProviderError::Commit(error) => error.into(),
            ProviderError::Prove(error) => error.into(),
            other => MethodError::from(other).into(),
        }
    }
}

impl From<IngestError> for HttpError {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Quota { used, max, .. } => Self::QuotaExceeded { used, max },
            IngestError::HashMismatch { claimed, found } => Self::InvalidHash {
                expected: crate::hex_text::prefixed(claimed),
                actual: crate::hex_text::prefixed(found),
            },
            IngestError::MissingChild { child, .. } => Self::ChildrenMissing(vec![child]),
            IngestError::Shape { reason, .. } => Self::Decode {
                what: "node data",
                reason: reason.to_string(),
            },
            other => MethodError::from(other).into(),
        }
    }
}

impl From<CommitError> for HttpError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Quota { used, max, .. } => Self::QuotaExceeded { used, max },
            CommitError::UnknownDataRoot { data_root, .. } => Self::RootNotFound(data_root),
            other => MethodError::from(other).into(),
        }
    }
}

impl From<ProveError> for HttpError {
    fn from(error: ProveError) -> Self {
        match error {
            ProveError::NoSuchLeaf { index, .. } => Self::NotFound(format!("leaf_{index}")),
            other => MethodError::from(other).into(),
        }
    }
}

impl From<GuardError> for HttpError {
    fn from(error: GuardError) -> Self {
        match error {
            GuardError::NothingLeft { given, start, end } => {
                Self::NothingLeft { given, start, end }
            }
            GuardError::PaddingLeft(from) => Self::PaddingLeft(from),
            GuardError::Prove(error) => error.into(),
            GuardError::Prune(PruneError::Quota { used, max, .. }) => {
                Self::QuotaExceeded { used, max }
            }
            GuardError::Prune(error) => MethodError::from(error).into(),
        }
    }
}

/// A status, a code and details.
type Answer = (StatusCode, &'static str, Option<Value>);

impl HttpError {
    fn answer(&self) -> Answer {
        let message = || Some(json!({ "message": self.to_string() }));
        match self {
            Self::InvalidHash { expected, actual } => {
                let details = json!({ "expected": expected, "actual": actual });
                (StatusCode::BAD_REQUEST, "invalid_hash", Some(details))
            }
            Self::Decode { .. } => (StatusCode::BAD_REQUEST, "serialization_error", message()),
            Self::ChildrenMissing(missing) => {
                let missing = crate::hex_text::all_prefixed(missing);
                let details = json!({ "missing": missing });
                (StatusCode::BAD_REQUEST, "children_missing", Some(details))
            }
            Self::AuthRequired | Self::TimestampExpired => {
                (StatusCode::UNAUTHORIZED, "auth_required", message())
            }
            Self::InsufficientRole => (StatusCode::FORBIDDEN, "insufficient_role", None),
            Self::IsReplica | Self::SharedDeletion | Self::ForeignHost => {
                let details = json!({ "reason": self.to_string() });
                (StatusCode::FORBIDDEN, "not_authorized", Some(details))
            }
            Self::ChainStateNotReady => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                (status, "chain_state_not_ready", message())
            }
            Self::MembershipUnavailable(_) => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                (status, "membership_unavailable", message())
            }
            Self::NotFound(what) => {
                let details = json!({ "hash": what });
                (StatusCode::NOT_FOUND, "not_found", Some(details))
            }
            Self::BucketNotFound(bucket) => {
                let details = json!({ "bucket_id": bucket.0 });
                (StatusCode::NOT_FOUND, "bucket_not_found", Some(details))
            }
            Self::RootNotFound(root) => {
                let details = json!({ "data_root": crate::hex_text::prefixed(root) });
                (StatusCode::NOT_FOUND, "root_not_found", Some(details))
            }
            Self::QuotaExceeded { used, max } => {
                let details = json!({ "used": used, "max": max });
                let status = StatusCode::INSUFFICIENT_STORAGE;
                (status, "quota_exceeded", Some(details))
            }
            Self::Padding { data_root, chunks } => {
                let data_root = crate::hex_text::prefixed(data_root);
                let advice = "their number is no power of two, and anyone may challenge a padding \
                              slot, which nobody can answer: commit a power of two in each leaf";
                let details =
                    json!({ "data_root": data_root, "chunks": chunks, "message": advice });
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                (status, "padding_refused", Some(details))
            }
            Self::TooMany { given, max } => {
                let details = json!({ "given": given, "max": max });
                (StatusCode::PAYLOAD_TOO_LARGE, "too_many", Some(details))
            }
            Self::Terms(refused) => refused.answer(),
            Self::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "rate_limited", None),
            Self::TooOften(_) => (StatusCode::SERVICE_UNAVAILABLE, "rate_limited", message()),
            Self::NothingLeft { given, start, end } => {
                let details = json!({
                    "new_start_seq": given,
                    "start_seq": start,
                    "end_seq": end,
                    "message": self.to_string(),
                });
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                (status, "nothing_left", Some(details))
            }
            Self::PaddingLeft(_) => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                (status, "padding_refused", message())
            }
            Self::BodiesBusy => (StatusCode::SERVICE_UNAVAILABLE, "busy", message()),
            Self::TooSlow => (StatusCode::SERVICE_UNAVAILABLE, "too_late", message()),
            Self::Object(fault) => fault.answer(),
            Self::Provider(error) => coded(error),
        }
    }

    /// Returns whether the sender has no right in a bucket, or has signed for another one.
    pub(crate) const fn is_of_rights(&self) -> bool {
        matches!(
            self,
            Self::AuthRequired | Self::TimestampExpired | Self::InsufficientRole
        )
    }

    /// Returns when a retry makes sense, in whole seconds, if the provider knows.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Provider(Error::Coded {
                data: Some(ErrorData::RetryAfterMs(ms)),
                ..
            }) => Some(ms.div_ceil(1_000)),
            Self::BodiesBusy | Self::RateLimited | Self::TooOften(_) => Some(1),
            _ => None,
        }
    }
}

/// Answers an error of the JSON-RPC's table. What a client may retry is a 503: existing clients
/// take every 4xx as final.
fn coded(error: &Error) -> Answer {
    let details = Some(json!({ "message": error.to_string() }));
    let Error::Coded { code, .. } = error else {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return (status, "signing_unavailable", details);
    };
    let (status, name) = match code {
        Code::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        Code::TooLate => (StatusCode::SERVICE_UNAVAILABLE, "too_late"),
        Code::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        Code::Reserved => (StatusCode::SERVICE_UNAVAILABLE, "bucket_reserved"),
        Code::DiskReserved => (StatusCode::SERVICE_UNAVAILABLE, "disk_reserved"),
        Code::Quarantined => (StatusCode::SERVICE_UNAVAILABLE, "bucket_quarantined"),
        Code::SigningRefused | Code::NotSigned | Code::NothingToSign => {
            (StatusCode::SERVICE_UNAVAILABLE, "signing_unavailable")
        }
        Code::NotADataRoot | Code::LeafTooLarge | Code::Exhausted => {
            (StatusCode::UNPROCESSABLE_ENTITY, "not_a_data_root")
        }
        _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
    };
    (status, name, details)
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let (status, error, details) = self.answer();
        let retry_after = self.retry_after().map(HeaderValue::from);
        let mut response = (status, Json(ErrorBody { error, details })).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_may_be_retried_is_a_503_with_its_delay() {
        let busy = HttpError::from(Error::busy("reading", Duration::from_millis(250)));
        let response = busy.into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        let failed = HttpError::from(Error::new(Code::Failed, "at reading, under reference 1"));
        assert_eq!(
            failed.into_response().status(),
            StatusCode::INTERNAL_SERVER_ERROR
        );
    }
}
