//! A chain whose blocks the game makes: a pool, a best block, a finalized block, and a node that
//! reports them, late or never.

use crate::actors::{Actor, STAKE};
use crate::calls::Call;
use crate::face::{Periods, Rows, Slash, over_copy};
use crate::root::RootAction;
use crate::variant::Variant;
use cairn_chain::{ExtrinsicStatus, Head, Submission, SubmittedExtrinsic};
use cairn_primitives::challenge::{AccountId, ChallengeId, SlashReason};
use cairn_primitives::onchain::OpenChallenge;
use cairn_primitives::{H256, blake2_256};
use codec::Encode;
use futures::StreamExt;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::stream::BoxStream;
use sp_core::storage::Storage;
use sp_crypto_hashing::twox_128;
use sp_state_machine::BasicExternalities;

/// The anchor block of each chain's first block.
pub(crate) const FIRST_ANCHOR: u32 = 1_000;
/// The most anchor blocks that a signed nonce may be behind, where there are nonces.
const MAX_NONCE_AGE: u32 = 60;

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
    slashes: Vec<Slash>,
    /// The provider's extrinsics that it includes.
    included: Vec<usize>,
}

/// A call or a change by root, of an account.
#[derive(Clone)]
enum Action {
    Call(AccountId, Vec<u8>),
    Root(RootAction),
}

/// An extrinsic of the provider.
struct Extrinsic {
    submission: Submission,
    call: Vec<u8>,
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
    pub(crate) variant: Variant,
    blocks: Vec<Block>,
    finalized: usize,
    reported: usize,
    extrinsics: Vec<Extrinsic>,
    listeners: Vec<UnboundedSender<Head>>,
    pub(crate) node: Node,
    /// Everybody else's calls for the next block.
    queued: Vec<Action>,
    forks: u32,
}

impl Chain {
    pub(crate) fn new(name: &'static str, variant: Variant, periods: Periods) -> Self {
        let mut chain = Self {
            name,
            variant,
            blocks: Vec::new(),
            finalized: 0,
            reported: 0,
            extrinsics: Vec::new(),
            listeners: Vec::new(),
            node: Node::default(),
            queued: Vec::new(),
            forks: 0,
        };
        let mut storage = variant.face().genesis(FIRST_ANCHOR, periods);
        let number = chain.first_number();
        let mut set = |key: Vec<u8>, value: Vec<u8>| storage.top.insert(key, value);
        set(
            [twox_128(b"System"), twox_128(b"Number")].concat(),
            number.encode(),
        );
        set(twox_128(b":MaxNonceAge:").to_vec(), MAX_NONCE_AGE.encode());
        chain.push(FIRST_ANCHOR, storage, Vec::new(), Vec::new());
        chain
    }

    /// Returns the number of the first block: its anchor block, where the chain counts in its own
    /// blocks.
    fn first_number(&self) -> u32 {
        match self.variant.is_deployed() {
            true => FIRST_ANCHOR,
            false => 0,
        }
    }

    /// Registers a provider in the next block.
    pub(crate) fn register(&mut self, who: Actor) {
        let call = Call::RegisterProvider {
            public_key: who.account().0,
            stake: STAKE,
        };
        self.call(who, &call);
    }

    /// Queues a call for the next block.
    pub(crate) fn call(&mut self, who: Actor, call: &Call) {
        let call = call.encode(self.variant);
        self.queued.push(Action::Call(who.account(), call));
    }

    /// Queues a change by root for the next block.
    pub(crate) fn root(&mut self, action: RootAction) {
        self.queued.push(Action::Root(action));
    }

    fn push(&mut self, anchor: u32, storage: Storage, slashes: Vec<Slash>, included: Vec<usize>) {
        let number = self.first_number() + u32::try_from(self.blocks.len()).unwrap();
        let hash = blake2_256(&(self.name, number, self.forks).encode());
        let head = Head {
            hash,
            number,
            anchor,
        };
        self.blocks.push(Block {
            head,
            storage,
            slashes,
            included,
        });
    }

    /// Makes a block, `step` anchor blocks after its parent, from the queue: first the calls in
    /// `before`, which pay most, then the provider's, then all others. Returns the results of the
    /// provider's.
    pub(crate) fn block(
        &mut self,
        step: u32,
        before: Vec<(Actor, Call)>,
    ) -> Vec<(Submission, Result<(), String>)> {
        let parent = self.blocks.last().unwrap();
        let step = match self.variant.is_deployed() {
            true => 1,
            false => step,
        };
        let (number, anchor) = (parent.head.number + 1, parent.head.anchor + step);
        let mut storage = parent.storage.clone();
        let mut actions: Vec<_> = before
            .into_iter()
            .map(|(who, call)| Action::Call(who.account(), call.encode(self.variant)))
            .collect();
        let first = actions.len();
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
        included.sort_by_key(|index| self.extrinsics[*index].call.clone());
        for index in &included {
            let call = self.extrinsics[*index].call.clone();
            actions.push(Action::Call(Actor::Us.account(), call));
        }
        actions.append(&mut self.queued);
        let (results, slashes) = execute(self.variant, &mut storage, number, anchor, actions);
        self.push(anchor, storage, slashes, included.clone());
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

    fn at(&self, hash: H256) -> Option<&Block> {
        self.blocks.iter().rfind(|block| block.head.hash == hash)
    }

    /// Returns the state after a block; `None` if the block does not exist.
    pub(crate) fn storage_at(&self, hash: H256) -> Option<&Storage> {
        self.at(hash).map(|block| &block.storage)
    }

    /// Returns a block's head and its parent's hash.
    pub(crate) fn header_at(&self, hash: H256) -> Option<(Head, H256)> {
        let place = self
            .blocks
            .iter()
            .rposition(|block| block.head.hash == hash)?;
        let parent = place
            .checked_sub(1)
            .map(|parent| self.blocks[parent].head.hash);
        Some((self.blocks[place].head, parent.unwrap_or_default()))
    }

    /// Returns the last finalized block's hash.
    pub(crate) fn finalized(&self) -> H256 {
        self.blocks[self.finalized].head.hash
    }

    fn rows_of<'s>(&self, block: &'s Block) -> Rows<'s> {
        Rows {
            variant: self.variant,
            storage: &block.storage,
        }
    }

    /// Returns the rows of the best block.
    pub(crate) fn rows(&self) -> Rows<'_> {
        self.rows_of(self.blocks.last().unwrap())
    }

    /// Returns the rows of the last head that the node has reported.
    pub(crate) fn reported_rows(&self) -> Rows<'_> {
        self.rows_of(&self.blocks[self.reported])
    }

    /// Returns a value of the best block's state.
    pub(crate) fn raw(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.blocks.last()?.storage.top.get(key).cloned()
    }

    /// Returns the provider's stake at the last finalized block.
    pub(crate) fn stake(&self) -> Option<u128> {
        let rows = self.rows_of(&self.blocks[self.finalized]);
        rows.stake(&Actor::Us.account())
    }

    /// Returns all slashes of the provider up to the last finalized block.
    pub(crate) fn slashes(&self) -> Vec<Slash> {
        let slashes = self.blocks[..=self.finalized].iter();
        let slashes = slashes.flat_map(|block| block.slashes.iter().copied());
        slashes
            .filter(|slash| slash.provider == Actor::Us.account())
            .collect()
    }

    pub(crate) fn open_challenges(&self) -> Vec<OpenChallenge> {
        self.rows().open_challenges(&Actor::Us.account())
    }

    pub(crate) fn bucket_count(&self) -> u64 {
        self.rows().bucket_count()
    }

    /// Verifies an answer of the provider in the best block's state.
    pub(crate) fn verify_answer(&self, id: ChallengeId, call: &[u8]) -> Verification {
        let face = self.variant.face();
        over_copy(&self.blocks.last().unwrap().storage, || {
            let before = face.slashes().len();
            let done = face.dispatch(&Actor::Us.account(), call);
            let slashes = face.slashes();
            let slashed = slashes[before..].iter().find(|slash| slash.id == id);
            match (slashed, done) {
                (Some(slash), _) => Verification::Slashed(slash.reason),
                (None, Err(error)) => Verification::Refused(error),
                (None, Ok(())) => Verification::Accepted,
            }
        })
    }

    /// Adds an extrinsic of the provider to the pool.
    pub(crate) fn submit(&mut self, submission: Submission, call: Vec<u8>) -> SubmittedExtrinsic {
        let hash = blake2_256(&(self.name, "extrinsic", self.extrinsics.len() as u64).encode());
        let (watcher, progress) = unbounded();
        self.extrinsics.push(Extrinsic {
            submission,
            call,
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

/// The chain's verification of an answer.
pub(crate) enum Verification {
    Accepted,
    Slashed(Option<SlashReason>),
    Refused(String),
}

/// Executes a block over its parent's storage. Returns the results of its actions, and the slashes.
fn execute(
    variant: Variant,
    storage: &mut Storage,
    number: u32,
    anchor: u32,
    actions: Vec<Action>,
) -> (Vec<Result<(), String>>, Vec<Slash>) {
    let face = variant.face();
    BasicExternalities::execute_with_storage(storage, || {
        face.begin(number, anchor);
        let results = actions.iter().map(|action| match action {
            Action::Call(who, call) => face.dispatch(who, call),
            Action::Root(action) => {
                action.execute(variant);
                Ok(())
            }
        });
        let results = results.collect();
        face.finish(number);
        (results, face.slashes())
    })
}
