//! `/health` and `/info`: that the provider runs, and what it is on chain.

use crate::app::App;
use crate::schema::Address;
use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use cairn_primitives::onchain::ProviderInfo;
use schemars::JsonSchema;
use serde::Serialize;
use sp_core::crypto::Ss58Codec;
use sp_core::sr25519;

/// The process serves requests.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Health {
    status: &'static str,
    version: &'static str,
}

/// Says that the process serves requests. Whether it is ready is in `/info`.
pub(crate) async fn health() -> Json<Health> {
    Json(Health {
        status: "healthy",
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// The provider on chain, and whether it is ready.
#[derive(JsonSchema, Serialize)]
pub(crate) struct Info {
    #[schemars(with = "Address")]
    provider_id: String,
    provider_registration_info: Option<Registration>,
    readiness: Readiness,
}

#[derive(JsonSchema, Serialize)]
struct Readiness {
    signing_configured: bool,
    nonce_counter_ready: bool,
    provider_info_loaded: bool,
    deregistering: bool,
}

/// The provider's record on chain.
#[derive(JsonSchema, Serialize)]
struct Registration {
    multiaddr: String,
    public_key: Vec<u8>,
    stake: u128,
    committed_bytes: u64,
    settings: Settings,
    stats: Statistics,
    deregister_at: Option<u32>,
}

#[derive(JsonSchema, Serialize)]
struct Settings {
    min_duration: u32,
    max_duration: u32,
    price_per_byte: u128,
    accepting_primary: bool,
    replica_sync_price: Option<u128>,
    accepting_extensions: bool,
    max_capacity: u64,
    min_bytes: u64,
}

/// Statistics of the record. Clients need each field; those that no rule here depends on are not
/// read from the chain, and 0.
#[derive(Default, JsonSchema, Serialize)]
struct Statistics {
    registered_at: u32,
    agreements_total: u32,
    agreements_extended: u32,
    agreements_not_extended: u32,
    agreements_burned: u32,
    total_bytes_committed: u64,
    challenges_received_authorized: u32,
    challenges_received_public: u32,
    challenges_failed: u32,
}

impl From<ProviderInfo> for Registration {
    fn from(info: ProviderInfo) -> Self {
        let settings = info.settings;
        Self {
            multiaddr: String::from_utf8_lossy(&info.endpoint).into_owned(),
            public_key: info.key.0,
            stake: info.stake,
            committed_bytes: info.committed_bytes,
            settings: Settings {
                min_duration: settings.min_duration,
                max_duration: settings.max_duration,
                price_per_byte: settings.price_per_byte,
                accepting_primary: settings.accepting_primary,
                replica_sync_price: settings.replica_sync_price,
                accepting_extensions: settings.accepting_extensions,
                max_capacity: settings.max_capacity,
                min_bytes: 0,
            },
            stats: Statistics {
                challenges_failed: u32::try_from(info.lost).unwrap_or(u32::MAX),
                ..Statistics::default()
            },
            deregister_at: info.deregister_at,
        }
    }
}

pub(crate) async fn info(State(app): State<App>) -> Json<Info> {
    let handle = app.rpc().handle();
    let record = handle.quoter.record().await;
    // Nonces of terms come from the anchor block and the index, both of which a record needs.
    let nonce_counter_ready = record.is_ok();
    let record = record.unwrap_or_default();
    Json(Info {
        provider_id: sr25519::Public::from_raw(handle.account.0).to_ss58check(),
        readiness: Readiness {
            signing_configured: handle.provider.signing_off_reason().is_none(),
            nonce_counter_ready,
            provider_info_loaded: record.is_some(),
            deregistering: record
                .as_ref()
                .is_some_and(|record| record.deregister_at.is_some()),
        },
        provider_registration_info: record.map(Registration::from),
    })
}

/// An OpenAPI document: an object.
pub(crate) type Document = std::collections::BTreeMap<String, serde_json::Value>;

pub(crate) async fn document(State(app): State<App>) -> Response {
    ([(CONTENT_TYPE, "application/json")], app.document()).into_response()
}
