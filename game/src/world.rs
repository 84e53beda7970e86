//! The state of a game: one provider, its operator, two chains, and the opponent, who is everybody
//! else. Moves are applied here one by one; after each, the provider is checked for a violation.

mod agreements;
mod clients;
mod describe;
mod disk;
mod extrinsics;
mod node;
mod operator;
mod process;
mod root_moves;
mod violations;

use crate::actors::Actor;
use crate::chain::{Chain, FIRST_ANCHOR};
use crate::copies::{BasePathContents, BasePathCopy, MovedBucket};
use crate::face::Periods;
use crate::game_result::{GameResult, Violation};
use crate::moves::{Move, MoveKind, Script};
use crate::node::Activity;
use crate::provider_process::{ProviderProcess, runtime};
use crate::signature_log::SignatureLog;
use crate::variant::Variant;
use agreements::accomplice_terms;
use cairn_primitives::challenge::ChallengeId;
use cairn_primitives::onchain::OpenChallenge;
use cairn_primitives::terms::SignedTerms;
use cairn_primitives::{BucketId, Commitment};
use parking_lot::Mutex;
use root_moves::Reversal;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The challenge period in anchor blocks.
pub(crate) const PERIOD: u32 = 24;
/// The challenge period of the other chain, a development chain.
const OTHER_PERIOD: u32 = 5;
/// The anchor blocks after an agreement's end in which its owner settles it.
const SETTLEMENT: u32 = 10;
/// The most anchor blocks for which terms may be valid.
const REQUEST_TIMEOUT: u32 = 20;
/// The blocks from an alarm to the operator's reaction.
const OPERATOR_DELAY_BLOCKS: u64 = 3;
/// The duration of an anchor block in seconds.
const SECONDS_PER_BLOCK: u64 = 6;
/// The number of blocks by which finality lags.
const FINALITY_LAG: usize = 1;
/// The number of heads within which the provider must report that something the chain holds it to
/// is missing.
const MAX_SILENT_CHECKS: u32 = 4;
/// The maximum number of signatures that are challenged after all moves.
const MAX_FINAL_CHALLENGES: usize = 12;
/// The maximum number of leaves that are checked when a commitment is signed.
const MAX_LEAVES_CHECKED: u64 = 24;

/// An unmounted disk.
struct UnmountedDisk {
    path: PathBuf,
    /// Its bucket; `None` for the whole base path.
    bucket: Option<BucketId>,
    contents: BasePathContents,
    copied_since: Option<u64>,
}

/// The state of a game.
pub(crate) struct World {
    runtime: Runtime,
    root: TempDir,
    base: PathBuf,
    chain: Arc<Mutex<Chain>>,
    other: Arc<Mutex<Chain>>,
    signature_log: Arc<Mutex<SignatureLog>>,
    /// The terms that the provider signed.
    terms: Vec<SignedTerms>,
    /// Changes by root that are taken back.
    reversals: Vec<Reversal>,
    /// The last nonce of the accomplice's terms.
    accomplice_nonce: u64,
    mirror: Arc<Mutex<BTreeMap<BucketId, Commitment>>>,
    activity: Activity,
    process: Option<ProviderProcess>,
    /// Set when the running process is killed.
    is_killed: Arc<AtomicBool>,
    /// The contents of the base path.
    contents: BasePathContents,
    /// The block since which the base path is an unaccepted copy.
    copied_since: Option<u64>,
    backups: Vec<BasePathCopy>,
    moved_buckets: BTreeMap<BucketId, Vec<MovedBucket>>,
    unmounted: Option<UnmountedDisk>,
    /// All challenges that were ever open.
    challenges: BTreeMap<ChallengeId, OpenChallenge>,
    /// The block since which the operator has known an alarm about a bucket.
    alarmed_since: BTreeMap<BucketId, u64>,
    /// The number of heads for which the chain has held us to something missing, without an alarm.
    silent_checks: BTreeMap<BucketId, u32>,
    /// The last head at which alarms were checked.
    last_checked: u32,
    blocks: u64,
    /// The clock: its start, and the seconds that have passed.
    began: Instant,
    elapsed_seconds: Arc<AtomicU64>,
    /// The budget of node faults, in blocks.
    fault_budget: u32,
    content_count: u64,
    path_count: u64,
    log: Vec<String>,
    violation: Option<Violation>,
    is_void: bool,
}

/// Plays a script to its end or until a violation.
pub(crate) fn play(variant: Variant, script: &Script) -> GameResult {
    let mut world = World::new(variant);
    let mut moves = 0;
    for (number, one) in script.0.iter().enumerate() {
        if world.is_over() {
            break;
        }
        world.log.push(format!("{number:>3}  {one}"));
        world.apply(*one);
        moves += 1;
    }
    world.challenge_everything();
    let World {
        log,
        violation,
        blocks,
        challenges,
        is_void,
        signature_log,
        process,
        runtime,
        ..
    } = world;
    if let Some(process) = process {
        process.abort(&runtime);
    }
    let signatures = signature_log.lock().all.len();
    GameResult {
        violation,
        log,
        moves,
        blocks,
        challenges: challenges.len() as u64,
        signatures,
        is_void,
    }
}

/// Creates a folder for a game, in memory if possible.
fn scratch() -> TempDir {
    let builder = |prefix| tempfile::Builder::new().prefix(prefix).to_owned();
    builder("cairn-game-")
        .tempdir_in("/dev/shm")
        .or_else(|_| builder("cairn-game-").tempdir())
        .unwrap()
}

impl World {
    fn new(variant: Variant) -> Self {
        let root = scratch();
        let base = root.path().join("base");
        let periods = |challenge| Periods {
            challenge,
            settlement: SETTLEMENT,
            request: REQUEST_TIMEOUT,
        };
        let mut chain = Chain::new("home", variant, periods(PERIOD));
        for provider in [Actor::Us, Actor::Accomplice, Actor::Admin] {
            chain.register(provider);
        }
        chain.block(1, Vec::new());
        chain.finalize(0);
        let mut other = Chain::new("other", variant, periods(OTHER_PERIOD));
        other.register(Actor::Accomplice);
        for nonce in 1..=4 {
            let call = accomplice_terms(FIRST_ANCHOR, nonce, 60);
            other.call(Actor::Admin, &call);
        }
        other.block(1, Vec::new());
        other.finalize(0);
        let shared = |chain| Arc::new(Mutex::new(chain));
        let mut world = Self {
            runtime: runtime(),
            base,
            root,
            chain: shared(chain),
            other: shared(other),
            signature_log: Arc::default(),
            terms: Vec::new(),
            reversals: Vec::new(),
            accomplice_nonce: 0,
            mirror: Arc::default(),
            activity: Arc::default(),
            process: None,
            is_killed: Arc::default(),
            contents: BasePathContents::default(),
            copied_since: None,
            backups: Vec::new(),
            moved_buckets: BTreeMap::new(),
            unmounted: None,
            challenges: BTreeMap::new(),
            alarmed_since: BTreeMap::new(),
            silent_checks: BTreeMap::new(),
            last_checked: 0,
            blocks: 0,
            began: Instant::now(),
            elapsed_seconds: Arc::default(),
            fault_budget: 6,
            content_count: 0,
            path_count: 0,
            log: Vec::new(),
            violation: None,
            is_void: false,
        };
        // Each game starts with a bucket that has an agreement, of which we are a writer, and with
        // a leaf. Terms are signed once the anchor block has advanced.
        world.start();
        world.block(1);
        world.block(1);
        world.apply(Move::new(MoveKind::CreateOnChain, 0, 3));
        world.block(1);
        world.apply(Move::new(MoveKind::Member, 0, 4));
        world.apply(Move::new(MoveKind::CreateBucket, 0, 0));
        world.block(1);
        world.apply(Move::new(MoveKind::Put, 0, 0));
        world.block(1);
        world
    }

    fn is_over(&self) -> bool {
        self.violation.is_some() || self.is_void
    }

    /// Logs an event.
    fn log_event(&mut self, what: impl Into<String>) {
        // Folder names are all that differs between replays.
        let folder = self.root.path().display().to_string();
        let what = what.into().replace(&folder, "");
        self.log.push(format!("       {what}"));
    }

    fn fail(&mut self, violation: Violation) {
        if self.violation.is_none() && !self.is_void {
            self.log_event(format!("!! {violation}"));
            self.violation = Some(violation);
        }
    }

    /// Returns an unused path.
    fn scratch(&mut self, what: &str) -> PathBuf {
        self.path_count += 1;
        self.root.path().join(format!("{what}-{}", self.path_count))
    }

    /// Returns the on-chain bucket that a number selects.
    fn bucket(&self, number: u8) -> BucketId {
        let buckets = self.chain.lock().bucket_count().max(1);
        // The largest number selects the last one.
        BucketId(if number == u8::MAX {
            buckets - 1
        } else {
            u64::from(number) % buckets
        })
    }

    /// Advances the clock by a number of anchor blocks.
    fn advance_time(&self, blocks: u32) {
        let seconds = u64::from(blocks) * SECONDS_PER_BLOCK;
        self.elapsed_seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Makes a block, lets everybody react, and checks for violations.
    fn block(&mut self, step: u32) {
        self.blocks += 1;
        if self.blocks.is_multiple_of(3) {
            self.fault_budget = (self.fault_budget + 1).min(6);
        }
        self.advance_time(step);
        self.revert_due(false);
        let before = self.front_run();
        let became = self.chain.lock().block(step, before);
        for (submission, result) in became {
            let what = describe::describe_submission(&submission);
            match result {
                Ok(()) => self.log_event(format!("a block includes {what}")),
                Err(error) => {
                    self.log_event(format!("a block includes {what} and refuses it: {error}"))
                }
            }
        }
        {
            let mut chain = self.chain.lock();
            for challenge in chain.open_challenges() {
                self.challenges.insert(challenge.id, challenge);
            }
            chain.finalize(FINALITY_LAG);
        }
        self.run_until_idle();
        self.check();
        self.handle_alarms();
    }

    /// The last move of every game: challenges everything ever signed, in each way that the chain
    /// offers, and lets time pass.
    fn challenge_everything(&mut self) {
        if self.is_over() {
            return;
        }
        self.log
            .push("  -  everything that was signed is challenged".into());
        if self.process.is_none() {
            self.start();
        }
        self.chain.lock().node.delay = 0;
        self.revert_due(true);
        self.block(1);
        let all = self.signature_log.lock().commitments();
        // If there are many, the oldest and the newest ones.
        let places = match all.len() {
            many if many > MAX_FINAL_CHALLENGES => (0..MAX_FINAL_CHALLENGES / 2)
                .chain(many - MAX_FINAL_CHALLENGES / 2..many)
                .collect(),
            few => (0..few).collect::<BTreeSet<_>>(),
        };
        for place in places {
            if self.is_over() {
                return;
            }
            self.challenge_signed(&all[place], 0);
            self.submit_old(&all[place], true);
            self.block(1);
            self.challenge_snapshot(all[place].bucket, 0);
        }
        // Until the last deadline has passed.
        for _ in 0..2 * PERIOD + 4 {
            let is_quiet = self.chain.lock().open_challenges().is_empty();
            if self.is_over() || is_quiet {
                break;
            }
            self.block(1);
        }
        for _ in 0..4 {
            if !self.is_over() {
                self.block(1);
            }
        }
    }

    fn apply(&mut self, one: Move) {
        let Move {
            kind,
            target: a,
            variation: b,
        } = one;
        match kind {
            MoveKind::Put => self.put(a, b),
            MoveKind::PutOffline => self.put_offline(a),
            MoveKind::PutUnsigned => self.put_unsigned(a),
            MoveKind::StrangerAsks => self.stranger_asks(a),
            MoveKind::Prune => self.prune(a, b),
            MoveKind::CreateBucket => self.create_bucket(a, b),
            MoveKind::Import => self.import(a, b),
            MoveKind::Delete => self.delete(a),
            MoveKind::CreateOnChain => self.create_on_chain(a, b),
            MoveKind::Agree => self.agree(a, b),
            MoveKind::AccompliceAgrees => self.accomplice_agrees(a, b),
            MoveKind::RedeemAgain => self.redeem_again(a),
            MoveKind::TopUp => self.top_up(a),
            MoveKind::Collect => self.collect(a),
            MoveKind::EndAgreement => self.end_agreement(a, b),
            MoveKind::Member => self.member(a, b),
            MoveKind::Freeze => self.freeze(a),
            MoveKind::Blocks => self.some_blocks(a, b),
            MoveKind::WaitOut => self.wait_out(a, b),
            MoveKind::SubmitOld => self.submit_some_old(a, b),
            MoveKind::Extend => self.extend(a),
            MoveKind::SubmitWindow => self.submit_window(a),
            MoveKind::RequestSignature => self.request_signature(a, b),
            MoveKind::ChallengeSnapshot => {
                let bucket = self.bucket(a);
                self.challenge_snapshot(bucket, b);
            }
            MoveKind::ChallengeSigned => self.challenge_some(a, b),
            MoveKind::Reorg => self.reorg(a),
            MoveKind::Stall => self.stall(a),
            MoveKind::Lag => self.lag(a),
            MoveKind::FailQuery => self.fail_query(a, b),
            MoveKind::RemoveQuery => self.remove_query(a),
            MoveKind::DelayExtrinsics => self.delay(a),
            MoveKind::DropPool => self.drop_pool(),
            MoveKind::Crash => self.crash(a),
            MoveKind::Restart => self.restart(),
            MoveKind::Backup => self.backup(),
            MoveKind::Restore => self.restore(a),
            MoveKind::RestoreBucket => self.restore_bucket(a, b),
            MoveKind::RestoreIndex => self.restore_index(a),
            MoveKind::UnmountDisk => self.unmount_disk(a, b),
            MoveKind::DamageFile => self.damage(a, b),
            MoveKind::Accept => self.accept(a),
            MoveKind::Repair => self.repair(a),
            MoveKind::SetPeriod => self.set_period(a),
            MoveKind::Jump => self.jump(a),
            MoveKind::DropChallenges => self.drop_challenges(a, b),
            MoveKind::OtherKey => self.other_key(a),
            MoveKind::SpoilRow => self.spoil(a, b),
            MoveKind::Windows => self.windows(a, b),
            MoveKind::OtherChain => self.other_chain(a),
        }
    }
}
