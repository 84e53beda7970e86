//! A client of the chain: JSON-RPC, and extrinsics of the runtime's own types.

use crate::error::DemoError;
use cairn_devnode_runtime::{
    RuntimeCall, RuntimeEvent, SignedPayload, UncheckedExtrinsic, VERSION, transaction_extension,
};
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::{BucketInfo, OpenChallenge, ProviderInfo};
use cairn_primitives::{BucketId, H256};
use codec::{Decode, DecodeAll, Encode};
use frame_system::EventRecord;
use jsonrpsee::core::client::{ClientT, Subscription, SubscriptionClientT};
use jsonrpsee::rpc_params;
use jsonrpsee::ws_client::{WsClient, WsClientBuilder};
use serde::Deserialize;
use serde_json::Value;
use sp_core::{Pair, sr25519};
use sp_runtime::generic::Era;
use sp_runtime::{AccountId32, MultiAddress, MultiSignature, SaturatedConversion};
use std::time::Duration;

/// The maximum size of a message, in bytes: a block of answers with their chunks.
const MAX_MESSAGE_BYTES: u32 = 64 << 20;

/// The time limit of a request, not including the wait for finality.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// A connection to a node.
pub(crate) struct Chain {
    rpc: WsClient,
    genesis: H256,
}

/// An extrinsic in a finalized block.
pub(crate) struct FinalizedExtrinsic {
    pub(crate) number: u32,
    /// The events that it deposited.
    pub(crate) events: Vec<RuntimeEvent>,
}

/// A submitted extrinsic.
pub(crate) struct SubmittedExtrinsic {
    name: &'static str,
    bytes: Vec<u8>,
    statuses: Subscription<Value>,
}

#[derive(Deserialize)]
struct Header {
    number: String,
}

#[derive(Deserialize)]
struct SignedBlock {
    block: RawBlock,
}

#[derive(Deserialize)]
struct RawBlock {
    extrinsics: Vec<String>,
}

fn unreadable(what: impl std::fmt::Display) -> DemoError {
    DemoError::Unreadable(what.to_string())
}

fn from_hex(text: &str) -> Result<Vec<u8>, DemoError> {
    hex::decode(text.trim_start_matches("0x")).map_err(unreadable)
}

fn to_hex(bytes: impl AsRef<[u8]>) -> String {
    format!("0x{}", hex::encode(bytes))
}

/// Returns the storage key of a block's events in `frame_system`: the hashes of its two
/// names.
fn events_key() -> String {
    let key = [
        sp_io::hashing::twox_128(b"System"),
        sp_io::hashing::twox_128(b"Events"),
    ]
    .concat();
    to_hex(key)
}

/// Returns the account of a key.
pub(crate) fn account(pair: &sr25519::Pair) -> AccountId {
    AccountId(pair.public().0)
}

impl Chain {
    pub(crate) async fn connect(url: &str) -> Result<Self, DemoError> {
        let rpc = WsClientBuilder::default()
            .max_request_size(MAX_MESSAGE_BYTES)
            .max_response_size(MAX_MESSAGE_BYTES)
            .request_timeout(REQUEST_TIMEOUT)
            .build(url)
            .await?;
        let genesis: H256 = rpc.request("chain_getBlockHash", rpc_params![0]).await?;
        Ok(Self { rpc, genesis })
    }

    pub(crate) async fn finalized(&self) -> Result<H256, DemoError> {
        Ok(self
            .rpc
            .request("chain_getFinalizedHead", rpc_params![])
            .await?)
    }

    pub(crate) async fn number(&self, block: H256) -> Result<u32, DemoError> {
        let header: Header = self
            .rpc
            .request("chain_getHeader", rpc_params![block])
            .await?;
        u32::from_str_radix(header.number.trim_start_matches("0x"), 16).map_err(unreadable)
    }

    /// Calls the storage pallet's runtime API at the finalized head.
    pub(crate) async fn call_runtime_api<T: Decode>(
        &self,
        method: &str,
        arguments: impl Encode,
    ) -> Result<T, DemoError> {
        let at = self.finalized().await?;
        let answer: String = self
            .rpc
            .request(
                "state_call",
                rpc_params![
                    format!("StorageProviderApi_{method}"),
                    to_hex(arguments.encode()),
                    at
                ],
            )
            .await?;
        T::decode_all(&mut &*from_hex(&answer)?).map_err(unreadable)
    }

    pub(crate) async fn provider(&self, who: AccountId) -> Result<ProviderInfo, DemoError> {
        self.call_runtime_api::<Option<ProviderInfo>>("provider", who)
            .await?
            .ok_or_else(|| DemoError::Unexpected("the chain does not know the provider".into()))
    }

    pub(crate) async fn bucket(&self, id: BucketId) -> Result<BucketInfo, DemoError> {
        self.call_runtime_api::<Option<BucketInfo>>("bucket", id)
            .await?
            .ok_or_else(|| DemoError::Unexpected(format!("the chain does not know bucket {id}")))
    }

    pub(crate) async fn open_challenges(
        &self,
        who: AccountId,
    ) -> Result<Vec<OpenChallenge>, DemoError> {
        self.call_runtime_api("open_challenges", who).await
    }

    /// Signs a call and sends it, without waiting for its result.
    pub(crate) async fn send(
        &self,
        who: &sr25519::Pair,
        name: &'static str,
        call: impl Into<RuntimeCall>,
    ) -> Result<SubmittedExtrinsic, DemoError> {
        let account32 = AccountId32::from(who.public());
        let address = sp_core::crypto::Ss58Codec::to_ss58check(&account32);
        let nonce: u32 = self
            .rpc
            .request("system_accountNextIndex", rpc_params![address])
            .await?;
        let extrinsic = self.sign_extrinsic(who, nonce, call.into());
        let bytes = extrinsic.encode();
        let statuses = self
            .rpc
            .subscribe(
                "author_submitAndWatchExtrinsic",
                rpc_params![to_hex(&bytes)],
                "author_unwatchExtrinsic",
            )
            .await
            .map_err(|error| DemoError::Extrinsic {
                call: name,
                reason: error.to_string(),
            })?;
        Ok(SubmittedExtrinsic {
            name,
            bytes,
            statuses,
        })
    }

    fn sign_extrinsic(
        &self,
        who: &sr25519::Pair,
        nonce: u32,
        call: RuntimeCall,
    ) -> UncheckedExtrinsic {
        let implicit = (
            (),
            VERSION.spec_version,
            VERSION.transaction_version,
            self.genesis,
            self.genesis,
            (),
            (),
            (),
        );
        let payload =
            SignedPayload::from_raw(call, transaction_extension(Era::Immortal, nonce), implicit);
        let signature = payload.using_encoded(|bytes| who.sign(bytes));
        let (call, extension, _) = payload.deconstruct();
        UncheckedExtrinsic::new_signed(
            call,
            MultiAddress::Id(AccountId32::from(who.public())),
            MultiSignature::Sr25519(signature),
            extension,
        )
    }

    /// Waits until an extrinsic is finalized, and fails unless it succeeded.
    pub(crate) async fn await_finalized(
        &self,
        mut sent: SubmittedExtrinsic,
    ) -> Result<FinalizedExtrinsic, DemoError> {
        let failed = |reason: String| DemoError::Extrinsic {
            call: sent.name,
            reason,
        };
        let block = loop {
            let status = match sent.statuses.next().await {
                Some(status) => status.map_err(unreadable)?,
                None => return Err(failed("the node ended its subscription".into())),
            };
            match &status {
                Value::String(word) if word == "dropped" || word == "invalid" => {
                    return Err(failed(word.clone()));
                }
                Value::Object(said) => {
                    if let Some(Value::String(block)) = said.get("finalized") {
                        break H256::from_slice(&from_hex(block)?);
                    }
                    if said.contains_key("usurped") || said.contains_key("finalityTimeout") {
                        return Err(failed(status.to_string()));
                    }
                }
                _ => {}
            }
        };
        let found: SignedBlock = self
            .rpc
            .request("chain_getBlock", rpc_params![block])
            .await?;
        let bytes = to_hex(&sent.bytes);
        let place = found
            .block
            .extrinsics
            .iter()
            .position(|extrinsic| *extrinsic == bytes)
            .ok_or_else(|| failed("its block does not contain it".into()))?;
        let events = self.events(block).await?;
        let own: Vec<_> = events
            .into_iter()
            .filter(|record| {
                record.phase == frame_system::Phase::ApplyExtrinsic(place.saturated_into())
            })
            .map(|record| record.event)
            .collect();
        for event in &own {
            if let RuntimeEvent::System(frame_system::Event::ExtrinsicFailed {
                dispatch_error,
                ..
            }) = event
            {
                return Err(failed(format!("{dispatch_error:?}")));
            }
        }
        Ok(FinalizedExtrinsic {
            number: self.number(block).await?,
            events: own,
        })
    }

    /// Sends a call and waits until it is finalized.
    pub(crate) async fn submit(
        &self,
        who: &sr25519::Pair,
        name: &'static str,
        call: impl Into<RuntimeCall>,
    ) -> Result<FinalizedExtrinsic, DemoError> {
        let sent = self.send(who, name, call).await?;
        self.await_finalized(sent).await
    }

    /// Returns the events of a block.
    pub(crate) async fn events(
        &self,
        block: H256,
    ) -> Result<Vec<EventRecord<RuntimeEvent, H256>>, DemoError> {
        let stored: Option<String> = self
            .rpc
            .request("state_getStorage", rpc_params![events_key(), block])
            .await?;
        let bytes = from_hex(stored.as_deref().unwrap_or("0x00"))?;
        Vec::decode_all(&mut &*bytes).map_err(unreadable)
    }

    pub(crate) async fn block_hash(&self, number: u32) -> Result<H256, DemoError> {
        Ok(self
            .rpc
            .request("chain_getBlockHash", rpc_params![number])
            .await?)
    }
}

/// Returns the runtime's name and version.
pub(crate) fn runtime_name() -> String {
    format!("{} {}", VERSION.spec_name, VERSION.spec_version)
}
