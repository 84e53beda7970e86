//! A fake node's RPC in memory; the test makes its blocks.

use super::metadata::{MetadataOptions, metadata};
use crate::client::transport::{Connector, Transport};
use async_trait::async_trait;
use cairn_chain::ChainError;
use cairn_primitives::H256;
use codec::Encode;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::{FutureExt, StreamExt};
use parking_lot::Mutex;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use sp_core::{Blake2Hasher, Hasher};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use subxt::config::substrate::{Digest, SubstrateHeader};
use subxt::rpcs::client::{RawRpcFuture, RawRpcSubscription, RpcClient, RpcClientT};
use subxt::rpcs::{Error as RpcError, UserError};

type Header = SubstrateHeader<H256>;

#[derive(Default)]
struct Chain {
    headers: Vec<Header>,
    finalized: usize,
    spec_version: u32,
    options: MetadataOptions,
    answers: HashMap<String, Vec<u8>>,
    asked: Vec<(String, Vec<u8>, H256)>,
    next_nonce: u64,
    has_next_index: bool,
    refusals: VecDeque<UserError>,
    submitted: Vec<Vec<u8>>,
    statuses: Vec<UnboundedSender<Value>>,
    heads: Vec<UnboundedSender<Value>>,
    connects: usize,
    /// Connections that were cut; they stay so.
    cut_connections: usize,
    loaded: usize,
    is_down: bool,
    is_silent: bool,
}

/// A fake node, which records its requests.
#[derive(Clone)]
pub(super) struct FakeNode(Arc<Mutex<Chain>>);

fn hash_of(header: &Header) -> H256 {
    Blake2Hasher::hash(&header.encode())
}

fn header(number: u64, parent_hash: H256, fork: u8) -> Header {
    Header {
        parent_hash,
        number,
        state_root: H256::repeat_byte(fork),
        extrinsics_root: H256::zero(),
        digest: Digest::default(),
    }
}

pub(super) fn refusal(code: i32, message: &str) -> UserError {
    UserError {
        code,
        message: message.to_owned(),
        data: None,
    }
}

impl FakeNode {
    pub(super) fn new(options: MetadataOptions) -> Self {
        let chain = Chain {
            headers: vec![header(0, H256::zero(), 0)],
            spec_version: 1,
            options,
            has_next_index: true,
            ..Chain::default()
        };
        let node = Self(Arc::new(Mutex::new(chain)));
        node.set_answer("anchor_block", &100u32);
        node
    }

    /// Sets the answer of an API method.
    pub(super) fn set_answer(&self, method: &str, answer: &impl Encode) {
        let name = format!("StorageProviderApi_{method}");
        self.0.lock().answers.insert(name, answer.encode());
    }

    pub(super) fn set_answer_bytes(&self, function: &str, answer: Vec<u8>) {
        self.0.lock().answers.insert(function.to_owned(), answer);
    }

    /// Returns the arguments and blocks of the calls of an API method.
    pub(super) fn calls_of(&self, method: &str) -> Vec<(Vec<u8>, H256)> {
        let name = format!("StorageProviderApi_{method}");
        let chain = self.0.lock();
        let asked = chain.asked.iter().filter(|(asked, ..)| *asked == name);
        asked.map(|(_, bytes, at)| (bytes.clone(), *at)).collect()
    }

    /// Makes blocks; the last one is the best block.
    pub(super) fn make_blocks(&self, blocks: usize) {
        let mut chain = self.0.lock();
        for _ in 0..blocks {
            let parent = chain.headers.last().unwrap();
            let next = header(parent.number + 1, hash_of(parent), 0);
            chain.headers.push(next);
        }
    }

    /// Finalizes blocks up to a number, and notifies of the last one only.
    pub(super) fn finalize(&self, number: usize) {
        let mut chain = self.0.lock();
        chain.finalized = number;
        let head = serde_json::to_value(&chain.headers[number]).unwrap();
        for listener in &chain.heads {
            let _ = listener.unbounded_send(head.clone());
        }
    }

    pub(super) fn hash(&self, number: usize) -> H256 {
        hash_of(&self.0.lock().headers[number])
    }

    /// Replaces the chain by another one with another genesis, at the same address.
    pub(super) fn replace_chain(&self) {
        self.0.lock().headers = vec![header(0, H256::zero(), 7)];
    }

    pub(super) fn upgrade_to(&self, spec_version: u32, options: MetadataOptions) {
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

    /// Refuses the next extrinsic; each call adds one refusal.
    pub(super) fn refuse_next(&self, refusal: UserError) {
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

    /// Returns how many times metadata was read.
    pub(super) fn metadata_reads(&self) -> usize {
        self.0.lock().loaded
    }
}

fn bytes_of(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap().trim_start_matches("0x")).unwrap()
}

impl Chain {
    fn header_at(&self, at: &Value) -> Option<&Header> {
        let at = H256::from_slice(&bytes_of(at));
        self.headers.iter().find(|header| hash_of(header) == at)
    }

    fn request(&mut self, method: &str, params: &Value) -> Result<Value, RpcError> {
        if self.is_down {
            return Err(RpcError::Client("the connection is closed".into()));
        }
        Ok(match method {
            "chain_getBlockHash" => match params[0].as_u64() {
                Some(number) => json!(self.headers.get(number as usize).map(hash_of)),
                None => json!(self.headers.last().map(hash_of)),
            },
            "chain_getFinalizedHead" => json!(hash_of(&self.headers[self.finalized])),
            "chain_getHeader" => serde_json::to_value(self.header_at(&params[0])).unwrap(),
            "state_getRuntimeVersion" => {
                json!({"specVersion": self.spec_version, "transactionVersion": 1})
            }
            "system_accountNextIndex" if self.has_next_index => json!(self.next_nonce),
            "state_call" => return self.call(params),
            _ => return Err(UserError::method_not_found().into()),
        })
    }

    fn call(&mut self, params: &Value) -> Result<Value, RpcError> {
        let function = params[0].as_str().unwrap();
        let (arguments, at) = (bytes_of(&params[1]), &params[2]);
        let block = H256::from_slice(&bytes_of(at));
        if self.header_at(at).is_none() {
            let message = "Client error: UnknownBlock: State already discarded";
            return Err(refusal(4003, message).into());
        }
        let answer = match function {
            "Metadata_metadata_versions" => vec![14u32, 15, 16].encode(),
            "Metadata_metadata_at_version" => {
                assert_eq!(arguments, 16u32.encode());
                self.loaded += 1;
                Some(metadata(self.options)).encode()
            }
            "AccountNonceApi_account_nonce" => (self.next_nonce as u32).encode(),
            function => self.answers.get(function).cloned().ok_or_else(|| {
                let message = format!("Exported method {function} is not found");
                RpcError::from(refusal(4003, &message))
            })?,
        };
        self.asked.push((function.to_owned(), arguments, block));
        Ok(json!(format!("0x{}", hex::encode(answer))))
    }

    fn subscribe(&mut self, method: &str, params: &Value) -> Result<RawRpcSubscription, RpcError> {
        if self.is_down {
            return Err(RpcError::Client("the connection is closed".into()));
        }
        let (sender, receiver) = unbounded();
        match method {
            "chain_subscribeFinalizedHeads" => {
                let present = &self.headers[self.finalized];
                let _ = sender.unbounded_send(serde_json::to_value(present).unwrap());
                self.heads.push(sender);
            }
            "author_submitAndWatchExtrinsic" => {
                if let Some(refusal) = self.refusals.pop_front() {
                    return Err(refusal.into());
                }
                self.submitted.push(bytes_of(&params[0]));
                self.statuses.push(sender);
            }
            _ => return Err(UserError::method_not_found().into()),
        }
        let stream = receiver.map(|value| Ok(to_raw_value(&value).unwrap()));
        Ok(RawRpcSubscription {
            stream: stream.boxed(),
            id: None,
        })
    }
}

fn parsed(params: Option<Box<RawValue>>) -> Value {
    params.map_or(Value::Null, |raw| serde_json::from_str(raw.get()).unwrap())
}

impl RpcClientT for FakeNode {
    fn request_raw<'a>(
        &'a self,
        method: &'a str,
        params: Option<Box<RawValue>>,
    ) -> RawRpcFuture<'a, Box<RawValue>> {
        let mut chain = self.0.lock();
        if chain.is_silent {
            return futures::future::pending().boxed();
        }
        let answer = chain.request(method, &parsed(params));
        async move { Ok(to_raw_value(&answer?).unwrap()) }.boxed()
    }

    fn subscribe_raw<'a>(
        &'a self,
        sub: &'a str,
        params: Option<Box<RawValue>>,
        _unsub: &'a str,
    ) -> RawRpcFuture<'a, RawRpcSubscription> {
        let answer = self.0.lock().subscribe(sub, &parsed(params));
        async move { answer }.boxed()
    }
}

#[async_trait]
impl Connector for FakeNode {
    async fn connect(&self) -> Result<Transport, ChainError> {
        let mut chain = self.0.lock();
        if chain.is_down {
            return Err(ChainError::Unreachable("connection refused".to_owned()));
        }
        chain.connects += 1;
        let (watched, nth) = (self.0.clone(), chain.connects);
        Ok(Transport {
            rpc: RpcClient::new(self.clone()),
            is_open: Box::new(move || nth > watched.lock().cut_connections),
        })
    }
}
