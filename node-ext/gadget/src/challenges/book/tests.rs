//! The tracker against a naive model: after any sequence of events it starts the same jobs as a
//! plain list of the open challenges, sorted by deadline.

use super::fate::MOST_PASSING;
use super::*;
use crate::challenges::config::ChallengeConfig;
use cairn_chain::Progress;
use cairn_primitives::challenge::{ChunkLocation, SlashReason};
use cairn_primitives::{BucketId, ChunkIndex, H256, LeafIndex, Sequence};
use cairn_testing::LIMITS;
use proptest::prelude::*;

const OURS: AccountId = AccountId([1; 32]);
/// Bytes that are reserved for an answer in the making.
const ONE: usize = 262_144 + BYTES_BESIDE_CHUNK;

fn id(deadline: u32, index: u16) -> ChallengeId {
    ChallengeId { deadline, index }
}

fn challenge(id: ChallengeId) -> OpenChallenge {
    OpenChallenge {
        id,
        bucket_id: BucketId(7),
        provider: OURS,
        challenger: AccountId([2; 32]),
        mmr_root: H256::repeat_byte(3),
        start_seq: Sequence(0),
        leaf_count: None,
        location: ChunkLocation {
            leaf_index: LeafIndex(0),
            chunk_index: ChunkIndex(0),
        },
        asked_at: 0,
    }
}

fn scan(anchor: u32, open: impl IntoIterator<Item = ChallengeId>) -> Scan {
    Scan {
        head: Head {
            hash: H256::from_low_u64_be(anchor.into()),
            number: anchor,
            anchor,
        },
        best_anchor: anchor,
        limits: LIMITS,
        open: open.into_iter().map(challenge).collect(),
        lost: Some(0),
        outcomes: vec![],
    }
}

fn book(in_flight: usize) -> Book {
    let config = ChallengeConfig {
        in_flight,
        ..ChallengeConfig::default()
    };
    let mut book = Book::new(config.validate().unwrap(), OURS, vec![]);
    book.connected(true);
    book
}

fn only(jobs: &[Job]) -> Turn {
    assert_eq!(jobs.len(), 1);
    jobs[0].turn
}

#[test]
fn nothing_is_begun_before_a_scan_nor_while_the_chain_is_not_reached() {
    let mut book = book(4);
    assert_eq!(book.jobs(), []);
    book.connected(false);
    book.scanned(scan(1, [id(20, 0)]));
    assert_eq!(book.jobs(), []);
    book.connected(true);
    only(&book.jobs());
    assert_eq!(book.jobs(), [], "it is being worked on");
}

#[test]
fn challenges_of_others_are_nobodys_business() {
    let mut book = book(4);
    let mut theirs = scan(1, [id(20, 0)]);
    theirs.open[0].provider = AccountId([9; 32]);
    book.scanned(theirs);
    assert_eq!((book.jobs(), book.duties()), (vec![], vec![]));
}

#[test]
fn what_is_critical_may_take_a_quarter_more_and_no_further() {
    let mut book = book(4);
    book.scanned(scan(1, (0..9).map(|index| id(30, index))));
    assert_eq!(book.jobs().len(), 4);
    // 5 of 40 anchor blocks are left: an eighth.
    book.scanned(scan(25, (0..9).map(|index| id(30, index))));
    let jobs = book.jobs();
    assert_eq!(jobs.len(), 1);
    assert!(jobs[0].is_near);
    assert_eq!(book.jobs(), []);
}

#[test]
fn an_answer_frees_its_place_when_a_block_has_it_and_takes_it_again_when_that_is_retracted() {
    let mut book = book(1);
    book.scanned(scan(1, [id(30, 0), id(30, 1)]));
    let turn = only(&book.jobs());
    assert!(book.handed(id(30, 0), turn, H256::zero(), 500));
    assert_eq!(book.statistics().bytes_in_flight, 500);
    let block = H256::repeat_byte(1);
    book.progressed(id(30, 0), turn, &Progress::InBlock(block));
    assert_eq!(book.statistics().in_flight, 0);
    only(&book.jobs());
    book.progressed(id(30, 0), turn, &Progress::Retracted(block));
    assert_eq!(book.statistics().in_flight, 2);
    assert_eq!(book.jobs(), []);
}

#[test]
fn a_result_of_an_earlier_turn_changes_nothing() {
    let mut book = book(1);
    book.scanned(scan(1, [id(30, 0)]));
    let first = only(&book.jobs());
    book.failed(id(30, 0), first, Trouble::Passing("busy".into()));
    book.pass();
    let second = only(&book.jobs());
    assert!(!book.handed(id(30, 0), first, H256::zero(), 1));
    book.failed(id(30, 0), first, Trouble::Alarm("no".into()));
    assert!(book.is_wanted(id(30, 0), second) && !book.is_wanted(id(30, 0), first));
    assert!(book.handed(id(30, 0), second, H256::zero(), 1));
    // The first extrinsic is dropped; the second is still in the pool.
    let gone = Progress::Gone("usurped".into());
    book.progressed(id(30, 0), first, &gone);
    assert_eq!(book.duties()[0].stage, Stage::Submitted);
    book.progressed(id(30, 0), second, &gone);
    assert_eq!(book.duties()[0].stage, Stage::Waiting);
}

#[test]
fn an_answer_that_is_final_and_has_no_effect_is_made_again() {
    let mut book = book(1);
    book.scanned(scan(1, [id(30, 0)]));
    let turn = only(&book.jobs());
    book.handed(id(30, 0), turn, H256::zero(), 1);
    let block = H256::repeat_byte(1);
    assert!(book.progressed(id(30, 0), turn, &Progress::Finalized(block)));
    // That scan may be of an earlier block.
    book.scanned(scan(2, [id(30, 0)]));
    assert_eq!(book.jobs(), []);
    book.scanned(scan(3, [id(30, 0)]));
    only(&book.jobs());
}

#[test]
fn what_became_of_a_challenge_is_told_by_outcomes_then_the_account_then_the_deadline() {
    let ids: Vec<_> = (0..5).map(|index| id(30, index)).collect();
    let mut book = book(9);
    book.scanned(scan(1, ids.clone()));
    let mut last = scan(31, []);
    last.lost = Some(2);
    last.outcomes = vec![
        Outcome::Slashed {
            id: ids[3],
            provider: OURS,
            reason: SlashReason::Timeout,
        },
        Outcome::Defended {
            id: ids[0],
            provider: OURS,
        },
    ];
    book.scanned(last);
    let told: Vec<_> = book
        .take_news()
        .into_iter()
        .filter_map(|news| match news {
            News::Settled { fate, .. } => Some(fate),
            _ => None,
        })
        .collect();
    let slashed = Fate::Lost(Some(SlashReason::Timeout));
    // The account lost one more than the outcomes say.
    assert_eq!(
        told,
        [
            Fate::Defended,
            Fate::Lost(None),
            Fate::Defended,
            slashed,
            Fate::Defended
        ]
    );
    let counted = book.statistics();
    assert_eq!((counted.defended, counted.lost), (3, 2));
}

#[test]
fn an_operator_is_warned_at_half_of_the_time_and_again_at_an_eighth_and_once_each() {
    let mut book = book(1);
    let mut levels = vec![];
    for anchor in 1..=40 {
        book.scanned(scan(anchor, [id(40, 0)]));
        for job in book.jobs() {
            book.failed(job.challenge.id, job.turn, Trouble::Alarm("no".into()));
        }
        for news in book.take_news() {
            match news {
                News::Near { left, level, .. } => levels.push((left, level)),
                News::Alarm { .. } => levels.push((40 - anchor, Level::Calm)),
                _ => {}
            }
        }
    }
    let expected = [
        (39, Level::Calm),
        (20, Level::Warning),
        (5, Level::Critical),
    ];
    assert_eq!(levels, expected);
    // Overdue, but not yet swept by the chain: no job starts.
    book.scanned(scan(41, [id(40, 0)]));
    assert_eq!(book.jobs(), []);
}

#[test]
fn a_scan_of_the_same_block_again_says_nothing_of_an_answer_that_is_final() {
    let mut book = book(1);
    book.scanned(scan(1, [id(30, 0)]));
    let turn = only(&book.jobs());
    book.handed(id(30, 0), turn, H256::zero(), 1);
    book.progressed(id(30, 0), turn, &Progress::Finalized(H256::zero()));
    for _ in 0..5 {
        book.scanned(scan(1, [id(30, 0)]));
        assert_eq!(book.jobs(), []);
    }
}

#[test]
fn trouble_that_does_not_pass_raises_an_alarm() {
    let mut book = book(1);
    book.scanned(scan(1, [id(40, 0)]));
    let mut alarmed_after = 0;
    while book.statistics().alarmed == 0 {
        for job in book.jobs() {
            alarmed_after += 1;
            let trouble = Trouble::Passing("the account has no funds".into());
            book.failed(job.challenge.id, job.turn, trouble);
        }
        book.pass();
    }
    assert_eq!(alarmed_after, MOST_PASSING);
    let reason = book.duties()[0].alarm.clone().unwrap();
    assert!(reason.contains("no funds"), "{reason}");
}

#[test]
fn duties_of_an_account_that_had_the_base_path_before_are_dropped() {
    let mut theirs = challenge(id(30, 0));
    theirs.provider = AccountId([9; 32]);
    let kept = [theirs, challenge(id(30, 1))].map(|challenge| Entry::new(challenge).duty());
    let config = ChallengeConfig::default().validate().unwrap();
    let mut book = Book::new(config, OURS, kept.into());
    assert_eq!(book.duties().len(), 1);
    assert_eq!(book.take_changes(), [(id(30, 0), None)]);
}

#[test]
fn a_chain_that_was_made_anew_under_the_same_names_is_believed() {
    let mut book = book(1);
    book.scanned(scan(1, [id(30, 0)]));
    let turn = only(&book.jobs());
    let mut other = scan(1, [id(30, 0)]);
    other.open[0].mmr_root = H256::zero();
    book.scanned(other);
    assert!(!book.handed(id(30, 0), turn, H256::zero(), 1));
    assert_eq!(book.jobs()[0].challenge.mmr_root, H256::zero());
}

#[derive(Clone, Debug)]
enum Move {
    /// Anchor blocks pass, challenges arrive, and some of the open ones end.
    Scan {
        anchors: u32,
        come: u8,
        go: u8,
    },
    Pass,
    Connected(bool),
    /// The n-th running job ends: it submits an answer of N bytes, or fails.
    Handed {
        which: usize,
        bytes: usize,
    },
    Failed {
        which: usize,
        alarm: bool,
    },
    /// The n-th submitted answer progresses.
    Step {
        which: usize,
        step: u8,
    },
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let which = 0..40usize;
    let one = prop_oneof![
        3 => (0..6u32, 0..5u8, 0..3u8)
            .prop_map(|(anchors, come, go)| Move::Scan { anchors, come, go }),
        1 => Just(Move::Pass),
        1 => prop::bool::weighted(0.8).prop_map(Move::Connected),
        4 => (which.clone(), 100..ONE).prop_map(|(which, bytes)| Move::Handed { which, bytes }),
        2 => (which.clone(), any::<bool>())
            .prop_map(|(which, alarm)| Move::Failed { which, alarm }),
        4 => (which, 0..5u8).prop_map(|(which, step)| Move::Step { which, step }),
    ];
    prop::collection::vec(one, 1..120)
}

/// The naive model's state: for each open challenge the attempt that is running or submitted,
/// whether it waits for a later tick, and its bytes.
#[derive(Default)]
struct Naive {
    open: BTreeMap<ChallengeId, State>,
    anchor: u32,
    next: u16,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Idle; it may or may not be due.
    Idle,
    AtWork(Turn),
    Pool(Turn, usize),
    Elsewhere(Turn),
}

impl Naive {
    fn nth(&self, which: usize, is: fn(&State) -> bool) -> Option<(ChallengeId, State)> {
        let of: Vec<_> = self.open.iter().filter(|(_, state)| is(state)).collect();
        let at = which.checked_rem(of.len())?;
        Some((*of[at].0, *of[at].1))
    }

    fn load(&self) -> (usize, usize) {
        let bytes = self.open.values().filter_map(|state| match state {
            State::AtWork(_) => Some(ONE),
            State::Pool(_, bytes) => Some(*bytes),
            _ => None,
        });
        bytes.fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes))
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_nearest_deadlines_are_worked_on_within_the_bounds(moves in moves()) {
        const MOST: usize = 4;
        let config = ChallengeConfig {
            in_flight: MOST,
            bytes_in_flight: 3 * ONE,
            ..ChallengeConfig::default()
        };
        let mut book = Book::new(config.validate().unwrap(), OURS, vec![]);
        let mut naive = Naive { anchor: 1, ..Naive::default() };
        let (mut is_connected, mut kept) = (false, BTreeMap::new());
        for step in moves {
            match step {
                Move::Scan { anchors, come, go } => {
                    naive.anchor += anchors;
                    for _ in 0..go {
                        naive.open.pop_first();
                    }
                    for _ in 0..come {
                        naive.next += 1;
                        let deadline = naive.anchor + 10 + u32::from(naive.next * 7 % 30);
                        naive.open.insert(id(deadline, naive.next), State::Idle);
                    }
                    book.scanned(scan(naive.anchor, naive.open.keys().copied()));
                }
                Move::Pass => book.pass(),
                Move::Connected(now) => {
                    is_connected = now;
                    book.connected(now);
                }
                Move::Handed { which, bytes } => {
                    let at_work = naive.nth(which, |state| matches!(state, State::AtWork(_)));
                    if let Some((id, State::AtWork(turn))) = at_work {
                        prop_assert!(book.is_wanted(id, turn));
                        prop_assert!(book.handed(id, turn, H256::zero(), bytes));
                        naive.open.insert(id, State::Pool(turn, bytes));
                    }
                }
                Move::Failed { which, alarm } => {
                    let at_work = naive.nth(which, |state| matches!(state, State::AtWork(_)));
                    if let Some((id, State::AtWork(turn))) = at_work {
                        let trouble = match alarm {
                            true => Trouble::Alarm("no".into()),
                            false => Trouble::Passing("busy".into()),
                        };
                        book.failed(id, turn, trouble);
                        naive.open.insert(id, State::Idle);
                    }
                }
                Move::Step { which, step } => {
                    let handed = naive.nth(which, |state| {
                        matches!(state, State::Pool(..) | State::Elsewhere(_))
                    });
                    let Some((id, State::Pool(turn, _) | State::Elsewhere(turn))) = handed else {
                        continue;
                    };
                    let block = H256::repeat_byte(1);
                    match step {
                        0 => drop(book.progressed(id, turn, &Progress::InBlock(block))),
                        1 => drop(book.progressed(id, turn, &Progress::Retracted(block))),
                        2 => drop(book.progressed(id, turn, &Progress::Finalized(block))),
                        3 => drop(book.progressed(id, turn, &Progress::Gone("x".into()))),
                        _ => book.lost_sight(id, turn),
                    }
                }
            }
            // The tracker alone knows where an answer is now; the model copies it and checks the
            // consequences.
            for duty in book.duties() {
                let id = duty.challenge.id;
                let bytes = book.entries[&id].bytes_in_flight();
                let state = naive.open.get_mut(&id).unwrap();
                *state = match (*state, duty.stage) {
                    (State::Pool(turn, _) | State::Elsewhere(turn), Stage::Waiting) => {
                        prop_assert!(turn.0 > 0);
                        State::Idle
                    }
                    (State::Pool(turn, _) | State::Elsewhere(turn), _) => match bytes {
                        Some(bytes) => State::Pool(turn, bytes),
                        None => State::Elsewhere(turn),
                    },
                    (before, _) => before,
                };
            }
            let open: Vec<_> = naive.open.keys().copied().collect();
            let known: Vec<_> = book.duties().iter().map(|duty| duty.challenge.id).collect();
            prop_assert_eq!(known, open, "what the last scan had, by deadline");

            let (count_before, _) = naive.load();
            let jobs = book.jobs();
            prop_assert!(jobs.is_empty() || is_connected);
            for job in &jobs {
                let id = job.challenge.id;
                prop_assert!(naive.open[&id] == State::Idle, "nothing is begun twice");
                prop_assert!(id.deadline >= naive.anchor, "nor when it is overdue");
                prop_assert_eq!(job.is_near, id.deadline - naive.anchor <= 5);
                naive.open.insert(id, State::AtWork(job.turn));
            }
            let is_near = jobs.last().is_some_and(|job| job.is_near);
            let (count, bytes) = naive.load();
            prop_assert_eq!(book.statistics().in_flight, count as u64);
            prop_assert_eq!(book.statistics().bytes_in_flight, bytes as u64);
            if !jobs.is_empty() {
                let reserve = usize::from(is_near);
                prop_assert!(count <= MOST + reserve);
                let most = if is_near { 3 * ONE + (3 * ONE).div_ceil(4) } else { 3 * ONE };
                prop_assert!(bytes <= most || count_before == 0);
            }
            // A challenge that is not started has a later deadline than all that are, waits for a
            // later tick, or finds no capacity.
            if let Some(last) = jobs.last() {
                let waiting = naive.open.iter().filter(|(_, state)| **state == State::Idle);
                for (id, _) in waiting {
                    let entry = &book.entries[id];
                    let is_due =
                        matches!(entry.work, Work::Waiting { from } if from <= book.now);
                    let is_overdue = id.deadline < naive.anchor;
                    prop_assert!(*id > last.challenge.id || !is_due || is_overdue);
                }
            } else if is_connected && count_before == 0 && book.at.is_some() {
                for (id, entry) in &book.entries {
                    let is_due =
                        matches!(entry.work, Work::Waiting { from } if from <= book.now);
                    prop_assert!(!is_due || id.deadline < naive.anchor, "nobody is left waiting");
                }
            }
            for (id, duty) in book.take_changes() {
                match duty {
                    Some(duty) => drop(kept.insert(id, duty)),
                    None => drop(kept.remove(&id)),
                }
            }
            // A process that starts now restores each, and the submitted extrinsics.
            let kept_ids: Vec<_> = kept.keys().copied().collect();
            let open: Vec<_> = naive.open.keys().copied().collect();
            prop_assert_eq!(kept_ids, open);
            for (id, entry) in &book.entries {
                prop_assert_eq!(kept[id].attempts, entry.attempts);
            }
        }
    }
}
