//! A fake node's RPC in memory; the test makes its blocks.

use crate::rpc::{Connector, NO_SUCH_METHOD, Rpc, RpcError};
use async_trait::async_trait;
use cairn_chain::ChainError;
use cairn_chain_metadata::testing::{self, Options};
use cairn_primitives::H256;
use codec::Encode;
use futures::StreamExt;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::stream::BoxStream;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

struct Chain {
    /// The hashes of the blocks.
    blocks: Vec<H256>,
    finalized: usize,
    spec_version: u32,
    options: Options,
    anchor: u32,
    storage: BTreeMap<Vec<u8>, Vec<u8>>,
    asked: Vec<(String, Value)>,
    next_nonce: u64,
    has_next_index: bool,
    leaves_out_keys: bool,
    is_syncing: bool,
    refusals: VecDeque<RpcError>,
    submitted: Vec<Vec<u8>>,
    statuses: Vec<UnboundedSender<Value>>,
    heads: Vec<UnboundedSender<Value>>,
    connects: usize,
    /// Connections that were cut; they stay so.
    cut_connections: usize,
    is_down: bool,
    is_silent: bool,
}

/// A fake node, which records its requests.
#[derive(Clone)]
pub(super) struct FakeNode(Arc<Mutex<Chain>>);

/// A connection to it: the node, and its number.
struct FakeConnection(FakeNode, usize);

pub(super) fn refusal(code: i32, message: &str) -> RpcError {
    RpcError::Refused {
        code,
        message: message.to_owned(),
        data: String::new(),
    }
}

fn lost() -> RpcError {
    RpcError::Lost("the connection is closed".to_owned())
}

impl FakeNode {
    pub(super) fn new(options: Options) -> Self {
        Self(Arc::new(Mutex::new(Chain {
            blocks: vec![H256::repeat_byte(1)],
            finalized: 0,
            spec_version: 1,
            options,
            anchor: 100,
            storage: BTreeMap::new(),
            asked: Vec::new(),
            next_nonce: 0,
            has_next_index: true,
            leaves_out_keys: false,
            is_syncing: false,
            refusals: VecDeque::new(),
            submitted: Vec::new(),
            statuses: Vec::new(),
            heads: Vec::new(),
            connects: 0,
            cut_connections: 0,
            is_down: false,
            is_silent: false,
        })))
    }

    /// Makes blocks; the last one is the best block.
    pub(super) fn make_blocks(&self, blocks: u64) {
        let mut chain = self.0.lock();
        for _ in 0..blocks {
            let hash = H256::from_low_u64_be(chain.blocks.len() as u64 + 5000);
            chain.blocks.push(hash);
        }
    }

    /// Finalizes blocks up to a number, and notifies of the last one only.
    pub(super) fn finalize(&self, number: usize) {
        let mut chain = self.0.lock();
        chain.finalized = number;
        for listener in &chain.heads {
            let _ = listener.unbounded_send(json!({"number": format!("{number:#x}")}));
        }
    }

    pub(super) fn hash(&self, number: usize) -> H256 {
        self.0.lock().blocks[number]
    }

    pub(super) fn set_anchor(&self, anchor: u32) {
        self.0.lock().anchor = anchor;
    }

    pub(super) fn put(&self, key: Vec<u8>, value: Vec<u8>) {
        self.0.lock().storage.insert(key, value);
    }

    /// Replaces the chain by another one with another genesis, at the same address.
    pub(super) fn replace_chain(&self) {
        self.0.lock().blocks = vec![H256::repeat_byte(2)];
    }

    /// Serves the first chain again, without its later blocks.
    pub(super) fn restore_chain(&self) {
        self.0.lock().blocks = vec![H256::repeat_byte(1)];
    }

    pub(super) fn set_syncing(&self, is_syncing: bool) {
        self.0.lock().is_syncing = is_syncing;
    }

    pub(super) fn upgrade_to(&self, spec_version: u32, options: Options) {
        let mut chain = self.0.lock();
        (chain.spec_version, chain.options) = (spec_version, options);
    }

    pub(super) fn set_nonce(&self, next: u64) {
        self.0.lock().next_nonce = next;
    }

    /// Removes `system_accountNextIndex`.
    pub(super) fn remove_next_index(&self) {
        self.0.lock().has_next_index = false;
    }

    /// Leaves keys without a value out of answers.
    pub(super) fn leave_out_keys(&self) {
        self.0.lock().leaves_out_keys = true;
    }

    /// Refuses the next extrinsic; each call adds one refusal.
    pub(super) fn refuse_next(&self, refusal: RpcError) {
        self.0.lock().refusals.push_back(refusal);
    }

    pub(super) fn submitted(&self) -> Vec<Vec<u8>> {
        self.0.lock().submitted.clone()
    }

    /// Sends a status to the follower of the `nth` extrinsic.
    pub(super) fn send_status(&self, nth: usize, status: Value) {
        let chain = self.0.lock();
        let _ = chain.statuses[nth].unbounded_send(status);
    }

    /// Cuts all connections: subscriptions end, and requests fail.
    pub(super) fn disconnect(&self) {
        let mut chain = self.0.lock();
        chain.is_down = true;
        chain.cut_connections = chain.connects;
        chain.heads.clear();
        chain.statuses.clear();
    }

    pub(super) fn reconnect(&self) {
        self.0.lock().is_down = false;
    }

    /// Accepts requests but answers none.
    pub(super) fn stop_answering(&self) {
        self.0.lock().is_silent = true;
    }

    pub(super) fn connect_count(&self) -> usize {
        self.0.lock().connects
    }

    /// Returns the parameters of the requests of a method.
    pub(super) fn requests_of(&self, method: &str) -> Vec<Value> {
        let chain = self.0.lock();
        let asked = chain.asked.iter().filter(|(asked, _)| asked == method);
        asked.map(|(_, params)| params.clone()).collect()
    }

    /// Returns how many times metadata was read.
    pub(super) fn metadata_reads(&self) -> usize {
        let calls = self.requests_of("state_call");
        let reads = calls
            .iter()
            .filter(|params| params[0] == "Metadata_metadata_at_version");
        reads.count()
    }
}

fn bytes_of(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap().trim_start_matches("0x")).unwrap()
}

fn hex_of(bytes: &[u8]) -> Value {
    json!(format!("0x{}", hex::encode(bytes)))
}

impl Chain {
    fn request(&mut self, method: &str, params: &Value) -> Result<Value, RpcError> {
        if self.is_down {
            return Err(lost());
        }
        self.asked.push((method.to_owned(), params.clone()));
        let number_of = |at: &Value| {
            let at = H256::from_slice(&bytes_of(at));
            self.blocks.iter().position(|hash| *hash == at)
        };
        let value = |key: &Value| self.storage.get(&bytes_of(key)).map(|value| hex_of(value));
        Ok(match method {
            "chain_getBlockHash" => match params[0].as_u64() {
                Some(number) => json!(self.blocks.get(number as usize)),
                None => json!(self.blocks.last()),
            },
            "chain_getFinalizedHead" => json!(self.blocks[self.finalized]),
            "chain_getHeader" => match number_of(&params[0]) {
                None => Value::Null,
                Some(number) => json!({
                    "number": format!("{number:#x}"),
                    "parentHash": self.blocks[number.saturating_sub(1)],
                }),
            },
            "state_getRuntimeVersion" if number_of(&params[0]).is_some() => json!({
                "specName": "made-up", "specVersion": self.spec_version, "transactionVersion": 7
            }),
            "state_getStorageHash" => json!(H256::from_low_u64_be(self.spec_version.into())),
            "state_getStorage" => json!(value(&params[0])),
            "state_queryStorageAt" => {
                let keys = params[0].as_array().unwrap().iter();
                let kept = keys.filter(|key| !self.leaves_out_keys || value(key).is_some());
                let changes: Vec<_> = kept.map(|key| json!([key, value(key)])).collect();
                json!([{"block": params[1], "changes": changes}])
            }
            "state_getKeysPaged" => {
                let prefix = bytes_of(&params[0]);
                let after = params[2].as_str().map(|_| bytes_of(&params[2]));
                let keys = self.storage.keys().filter(|key| key.starts_with(&prefix));
                let keys = keys.filter(|key| after.as_ref().is_none_or(|after| *key > after));
                let page = keys.take(params[1].as_u64().unwrap() as usize);
                page.map(|key| hex_of(key)).collect()
            }
            "system_health" => json!({
                "peers": 3, "isSyncing": self.is_syncing, "shouldHavePeers": true
            }),
            "system_accountNextIndex" if self.has_next_index => json!(self.next_nonce),
            "system_accountNextIndex" => {
                return Err(refusal(NO_SUCH_METHOD, "Method not found"));
            }
            "state_call" if number_of(&params[2]).is_some() => {
                let function = params[0].as_str().unwrap();
                hex_of(&match function {
                    "Metadata_metadata_versions" => vec![14_u32, 15].encode(),
                    "Metadata_metadata_at_version" => {
                        Some(testing::metadata(self.options)).encode()
                    }
                    "StorageProviderApi_current_anchor_block" => self.anchor.encode(),
                    "AccountNonceApi_account_nonce" => (self.next_nonce as u32).encode(),
                    other => {
                        let message = format!("Exported method {other} is not found");
                        return Err(refusal(4003, &message));
                    }
                })
            }
            _ => {
                let message = "Client error: UnknownBlock: State already discarded";
                return Err(refusal(4003, message));
            }
        })
    }

    fn subscribe(
        &mut self,
        method: &str,
        params: &Value,
    ) -> Result<BoxStream<'static, Value>, RpcError> {
        if self.is_down {
            return Err(lost());
        }
        let (sender, receiver) = unbounded();
        match method {
            "chain_subscribeFinalizedHeads" => {
                let _ = sender.unbounded_send(json!({"number": "0x0"}));
                self.heads.push(sender);
            }
            _ => {
                if let Some(refusal) = self.refusals.pop_front() {
                    return Err(refusal);
                }
                self.submitted.push(bytes_of(&params[0]));
                self.statuses.push(sender);
            }
        }
        Ok(receiver.boxed())
    }
}

#[async_trait]
impl Rpc for FakeConnection {
    async fn request(&self, method: &str, params: Vec<Value>) -> Result<Value, RpcError> {
        if self.0.0.lock().is_silent {
            return futures::future::pending().await;
        }
        self.0.0.lock().request(method, &Value::Array(params))
    }

    async fn subscribe(
        &self,
        method: &str,
        params: Vec<Value>,
        _unsubscribe: &str,
    ) -> Result<BoxStream<'static, Value>, RpcError> {
        self.0.0.lock().subscribe(method, &Value::Array(params))
    }

    fn is_open(&self) -> bool {
        self.1 > self.0.0.lock().cut_connections
    }
}

#[async_trait]
impl Connector for FakeNode {
    async fn connect(&self) -> Result<Box<dyn Rpc>, ChainError> {
        let mut chain = self.0.lock();
        if chain.is_down {
            return Err(ChainError::Unreachable("connection refused".to_owned()));
        }
        chain.connects += 1;
        Ok(Box::new(FakeConnection(self.clone(), chain.connects)))
    }
}
