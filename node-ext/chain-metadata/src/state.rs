//! A chain's state, asked in the terms of a provider. Every question is answered from one
//! block's state.

mod agreements;
mod anchor;
mod buckets;
mod challenges;
mod registration;

use crate::blocks::{Block, Blocks};
use crate::calls::account as account_value;
use crate::capability::Capability;
use crate::dry_run;
use crate::events;
use crate::extrinsic::{self, Context, Unsigned};
use crate::features::{ChallengeLayout, LeafBinding, Payload};
use crate::funds;
use crate::node::{NodeState, late};
use crate::rows;
use crate::runtime::{Runtime, unsupported};
use crate::storage::StorageItem;
use crate::terms;
use crate::value::{Mismatch, Value};
use cairn_chain::{ChainError, DryRunResult, Funds, Head, Submission};
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse, MultiSignature};
use cairn_primitives::onchain::{Limits, Outcome, PayloadFormat, ProviderInfo, TermsRules};
use cairn_primitives::{H256, HashingProfile};
use challenges::CountRecord;
use parking_lot::Mutex;
use sp_crypto_hashing::twox_128;
use std::time::Duration;

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
    /// The timeout of a request to the node, in questions that take many of them; `None` for
    /// none.
    pub(crate) request_timeout: Option<Duration>,
    /// The experience with the chain's count of challenges against an account.
    count_record: Mutex<Option<CountRecord>>,
}

impl<S: NodeState> ChainState<S> {
    /// Creates a reader of a node's state.
    pub fn new(node: S, hashing: HashingProfile) -> Self {
        Self {
            node,
            blocks: Blocks::default(),
            hashing,
            request_timeout: None,
            count_record: Mutex::new(None),
        }
    }

    /// Returns the node.
    pub fn node(&self) -> &S {
        &self.node
    }

    pub(crate) async fn block(&self, at: H256) -> Result<Block, ChainError> {
        self.within(self.blocks.at(&self.node, at)).await
    }

    /// Waits for a request to the node no longer than the timeout of one.
    pub(crate) async fn within<T, F>(&self, request: F) -> Result<T, ChainError>
    where
        F: Future<Output = Result<T, ChainError>>,
    {
        let Some(timeout) = self.request_timeout else {
            return request.await;
        };
        match tokio::time::timeout(timeout, request).await {
            Ok(done) => done,
            Err(_) => Err(late(timeout)),
        }
    }

    /// Returns a block's number and anchor block.
    pub async fn head(&self, hash: H256) -> Result<Head, ChainError> {
        let header = self.node.header(hash).await?;
        let block = self.block(hash).await?;
        let anchor = self.anchor(&block).await?;
        Ok(Head {
            hash,
            number: header.number,
            anchor: anchor.block,
        })
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
        let values = self.within(self.node.values(block.hash, keys)).await?;
        match values.len() == count {
            true => Ok(values),
            false => Err(ChainError::Unreachable(format!(
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
            return Err(ChainError::Unreachable(format!(
                "{} has more than {MAX_KEYS} rows",
                item.name()
            )));
        }
        let prefix = item.prefix();
        let page = self
            .node
            .keys(block.hash, prefix.clone(), after.clone(), PAGE);
        let page = self.within(page).await?;
        let mut last = after.as_ref();
        for key in &page {
            if !key.starts_with(&prefix) || last.is_some_and(|last| last >= key) {
                return Err(ChainError::Unreachable(
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

    /// Reads the challenge period of a block, in anchor blocks; 0 if the runtime has it in another
    /// form. Only estimates and the clock depend on it here.
    async fn challenge_period(&self, block: &Block) -> Result<u32, ChainError> {
        match self.constant(block, "ChallengeTimeout").await {
            Err(error) if error.is_transient() => Err(error),
            period => Ok(period.unwrap_or(0)),
        }
    }

    /// Returns the chain's limits. The payload is unknown, so that nothing is signed, where a
    /// challenge of what is signed could not be answered.
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
        let is_undecided = self.undecided(&block).await?.is_some();
        let keys = NAMES.iter().map(|name| constant_key(name)).collect();
        let in_state = self.values(&block, keys).await?;
        let constant = |place: usize| {
            let name = NAMES.get(place).copied().unwrap_or_default();
            let bytes = in_state.get(place).and_then(|bytes| bytes.as_deref());
            layout.constant_at(name, bytes)
        };
        let can_sign = layout.is_answerable() && block.code.is_answerable() && !is_undecided;
        let payload = match (can_sign, features.payload) {
            (true, Payload::V1) => PayloadFormat::V1,
            (true, Payload::V2) => PayloadFormat::V2 {
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
        if self.undecided(&block).await?.is_some() {
            return Err(ChainError::Unsupported(
                "the pallet does not tell in which blocks terms would expire".to_owned(),
            ));
        }
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
