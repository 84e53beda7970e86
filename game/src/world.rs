//! The state of a game: one provider, its operator, two chains, and the opponent, who is everybody
//! else. Moves are applied here one by one; after each, the provider is checked for a violation.

mod clients;
mod disk;
mod extrinsics;
mod node;
mod operator;

use crate::accomplice::Accomplice;
use crate::book::{Book, Key, Signed, key};
use crate::chain::Chain;
use crate::client::{Activity, Client};
use crate::house::{House, runtime};
use crate::images::{Aside, Held, Image};
use crate::moves::{Kind, Move, Script};
use crate::runtime::{STAKE, Who};
use crate::tool;
use crate::verdict::{Played, Violation};
use cairn_bucket::At;
use cairn_chain::Submission;
use cairn_primitives::challenge::{ChallengeId, ChallengeResponse, ChunkLocation, SlashReason};
use cairn_primitives::onchain::{OpenChallenge, Outcome};
use cairn_primitives::{
    BucketId, ChunkIndex, Commitment, HashingProfile, LeafIndex, chain_rule, chunk_tree,
};
use cairn_provider::OnCopy;
use pallet_storage_provider::Rules;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The challenge period in anchor blocks.
pub(crate) const PERIOD: u32 = 24;
/// The challenge period of the other chain, a development chain.
const OTHER_PERIOD: u32 = 5;
/// The blocks from an alarm to the operator's reaction.
const REACTION: u64 = 3;
/// The duration of an anchor block in seconds.
const SECONDS_A_BLOCK: u64 = 6;
/// The number of blocks by which finality lags.
const BEHIND: usize = 1;
/// The number of heads within which the provider must report that something the chain holds it to
/// is missing.
const PATIENCE: u32 = 4;
/// The maximum number of signatures that are challenged after all moves.
const LAST_QUESTIONS: usize = 12;
/// The maximum number of leaves that are checked when a commitment is signed.
const LEAVES_TRIED: u64 = 24;

/// An unmounted disk.
struct Detached {
    path: PathBuf,
    /// Its bucket; `None` for the whole base path.
    bucket: Option<BucketId>,
    held: Held,
    copied: Option<u64>,
}

/// The state of a game.
pub(crate) struct World {
    runtime: Runtime,
    root: TempDir,
    base: PathBuf,
    chain: Arc<Mutex<Chain>>,
    other: Arc<Mutex<Chain>>,
    book: Arc<Mutex<Book>>,
    mirror: Arc<Mutex<BTreeMap<BucketId, Commitment>>>,
    activity: Activity,
    house: Option<House>,
    /// The contents of the base path.
    held: Held,
    /// The block since which the base path is an unaccepted copy.
    copied: Option<u64>,
    backups: Vec<Image>,
    aside: BTreeMap<BucketId, Vec<Aside>>,
    detached: Option<Detached>,
    /// All challenges that were ever open.
    asked: BTreeMap<ChallengeId, OpenChallenge>,
    /// The block since which the operator has known an alarm about a bucket.
    alarmed: BTreeMap<BucketId, u64>,
    /// The number of heads for which the chain has held us to something missing, without an alarm.
    unsaid: BTreeMap<BucketId, u32>,
    /// The last head at which alarms were checked.
    heard: u32,
    blocks: u64,
    /// The clock: its start, and the seconds that have passed.
    began: Instant,
    passed: Arc<AtomicU64>,
    /// The budget of node faults, in blocks.
    trouble: u32,
    contents: u64,
    copies: u64,
    story: Vec<String>,
    violation: Option<Violation>,
    void: bool,
}

/// Plays a script to its end or until a violation.
pub(crate) fn play(script: &Script) -> Played {
    let mut world = World::new();
    let mut moves = 0;
    for (number, one) in script.0.iter().enumerate() {
        if world.is_over() {
            break;
        }
        world.story.push(format!("{number:>3}  {one}"));
        world.make(*one);
        moves += 1;
    }
    world.ask_all();
    let World {
        story,
        violation,
        blocks,
        asked,
        void,
        book,
        house,
        runtime,
        ..
    } = world;
    if let Some(house) = house {
        house.abort(&runtime);
    }
    let signatures = book.lock().all.len();
    Played {
        violation,
        story,
        moves,
        blocks,
        challenges: asked.len() as u64,
        signatures,
        void,
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
    fn new() -> Self {
        let root = scratch();
        let base = root.path().join("base");
        let rules = |challenge_period| Rules {
            challenge_period,
            strict_leaf_binding: false,
            profile: HashingProfile::Plain,
        };
        let mut chain = Chain::new("home", rules(PERIOD));
        chain.register(Who::Us);
        chain.register(Who::Accomplice);
        let mut other = Chain::new("other", rules(OTHER_PERIOD));
        for _ in 0..4 {
            other.call(Who::Stranger, open_call(1, None));
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
            book: Arc::default(),
            mirror: Arc::default(),
            activity: Arc::default(),
            house: None,
            held: Held::default(),
            copied: None,
            backups: Vec::new(),
            aside: BTreeMap::new(),
            detached: None,
            asked: BTreeMap::new(),
            alarmed: BTreeMap::new(),
            unsaid: BTreeMap::new(),
            heard: 0,
            blocks: 0,
            began: Instant::now(),
            passed: Arc::default(),
            trouble: 6,
            contents: 0,
            copies: 0,
            story: Vec::new(),
            violation: None,
            void: false,
        };
        // Each game starts with a bucket that has an agreement and two leaves.
        world.chain.lock().call(Who::Admin, open_call(1, None));
        world.start();
        world.block(1);
        world.make(Move::new(Kind::Keep, 0, 0));
        world.make(Move::new(Kind::Agree, 0, 3));
        world.make(Move::new(Kind::Put, 0, 0));
        world.block(1);
        world
    }

    fn is_over(&self) -> bool {
        self.violation.is_some() || self.void
    }

    /// Logs an event.
    fn tell(&mut self, what: impl Into<String>) {
        // Folder names are all that differs between replays.
        let folder = self.root.path().display().to_string();
        let what = what.into().replace(&folder, "");
        self.story.push(format!("       {what}"));
    }

    fn fail(&mut self, violation: Violation) {
        if self.violation.is_none() && !self.void {
            self.tell(format!("!! {violation}"));
            self.violation = Some(violation);
        }
    }

    /// Returns an unused path.
    fn scratch(&mut self, what: &str) -> PathBuf {
        self.copies += 1;
        self.root.path().join(format!("{what}-{}", self.copies))
    }

    /// Returns the on-chain bucket that a number selects.
    fn bucket(&self, number: u8) -> BucketId {
        let buckets = self.chain.lock().buckets().max(1);
        // The largest number selects the last one.
        BucketId(if number == u8::MAX {
            buckets - 1
        } else {
            u64::from(number) % buckets
        })
    }

    /// Starts the provider on its own chain.
    fn start(&mut self) {
        self.start_on(self.chain.clone(), OnCopy::Refuse);
    }

    fn start_on(&mut self, chain: Arc<Mutex<Chain>>, on_copy: OnCopy) {
        assert!(self.house.is_none(), "the provider runs already");
        let client = Client {
            chain,
            book: self.book.clone(),
            activity: self.activity.clone(),
        };
        let accomplice = || Accomplice {
            book: self.book.clone(),
            mirror: self.mirror.clone(),
        };
        let (began, passed) = (self.began, self.passed.clone());
        let clock = move || began + Duration::from_secs(passed.load(Ordering::Relaxed));
        let clock = Arc::new(clock);
        match House::start(
            &self.runtime,
            &self.base,
            client,
            accomplice(),
            clock,
            on_copy,
        ) {
            Ok(house) => self.house = Some(house),
            Err(error) => self.tell(format!("the provider does not start: {error}")),
        }
        self.settle();
    }

    /// Shuts the provider down, as an operator does.
    fn stop(&mut self) {
        if let Some(house) = self.house.take() {
            house.stop(&self.runtime);
        }
        self.note_signatures();
        self.chain.lock().forget_listeners();
        self.other.lock().forget_listeners();
    }

    /// Runs the provider until it is idle.
    fn settle(&mut self) {
        if let Some(house) = &self.house {
            house.settle(&self.runtime, None);
            if house.has_ended() {
                let what = "the workers have stopped by themselves".into();
                self.fail(Violation::Broken { what });
            }
        }
        self.note_signatures();
        self.look_into_mirror();
    }

    /// Updates what the accomplice knows of the provider's buckets.
    fn look_into_mirror(&mut self) {
        let Some(house) = &self.house else { return };
        let buckets = self.chain.lock().buckets();
        let newest = (0..buckets).map(BucketId).filter_map(|id| {
            let (newest, _) = tool::newest(house, id)?;
            Some((id, newest))
        });
        *self.mirror.lock() = newest.collect();
    }

    /// Advances the clock by a number of anchor blocks.
    fn pass(&self, blocks: u32) {
        let seconds = u64::from(blocks) * SECONDS_A_BLOCK;
        self.passed.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Makes a block, lets everybody react, and checks for violations.
    fn block(&mut self, step: u32) {
        self.blocks += 1;
        if self.blocks.is_multiple_of(3) {
            self.trouble = (self.trouble + 1).min(6);
        }
        self.pass(step);
        let before = self.in_front_of_the_pool();
        let became = self.chain.lock().block(step, before);
        for (submission, result) in became {
            let what = words(&submission);
            match result {
                Ok(()) => self.tell(format!("a block includes {what}")),
                Err(error) => self.tell(format!("a block includes {what} and refuses it: {error}")),
            }
        }
        {
            let mut chain = self.chain.lock();
            for challenge in chain.open() {
                self.asked.insert(challenge.id, challenge);
            }
            chain.finalize(BEHIND);
        }
        self.settle();
        self.look();
        self.react();
    }

    /// Checks for violations.
    fn look(&mut self) {
        let false_submission = self.book.lock().false_submission;
        if let Some(reason) = false_submission {
            self.fail(Violation::FalseSubmission { reason });
        }
        let stake = self.chain.lock().stake();
        if stake.is_some_and(|stake| stake != STAKE) {
            self.slashed();
        }
        self.listen();
    }

    /// Decides whether a lost stake is the provider's fault.
    fn slashed(&mut self) {
        let chain = self.chain.lock();
        let lost = chain
            .slashes()
            .into_iter()
            .find_map(|outcome| match outcome {
                Outcome::Slashed { id, reason, .. } => Some((self.asked.get(&id).copied(), reason)),
                _ => None,
            });
        drop(chain);
        let Some((Some(challenge), reason)) = lost else {
            let what = "the stake is gone without a known challenge".into();
            return self.fail(Violation::Broken { what });
        };
        let promised = (challenge.mmr_root, challenge.start_seq.0);
        // A proof must never be wrong; other answers for destroyed data may be.
        if reason != SlashReason::InvalidProof && !self.exists(challenge.bucket_id, &promised) {
            self.tell("the stake is lost, with data that the operator itself had destroyed");
            self.void = true;
            return;
        }
        let challenge = format!(
            "bucket {}, tree {}, leaf {} of root {:?}",
            challenge.bucket_id,
            challenge.start_seq,
            challenge.location.leaf_index,
            challenge.mmr_root
        );
        self.fail(Violation::StakeLost { reason, challenge });
    }

    /// Returns true if the data of a signed root is in the base path, its newest backup, or a
    /// folder that the operator moved away.
    fn exists(&self, bucket: BucketId, key: &Key) -> bool {
        let in_backup = self.backups.last();
        let aside = self.aside.get(&bucket).into_iter().flatten();
        self.held.holds(bucket, key)
            || in_backup.is_some_and(|image| image.held.holds(bucket, key))
            || self
                .detached
                .as_ref()
                .is_some_and(|away| away.held.holds(bucket, key))
            || aside
                .into_iter()
                .any(|one| !one.shelf.damaged && one.shelf.promises.contains(key))
    }

    /// Checks each new signature: it must not contradict one that the provider can know of, and
    /// must be provable.
    fn note_signatures(&mut self) {
        let new = self.book.lock().take_new();
        for signed in new {
            if self.copied.is_some() {
                let what = format!("{} by an unaccepted copy", words_of(&signed));
                self.fail(Violation::Contradiction { what });
            }
            let before = {
                let book = self.book.lock();
                book.contradiction(&signed, |before| self.knows(before))
                    .cloned()
            };
            self.held.signed(&signed);
            if let Some(before) = before {
                let what = format!("{} and {}", words_of(&before), words_of(&signed));
                self.fail(Violation::Contradiction { what });
            }
            self.try_leaves(&signed);
        }
    }

    /// Returns true if the provider can know that it signed something: from its folder, its index,
    /// or the chain.
    fn knows(&self, signed: &Signed) -> bool {
        let (bucket, key) = (signed.bucket, key(&signed.commitment));
        if let Some(window) = signed.window {
            return self.held.windows.contains(&(bucket, window, key));
        }
        let on_chain = self.chain.lock().bucket_as_told(bucket);
        let is_on_chain = on_chain.is_some_and(|info| {
            let place = info.place_of(&Who::Us.account());
            info.snapshot.is_some_and(|snapshot| {
                snapshot.commitment == signed.commitment
                    && place.is_some_and(|place| snapshot.signed_by(place))
            })
        });
        let noted = self.held.newest.get(&bucket) == Some(&key);
        self.held.holds(bucket, &key) || noted || is_on_chain
    }

    /// Checks that each leaf of a new signature can be answered.
    fn try_leaves(&mut self, signed: &Signed) {
        let shelf = self.held.buckets.get(&signed.bucket);
        if shelf.is_some_and(|shelf| shelf.damaged) {
            return;
        }
        if let Err(why) = self.answers_all(signed.bucket, &signed.commitment) {
            let what = format!("{}: {why}", words_of(signed));
            self.fail(Violation::Unanswerable { what });
        }
    }

    /// Checks that each leaf of a commitment can be answered as the chain requires. Succeeds if no
    /// provider runs.
    fn answers_all(&self, bucket: BucketId, commitment: &Commitment) -> Result<(), String> {
        let Some(house) = &self.house else {
            return Ok(());
        };
        let limits = self.chain.lock().limits();
        let at = At::RootOf {
            root: commitment.mmr_root,
            tree: commitment.start_seq,
        };
        for leaf in 0..commitment.leaf_count.get().min(LEAVES_TRIED) {
            let location = ChunkLocation {
                leaf_index: LeafIndex(leaf),
                chunk_index: ChunkIndex(0),
            };
            let of_leaf = |why: String| format!("leaf {leaf}: {why}");
            let answered = house.provider().answer(bucket, at, location);
            let answer = answered.map_err(|error| of_leaf(error.to_string()))?;
            chain_rule::proof_response(
                limits.profile,
                answer.chunk_data(),
                answer.mmr_proof(),
                answer.chunk_proof(),
                chunk_tree::slot(location.chunk_index, answer.leaf().data_size),
                &commitment.mmr_root,
            )
            .map_err(|refusal| of_leaf(refusal.to_string()))?;
        }
        Ok(())
    }

    /// Checks that the provider raises an alarm if the chain holds it to something missing.
    fn listen(&mut self) {
        let Some(house) = &self.house else { return };
        {
            // The provider cannot know what the node does not report.
            let chain = self.chain.lock();
            let told = chain.told().number;
            if told == self.heard || !chain.node.failing.is_empty() {
                return;
            }
            self.heard = told;
        }
        let buckets = self.chain.lock().buckets();
        let mut silent = None;
        for id in (0..buckets).map(BucketId) {
            let info = self.chain.lock().bucket_as_told(id);
            let snapshot = info.and_then(|info| {
                let place = info.place_of(&Who::Us.account())?;
                info.snapshot.filter(|snapshot| snapshot.signed_by(place))
            });
            let is_here = snapshot.as_ref().is_none_or(|snapshot| {
                let shelf = self.held.buckets.get(&id);
                shelf.is_some_and(|shelf| {
                    shelf.damaged || shelf.promises.contains(&key(&snapshot.commitment))
                })
            });
            if is_here || tool::alarm_about(house, id).is_some() {
                self.unsaid.remove(&id);
                continue;
            }
            let looks = self.unsaid.entry(id).or_default();
            *looks += 1;
            if *looks > PATIENCE {
                silent = snapshot.map(|snapshot| (id, snapshot.commitment));
            }
        }
        if let Some((id, commitment)) = silent {
            // A copy may have leaves that were signed after it was made; then the signature is
            // recorded again from the chain.
            if self.answers_all(id, &commitment).is_ok() {
                let shelf = self.held.buckets.entry(id).or_default();
                shelf.promises.insert(key(&commitment));
                return;
            }
            let what = format!(
                "the snapshot of bucket {id} has our bit, but its {} leaves from {} are not here",
                commitment.leaf_count, commitment.start_seq
            );
            self.fail(Violation::Silence { what });
        }
    }

    /// The last move of every game: challenges everything ever signed, in each way that the chain
    /// offers, and lets time pass.
    fn ask_all(&mut self) {
        if self.is_over() {
            return;
        }
        self.story
            .push("  -  everything that was signed is challenged".into());
        if self.house.is_none() {
            self.start();
        }
        self.chain.lock().node.delay = 0;
        let all = self.book.lock().commitments();
        // If there are many, the oldest and the newest ones.
        let places = match all.len() {
            many if many > LAST_QUESTIONS => (0..LAST_QUESTIONS / 2)
                .chain(many - LAST_QUESTIONS / 2..many)
                .collect(),
            few => (0..few).collect::<BTreeSet<_>>(),
        };
        for place in places {
            if self.is_over() {
                return;
            }
            self.challenge_signed(&all[place], 0);
            self.bring(&all[place], true);
            self.block(1);
            self.challenge_snapshot(all[place].bucket, 0);
        }
        for _ in 0..PERIOD + 4 {
            if self.is_over() {
                return;
            }
            self.block(1);
        }
    }

    fn make(&mut self, one: Move) {
        let Move { kind, a, b } = one;
        match kind {
            Kind::Put => self.put(a, b),
            Kind::PutOffline => self.put_offline(a),
            Kind::PutUnsigned => self.put_unsigned(a),
            Kind::StrangerAsks => self.stranger_asks(a),
            Kind::Prune => self.prune(a, b),
            Kind::Keep => self.keep(a, b),
            Kind::Import => self.import(a, b),
            Kind::Delete => self.delete(a),
            Kind::Open => self.open(a, b),
            Kind::Agree => self.agree(a, b),
            Kind::AgreeToo => self.agree_too(a, b),
            Kind::End => self.end(a, b),
            Kind::Member => self.member(a, b),
            Kind::Freeze => self.freeze(a),
            Kind::Blocks => self.some_blocks(a, b),
            Kind::Outlast => self.outlast(a, b),
            Kind::Bring => self.bring_some(a, b),
            Kind::Extend => self.extend(a),
            Kind::BringWindow => self.bring_window(a),
            Kind::AskSign => self.ask_sign(a, b),
            Kind::ChallengeSnapshot => {
                let bucket = self.bucket(a);
                self.challenge_snapshot(bucket, b);
            }
            Kind::ChallengeSigned => self.challenge_some(a, b),
            Kind::Reorg => self.reorg(a),
            Kind::Stall => self.stall(a),
            Kind::Lag => self.lag(a),
            Kind::Fail => self.fail_to_tell(a, b),
            Kind::Remove => self.remove_part(a),
            Kind::Delay => self.delay(a),
            Kind::DropPool => self.drop_pool(),
            Kind::Crash => self.crash(a),
            Kind::Restart => self.restart(),
            Kind::Backup => self.backup(),
            Kind::Restore => self.restore(a),
            Kind::RestoreBucket => self.restore_bucket(a, b),
            Kind::RestoreIndex => self.restore_index(a),
            Kind::Detach => self.detach(a, b),
            Kind::Damage => self.damage(a, b),
            Kind::Accept => self.accept(a),
            Kind::Repair => self.repair(a),
            Kind::OtherChain => self.other_chain(a),
        }
    }
}

/// Returns a call that creates a bucket, with or without windows.
fn open_call(
    min_providers: u32,
    window: Option<cairn_primitives::onchain::CheckpointWindow>,
) -> pallet_storage_provider::Call<crate::runtime::Chainlet> {
    pallet_storage_provider::Call::create_bucket {
        min_providers,
        window,
    }
}

/// Describes a signature.
fn words_of(signed: &Signed) -> String {
    let Signed {
        bucket,
        commitment,
        window,
        ..
    } = signed;
    let window = window.map_or(String::new(), |window| format!(" for window {window}"));
    format!(
        "bucket {bucket}, {} leaves from {} under {:?}{window}",
        commitment.leaf_count, commitment.start_seq, commitment.mmr_root
    )
}

/// Describes a submission.
fn words(submission: &Submission) -> String {
    match submission {
        Submission::Response { id, response } => {
            let what = match **response {
                ChallengeResponse::Proof { .. } => "a proof",
                ChallengeResponse::Deleted { .. } => "`Deleted`",
                ChallengeResponse::Superseded => "`Superseded`",
            };
            format!("{what} for the challenge due at {}", id.deadline)
        }
        Submission::Checkpoint {
            bucket,
            commitment,
            window,
            ..
        } => {
            let window = window.map_or(String::new(), |window| format!(" in window {window}"));
            format!(
                "our checkpoint of bucket {bucket}, {} leaves from {}{window}",
                commitment.leaf_count, commitment.start_seq
            )
        }
    }
}
