//! `/negotiate`: signs terms of an agreement at this provider's price.

use super::number_text::{number, optional};
use crate::app::App;
use crate::error::{HttpError, RefusedTerms};
use crate::rate_limit::Peer;
use crate::schema::{Address, NumberOrText, PlainHex};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use cairn_gadget::TermsRequest;
use cairn_primitives::BucketId;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::terms::{
    AgreementTerms, BucketTarget, ReplicaTerms, SignedTerms, TermsRefusal,
};
use cairn_rpc_server::WorkClass;
use codec::Encode;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use sp_core::crypto::Ss58Codec;
use sp_core::sr25519;

/// The agreement that a client wants terms for, and the most that it pays.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
pub(crate) struct Negotiate {
    #[serde(deserialize_with = "address")]
    #[schemars(with = "Address")]
    owner: [u8; 32],
    #[serde(deserialize_with = "number")]
    #[schemars(with = "NumberOrText")]
    max_bytes: u64,
    duration: u32,
    #[serde(deserialize_with = "number")]
    #[schemars(with = "NumberOrText")]
    price_per_byte: u128,
    bucket_id: Option<u64>,
    replica_params: Option<Replica>,
}

/// The terms of a replica's syncs. Older clients send no price: then any is taken.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[schemars(rename = "ReplicaParams")]
struct Replica {
    #[serde(deserialize_with = "number")]
    #[schemars(with = "NumberOrText")]
    sync_balance: u128,
    min_sync_interval: u32,
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Option<NumberOrText>")]
    sync_price: Option<u128>,
}

/// Reads an account from its SS58 address.
fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    let text = String::deserialize(deserializer)?;
    let account = sr25519::Public::from_ss58check(&text);
    let account = account.map_err(|error| serde::de::Error::custom(error.to_string()))?;
    Ok(account.0)
}

impl Negotiate {
    fn request(&self) -> TermsRequest {
        TermsRequest {
            owner: AccountId(self.owner),
            max_bytes: self.max_bytes,
            duration: self.duration,
            max_price: Some(self.price_per_byte),
            bucket: match self.bucket_id {
                None => BucketTarget::New,
                Some(id) => BucketTarget::Existing(BucketId(id)),
            },
            replica: self.replica_params.map(|replica| ReplicaTerms {
                sync_balance: replica.sync_balance,
                min_sync_interval: replica.min_sync_interval,
                sync_price: replica.sync_price.unwrap_or(u128::MAX),
            }),
        }
    }

    async fn refused(&self, app: &App, refusal: TermsRefusal) -> HttpError {
        let committed = match refusal {
            TermsRefusal::Capacity { .. } => {
                let record = app.rpc().handle().quoter.record().await;
                let record = record.ok().flatten();
                record.map_or(0, |record| record.committed_bytes)
            }
            _ => 0,
        };
        let refused = RefusedTerms {
            refusal,
            is_replica: self.replica_params.is_some(),
            max_bytes: self.max_bytes,
            duration: self.duration,
            price_per_byte: self.price_per_byte,
            committed,
        };
        refused.into()
    }
}

/// Terms with the provider's signature over them.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "SignedTerms")]
pub(crate) struct Signed {
    terms: Terms,
    /// A `MultiSignature` in SCALE, in hex without `0x`: existing clients refuse `0x` here.
    #[schemars(with = "PlainHex")]
    signature: String,
}

#[derive(JsonSchema, Serialize)]
struct Terms {
    #[schemars(with = "Address")]
    owner: String,
    max_bytes: u64,
    duration: u32,
    price_per_byte: u128,
    valid_until: u32,
    nonce: u64,
    bucket_id: Option<u64>,
    replica_params: Option<SignedReplica>,
}

#[derive(JsonSchema, Serialize)]
#[schemars(rename = "SignedReplicaParams")]
struct SignedReplica {
    sync_balance: u128,
    min_sync_interval: u32,
    sync_price: u128,
}

impl From<AgreementTerms> for Terms {
    fn from(terms: AgreementTerms) -> Self {
        Self {
            owner: sr25519::Public::from_raw(terms.owner.0).to_ss58check(),
            max_bytes: terms.max_bytes,
            duration: terms.duration,
            price_per_byte: terms.price_per_byte,
            valid_until: terms.valid_until,
            nonce: terms.nonce,
            bucket_id: match terms.bucket {
                BucketTarget::New => None,
                BucketTarget::Existing(id) => Some(id.0),
            },
            replica_params: terms.replica.map(|replica| SignedReplica {
                sync_balance: replica.sync_balance,
                min_sync_interval: replica.min_sync_interval,
                sync_price: replica.sync_price,
            }),
        }
    }
}

impl From<SignedTerms> for Signed {
    fn from(signed: SignedTerms) -> Self {
        Self {
            terms: signed.terms.into(),
            signature: hex::encode(signed.signature.encode()),
        }
    }
}

pub(crate) async fn negotiate(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Json(request): Json<Negotiate>,
) -> Result<Json<Signed>, HttpError> {
    if let Some(Extension(peer)) = peer
        && !app.negotiations().admits(peer, &headers)
    {
        return Err(HttpError::RateLimited);
    }
    let asked = app.rpc().handle().quoter.negotiate(request.request());
    let lanes = app.rpc().lanes();
    match lanes.serve_waiting(WorkClass::Signature, asked).await? {
        Ok(signed) => Ok(Json(signed.into())),
        Err(refusal) => Err(request.refused(&app, refusal).await),
    }
}
