//! A node over a WebSocket, with the real chain's face and the simulated pallet's judgement.
//! It makes a block for each extrinsic, at once or when the test says so.

use super::extrinsic::decode_extrinsic;
use super::face::{Face, Storage};
use cairn_chain::ProviderCall;
use cairn_primitives::H256;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::ProviderInfo;
use cairn_testing::{LIMITS, Pallet};
use codec::Encode;
use jsonrpsee::RpcModule;
use jsonrpsee::core::SubscriptionResult;
use jsonrpsee::server::{Server, ServerHandle, SubscriptionMessage};
use jsonrpsee::types::ErrorObjectOwned;
use parking_lot::{Condvar, Mutex};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The stake that the chain asks for at least, in the metadata.
pub(crate) const MIN_STAKE: u128 = 1_000_000_000_000_000;
/// A test fails rather than waiting for ever.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

struct Pending {
    by: AccountId,
    call: ProviderCall,
    watcher: UnboundedSender<Value>,
}

struct Chain {
    face: Face,
    pallet: Pallet,
    /// Each block's hash and state.
    blocks: Vec<(H256, Storage, u32)>,
    heads: Vec<UnboundedSender<Value>>,
    pending: Vec<Pending>,
    is_held: bool,
    /// Everything that the pool ever took.
    submitted: Vec<ProviderCall>,
    /// The pallet's errors of calls that a block included.
    refused: Vec<&'static str>,
    is_syncing: bool,
}

#[derive(Default)]
struct Shared {
    chain: Mutex<Option<Chain>>,
    changed: Condvar,
}

/// A fake node that is served until it is dropped.
pub(crate) struct FakeNode {
    shared: Arc<Shared>,
    runtime: Runtime,
    _server: ServerHandle,
    pub(crate) url: String,
}

impl FakeNode {
    /// Starts a node on which an account has a balance.
    pub(crate) fn start(face: Face, balance: u128, account: AccountId) -> Self {
        let mut pallet = Pallet::new(LIMITS, 100);
        pallet.registration.min_stake = MIN_STAKE;
        pallet.registration.min_stake_per_byte = 1_000;
        pallet.registration.deregister_notice = 32_400;
        pallet.registration.settlement_period = 14_400;
        pallet.balances.insert(account.0, balance);
        let shared = Arc::new(Shared::default());
        *shared.chain.lock() = Some(Chain {
            face,
            pallet,
            blocks: Vec::new(),
            heads: Vec::new(),
            pending: Vec::new(),
            is_held: false,
            submitted: Vec::new(),
            refused: Vec::new(),
            is_syncing: false,
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let module = module(shared.clone());
        let (server, address) = runtime.block_on(async {
            let server = Server::builder().build("127.0.0.1:0").await.unwrap();
            let address = server.local_addr().unwrap();
            (server.start(module), address)
        });
        let node = Self {
            shared,
            runtime,
            _server: server,
            url: format!("ws://{address}"),
        };
        node.edit(|_| {});
        node
    }

    fn with<T>(&self, with: impl FnOnce(&mut Chain) -> T) -> T {
        with(self.shared.chain.lock().as_mut().unwrap())
    }

    /// Changes the state, in a block of its own.
    pub(crate) fn edit(&self, change: impl FnOnce(&mut Pallet)) {
        self.with(|chain| {
            change(&mut chain.pallet);
            chain.make_block();
        });
    }

    /// Lets anchor blocks pass, in one block.
    pub(crate) fn pass(&self, anchors: u32) {
        self.with(|chain| {
            let anchor = chain.pallet.anchor + anchors;
            chain.pallet.begin_block(anchor);
            chain.make_block();
        });
    }

    /// Keeps extrinsics in the pool until [`FakeNode::release`].
    pub(crate) fn hold(&self) {
        self.with(|chain| chain.is_held = true);
    }

    /// Includes what is in the pool, and everything from now on at once.
    pub(crate) fn release(&self) {
        self.with(|chain| {
            chain.is_held = false;
            chain.include();
        });
    }

    pub(crate) fn set_syncing(&self) {
        self.with(|chain| chain.is_syncing = true);
    }

    /// Waits until the pool has taken a number of extrinsics.
    pub(crate) fn wait_for_submissions(&self, count: usize) {
        let mut chain = self.shared.chain.lock();
        while chain.as_ref().unwrap().submitted.len() < count {
            let waited = self.shared.changed.wait_for(&mut chain, TEST_TIMEOUT);
            assert!(!waited.timed_out(), "nothing was submitted");
        }
    }

    pub(crate) fn submitted(&self) -> Vec<ProviderCall> {
        self.with(|chain| chain.submitted.clone())
    }

    pub(crate) fn refused(&self) -> Vec<&'static str> {
        self.with(|chain| chain.refused.clone())
    }

    pub(crate) fn record(&self, account: AccountId) -> Option<ProviderInfo> {
        self.with(|chain| chain.pallet.providers.get(&account.0).cloned())
    }
}

impl Drop for FakeNode {
    fn drop(&mut self) {
        // The server's tasks end with the streams that they wait for.
        *self.shared.chain.lock() = None;
        let _ = &self.runtime;
    }
}

impl Chain {
    fn make_block(&mut self) -> H256 {
        let number = u64::try_from(self.blocks.len()).unwrap();
        let hash = H256::from_low_u64_be(number + 1_000);
        let rows = self.face.rows(&self.pallet);
        self.blocks.push((hash, rows, self.pallet.anchor));
        let head = json!({"number": format!("{number:#x}")});
        self.heads
            .retain(|listener| listener.send(head.clone()).is_ok());
        hash
    }

    /// Makes a block for each extrinsic in the pool.
    fn include(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            let fee = self.pallet.fee_of(300);
            self.pallet.pay(&pending.by, fee);
            if let Err(error) = self.pallet.apply(pending.by, &pending.call) {
                self.refused.push(error);
            }
            let hash = self.make_block();
            for status in [json!({"inBlock": hash}), json!({"finalized": hash})] {
                // The program may be gone.
                let _ = pending.watcher.send(status);
            }
        }
    }

    fn block(&self, at: &Value) -> Option<&(H256, Storage, u32)> {
        let at = at.as_str()?;
        self.blocks
            .iter()
            .find(|(hash, ..)| format!("{hash:?}") == at)
    }

    fn answer(&self, method: &str, params: &[Value]) -> Result<Value, ErrorObjectOwned> {
        let param = |place: usize| params.get(place).cloned().unwrap_or_default();
        let refusal = |message: String| ErrorObjectOwned::owned(4003, message, None::<()>);
        let state = |place: usize| {
            let found = self.block(&param(place));
            found.ok_or_else(|| refusal(format!("UnknownBlock {}", param(place))))
        };
        let best = self.blocks.last().map(|(hash, ..)| *hash);
        Ok(match method {
            "system_chain" => json!("Made up"),
            "system_properties" => json!({"tokenDecimals": 12, "tokenSymbol": "PAS"}),
            "system_health" => json!({
                "peers": 0, "isSyncing": self.is_syncing, "shouldHavePeers": false
            }),
            "system_accountNextIndex" => json!(self.submitted.len()),
            "chain_getBlockHash" => match param(0).as_u64() {
                Some(number) => {
                    let block = self.blocks.get(usize::try_from(number).unwrap());
                    json!(block.map(|(hash, ..)| *hash))
                }
                None => json!(best),
            },
            "chain_getFinalizedHead" => json!(best),
            "chain_getHeader" => {
                let (hash, ..) = state(0)?;
                let number = self.blocks.iter().position(|(at, ..)| at == hash).unwrap();
                let parent = self.blocks[number.saturating_sub(1)].0;
                json!({"number": format!("{number:#x}"), "parentHash": parent})
            }
            "state_getRuntimeVersion" => json!({
                "specName": "made-up", "specVersion": 1, "transactionVersion": 4
            }),
            "state_getStorageHash" => json!(H256::repeat_byte(5)),
            "state_getStorage" => json!(state(1)?.1.get(&bytes(&param(0))).map(|row| hex(row))),
            "state_queryStorageAt" => {
                let rows = &state(1)?.1;
                let keys = param(0);
                let keys = keys.as_array().unwrap().iter();
                let changes =
                    keys.map(|key| json!([key, rows.get(&bytes(key)).map(|row| hex(row))]));
                json!([{"block": param(1), "changes": changes.collect::<Vec<_>>()}])
            }
            "state_getKeysPaged" => {
                let (start, after) = (bytes(&param(0)), param(2));
                let rows = &state(3)?.1;
                let keys = rows.keys().filter(|key| key.starts_with(&start));
                let keys = keys.filter(|key| after.is_null() || **key > bytes(&after));
                keys.map(|key| hex(key)).collect()
            }
            "state_call" => {
                let (_, _, anchor) = state(2)?;
                let function = param(0);
                hex(&match function.as_str().unwrap() {
                    "Metadata_metadata_versions" => vec![15_u32].encode(),
                    "Metadata_metadata_at_version" => Some(self.face.metadata()).encode(),
                    "StorageProviderApi_current_anchor_block" if self.face.tells_anchor() => {
                        anchor.encode()
                    }
                    "TransactionPaymentApi_query_info" => {
                        let length = bytes(&param(1)).len();
                        self.face.fee(self.pallet.fee_of(length))
                    }
                    other => {
                        let message = format!("Exported method {other} is not found");
                        return Err(refusal(message));
                    }
                })
            }
            other => {
                return Err(ErrorObjectOwned::owned(
                    -32601,
                    other.to_owned(),
                    None::<()>,
                ));
            }
        })
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap().trim_start_matches("0x")).unwrap()
}

fn hex(bytes: &[u8]) -> Value {
    json!(format!("0x{}", hex::encode(bytes)))
}

fn module(shared: Arc<Shared>) -> RpcModule<Arc<Shared>> {
    let mut module = RpcModule::new(shared);
    for method in [
        "system_chain",
        "system_properties",
        "system_health",
        "system_accountNextIndex",
        "chain_getBlockHash",
        "chain_getFinalizedHead",
        "chain_getHeader",
        "state_getRuntimeVersion",
        "state_getStorageHash",
        "state_getStorage",
        "state_queryStorageAt",
        "state_getKeysPaged",
        "state_call",
    ] {
        let answer = move |params: jsonrpsee::types::Params<'_>, shared: &Arc<Shared>| {
            let params: Vec<Value> = params.parse().unwrap_or_default();
            let chain = shared.chain.lock();
            let chain = chain.as_ref();
            let gone = || ErrorObjectOwned::owned(-1, "the node is gone", None::<()>);
            chain.ok_or_else(gone)?.answer(method, &params)
        };
        let answered =
            module.register_method(method, move |params, shared, _| answer(params, shared));
        answered.unwrap();
    }
    let heads = module.register_subscription(
        "chain_subscribeFinalizedHeads",
        "chain_finalizedHead",
        "chain_unsubscribeFinalizedHeads",
        |_, pending, shared, _| async move {
            let (sender, receiver) = unbounded_channel();
            if let Some(chain) = shared.chain.lock().as_mut() {
                let _ = sender.send(json!({"number": "0x0"}));
                chain.heads.push(sender);
            }
            forward(pending, receiver).await
        },
    );
    heads.unwrap();
    let extrinsics = module.register_subscription(
        "author_submitAndWatchExtrinsic",
        "author_extrinsicUpdate",
        "author_unwatchExtrinsic",
        |params, pending, shared, _| async move {
            let (extrinsic,): (Value,) = params.parse().unwrap();
            let (by, call) = decode_extrinsic(&bytes(&extrinsic));
            let (watcher, receiver) = unbounded_channel();
            if let Some(chain) = shared.chain.lock().as_mut() {
                let _ = watcher.send(json!("ready"));
                chain.submitted.push(call.clone());
                chain.pending.push(Pending { by, call, watcher });
                if !chain.is_held {
                    chain.include();
                }
            }
            shared.changed.notify_all();
            forward(pending, receiver).await
        },
    );
    extrinsics.unwrap();
    module
}

async fn forward(
    pending: jsonrpsee::PendingSubscriptionSink,
    mut receiver: UnboundedReceiver<Value>,
) -> SubscriptionResult {
    let sink = pending.accept().await?;
    while let Some(item) = receiver.recv().await {
        sink.send(SubscriptionMessage::from_json(&item)?).await?;
    }
    Ok(())
}
