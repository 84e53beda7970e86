//! A chain's state, asked in the terms of a provider. Every question is answered from one
//! block's state.

mod agreements;
mod buckets;
mod challenges;
mod registration;

use crate::anchor::{Clock, Evidence};
use crate::blocks::{self, Block, Blocks};
use crate::calls::account as account_value;
use crate::capability::Capability;
use crate::dry_run;
use crate::events;
use crate::extrinsic::{self, Context, Unsigned};
use crate::features::{AnchorSource, ChallengeLayout, LeafBinding, Payload};
use crate::funds;
use crate::names::ANCHOR_FUNCTION;
use crate::node::{NodeState, RuntimeId};
use crate::rows;
use crate::runtime::{Runtime, unsupported};
use crate::storage::StorageItem;
use crate::terms;
use crate::value::{Mismatch, Value};
use cairn_chain::{ChainError, DryRunResult, Funds, Head, Submission};
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse, MultiSignature};
use cairn_primitives::onchain::{Limits, Outcome, PayloadFormat, ProviderInfo, TermsRules};
use cairn_primitives::{H256, HashingProfile};
use parking_lot::Mutex;
use sp_crypto_hashing::twox_128;
use std::sync::atomic::AtomicU32;

/// The number of keys in a page.
const PAGE: u32 = 1000;
/// The most keys of an item that are read: 1000 pages. More is an error, not a shorter answer.
const MAX_KEYS: usize = 1_000_000;

/// A chain's state, by its runtime's metadata.
pub struct ChainState<S> {
    pub(crate) node: S,
    pub(crate) blocks: Blocks,
    /// The hashing of the chain's commitments, which it does not tell.
    pub(crate) hashing: HashingProfile,
    /// The runtime under which a scan found no challenge against an account, so that the
    /// chain has counted all of them since.
    counted_from: Mutex<Option<(RuntimeId, AccountId)>>,
    /// The questions for challenges since then.
    scans: AtomicU32,
}

impl<S: NodeState> ChainState<S> {
    /// Creates a reader of a node's state.
    pub fn new(node: S, hashing: HashingProfile) -> Self {
        Self {
            node,
            blocks: Blocks::default(),
            hashing,
            counted_from: Mutex::new(None),
            scans: AtomicU32::new(0),
        }
    }

    /// Returns the node.
    pub fn node(&self) -> &S {
        &self.node
    }

    pub(crate) async fn block(&self, at: H256) -> Result<Block, ChainError> {
        self.blocks.at(&self.node, at).await
    }

    /// Returns a block's number and anchor block.
    pub async fn head(&self, hash: H256) -> Result<Head, ChainError> {
        let header = self.node.header(hash).await?;
        let block = self.block(hash).await?;
        let anchor = self.anchor(&block).await?;
        Ok(Head {
            hash,
            number: header.number,
            anchor,
        })
    }

    /// Returns the anchor block.
    pub(crate) async fn anchor(&self, block: &Block) -> Result<u32, ChainError> {
        let read = block.anchor.get_or_try_init(|| self.read_anchor(block));
        read.await.copied()
    }

    async fn read_anchor(&self, block: &Block) -> Result<u32, ChainError> {
        let layout = &block.layout;
        if layout.features()?.anchor == AnchorSource::RuntimeApi {
            if block.is_being_upgraded() {
                // The new code may count in another clock than the rows that it finds. The
                // anchor block before is behind by a block at most.
                let parent = self.node.header(block.hash).await?.parent;
                let parent = self.block(parent).await?;
                return Box::pin(self.anchor(&parent)).await;
            }
            return blocks::call(&self.node, block.hash, ANCHOR_FUNCTION, Vec::new()).await;
        }
        let own_item = layout.storage("System", "Number")?;
        let relay_item = layout
            .storage("ParachainSystem", "LastRelayChainBlockNumber")
            .ok();
        let own = self.number(block, own_item).await?.unwrap_or(0);
        let relay = match relay_item {
            Some(item) => self.number(block, item).await?,
            None => None,
        };
        let known = *layout.clock.lock();
        let clock = match known {
            Some(clock) => clock,
            None => {
                let (has_rows, latest) = self.latest_registration(block).await?;
                let evidence = Evidence {
                    own,
                    relay,
                    has_rows,
                    latest,
                    period: self.constant(block, "ChallengeTimeout").await?,
                };
                let Some(clock) = evidence.clock()? else {
                    // The later one makes deadlines nearer. It is asked again at each block.
                    return Ok(relay.unwrap_or(own).max(own));
                };
                *layout.clock.lock() = Some(clock);
                clock
            }
        };
        Ok(match clock {
            Clock::Own => own,
            Clock::Relay => relay.unwrap_or(own),
        })
    }

    /// Returns whether providers are registered, and the latest block at which one was, among
    /// the first page.
    async fn latest_registration(&self, block: &Block) -> Result<(bool, Option<u32>), ChainError> {
        let item = block.layout.item("Providers")?;
        let keys = self
            .node
            .keys(block.hash, item.prefix(), None, PAGE)
            .await?;
        let has_rows = !keys.is_empty();
        let rows = self.node.values(block.hash, keys).await?;
        // A row that does not decode shows nothing.
        let read = rows.into_iter().flatten().filter_map(|bytes| {
            let value = item.decode(&bytes).ok()?;
            rows::registered_at(&value).ok()
        });
        Ok((has_rows, read.max()))
    }

    async fn number(
        &self,
        block: &Block,
        item: StorageItem<'_>,
    ) -> Result<Option<u32>, ChainError> {
        let key = item.prefix();
        let bytes = self.value(block, key.clone()).await?;
        bytes
            .map(|bytes| item.read(&key, &bytes, rows::number_32))
            .transpose()
    }

    async fn value(&self, block: &Block, key: Vec<u8>) -> Result<Option<Vec<u8>>, ChainError> {
        let mut values = self.values(block, vec![key]).await?;
        Ok(values.pop().flatten())
    }

    /// Reads values, as many as there are keys.
    async fn values(
        &self,
        block: &Block,
        keys: Vec<Vec<u8>>,
    ) -> Result<Vec<Option<Vec<u8>>>, ChainError> {
        let count = keys.len();
        let values = self.node.values(block.hash, keys).await?;
        match values.len() == count {
            true => Ok(values),
            false => Err(ChainError::Unsupported(format!(
                "the node returns {} values for {count} keys",
                values.len()
            ))),
        }
    }

    /// Reads a row of an item.
    async fn row<T>(
        &self,
        block: &Block,
        item: StorageItem<'_>,
        key: &[Value<'_>],
        read: impl FnOnce(&Value<'_>) -> Result<T, Mismatch>,
    ) -> Result<Option<T>, ChainError> {
        let key = item.key(key).map_err(unsupported)?;
        let bytes = self.value(block, key.clone()).await?;
        bytes.map(|bytes| item.read(&key, &bytes, read)).transpose()
    }

    /// Reads a page of an item's keys after the last one.
    async fn page(
        &self,
        block: &Block,
        item: &StorageItem<'_>,
        after: Option<Vec<u8>>,
        so_far: usize,
    ) -> Result<Vec<Vec<u8>>, ChainError> {
        if so_far > MAX_KEYS {
            return Err(ChainError::Unsupported(format!(
                "{} has more than {MAX_KEYS} rows",
                item.name()
            )));
        }
        let prefix = item.prefix();
        let page = self
            .node
            .keys(block.hash, prefix.clone(), after.clone(), PAGE)
            .await?;
        let mut last = after.as_ref();
        for key in &page {
            if !key.starts_with(&prefix) || last.is_some_and(|last| last >= key) {
                return Err(ChainError::Unsupported(
                    "the node's list of storage keys is out of order".to_owned(),
                ));
            }
            last = Some(key);
        }
        Ok(page)
    }

    /// Reads a constant of the storage pallet as of a block.
    async fn constant<T: TryFrom<u128>>(&self, block: &Block, name: &str) -> Result<T, ChainError> {
        let in_state = self.value(block, constant_key(name)).await?;
        block.layout.constant_at(name, in_state.as_deref())
    }

    /// Returns the chain's limits.
    pub async fn limits(&self, at: H256) -> Result<Limits, ChainError> {
        const NAMES: [&str; 5] = [
            "MaxChunkSize",
            "MaxPrimaryProviders",
            "ChallengeTimeout",
            "MaxChallengesPerDeadline",
            "MaxNonceAge",
        ];
        let block = self.block(at).await?;
        let layout = &block.layout;
        let features = layout.features()?;
        let keys = NAMES.iter().map(|name| constant_key(name)).collect();
        let in_state = self.values(&block, keys).await?;
        let constant = |place: usize| {
            let name = NAMES.get(place).copied().unwrap_or_default();
            let bytes = in_state.get(place).and_then(|bytes| bytes.as_deref());
            layout.constant_at(name, bytes)
        };
        let payload = match (layout.require(Capability::Sign), features.payload) {
            (Ok(()), Payload::V1) => PayloadFormat::V1,
            (Ok(()), Payload::V2) => PayloadFormat::V2 {
                max_age: constant(4)?,
            },
            _ => PayloadFormat::Unknown,
        };
        Ok(Limits {
            chunk_bytes: constant(0)?,
            primary_providers: constant(1)?,
            challenges_per_deadline: constant(3).unwrap_or(u32::MAX),
            challenge_period: constant(2)?,
            profile: self.hashing,
            strict_leaf_binding: features.leaf_binding != LeafBinding::Unbound,
            payload,
            wrong_answers_slash: features.wrong_answers_slash,
            challenge_ids_shift: features.challenges == ChallengeLayout::ListPerDeadline,
        })
    }

    /// Returns an account's provider record.
    pub async fn provider(
        &self,
        at: H256,
        account: AccountId,
    ) -> Result<Option<ProviderInfo>, ChainError> {
        let block = self.block(at).await?;
        let item = block.layout.item("Providers")?;
        let key = [account_value(&account)];
        let pending = match block.layout.item("PendingChallenges") {
            Ok(pending) => self.row(&block, pending, &key, rows::number_32).await?,
            Err(_) => None,
        };
        let read = |row: &Value<'_>| rows::provider(row, pending.unwrap_or(0));
        self.row(&block, item, &key, read).await
    }

    /// Returns the chain's rules for terms that an account signs.
    pub async fn terms_rules(
        &self,
        at: H256,
        account: AccountId,
    ) -> Result<TermsRules, ChainError> {
        let block = self.block(at).await?;
        block.layout.require(Capability::Terms)?;
        let item = block.layout.item("ProviderReplayStates")?;
        let key = [account_value(&account)];
        let nonces = self.row(&block, item, &key, terms::replay_window).await?;
        Ok(TermsRules {
            request_timeout: self.constant(&block, "RequestTimeout").await?,
            min_stake_per_byte: self.constant(&block, "MinStakePerByte").await?,
            nonces: nonces.unwrap_or_default(),
        })
    }

    /// Returns an account's funds.
    pub async fn funds(&self, at: H256, account: AccountId) -> Result<Funds, ChainError> {
        let block = self.block(at).await?;
        let item = block.layout.storage("System", "Account")?;
        let deposit = funds::existential_deposit(&block.layout);
        let read = self
            .row(&block, item, &[account_value(&account)], |row| {
                funds::funds(row, deposit)
            })
            .await?;
        Ok(read.unwrap_or(Funds {
            spendable: 0,
            held: 0,
        }))
    }

    /// Returns the outcomes in a block.
    pub async fn outcomes(&self, at: H256) -> Result<Vec<Outcome>, ChainError> {
        let block = self.block(at).await?;
        block.layout.require(Capability::Outcomes)?;
        let item = block.layout.storage("System", "Events")?;
        let bytes = self.value(&block, item.prefix()).await?;
        match bytes {
            Some(bytes) => events::outcomes(&block.layout, &bytes),
            None => Ok(Vec::new()),
        }
    }

    /// Makes a dry run of an answer at a block.
    pub async fn dry_run(
        &self,
        at: H256,
        account: AccountId,
        id: ChallengeId,
        response: &ChallengeResponse,
    ) -> Result<DryRunResult, ChainError> {
        let block = self.block(at).await?;
        block.require_settled()?;
        let runtime = &block.code;
        if runtime.require(Capability::DryRun).is_err() {
            return Ok(DryRunResult::NotOffered);
        }
        let arguments = dry_run::arguments(runtime, account, id, response).map_err(unsupported)?;
        let result = self.node.call(at, dry_run::FUNCTION, arguments).await?;
        Ok(dry_run::verdict(runtime, account, id, &result))
    }

    /// Returns the fee of a submission at a block, without a tip.
    pub async fn fee(
        &self,
        at: H256,
        account: AccountId,
        submission: &Submission,
    ) -> Result<u128, ChainError> {
        let block = self.block(at).await?;
        let runtime = &block.code;
        runtime.require(Capability::Fees)?;
        let context = Context {
            genesis: self.node.genesis().await?,
            nonce: 0,
            birth: (0, at),
            tip: 0,
        };
        // The fee depends on the length of a signature, not on its bytes.
        let unsigned = self.unsigned(runtime, submission, &context)?;
        let signature = MultiSignature::Sr25519([0; 64]);
        let extrinsic = unsigned.with_signature(runtime, account, &signature)?;
        let arguments = extrinsic::fee_arguments(&extrinsic);
        let result = self.node.call(at, funds::FEE_FUNCTION, arguments).await?;
        funds::fee(runtime, &result).map_err(unsupported)
    }

    /// Prepares the extrinsic of a submission.
    pub(crate) fn unsigned(
        &self,
        runtime: &Runtime,
        submission: &Submission,
        context: &Context,
    ) -> Result<Unsigned, ChainError> {
        runtime.features()?;
        if matches!(submission, Submission::Response { .. }) {
            runtime.require(Capability::Answer)?;
        }
        Unsigned::new(runtime, submission, context)
    }
}

impl Block {
    /// Checks that the next block does not change the layout of the state, on which new code
    /// cannot be tried before.
    pub(crate) fn require_settled(&self) -> Result<(), ChainError> {
        match self.is_being_upgraded() {
            false => Ok(()),
            true => Err(ChainError::NoSuchBlock {
                block: hex::encode(self.hash),
                reason: "the next block changes the runtime".to_owned(),
            }),
        }
    }
}

/// Returns the key under which FRAME keeps a constant that may change, as declared by
/// `parameter_types! { pub storage … }`.
fn constant_key(name: &str) -> Vec<u8> {
    twox_128(format!(":{name}:").as_bytes()).to_vec()
}
