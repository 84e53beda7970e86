//! The node behind the provider's client: the states of the game's blocks, and the functions of
//! their runtimes.

use crate::chain::Chain;
use crate::face::{METADATA_VERSION, over_copy};
use async_trait::async_trait;
use cairn_chain::ChainError;
use cairn_chain_metadata::{Header, NodeState, RuntimeId};
use cairn_primitives::{H256, blake2_256};
use codec::{Decode, Encode};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts everything that the provider does, so that idleness can be detected.
pub(crate) type Activity = Arc<AtomicU64>;

/// A node of a chain.
pub(crate) struct GameNode {
    pub(crate) chain: Arc<Mutex<Chain>>,
    pub(crate) activity: Activity,
}

impl GameNode {
    fn read<R>(&self, at: H256, read: impl FnOnce(&Chain) -> Option<R>) -> Result<R, ChainError> {
        self.activity.fetch_add(1, Ordering::Relaxed);
        let found = read(&self.chain.lock());
        found.ok_or_else(|| ChainError::NoSuchBlock {
            block: format!("{at:?}"),
            reason: "the block does not exist".into(),
        })
    }
}

#[async_trait]
impl NodeState for GameNode {
    async fn genesis(&self) -> Result<H256, ChainError> {
        Ok(self.chain.lock().genesis())
    }

    async fn best(&self) -> Result<H256, ChainError> {
        Ok(self.chain.lock().best().hash)
    }

    async fn finalized(&self) -> Result<H256, ChainError> {
        Ok(self.chain.lock().finalized())
    }

    async fn header(&self, at: H256) -> Result<Header, ChainError> {
        self.read(at, |chain| {
            let (head, parent) = chain.header_at(at)?;
            Some(Header {
                number: head.number,
                parent,
            })
        })
    }

    async fn runtime(&self, at: H256) -> Result<RuntimeId, ChainError> {
        self.read(at, |chain| {
            chain.storage_at(at)?;
            let version = chain.variant.face().version();
            Some(RuntimeId {
                code: blake2_256(chain.variant.name().as_bytes()),
                spec_name: version.name,
                spec_version: version.spec_version,
                transaction_version: version.transaction_version,
            })
        })
    }

    async fn values(
        &self,
        at: H256,
        keys: Vec<Vec<u8>>,
    ) -> Result<Vec<Option<Vec<u8>>>, ChainError> {
        self.read(at, |chain| {
            let top = &chain.storage_at(at)?.top;
            Some(keys.iter().map(|key| top.get(key).cloned()).collect())
        })
    }

    async fn keys(
        &self,
        at: H256,
        prefix: Vec<u8>,
        after: Option<Vec<u8>>,
        count: u32,
    ) -> Result<Vec<Vec<u8>>, ChainError> {
        self.read(at, |chain| {
            let top = &chain.storage_at(at)?.top;
            let keys = top.range(prefix.clone()..).map(|(key, _)| key);
            let keys = keys.take_while(|key| key.starts_with(&prefix));
            let later = keys.filter(|key| after.as_ref().is_none_or(|after| *key > after));
            Some(later.take(count as usize).cloned().collect())
        })
    }

    async fn call(
        &self,
        at: H256,
        function: &'static str,
        arguments: Vec<u8>,
    ) -> Result<Vec<u8>, ChainError> {
        let answer = self.read(at, |chain| {
            let storage = chain.storage_at(at)?;
            let face = chain.variant.face();
            Some(match function {
                "Metadata_metadata_versions" => Some(vec![METADATA_VERSION].encode()),
                "Metadata_metadata_at_version" => {
                    let version = u32::decode(&mut &arguments[..]);
                    let known = version.is_ok_and(|version| version == METADATA_VERSION);
                    Some(known.then(|| face.metadata()).encode())
                }
                "StorageProviderApi_current_anchor_block" if !chain.variant.is_deployed() => {
                    Some(chain.header_at(at)?.0.anchor.encode())
                }
                "DryRunApi_dry_run_call" => Some(over_copy(storage, || face.dry_run(&arguments))),
                "TransactionPaymentApi_query_info" => {
                    Some(over_copy(storage, || face.fee(&arguments)))
                }
                _ => None,
            })
        })?;
        answer.ok_or_else(|| ChainError::Unsupported(format!("there is no function {function}")))
    }
}
