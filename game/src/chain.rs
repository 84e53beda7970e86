//! A chain whose blocks the game makes: a pool, a best block, a finalized block, and a node that
//! reports them, late or never.

use crate::runtime::{
    Actor, Chainlet, RuntimeCall, STAKE, StorageProvider, execute, genesis, read_storage,
};
use cairn_chain::{ExtrinsicStatus, Head, Submission, SubmittedExtrinsic};
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::{
    BucketInfo, Limits, MultiSigner, OpenChallenge, Outcome, ProviderInfo, ResponseRefusal,
};
use cairn_primitives::{BucketId, H256, blake2_256};
use codec::Encode;
use futures::StreamExt;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::stream::BoxStream;
use pallet_storage_provider::{Call, Pallet, Rules};
use sp_core::storage::Storage;
use sp_runtime::AccountId32;

/// The anchor block of each chain's first block.
pub(crate) const FIRST_ANCHOR: u32 = 1_000;

/// A query that the runtime may lack, or the node fail to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Query {
    Provider,
    Outcomes,
    Judge,
    Bucket,
    Buckets,
    OpenChallenges,
    Limits,
    Submit,
}

/// A block and the state after it.
struct Block {
    head: Head,
    storage: Storage,
    outcomes: Vec<Outcome>,
    /// The provider's extrinsics that it includes.
    included: Vec<usize>,
}

/// An extrinsic of the provider.
struct Extrinsic {
    submission: Submission,
    call: RuntimeCall,
    /// The number of blocks before it is included.
    delay: u32,
    block: Option<u32>,
    is_final: bool,
    watcher: UnboundedSender<ExtrinsicStatus>,
}

/// The node's behaviour.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    /// The queries that the runtime no longer offers.
    pub(crate) unsupported: Vec<Query>,
    /// The queries that fail, and for how many more blocks.
    pub(crate) failing: Vec<(Query, u32)>,
    /// For how many more blocks it reports no head.
    pub(crate) lag_blocks: u32,
    /// For how many more blocks nothing is finalized.
    pub(crate) stall_blocks: u32,
    /// The number of blocks that further extrinsics wait for.
    pub(crate) delay: u32,
}

/// A chain.
pub(crate) struct Chain {
    name: &'static str,
    blocks: Vec<Block>,
    finalized: usize,
    reported: usize,
    extrinsics: Vec<Extrinsic>,
    listeners: Vec<UnboundedSender<Head>>,
    pub(crate) node: Node,
    /// Everybody else's calls for the next block.
    queued: Vec<(AccountId32, RuntimeCall)>,
    forks: u32,
}

impl Chain {
    pub(crate) fn new(name: &'static str, rules: Rules) -> Self {
        let mut chain = Self {
            name,
            blocks: Vec::new(),
            finalized: 0,
            reported: 0,
            extrinsics: Vec::new(),
            listeners: Vec::new(),
            node: Node::default(),
            queued: Vec::new(),
            forks: 0,
        };
        let storage = genesis(rules, FIRST_ANCHOR);
        chain.push(FIRST_ANCHOR, storage, Vec::new(), Vec::new());
        chain
    }

    /// Registers a provider in the next block.
    pub(crate) fn register(&mut self, who: Actor) {
        let call = Call::register_provider {
            key: MultiSigner::Sr25519(who.account().0),
            endpoint: b"ws://localhost:1".to_vec(),
            stake: STAKE,
        };
        self.call(who, call);
    }

    /// Queues a call for the next block.
    pub(crate) fn call(&mut self, who: Actor, call: Call<Chainlet>) {
        self.queued
            .push((who.id(), RuntimeCall::StorageProvider(call)));
    }

    fn push(
        &mut self,
        anchor: u32,
        storage: Storage,
        outcomes: Vec<Outcome>,
        included: Vec<usize>,
    ) {
        let number = u32::try_from(self.blocks.len()).unwrap();
        let hash = blake2_256(&(self.name, number, self.forks).encode());
        let head = Head {
            hash,
            number,
            anchor,
        };
        self.blocks.push(Block {
            head,
            storage,
            outcomes,
            included,
        });
    }

    /// Makes a block, `step` anchor blocks after its parent, from the queue: first the calls in
    /// `before`, which pay most, then the provider's, then all others. Returns the results of the
    /// provider's.
    pub(crate) fn block(
        &mut self,
        step: u32,
        before: Vec<(Actor, Call<Chainlet>)>,
    ) -> Vec<(Submission, Result<(), String>)> {
        let parent = self.blocks.last().unwrap();
        let (number, anchor) = (parent.head.number + 1, parent.head.anchor + step);
        let mut storage = parent.storage.clone();
        let mut calls: Vec<_> = before
            .into_iter()
            .map(|(who, call)| (who.id(), RuntimeCall::StorageProvider(call)))
            .collect();
        let first = calls.len();
        let mut included = Vec::new();
        for (index, extrinsic) in self.extrinsics.iter_mut().enumerate() {
            if extrinsic.block.is_some() {
                continue;
            }
            if extrinsic.delay > 0 {
                extrinsic.delay -= 1;
                continue;
            }
            included.push(index);
        }
        // The workers run concurrently, so their order is arbitrary.
        included.sort_by_key(|index| self.extrinsics[*index].call.encode());
        for index in &included {
            calls.push((Actor::Us.id(), self.extrinsics[*index].call.clone()));
        }
        calls.append(&mut self.queued);
        let (results, events) = execute(&mut storage, number, anchor, calls);
        let outcomes = events.iter().filter_map(Pallet::outcome_of).collect();
        self.push(anchor, storage, outcomes, included.clone());
        let hash = self.best().hash;
        let mut became = Vec::new();
        for (index, result) in included.into_iter().zip(&results[first..]) {
            let extrinsic = &mut self.extrinsics[index];
            extrinsic.block = Some(number);
            let _ = extrinsic
                .watcher
                .unbounded_send(ExtrinsicStatus::InBlock(hash));
            became.push((extrinsic.submission.clone(), result.clone()));
        }
        for (_, left) in &mut self.node.failing {
            *left = left.saturating_sub(1);
        }
        self.node.failing.retain(|(_, left)| *left > 0);
        became
    }

    /// Finalizes all but the last `behind` blocks and reports it, unless the node stalls or lags.
    pub(crate) fn finalize(&mut self, behind: usize) {
        if self.node.stall_blocks > 0 {
            self.node.stall_blocks -= 1;
        } else {
            let to = (self.blocks.len() - 1).saturating_sub(behind);
            while self.finalized < to {
                self.finalized += 1;
                let block = &self.blocks[self.finalized];
                for index in &block.included {
                    let extrinsic = &mut self.extrinsics[*index];
                    extrinsic.is_final = true;
                    let progress = ExtrinsicStatus::Finalized(block.head.hash);
                    let _ = extrinsic.watcher.unbounded_send(progress);
                }
            }
        }
        if self.node.lag_blocks > 0 {
            self.node.lag_blocks -= 1;
        } else if self.reported < self.finalized {
            self.reported = self.finalized;
            let head = self.reported_head();
            self.listeners
                .retain(|listener| listener.unbounded_send(head).is_ok());
        }
    }

    /// Retracts the last blocks, at most `depth`, sparing final ones. The provider's extrinsics
    /// in them wait again; those of others are gone.
    pub(crate) fn reorg(&mut self, depth: usize) -> usize {
        let depth = depth.min(self.blocks.len() - 1 - self.finalized);
        for _ in 0..depth {
            let block = self.blocks.pop().unwrap();
            self.forks += 1;
            for index in block.included {
                let extrinsic = &mut self.extrinsics[index];
                extrinsic.block = None;
                let progress = ExtrinsicStatus::Retracted(block.head.hash);
                let _ = extrinsic.watcher.unbounded_send(progress);
            }
        }
        depth
    }

    /// Drops all of the provider's extrinsics that are in no block.
    pub(crate) fn drop_pool(&mut self) -> usize {
        let before = self.extrinsics.len();
        // Indices serve as names, so removed ones are only marked as done.
        for extrinsic in &mut self.extrinsics {
            if extrinsic.block.is_none() {
                let reason = ExtrinsicStatus::Dropped("dropped".into());
                let _ = extrinsic.watcher.unbounded_send(reason);
                extrinsic.block = Some(u32::MAX);
                extrinsic.is_final = true;
            }
        }
        before
    }

    /// Returns the provider's extrinsics in the pool, visible to all.
    pub(crate) fn pool(&self) -> impl Iterator<Item = &Submission> {
        let waiting = self.extrinsics.iter().filter(|one| one.block.is_none());
        waiting.map(|one| &one.submission)
    }

    /// Drops all subscriptions: the provider's process has ended.
    pub(crate) fn drop_subscriptions(&mut self) {
        self.listeners.clear();
    }

    pub(crate) fn best(&self) -> Head {
        self.blocks.last().unwrap().head
    }

    /// Returns the last finalized head that the node has reported.
    pub(crate) fn reported_head(&self) -> Head {
        self.blocks[self.reported].head
    }

    pub(crate) fn genesis(&self) -> H256 {
        self.blocks[0].head.hash
    }

    pub(crate) fn heads(&mut self) -> BoxStream<'static, Head> {
        let (sender, heads) = unbounded();
        let _ = sender.unbounded_send(self.reported_head());
        self.listeners.push(sender);
        heads.boxed()
    }

    fn read_best<R>(&self, read: impl FnOnce() -> R) -> R {
        read_storage(&self.blocks.last().unwrap().storage, read)
    }

    /// Reads the state after a block; `None` if the block does not exist.
    pub(crate) fn read_at<R>(&self, hash: H256, read: impl FnOnce() -> R) -> Option<R> {
        let block = self.blocks.iter().rfind(|block| block.head.hash == hash)?;
        Some(read_storage(&block.storage, read))
    }

    pub(crate) fn outcomes(&self, hash: H256) -> Option<Vec<Outcome>> {
        let block = self.blocks.iter().rfind(|block| block.head.hash == hash)?;
        Some(block.outcomes.clone())
    }

    /// Returns all slashes of the provider up to the last finalized block.
    pub(crate) fn slashes(&self) -> Vec<Outcome> {
        let outcomes = self.blocks[..=self.finalized].iter();
        let outcomes = outcomes.flat_map(|block| block.outcomes.iter().copied());
        outcomes
            .filter(|outcome| matches!(outcome, Outcome::Slashed { provider, .. } if *provider == Actor::Us.account()))
            .collect()
    }

    /// Returns the provider's stake at the last finalized block.
    pub(crate) fn stake(&self) -> Option<u128> {
        let provider = read_storage(&self.blocks[self.finalized].storage, || {
            StorageProvider::provider_info(Actor::Us.account())
        });
        provider.map(|provider: ProviderInfo| provider.stake)
    }

    pub(crate) fn bucket(&self, bucket: BucketId) -> Option<BucketInfo> {
        self.read_best(|| StorageProvider::bucket_info(bucket))
    }

    /// Returns a bucket at the last head that the node has reported.
    pub(crate) fn reported_bucket(&self, bucket: BucketId) -> Option<BucketInfo> {
        read_storage(&self.blocks[self.reported].storage, || {
            StorageProvider::bucket_info(bucket)
        })
    }

    pub(crate) fn open_challenges(&self) -> Vec<OpenChallenge> {
        self.read_best(|| StorageProvider::open_challenges(Actor::Us.account()))
    }

    pub(crate) fn limits(&self) -> Limits {
        self.read_best(StorageProvider::limits)
    }

    pub(crate) fn bucket_count(&self) -> u64 {
        self.read_best(pallet_storage_provider::NextBucket::<Chainlet>::get)
    }

    /// Judges an answer in the best block's state.
    pub(crate) fn judge(
        &self,
        account: AccountId,
        id: ChallengeId,
        response: &ChallengeResponse,
    ) -> Result<(), ResponseRefusal> {
        self.read_best(|| StorageProvider::judge_response(account, id, response))
    }

    pub(crate) fn submit(&mut self, submission: Submission) -> SubmittedExtrinsic {
        let call = match submission.clone() {
            Submission::Response { id, response } => Call::respond_to_challenge {
                id,
                response: *response,
            },
            Submission::Checkpoint {
                bucket,
                commitment,
                window: None,
                signatures,
            } => Call::checkpoint {
                bucket,
                commitment,
                signatures,
            },
            Submission::Checkpoint {
                bucket,
                commitment,
                window: Some(window),
                signatures,
            } => Call::provider_checkpoint {
                bucket,
                commitment,
                window,
                signatures,
            },
        };
        let hash = blake2_256(&(self.name, "extrinsic", self.extrinsics.len() as u64).encode());
        let (watcher, progress) = unbounded();
        self.extrinsics.push(Extrinsic {
            submission,
            call: RuntimeCall::StorageProvider(call),
            delay: self.node.delay,
            block: None,
            is_final: false,
            watcher,
        });
        SubmittedExtrinsic {
            hash,
            statuses: progress.boxed(),
        }
    }
}
