//! The body of an error, with all codes.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// The body of an error.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Error")]
pub(crate) struct ErrorBody {
    /// The code of the error.
    #[schemars(extend("enum" = CODES))]
    pub(super) error: &'static str,
    /// Its numbers, or a text for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<BTreeMap<String, Value>>")]
    pub(super) details: Option<Value>,
}

/// The codes of errors.
const CODES: &[&str] = &[
    "auth_required",
    "bucket_not_found",
    "bucket_quarantined",
    "bucket_reserved",
    "busy",
    "capacity_exceeded",
    "chain_state_not_ready",
    "children_missing",
    "conflict",
    "disk_reserved",
    "duration_out_of_bounds",
    "file_not_found",
    "insufficient_role",
    "internal_error",
    "invalid_continuation_token",
    "invalid_hash",
    "invalid_max_bytes_request",
    "invalid_object_key",
    "invalid_path",
    "invalid_range",
    "membership_unavailable",
    "nonce_counter_unavailable",
    "not_a_data_root",
    "not_a_file",
    "not_accepting_primary",
    "not_accepting_replicas",
    "not_authorized",
    "not_found",
    "nothing_left",
    "object_not_found",
    "padding_refused",
    "price_below_listed",
    "provider_deregistering",
    "provider_info_unavailable",
    "quota_exceeded",
    "rate_limited",
    "root_not_found",
    "serialization_error",
    "signing_unavailable",
    "stopping",
    "too_late",
    "too_many",
];
