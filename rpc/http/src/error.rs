//! Errors as today's provider answers them: a status, and a body with a code and its details.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use cairn_bucket::{CommitError, IngestError, ProveError};
use cairn_primitives::terms::TermsRefusal;
use cairn_primitives::{BucketId, H256};
use cairn_provider::ProviderError;
use cairn_rpc_api::{Code, Error, ErrorData};
use cairn_rpc_server::MethodError;
use serde::Serialize;
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
    #[error("too many bodies are being received")]
    BodiesBusy,
    #[error("the request took too long")]
    TooSlow,
    #[error(transparent)]
    Provider(#[from] Error),
}

/// Refused terms, with the numbers of the request that today's provider repeats.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{refusal}")]
pub(crate) struct RefusedTerms {
    pub(crate) refusal: TermsRefusal,
    pub(crate) is_replica: bool,
    pub(crate) max_bytes: u64,
    pub(crate) duration: u32,
    pub(crate) price_per_byte: u128,
    /// The bytes that the provider's agreements add up to, if known.
    pub(crate) committed: u64,
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

#[derive(Serialize)]
struct Body {
    error: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Value>,
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
            Self::BodiesBusy => (StatusCode::SERVICE_UNAVAILABLE, "busy", message()),
            Self::TooSlow => (StatusCode::SERVICE_UNAVAILABLE, "too_late", message()),
            Self::Provider(error) => coded(error),
        }
    }

    /// Returns when a retry makes sense, in whole seconds, if the provider knows.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Provider(Error::Coded {
                data: Some(ErrorData::RetryAfterMs(ms)),
                ..
            }) => Some(ms.div_ceil(1_000)),
            Self::BodiesBusy | Self::RateLimited => Some(1),
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

impl RefusedTerms {
    fn answer(&self) -> Answer {
        let message = Some(json!({ "message": self.to_string() }));
        let reason = Some(json!({ "reason": self.to_string() }));
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
        let bounds = |min: u32, max: u32| {
            let details = json!({ "duration": self.duration, "min": min, "max": max });
            (unprocessable, "duration_out_of_bounds", Some(details))
        };
        let price = |listed: u128| {
            let proposed = self.price_per_byte.to_string();
            let details = json!({ "proposed": proposed, "listed": listed.to_string() });
            (unprocessable, "price_below_listed", Some(details))
        };
        let capacity = |committed: u64, max_capacity: u64| {
            let details = json!({
                "requested": self.max_bytes,
                "committed": committed,
                "max_capacity": max_capacity,
            });
            (unprocessable, "capacity_exceeded", Some(details))
        };
        match self.refusal {
            TermsRefusal::NotReady => (unavailable, "chain_state_not_ready", message),
            TermsRefusal::NotRegistered => (unavailable, "provider_info_unavailable", message),
            TermsRefusal::Leaving { .. } => (unavailable, "provider_deregistering", message),
            TermsRefusal::Unable => (unavailable, "signing_unavailable", message),
            TermsRefusal::TooMany { .. } => (unavailable, "nonce_counter_unavailable", message),
            TermsRefusal::NoReplica => (unprocessable, "not_accepting_replicas", None),
            TermsRefusal::NotOffered if self.is_replica => {
                (unprocessable, "not_accepting_replicas", None)
            }
            TermsRefusal::NotOffered | TermsRefusal::NoPrimary => {
                (unprocessable, "not_accepting_primary", None)
            }
            TermsRefusal::NoBytes | TermsRefusal::TooSmall { .. } => {
                (unprocessable, "invalid_max_bytes_request", message)
            }
            TermsRefusal::TooLarge { most } => capacity(0, most),
            TermsRefusal::Capacity { available } => {
                capacity(self.committed, self.committed.saturating_add(available))
            }
            TermsRefusal::Duration { min, max } => bounds(min, max),
            TermsRefusal::Price { price: listed } => price(listed),
            TermsRefusal::Owner
            | TermsRefusal::Target
            | TermsRefusal::Payment
            | TermsRefusal::SyncPrice { .. }
            | TermsRefusal::SyncInterval { .. } => {
                (StatusCode::FORBIDDEN, "not_authorized", reason)
            }
        }
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let (status, error, details) = self.answer();
        let retry_after = self.retry_after().map(HeaderValue::from);
        let mut response = (status, Json(Body { error, details })).into_response();
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

    #[test]
    fn refused_terms_have_the_codes_of_todays_provider() {
        let refused = |refusal| RefusedTerms {
            refusal,
            is_replica: false,
            max_bytes: 9,
            duration: 7,
            price_per_byte: 1,
            committed: 100,
        };
        let (status, code, details) = refused(TermsRefusal::Price { price: u128::MAX }).answer();
        assert_eq!((status.as_u16(), code), (422, "price_below_listed"));
        let listed = u128::MAX.to_string();
        assert_eq!(details, Some(json!({ "proposed": "1", "listed": listed })));
        let (_, code, details) = refused(TermsRefusal::Capacity { available: 5 }).answer();
        let expected = json!({ "requested": 9, "committed": 100, "max_capacity": 105 });
        assert_eq!((code, details), ("capacity_exceeded", Some(expected)));
        let (_, code, details) = refused(TermsRefusal::Duration { min: 8, max: 9 }).answer();
        let expected = json!({ "duration": 7, "min": 8, "max": 9 });
        assert_eq!((code, details), ("duration_out_of_bounds", Some(expected)));
        let codes = [
            (TermsRefusal::NotReady, 503, "chain_state_not_ready"),
            (
                TermsRefusal::NotRegistered,
                503,
                "provider_info_unavailable",
            ),
            (
                TermsRefusal::Leaving { at: 1 },
                503,
                "provider_deregistering",
            ),
            (TermsRefusal::NotOffered, 422, "not_accepting_primary"),
            (TermsRefusal::NoReplica, 422, "not_accepting_replicas"),
            (TermsRefusal::NoBytes, 422, "invalid_max_bytes_request"),
            (TermsRefusal::Owner, 403, "not_authorized"),
        ];
        for (refusal, expected, name) in codes {
            let (status, code, _) = refused(refusal).answer();
            assert_eq!((status.as_u16(), code), (expected, name));
        }
    }
}
