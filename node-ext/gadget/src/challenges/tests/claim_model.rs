//! The choice of an answer, model-checked: from each state that challenger, chain and operator can
//! reach within the last blocks, all steps are explored. The code under test is real, from the
//! prover to the chain's verdict; only the chain and the data are a model.
//!
//! ```text
//! we submit ─► the challenger sees it and moves first ─► a block, or none
//! ```

mod state_view;

use super::harness::{OURS, admin, at, deletion};
use super::scenarios::ID;
use crate::challenges::answer;
use crate::challenges::claim::ClaimTerms;
use crate::challenges::tracker::{AttemptId, Job};
use cairn_bucket::AuthorisedDeletion;
use cairn_chain::Head;
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::OpenChallenge;
use cairn_primitives::{H256, HashingProfile, LeafIndex, Sequence};
use cairn_testing::{LIMITS, MemoryBucket};
use futures::FutureExt;
use sp_core::Pair;
use state_view::StateView;
use std::collections::{HashMap, HashSet, VecDeque};

/// The anchor blocks left at the start, and those within which a claim may be submitted.
const LEFT: u8 = 7;
const CLAIM_WITHIN: u8 = 4;
/// The maximum number of anchor blocks that pass with a block.
const MAX_ANCHOR_STEP: u8 = 3;

/// The availability of the challenged data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Bytes {
    Here,
    /// The operator may restore them.
    Away,
    /// There are none: it is a padding slot.
    Never,
}

/// The state of the last checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Snapshot {
    None,
    /// The challenged commitment.
    Challenged,
    /// Another root, which holds the leaf.
    Covers,
    /// Another root, which does not hold the leaf.
    Short,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Proof,
    Deleted,
    Superseded,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Ending {
    Open,
    Won,
    /// Slashed for this submission.
    Wrong(Kind),
    TimedOut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct State {
    left: u8,
    bytes: Bytes,
    snapshot: Snapshot,
    /// True if the signer of the deletion is an admin.
    signer: bool,
    /// True if there is another admin.
    other: bool,
    pool: Option<Kind>,
    ending: Ending,
}

/// The settings that stay constant.
#[derive(Clone, Copy, Debug)]
struct Setting {
    /// True if anybody holds enough signatures for a checkpoint.
    can_checkpoint: bool,
    has_deletion: bool,
    at_risk: bool,
    judges: bool,
}

/// A bucket with commitments of one, two (challenged) and three leaves, and a signed deletion.
struct Fixture {
    bucket: MemoryBucket,
    deletion: AuthorisedDeletion,
}

impl Fixture {
    fn new() -> Self {
        let mut bucket = MemoryBucket::new(HashingProfile::Plain);
        for leaf in 0..3 {
            bucket.commit(vec![leaf]);
        }
        let deletion = deletion(ID, H256::repeat_byte(5), Sequence(2), &admin());
        Self { bucket, deletion }
    }

    fn challenge(&self) -> OpenChallenge {
        let challenged = self.bucket.commitment_at(2);
        OpenChallenge {
            id: ChallengeId {
                deadline: 100,
                index: 0,
            },
            bucket_id: ID,
            provider: OURS,
            challenger: AccountId([9; 32]),
            mmr_root: challenged.mmr_root,
            start_seq: challenged.start_seq,
            leaf_count: None,
            location: at(1),
            asked_at: 1,
        }
    }
}

/// Judges an answer as the chain does, in terms of the model.
fn is_valid(state: &State, kind: Kind) -> bool {
    match kind {
        Kind::Proof => true,
        Kind::Deleted => state.signer,
        Kind::Superseded => state.snapshot == Snapshot::Covers,
    }
}

fn kind(response: &ChallengeResponse) -> Kind {
    match response {
        ChallengeResponse::Proof { .. } => Kind::Proof,
        ChallengeResponse::Deleted { .. } => Kind::Deleted,
        ChallengeResponse::Superseded => Kind::Superseded,
    }
}

const HEAD: Head = Head {
    hash: H256::repeat_byte(1),
    number: 1,
    anchor: 1,
};

/// Returns what the code submits in a state, if anything.
fn submitted(known: &'static Fixture, world: Setting, state: State) -> Option<Kind> {
    let asked = StateView {
        known,
        world,
        state,
    };
    let challenge = known.challenge();
    let job = Job {
        challenge,
        attempt_id: AttemptId::default(),
        head: HEAD,
        limits: LIMITS,
        is_near: true,
        claim_terms: ClaimTerms {
            in_last_blocks: state.left <= CLAIM_WITHIN,
            accepts_risk: world.at_risk,
        },
    };
    let answered = async {
        let response = answer::choose_response(&asked, &asked, &job).await?;
        answer::judge_on_chain(&asked, &job, &response).await?;
        Ok::<_, crate::challenges::tracker::JobError>(kind(&response))
    };
    answered.now_or_never().unwrap().ok()
}

/// Returns the states after any moves of the challenger and its allies before the next block.
fn challenger_moves(world: Setting, state: State) -> Vec<State> {
    let mut all = vec![state];
    if world.can_checkpoint {
        for snapshot in [Snapshot::Challenged, Snapshot::Covers, Snapshot::Short] {
            all.push(State { snapshot, ..state });
        }
    }
    if state.other {
        // Another admin removes the signer, or adds it again.
        for state in all.clone() {
            all.push(State {
                signer: !state.signer,
                ..state
            });
        }
    }
    all
}

/// Returns the states after the next block: with the pool's content, without it, or with it lost.
fn blocks(state: State, is_fair: bool) -> Vec<State> {
    let anchors = if is_fair { 1..=1 } else { 1..=MAX_ANCHOR_STEP };
    let mut all = Vec::new();
    for passed in anchors {
        // An answer is accepted in the deadline block itself.
        let Some(left) = state.left.checked_sub(passed) else {
            all.push(State {
                left: 0,
                ending: Ending::TimedOut,
                ..state
            });
            continue;
        };
        let later = State { left, ..state };
        match state.pool {
            None => all.push(later),
            Some(kind) => {
                let ending = match is_valid(&state, kind) {
                    true => Ending::Won,
                    false => Ending::Wrong(kind),
                };
                all.push(State {
                    ending,
                    pool: None,
                    ..later
                });
                if !is_fair {
                    all.push(later);
                    all.push(State {
                        pool: None,
                        ..later
                    });
                }
            }
        }
    }
    all
}

struct Model {
    known: &'static Fixture,
    world: Setting,
    submitted: HashMap<State, Option<Kind>>,
}

impl Model {
    fn new(world: Setting) -> Self {
        Self {
            known: Box::leak(Box::new(Fixture::new())),
            world,
            submitted: HashMap::new(),
        }
    }

    /// Submits our answer if none is in the pool.
    fn our_move(&mut self, state: State) -> State {
        if state.pool.is_some() {
            return state;
        }
        let (known, world) = (self.known, self.world);
        let pool = *(self.submitted.entry(state)).or_insert_with(|| submitted(known, world, state));
        State { pool, ..state }
    }

    /// Returns all states after the next block. In a fair one nobody works against us, and nothing
    /// is lost.
    fn next(&mut self, state: State, is_fair: bool) -> Vec<State> {
        if state.ending != Ending::Open {
            return Vec::new();
        }
        let state = self.our_move(state);
        if is_fair {
            return blocks(state, true);
        }
        let mut all = Vec::new();
        for mut moved in challenger_moves(self.world, state) {
            for operator in 0..2 {
                if operator == 1 {
                    moved.bytes = match moved.bytes {
                        Bytes::Here => Bytes::Away,
                        Bytes::Away => Bytes::Here,
                        Bytes::Never => continue,
                    };
                }
                all.extend(blocks(moved, false));
            }
        }
        all
    }

    fn reachable(
        &mut self,
        from: impl IntoIterator<Item = State>,
        is_fair: bool,
    ) -> HashSet<State> {
        let mut waiting: VecDeque<_> = from.into_iter().collect();
        let mut seen: HashSet<_> = waiting.iter().copied().collect();
        while let Some(state) = waiting.pop_front() {
            for next in self.next(state, is_fair) {
                if seen.insert(next) {
                    waiting.push_back(next);
                }
            }
        }
        seen
    }
}

fn settings(at_risk: bool) -> Vec<Setting> {
    let both = [false, true];
    let mut all = Vec::new();
    for can_checkpoint in both {
        for has_deletion in both {
            for judges in both {
                all.push(Setting {
                    can_checkpoint,
                    has_deletion,
                    at_risk,
                    judges,
                });
            }
        }
    }
    all
}

fn start_states(bytes: Bytes) -> Vec<State> {
    let mut all = Vec::new();
    for snapshot in [
        Snapshot::None,
        Snapshot::Challenged,
        Snapshot::Covers,
        Snapshot::Short,
    ] {
        for (signer, other) in [(true, false), (true, true), (false, true)] {
            all.push(State {
                left: LEFT,
                bytes,
                snapshot,
                signer,
                other,
                pool: None,
                ending: Ending::Open,
            });
        }
    }
    all
}

#[test]
fn s8_no_interleaving_makes_an_answer_wrong() {
    let mut states = 0;
    for world in settings(false) {
        let from = [start_states(Bytes::Here), start_states(Bytes::Away)].concat();
        let reached = Model::new(world).reachable(from, false);
        states += reached.len();
        for state in reached {
            assert!(
                !matches!(state.ending, Ending::Wrong(_)),
                "{world:?} {state:?}"
            );
            // Only a proof is submitted before the last blocks.
            let is_proof = state.pool.is_none_or(|kind| kind == Kind::Proof);
            assert!(
                is_proof || state.left <= CLAIM_WITHIN,
                "{world:?} {state:?}"
            );
        }
    }
    assert!(states > 1_000, "{states} states");
}

#[test]
fn s8_the_model_finds_the_losses_of_risky_claims() {
    let mut found = HashSet::new();
    for world in settings(true) {
        let reached = Model::new(world).reachable(start_states(Bytes::Away), false);
        for state in reached {
            if let Ending::Wrong(kind) = state.ending {
                found.insert(kind);
                // Never without the chain's verdict, nor with time left.
                assert!(world.judges && state.left < CLAIM_WITHIN);
            }
        }
    }
    assert_eq!(found, HashSet::from([Kind::Deleted, Kind::Superseded]));
}

#[test]
fn s8_proofs_and_safe_claims_are_submitted() {
    for world in settings(false) {
        let mut model = Model::new(world);
        let from = [start_states(Bytes::Here), start_states(Bytes::Away)].concat();
        let open: Vec<_> = model
            .reachable(from, false)
            .into_iter()
            .filter(|state| state.ending == Ending::Open && state.left > 0)
            .collect();
        for state in open {
            let info = StateView {
                known: model.known,
                world,
                state,
            }
            .info();
            let is_word_safe = world.has_deletion && state.signer && info.members.len() == 1;
            let is_snapshot_safe = state.snapshot == Snapshot::Covers && !world.can_checkpoint;
            let is_claimable = world.judges && (is_word_safe || is_snapshot_safe);
            if state.bytes != Bytes::Here && !is_claimable {
                continue;
            }
            // From here on nobody interferes.
            let ends = model.reachable([state], true);
            let is_won = ends.iter().any(|end| end.ending == Ending::Won);
            assert!(is_won, "{world:?} {state:?}");
        }
    }
}

#[test]
fn s18_an_unprovable_claim_loses_no_more_than_silence() {
    for world in settings(false) {
        let mut model = Model::new(world);
        let reached = model.reachable(start_states(Bytes::Never), false);
        for state in reached {
            match state.ending {
                // Silence would have lost as well: there was no other answer.
                Ending::Wrong(kind) => assert!(kind != Kind::Proof && state.left < CLAIM_WITHIN),
                Ending::Won => assert!(world.judges && state.left < CLAIM_WITHIN),
                Ending::Open | Ending::TimedOut => {}
            }
        }
        // If nobody undoes it, the stake is saved.
        for state in start_states(Bytes::Never) {
            let holds = state.snapshot == Snapshot::Covers || world.has_deletion && state.signer;
            let ends = model.reachable([state], true);
            let is_won = ends.iter().any(|end| end.ending == Ending::Won);
            assert_eq!(is_won, holds && world.judges, "{world:?} {state:?}");
        }
    }
}

#[test]
fn the_model_judges_as_the_chain_does() {
    let known: &'static Fixture = Box::leak(Box::new(Fixture::new()));
    let challenge = known.challenge();
    let sequence = challenge.start_seq.checked_add(LeafIndex(1)).unwrap();
    for state in start_states(Bytes::Away) {
        let world = settings(false)[0];
        let asked = StateView {
            known,
            world,
            state,
        };
        let info = asked.info();
        let supersedes = info.supersedes(&challenge.mmr_root, sequence);
        assert_eq!(supersedes, is_valid(&state, Kind::Superseded));
        let admin = AccountId(admin().public().0);
        assert_eq!(info.is_admin(&admin), is_valid(&state, Kind::Deleted));
    }
}
