//! A node in memory: its blocks have a state and a runtime each, which tests write.

use crate::node::{Header, Node, NodeState, RuntimeId, SubmitError};
use crate::testing::{self, Options};
use async_trait::async_trait;
use cairn_chain::{ChainError, ExtrinsicStatus};
use cairn_primitives::H256;
use cairn_primitives::challenge::AccountId;
use codec::Encode;
use futures::StreamExt;
use futures::stream::BoxStream;
use parking_lot::Mutex;
use sp_crypto_hashing::{blake2_128, twox_64, twox_128};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(super) type Storage = BTreeMap<Vec<u8>, Vec<u8>>;

/// A block of the node.
#[derive(Clone)]
pub(super) struct MemoryBlock {
    pub(super) storage: Storage,
    pub(super) id: RuntimeId,
    pub(super) metadata: Arc<Vec<u8>>,
    pub(super) functions: BTreeMap<String, Vec<u8>>,
}

#[derive(Default)]
pub(super) struct Chain {
    pub(super) blocks: Vec<MemoryBlock>,
    pub(super) finalized: usize,
    /// The functions that were called with their arguments.
    pub(super) called: Vec<(String, Vec<u8>)>,
    /// The prefixes of which keys were read, with the number of keys in a page.
    pub(super) pages: Vec<(Vec<u8>, usize)>,
    pub(super) submitted: Vec<Vec<u8>>,
    pub(super) next_nonce: u64,
    /// How many submissions are refused for their nonce.
    pub(super) taken_nonces: usize,
    /// The time that a page of keys takes.
    pub(super) page_delay: Duration,
    /// Leaves a value out of each answer.
    pub(super) leaves_out_values: bool,
    pub(super) is_syncing: bool,
}

/// A node in memory.
#[derive(Clone)]
pub(super) struct MemoryNode(pub(super) Arc<Mutex<Chain>>);

/// Returns the hash of a block.
pub(super) fn hash_of(number: usize) -> H256 {
    H256::from_low_u64_be(number as u64 + 1000)
}

/// Returns the prefix of a storage item.
pub(super) fn prefix(pallet: &str, item: &str) -> Vec<u8> {
    [twox_128(pallet.as_bytes()), twox_128(item.as_bytes())].concat()
}

/// Returns a key as `Blake2_128Concat` has it.
pub(super) fn blake2_concat(key: &impl Encode) -> Vec<u8> {
    let key = key.encode();
    [blake2_128(&key).to_vec(), key].concat()
}

/// Returns a key as `Twox64Concat` has it.
pub(super) fn twox_concat(key: &impl Encode) -> Vec<u8> {
    let key = key.encode();
    [twox_64(&key).to_vec(), key].concat()
}

impl MemoryNode {
    /// Creates a node of a chain with one block.
    pub(super) fn new(options: Options) -> Self {
        let block = MemoryBlock {
            storage: Storage::new(),
            id: RuntimeId {
                code: H256::repeat_byte(1),
                spec_name: "made-up".to_owned(),
                spec_version: 1,
                transaction_version: 1,
            },
            metadata: Arc::new(testing::metadata(options)),
            functions: BTreeMap::new(),
        };
        let node = Self(Arc::default());
        node.0.lock().blocks.push(block);
        node.answer("StorageProviderApi_current_anchor_block", &100_u32);
        node
    }

    /// Returns the hash of the best block.
    pub(super) fn best_hash(&self) -> H256 {
        hash_of(self.0.lock().blocks.len() - 1)
    }

    /// Adds a block, with a change of the last one's state and runtime.
    pub(super) fn next_block(&self, change: impl FnOnce(&mut MemoryBlock)) -> H256 {
        let mut chain = self.0.lock();
        let mut block = chain.blocks.last().unwrap().clone();
        change(&mut block);
        chain.blocks.push(block);
        hash_of(chain.blocks.len() - 1)
    }

    /// Changes the best block.
    pub(super) fn change(&self, change: impl FnOnce(&mut MemoryBlock)) {
        change(self.0.lock().blocks.last_mut().unwrap());
    }

    /// Sets a value in the best block.
    pub(super) fn put(&self, key: Vec<u8>, value: impl Encode) {
        self.change(|block| {
            block.storage.insert(key, value.encode());
        });
    }

    /// Sets the answer of a function in the best block.
    pub(super) fn answer(&self, function: &str, answer: &impl Encode) {
        self.change(|block| {
            block.functions.insert(function.to_owned(), answer.encode());
        });
    }

    pub(super) fn answer_bytes(&self, function: &str, answer: Vec<u8>) {
        self.change(|block| {
            block.functions.insert(function.to_owned(), answer);
        });
    }

    pub(super) fn calls_of(&self, function: &str) -> usize {
        let chain = self.0.lock();
        chain
            .called
            .iter()
            .filter(|(name, _)| name == function)
            .count()
    }

    fn at<T>(&self, at: H256, read: impl FnOnce(&MemoryBlock) -> T) -> Result<T, ChainError> {
        let chain = self.0.lock();
        let place = (0..chain.blocks.len()).find(|number| hash_of(*number) == at);
        match place {
            Some(place) => Ok(read(&chain.blocks[place])),
            None => Err(ChainError::NoSuchBlock {
                block: hex::encode(at),
                reason: "it is not known here".to_owned(),
            }),
        }
    }
}

#[async_trait]
impl NodeState for MemoryNode {
    async fn genesis(&self) -> Result<H256, ChainError> {
        Ok(hash_of(0))
    }

    async fn best(&self) -> Result<H256, ChainError> {
        Ok(self.best_hash())
    }

    async fn finalized(&self) -> Result<H256, ChainError> {
        Ok(hash_of(self.0.lock().finalized))
    }

    async fn header(&self, at: H256) -> Result<Header, ChainError> {
        self.at(at, |_| ())?;
        let number = at.to_low_u64_be() - 1000;
        Ok(Header {
            number: number as u32,
            parent: hash_of((number as usize).saturating_sub(1)),
        })
    }

    async fn runtime(&self, at: H256) -> Result<RuntimeId, ChainError> {
        self.at(at, |block| block.id.clone())
    }

    async fn values(
        &self,
        at: H256,
        keys: Vec<Vec<u8>>,
    ) -> Result<Vec<Option<Vec<u8>>>, ChainError> {
        let left_out = usize::from(self.0.lock().leaves_out_values);
        self.at(at, |block| {
            keys.iter()
                .skip(left_out)
                .map(|key| block.storage.get(key).cloned())
                .collect()
        })
    }

    async fn keys(
        &self,
        at: H256,
        prefix: Vec<u8>,
        after: Option<Vec<u8>>,
        count: u32,
    ) -> Result<Vec<Vec<u8>>, ChainError> {
        let delay = self.0.lock().page_delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let page = self.at(at, |block| {
            let keys = block.storage.keys().filter(|key| key.starts_with(&prefix));
            let later = keys.filter(|key| after.as_ref().is_none_or(|after| *key > after));
            later.take(count as usize).cloned().collect::<Vec<_>>()
        })?;
        self.0.lock().pages.push((prefix, page.len()));
        Ok(page)
    }

    async fn call(
        &self,
        at: H256,
        function: &'static str,
        arguments: Vec<u8>,
    ) -> Result<Vec<u8>, ChainError> {
        let called = (function.to_owned(), arguments);
        self.0.lock().called.push(called);
        self.at(at, |block| match function {
            "Metadata_metadata_versions" => Ok(vec![14_u32, 15].encode()),
            "Metadata_metadata_at_version" => Ok(Some(&*block.metadata).encode()),
            function => {
                block.functions.get(function).cloned().ok_or_else(|| {
                    ChainError::Unsupported(format!("there is no function {function}"))
                })
            }
        })?
    }
}

#[async_trait]
impl Node for MemoryNode {
    async fn finality(&self) -> Result<BoxStream<'static, ()>, ChainError> {
        Ok(futures::stream::empty().boxed())
    }

    async fn is_syncing(&self) -> Result<bool, ChainError> {
        Ok(self.0.lock().is_syncing)
    }

    async fn next_nonce(&self, _account: AccountId) -> Result<u64, ChainError> {
        Ok(self.0.lock().next_nonce)
    }

    async fn submit(
        &self,
        extrinsic: Vec<u8>,
    ) -> Result<BoxStream<'static, ExtrinsicStatus>, SubmitError> {
        let mut chain = self.0.lock();
        if chain.taken_nonces > 0 {
            chain.taken_nonces -= 1;
            return Err(SubmitError::NonceTaken("priority is too low".to_owned()));
        }
        chain.submitted.push(extrinsic);
        Ok(futures::stream::pending().boxed())
    }
}
