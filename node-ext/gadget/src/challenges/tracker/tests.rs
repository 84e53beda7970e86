//! The tracker, event by event.

mod naive_model;

use super::events::Resolution;
use super::submission::MAX_TRANSIENT_FAILURES;
use super::*;
use crate::challenges::config::ChallengeConfig;
use cairn_chain::ExtrinsicStatus;
use cairn_primitives::challenge::{ChunkLocation, SlashReason};
use cairn_primitives::{BucketId, ChunkIndex, H256, LeafIndex, Sequence};
use cairn_testing::LIMITS;
use proptest::prelude::*;

const OURS: AccountId = AccountId([1; 32]);
/// Bytes that are reserved for an answer in the making.
const ONE: usize = 262_144 + ANSWER_OVERHEAD_BYTES;

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
        unreadable: None,
        lost: Some(0),
        outcomes: vec![],
    }
}

fn tracker(in_flight: usize) -> ChallengeTracker {
    let config = ChallengeConfig {
        in_flight,
        ..ChallengeConfig::default()
    };
    let mut tracker = ChallengeTracker::new(config.validate().unwrap(), OURS, vec![]);
    tracker.set_connected(true);
    tracker
}

fn only_attempt(jobs: &[Job]) -> AttemptId {
    assert_eq!(jobs.len(), 1);
    jobs[0].attempt_id
}

#[test]
fn no_job_starts_before_a_scan_or_while_disconnected() {
    let mut tracker = tracker(4);
    assert_eq!(tracker.start_jobs(), []);
    tracker.set_connected(false);
    tracker.on_scan(scan(1, [id(20, 0)]));
    assert_eq!(tracker.start_jobs(), []);
    tracker.set_connected(true);
    only_attempt(&tracker.start_jobs());
    assert_eq!(tracker.start_jobs(), [], "it is being worked on");
}

#[test]
fn challenges_of_other_accounts_are_ignored() {
    let mut tracker = tracker(4);
    let mut theirs = scan(1, [id(20, 0)]);
    theirs.open[0].provider = AccountId([9; 32]);
    tracker.on_scan(theirs);
    assert_eq!((tracker.start_jobs(), tracker.duties()), (vec![], vec![]));
}

#[test]
fn critical_jobs_may_exceed_the_bounds_by_a_quarter() {
    let mut tracker = tracker(4);
    tracker.on_scan(scan(1, (0..9).map(|index| id(30, index))));
    assert_eq!(tracker.start_jobs().len(), 4);
    // 5 of 40 anchor blocks are left: an eighth.
    tracker.on_scan(scan(25, (0..9).map(|index| id(30, index))));
    let jobs = tracker.start_jobs();
    assert_eq!(jobs.len(), 1);
    assert!(jobs[0].is_near);
    assert_eq!(tracker.start_jobs(), []);
}

#[test]
fn inclusion_frees_in_flight_capacity_until_a_retraction() {
    let mut tracker = tracker(1);
    tracker.on_scan(scan(1, [id(30, 0), id(30, 1)]));
    let turn = only_attempt(&tracker.start_jobs());
    assert!(tracker.on_submitted(id(30, 0), turn, H256::zero(), 500));
    assert_eq!(tracker.statistics().bytes_in_flight, 500);
    let block = H256::repeat_byte(1);
    tracker.on_progress(id(30, 0), turn, &ExtrinsicStatus::InBlock(block));
    assert_eq!(tracker.statistics().in_flight, 0);
    only_attempt(&tracker.start_jobs());
    tracker.on_progress(id(30, 0), turn, &ExtrinsicStatus::Retracted(block));
    assert_eq!(tracker.statistics().in_flight, 2);
    assert_eq!(tracker.start_jobs(), []);
}

#[test]
fn results_of_an_earlier_attempt_are_ignored() {
    let mut tracker = tracker(1);
    tracker.on_scan(scan(1, [id(30, 0)]));
    let first = only_attempt(&tracker.start_jobs());
    tracker.on_job_failed(id(30, 0), first, JobError::Transient("busy".into()));
    tracker.tick();
    let second = only_attempt(&tracker.start_jobs());
    assert!(!tracker.on_submitted(id(30, 0), first, H256::zero(), 1));
    tracker.on_job_failed(id(30, 0), first, JobError::Alarm("no".into()));
    assert!(tracker.is_wanted(id(30, 0), second) && !tracker.is_wanted(id(30, 0), first));
    assert!(tracker.on_submitted(id(30, 0), second, H256::zero(), 1));
    // The first extrinsic is dropped; the second is still in the pool.
    let gone = ExtrinsicStatus::Dropped("usurped".into());
    tracker.on_progress(id(30, 0), first, &gone);
    assert_eq!(tracker.duties()[0].stage, AnswerStage::Submitted);
    tracker.on_progress(id(30, 0), second, &gone);
    assert_eq!(tracker.duties()[0].stage, AnswerStage::Waiting);
}

#[test]
fn a_finalized_answer_without_effect_is_retried() {
    let mut tracker = tracker(1);
    tracker.on_scan(scan(1, [id(30, 0)]));
    let turn = only_attempt(&tracker.start_jobs());
    tracker.on_submitted(id(30, 0), turn, H256::zero(), 1);
    let block = H256::repeat_byte(1);
    assert!(tracker.on_progress(id(30, 0), turn, &ExtrinsicStatus::Finalized(block)));
    // That scan may be of an earlier block.
    tracker.on_scan(scan(2, [id(30, 0)]));
    assert_eq!(tracker.start_jobs(), []);
    tracker.on_scan(scan(3, [id(30, 0)]));
    only_attempt(&tracker.start_jobs());
}

#[test]
fn a_resolution_is_read_from_outcomes_account_then_deadline() {
    let ids: Vec<_> = (0..5).map(|index| id(30, index)).collect();
    let mut tracker = tracker(9);
    tracker.on_scan(scan(1, ids.clone()));
    let mut last = scan(31, []);
    last.lost = Some(2);
    last.outcomes = vec![
        Outcome::Slashed {
            id: ids[3],
            provider: OURS,
            reason: Some(SlashReason::Timeout),
        },
        Outcome::Defended {
            id: ids[0],
            provider: OURS,
        },
    ];
    tracker.on_scan(last);
    let events: Vec<_> = tracker
        .take_events()
        .into_iter()
        .filter_map(|event| match event {
            TrackerEvent::Closed { resolution, .. } => Some(resolution),
            _ => None,
        })
        .collect();
    let slashed = Resolution::Lost(Some(SlashReason::Timeout));
    // The account lost one more than the outcomes say.
    assert_eq!(
        events,
        [
            Resolution::Defended,
            Resolution::Lost(None),
            Resolution::Dropped,
            slashed,
            Resolution::Dropped
        ]
    );
    let counted = tracker.statistics();
    assert_eq!((counted.defended, counted.lost, counted.dropped), (1, 2, 2));
}

#[test]
fn a_challenge_that_vanishes_is_defended_only_if_it_was_answered() {
    let mut tracker = tracker(1);
    tracker.on_scan(scan(1, [id(30, 0), id(30, 1)]));
    let attempt = only_attempt(&tracker.start_jobs());
    assert!(tracker.on_submitted(id(30, 0), attempt, H256::zero(), 1));
    // A migration drops both, without an event.
    tracker.on_scan(scan(2, []));
    let counted = tracker.statistics();
    assert_eq!((counted.defended, counted.lost, counted.dropped), (1, 0, 1));
    assert_eq!(tracker.duties(), []);
}

#[test]
fn a_row_that_cannot_be_read_closes_no_challenge() {
    let mut tracker = tracker(2);
    tracker.on_scan(scan(1, [id(30, 0), id(30, 1)]));
    let mut partial = scan(2, [id(30, 0)]);
    partial.unreadable = Some(ChainError::Undecodable {
        item: "StorageProvider.Challenges".into(),
        reason: "it is too short".into(),
    });
    for _ in 0..2 {
        tracker.on_scan(partial.clone());
    }
    assert_eq!(tracker.duties().len(), 2);
    assert_eq!(tracker.not_synced(), Some(NotSynced::UnreadableRow));
    let told = tracker.take_events();
    let told = told
        .iter()
        .filter(|event| matches!(event, TrackerEvent::UnreadableRow { .. }));
    assert_eq!(told.count(), 1);
    tracker.on_scan(scan(3, [id(30, 0)]));
    assert_eq!(tracker.duties().len(), 1);
    assert_eq!(tracker.not_synced(), None);
}

#[test]
fn a_changed_challenge_period_opens_no_challenge_again() {
    let mut tracker = tracker(1);
    tracker.on_scan(scan(1, [id(30, 0)]));
    let attempt = only_attempt(&tracker.start_jobs());
    let mut estimated_later = scan(2, [id(30, 0)]);
    estimated_later.open[0].asked_at += 7;
    estimated_later.limits.challenge_period -= 7;
    tracker.on_scan(estimated_later);
    assert!(tracker.is_wanted(id(30, 0), attempt));
    assert_eq!(tracker.statistics().opened, 1);
}

/// A scan of a chain on which an id is a position, with a challenge for each of these leaves.
fn shifting_scan(anchor: u32, leaves: &[u64]) -> Scan {
    let ids = (0u16..).take(leaves.len()).map(|index| id(30, index));
    let mut scan = scan(anchor, ids);
    scan.limits.challenge_ids_shift = true;
    for (challenge, leaf) in scan.open.iter_mut().zip(leaves) {
        challenge.location.leaf_index = LeafIndex(*leaf);
    }
    scan
}

#[test]
fn where_ids_shift_one_answer_of_a_deadline_is_on_its_way() {
    let mut tracker = tracker(9);
    tracker.on_scan(shifting_scan(1, &[5, 6, 7]));
    let first = only_attempt(&tracker.start_jobs());
    assert_eq!(tracker.start_jobs(), []);
    // The last of a deadline is answered first.
    assert!(tracker.on_submitted(id(30, 2), first, H256::zero(), 1));
    tracker.on_scan(shifting_scan(2, &[5, 6, 7]));
    assert_eq!(tracker.start_jobs(), [], "the first is not final");
    tracker.on_scan(shifting_scan(3, &[5, 6]));
    let jobs = tracker.start_jobs();
    only_attempt(&jobs);
    assert_eq!(jobs[0].challenge.id, id(30, 1));
    assert_eq!(jobs[0].challenge.location.leaf_index, LeafIndex(6));
    let counted = tracker.statistics();
    assert_eq!((counted.opened, counted.defended, counted.open), (3, 1, 2));
}

#[test]
fn where_ids_shift_nearer_deadlines_still_run_first() {
    let mut tracker = tracker(9);
    let mut scan = scan(1, [id(20, 0), id(20, 1), id(30, 0), id(30, 1)]);
    scan.limits.challenge_ids_shift = true;
    for (challenge, leaf) in scan.open.iter_mut().zip(0..) {
        challenge.location.leaf_index = LeafIndex(leaf);
    }
    tracker.on_scan(scan);
    let started: Vec<_> = (tracker.start_jobs().iter())
        .map(|job| job.challenge.id)
        .collect();
    assert_eq!(started, [id(20, 1), id(30, 1)]);
}

#[test]
fn where_ids_shift_work_under_an_old_id_is_abandoned() {
    let mut tracker = tracker(9);
    tracker.on_scan(shifting_scan(1, &[5]));
    let first = only_attempt(&tracker.start_jobs());
    // Another provider's challenge was in front, and is answered; now ours has another id.
    let mut moved = shifting_scan(2, &[0, 5]);
    moved.open.remove(0);
    tracker.on_scan(moved);
    assert!(!tracker.is_wanted(id(30, 0), first));
    let jobs = tracker.start_jobs();
    only_attempt(&jobs);
    assert_eq!(jobs[0].challenge.id, id(30, 1));
    let changes: Vec<_> = tracker.take_changes();
    let written: Vec<_> = changes
        .iter()
        .map(|(id, duty)| (id.index, duty.is_some()))
        .collect();
    assert_eq!(written, [(0, false), (1, true)]);
    let counted = tracker.statistics();
    assert_eq!((counted.opened, counted.open, counted.dropped), (1, 1, 0));
}

proptest! {
    /// Challenges of one deadline end in any order, and are numbered by position. Each is opened
    /// once and closed once, and none is lost sight of.
    #[test]
    fn where_ids_shift_every_challenge_is_followed_to_its_end(
        leaves in proptest::collection::vec(0u64..3, 1..8),
        order in proptest::collection::vec(0usize..8, 8),
    ) {
        let mut tracker = tracker(9);
        let mut left = leaves.clone();
        let mut anchor = 1;
        tracker.on_scan(shifting_scan(anchor, &left));
        for place in order {
            let jobs = tracker.start_jobs();
            prop_assert!(jobs.len() <= 1);
            if left.is_empty() {
                break;
            }
            left.remove(place % left.len());
            anchor += 1;
            tracker.on_scan(shifting_scan(anchor, &left));
            let open: Vec<_> = tracker.duties().iter().map(|duty| {
                (duty.challenge.id.index, duty.challenge.location.leaf_index.0)
            }).collect();
            let expected: Vec<_> = (0u16..).zip(left.iter().copied()).collect();
            prop_assert_eq!(open, expected);
        }
        let counted = tracker.statistics();
        let count = |number: usize| u64::try_from(number).unwrap();
        prop_assert_eq!(counted.opened, count(leaves.len()));
        prop_assert_eq!(counted.dropped + counted.defended, count(leaves.len() - left.len()));
        prop_assert_eq!(counted.lost, 0);
    }
}

#[test]
fn warnings_come_once_at_half_and_at_an_eighth_of_the_time() {
    let mut tracker = tracker(1);
    let mut levels = vec![];
    for anchor in 1..=40 {
        tracker.on_scan(scan(anchor, [id(40, 0)]));
        for job in tracker.start_jobs() {
            tracker.on_job_failed(
                job.challenge.id,
                job.attempt_id,
                JobError::Alarm("no".into()),
            );
        }
        for event in tracker.take_events() {
            match event {
                TrackerEvent::DeadlineNear {
                    left,
                    urgency: level,
                    ..
                } => levels.push((left, level)),
                TrackerEvent::Alarm { .. } => levels.push((40 - anchor, Urgency::Normal)),
                _ => {}
            }
        }
    }
    let expected = [
        (39, Urgency::Normal),
        (20, Urgency::Warning),
        (5, Urgency::Critical),
    ];
    assert_eq!(levels, expected);
    // Overdue, but not yet swept by the chain: no job starts.
    tracker.on_scan(scan(41, [id(40, 0)]));
    assert_eq!(tracker.start_jobs(), []);
}

#[test]
fn a_repeated_scan_is_no_evidence_against_a_final_answer() {
    let mut tracker = tracker(1);
    tracker.on_scan(scan(1, [id(30, 0)]));
    let turn = only_attempt(&tracker.start_jobs());
    tracker.on_submitted(id(30, 0), turn, H256::zero(), 1);
    tracker.on_progress(id(30, 0), turn, &ExtrinsicStatus::Finalized(H256::zero()));
    for _ in 0..5 {
        tracker.on_scan(scan(1, [id(30, 0)]));
        assert_eq!(tracker.start_jobs(), []);
    }
}

#[test]
fn repeated_transient_failures_raise_an_alarm() {
    let mut tracker = tracker(1);
    tracker.on_scan(scan(1, [id(40, 0)]));
    let mut alarmed_after = 0;
    while tracker.statistics().alarmed == 0 {
        for job in tracker.start_jobs() {
            alarmed_after += 1;
            let job_error = JobError::Transient("the account has no funds".into());
            tracker.on_job_failed(job.challenge.id, job.attempt_id, job_error);
        }
        tracker.tick();
    }
    assert_eq!(alarmed_after, MAX_TRANSIENT_FAILURES);
    let reason = tracker.duties()[0].alarm.clone().unwrap();
    assert!(reason.contains("no funds"), "{reason}");
}

#[test]
fn duties_of_a_previous_account_are_dropped() {
    let mut theirs = challenge(id(30, 0));
    theirs.provider = AccountId([9; 32]);
    let kept = [theirs, challenge(id(30, 1))]
        .map(|challenge| TrackedChallenge::new(challenge).to_stored());
    let config = ChallengeConfig::default().validate().unwrap();
    let mut tracker = ChallengeTracker::new(config, OURS, kept.into());
    assert_eq!(tracker.duties().len(), 1);
    assert_eq!(tracker.take_changes(), [(id(30, 0), None)]);
}

#[test]
fn a_restarted_chain_may_reuse_challenge_ids() {
    let mut tracker = tracker(1);
    tracker.on_scan(scan(1, [id(30, 0)]));
    let turn = only_attempt(&tracker.start_jobs());
    let mut other = scan(1, [id(30, 0)]);
    other.open[0].mmr_root = H256::zero();
    tracker.on_scan(other);
    assert!(!tracker.on_submitted(id(30, 0), turn, H256::zero(), 1));
    assert_eq!(tracker.start_jobs()[0].challenge.mmr_root, H256::zero());
}
