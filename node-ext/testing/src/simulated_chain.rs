//! A simulated chain in memory that a test drives block by block.
//!
//! It can fork, lag, lose transactions or include them twice, jump anchor blocks, and be
//! unreachable. It judges as the pallet does ([`pallet`]), and records the result of each
//! challenge on each fork, the number of answers that it received, and each wrong answer
//! that was ever submitted. Nothing happens by itself and nothing waits, so a run is
//! deterministic.
//!
//! ```text
//! SimulatedChain ─► client(account) ─► dyn ChainClient
//!       │ add_block, retract, finalize_to, drop_pool, ..
//!       └ finalized().open, resolved, buckets ..   seen().wrong ..
//! ```

mod agreements;
mod bucket;
mod client;
mod pallet;
mod pool;
mod registry;
mod replicas;
#[cfg(test)]
mod tests;

pub use bucket::MemoryBucket;
pub use client::SimulatedClient;
pub use pallet::{NewChallenge, Pallet, Resolution};
pub(crate) use pool::SubmissionRecord;

use cairn_chain::Head;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::{Limits, Outcome, PayloadFormat};
use cairn_primitives::{H256, HashingProfile, blake2_256};
use codec::Encode;
use parking_lot::Mutex;
use pool::{Call, Pool};
use std::collections::HashMap;
use std::sync::Arc;

/// The default limits of a simulated chain, with deadlines that a test can reach.
pub const LIMITS: Limits = Limits {
    chunk_bytes: 262_144,
    primary_providers: 5,
    challenges_per_deadline: 1_000,
    challenge_period: 40,
    profile: HashingProfile::Plain,
    strict_leaf_binding: false,
    payload: PayloadFormat::V1,
    wrong_answers_slash: true,
    challenge_ids_shift: false,
};

/// The number of blocks behind the finalized one whose state is kept.
const MAX_KEPT_BLOCKS: u32 = 64;

/// The most transactions in a block, in bytes: the limit for normal dispatch of a real
/// chain.
const MAX_BLOCK_BYTES: usize = 3_750_000;

/// The options for making a block.
#[derive(Clone, Copy, Debug)]
pub struct BlockPlan {
    /// The number of anchor blocks that pass.
    pub anchors: u32,
    /// The most submissions that it includes.
    pub max_submissions: usize,
    /// True if each submission is included twice.
    pub include_twice: bool,
}

impl Default for BlockPlan {
    fn default() -> Self {
        Self {
            anchors: 1,
            max_submissions: usize::MAX,
            include_twice: false,
        }
    }
}

struct Block {
    head: Head,
    parent: H256,
    state: Arc<Pallet>,
    /// Transactions in the order of inclusion.
    included: Vec<H256>,
    outcomes: Vec<Outcome>,
}

struct ChainState {
    blocks: HashMap<H256, Block>,
    best: H256,
    finalized: H256,
    pool: Pool,
    blocks_made: u64,
    genesis: H256,
    clients: Vec<Arc<Mutex<client::Connection>>>,
    offers_dry_run: bool,
    is_syncing: bool,
}

/// A simulated chain. Clones share its state.
#[derive(Clone)]
pub struct SimulatedChain {
    inner: Arc<Mutex<ChainState>>,
}

impl SimulatedChain {
    /// Creates a chain whose first block is finalized, at anchor block 1.
    pub fn new(limits: Limits) -> Self {
        let head = Head {
            hash: blake2_256(b"genesis"),
            number: 0,
            anchor: 1,
        };
        let genesis = Block {
            head,
            parent: H256::zero(),
            state: Arc::new(Pallet::new(limits, head.anchor)),
            included: Vec::new(),
            outcomes: Vec::new(),
        };
        let inner = ChainState {
            blocks: HashMap::from([(head.hash, genesis)]),
            best: head.hash,
            finalized: head.hash,
            pool: Pool::default(),
            blocks_made: 0,
            genesis: head.hash,
            clients: Vec::new(),
            offers_dry_run: true,
            is_syncing: false,
        };
        Self {
            inner: Arc::new(Mutex::new(inner)),
        }
    }

    /// Returns the chain with another genesis hash, so that it counts as another chain.
    pub fn with_genesis(self, genesis: H256) -> Self {
        self.inner.lock().genesis = genesis;
        self
    }

    /// Creates a client of the chain for an account.
    pub fn client(&self, account: AccountId) -> Arc<SimulatedClient> {
        let client = SimulatedClient::new(self.inner.clone(), account);
        self.inner.lock().clients.push(client.connection());
        Arc::new(client)
    }

    /// Sets whether the chain offers dry runs of answers. By default it does.
    pub fn set_dry_run_offered(&self, offers: bool) {
        self.inner.lock().offers_dry_run = offers;
    }

    /// Sets whether the node imports old blocks. By default it does not.
    pub fn set_syncing(&self, is_syncing: bool) {
        self.inner.lock().is_syncing = is_syncing;
    }

    /// Changes the state in the next block, as users, sudo and other pallets would. The
    /// change is repeated after a reorganisation.
    pub fn edit(&self, change: impl Fn(&mut Pallet) + Send + Sync + 'static) {
        self.inner
            .lock()
            .pool
            .push_call(Call::Edit(Arc::new(change)));
    }

    /// Challenges a provider in the next block.
    pub fn challenge(&self, ask: NewChallenge) {
        self.inner.lock().pool.push_call(Call::Challenge(ask));
    }

    /// Adds a block with one anchor block and all pending transactions.
    pub fn add_block(&self) -> Head {
        self.add_block_with(BlockPlan::default())
    }

    /// Adds a block with the given plan and returns its head.
    pub fn add_block_with(&self, plan: BlockPlan) -> Head {
        self.inner.lock().add_block(plan)
    }

    /// Adds a block and finalizes it.
    pub fn advance(&self) -> Head {
        let head = self.add_block();
        self.finalize_to(head.number);
        head
    }

    /// Retracts up to `depth` best blocks that are not finalized; their transactions are
    /// pending again. Returns the number of retracted blocks.
    pub fn retract(&self, depth: u32) -> u32 {
        self.inner.lock().retract(depth)
    }

    /// Finalizes the best chain up to a number. Subscribers receive the last head only.
    pub fn finalize_to(&self, number: u32) {
        self.inner.lock().finalize_to(number);
    }

    /// Gives access to the transaction pool.
    pub fn with_pool<T>(&self, with: impl FnOnce(&mut Pool) -> T) -> T {
        with(&mut self.inner.lock().pool)
    }

    /// Returns the best block.
    pub fn best_head(&self) -> Head {
        self.inner.lock().best().head
    }

    /// Returns the last finalized block.
    pub fn finalized_head(&self) -> Head {
        self.inner.lock().finalized().head
    }

    /// Returns the state of the best block.
    pub fn best(&self) -> Arc<Pallet> {
        self.inner.lock().best().state.clone()
    }

    /// Returns the state of the last finalized block.
    pub fn finalized(&self) -> Arc<Pallet> {
        self.inner.lock().finalized().state.clone()
    }

    /// Returns the record of submissions on all forks.
    pub fn submission_record(&self) -> SubmissionRecord {
        self.inner.lock().pool.record.clone()
    }
}

impl ChainState {
    fn best(&self) -> &Block {
        &self.blocks[&self.best]
    }

    fn finalized(&self) -> &Block {
        &self.blocks[&self.finalized]
    }

    fn add_block(&mut self, plan: BlockPlan) -> Head {
        let parent = self.best().head;
        self.blocks_made += 1;
        let number = parent.number + 1;
        let head = Head {
            hash: blake2_256(&(number, self.blocks_made).encode()),
            number,
            anchor: parent.anchor + plan.anchors,
        };
        let mut state = self.best().state.clone();
        let mut outcomes = Arc::make_mut(&mut state).begin_block(head.anchor);
        let included = self
            .pool
            .take_for_block(number, plan.max_submissions, MAX_BLOCK_BYTES);
        for hash in &included {
            let is_twice = plan.include_twice && self.pool.is_submission(hash);
            for _ in 0..=u8::from(is_twice) {
                let state = Arc::make_mut(&mut state);
                outcomes.extend(self.pool.execute(*hash, state));
            }
            self.pool.notify_included(*hash, head.hash);
        }
        let block = Block {
            head,
            parent: parent.hash,
            state,
            included,
            outcomes,
        };
        self.blocks.insert(head.hash, block);
        self.best = head.hash;
        self.pool.expire(number);
        head
    }

    fn retract(&mut self, depth: u32) -> u32 {
        let mut gone = 0;
        while gone < depth && self.best != self.finalized {
            let block = &self.blocks[&self.best];
            let (parent, included) = (block.parent, block.included.clone());
            for hash in included.into_iter().rev() {
                self.pool.reinstate(hash, self.best);
            }
            self.best = parent;
            gone += 1;
        }
        self.pool.now = self.best().head.number;
        gone
    }

    fn finalize_to(&mut self, number: u32) {
        let mut path = vec![];
        let mut at = self.best;
        while at != self.finalized {
            let block = &self.blocks[&at];
            if block.head.number <= number {
                path.push(at);
            }
            at = block.parent;
        }
        for hash in path.iter().rev() {
            for transaction in self.blocks[hash].included.clone() {
                self.pool.notify_finalized(transaction, *hash);
            }
            self.finalized = *hash;
        }
        if path.is_empty() {
            return;
        }
        let head = self.finalized().head;
        let oldest = head.number.saturating_sub(MAX_KEPT_BLOCKS);
        self.blocks.retain(|_, block| block.head.number >= oldest);
        for client in &self.clients {
            client.lock().notify(head);
        }
    }
}
