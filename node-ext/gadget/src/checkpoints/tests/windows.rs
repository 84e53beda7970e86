//! Windows: one leader, one commitment each, and a substitute for an absent leader.

use super::*;
use cairn_primitives::checkpoint::BucketSnapshot;
use cairn_primitives::{Commitment, H256};

const WINDOW: CheckpointWindow = CheckpointWindow {
    interval: 20,
    grace: 6,
};

fn leader_of(window: u64, primaries: u32) -> usize {
    usize::try_from(leader(ID, window, primaries).unwrap()).unwrap()
}

/// Adds blocks up to the start of the next window that a provider leads.
async fn advance_to_window_led_by(network: &mut Network, who: usize) -> u64 {
    let primaries = u32::try_from(network.providers.len()).unwrap();
    let current = WINDOW.window_of(network.chain.finalized_head().anchor);
    let window = (current.unwrap() + 1..)
        .find(|window| leader_of(*window, primaries) == who)
        .unwrap();
    let start = u32::try_from(window).unwrap() * WINDOW.interval;
    while network.chain.finalized_head().anchor + 1 < start {
        network.chain.advance();
    }
    window
}

#[tokio::test]
async fn two_providers_agree_on_the_leader_of_each_window() {
    let mut network = Network::new(2, 2, Some(WINDOW), EAGER);
    let mut led = std::collections::HashSet::new();
    network.blocks_to(WINDOW.interval - 1).await;
    for number in 1..=8 {
        network.commit(number);
        let before = network.submitters().len();
        let current = WINDOW
            .window_of(network.chain.finalized_head().anchor)
            .unwrap();
        let start = u32::try_from(current + 1).unwrap() * WINDOW.interval;
        network.blocks_to(start + WINDOW.interval - 1).await;
        assert_eq!(leaves(&network), Some(number));
        let submitters = network.submitters();
        let last = *submitters.last().unwrap();
        assert_eq!(last, leader_of(current + 1, 2));
        led.insert(last);
        assert!(submitters.len() > before);
        assert_eq!(network.info().last_window, Some(current + 1));
    }
    assert_eq!(led.len(), 2, "each has led");
    assert!(
        network
            .chain
            .submission_record()
            .refused_checkpoints
            .is_empty()
    );
}

#[tokio::test]
async fn the_other_takes_over_after_the_grace_period() {
    let mut network = Network::new(2, 1, Some(WINDOW), EAGER);
    for who in [0, 1] {
        let window = advance_to_window_led_by(&mut network, who).await;
        network.commit(window);
        network.kill(who);
        let start = u32::try_from(window).unwrap() * WINDOW.interval;
        network.blocks_to(start + WINDOW.grace - 1).await;
        let before = network.submitters().len();
        assert_ne!(network.info().last_window, Some(window));
        network.blocks_to(start + WINDOW.grace + 1).await;
        assert_eq!(network.info().last_window, Some(window));
        assert_eq!(network.submitters().len(), before + 1);
        assert_eq!(network.submitters().last(), Some(&(1 - who)));
        network.start(who);
    }
    assert!(
        network
            .chain
            .submission_record()
            .refused_checkpoints
            .is_empty()
    );
}

#[tokio::test]
async fn i4_a_leader_killed_after_signing_signs_the_same_again() {
    let mut network = Network::new(2, 2, Some(WINDOW), EAGER);
    let window = advance_to_window_led_by(&mut network, 0).await;
    network.commit(1);
    network.commit(2);
    // The pool rejects it: everything is signed, but nothing submitted.
    network
        .chain
        .with_pool(|pool| pool.submissions_to_reject = 1);
    network.block().await;
    let first = network.providers[0].commitment();
    assert!(network.submitters().is_empty());
    network.kill(0);
    network.kill(1);
    network.start(0);
    network.start(1);
    // More leaves have arrived meanwhile.
    network.commit(3);
    network.block().await;
    network.block().await;
    assert_eq!(network.checkpointed(), Some(first));
    assert_eq!(network.info().last_window, Some(window));
    let signed = network.cosigners.signed.lock().clone();
    assert!(
        signed
            .iter()
            .all(|(_, request)| request.commitment() == first)
    );
    assert!(signed.len() >= 4);
    // The new leaves go to the next window.
    network
        .blocks_to(u32::try_from(window + 1).unwrap() * WINDOW.interval + 2 * WINDOW.grace)
        .await;
    assert_eq!(leaves(&network), Some(3));
}

#[tokio::test]
async fn a_killed_leaders_signed_choice_is_submitted_by_another() {
    let mut network = Network::new(3, 2, Some(WINDOW), EAGER);
    let window = advance_to_window_led_by(&mut network, 0).await;
    network.commit(1);
    network
        .chain
        .with_pool(|pool| pool.submissions_to_reject = 1);
    network.block().await;
    let first = network.providers[1].commitment();
    network.kill(0);
    network.commit(2);
    let start = u32::try_from(window).unwrap() * WINDOW.interval;
    network.blocks_to(start + WINDOW.grace + 4).await;
    // Both others have signed for one leaf, and so cannot sign for two.
    assert_eq!(network.checkpointed(), Some(first));
    assert_eq!(network.info().last_window, Some(window));
}

#[tokio::test]
async fn i4_a_lost_index_signs_no_window_until_two_are_over() {
    let mut network = Network::new(2, 2, Some(WINDOW), EAGER);
    let window = advance_to_window_led_by(&mut network, 0).await;
    network.commit(1);
    network
        .chain
        .with_pool(|pool| pool.submissions_to_reject = 1);
    network.block().await;
    network.kill(0);
    std::fs::remove_dir_all(network.providers[0].path().join("index")).unwrap();
    network.start(0);
    network.commit(2);
    let start = |window: u64| u32::try_from(window).unwrap() * WINDOW.interval;
    network.blocks_to(start(window + 2) - 1).await;
    assert!(network.submitters().is_empty());
    network.blocks_to(start(window + 3) - 1).await;
    assert_eq!(leaves(&network), Some(2));
    assert_eq!(network.info().last_window, Some(window + 2));
}

#[tokio::test]
async fn a_checkpoint_that_misses_its_window_is_given_up() {
    let config = CheckpointConfig {
        submission_timeout: 1_000,
        ..EAGER
    };
    let mut network = Network::new(1, 1, Some(WINDOW), config);
    let window = advance_to_window_led_by(&mut network, 0).await;
    network.commit(1);
    network.block().await;
    // It is lost silently.
    network.chain.with_pool(|pool| pool.drop_all(None));
    let next = u32::try_from(window + 1).unwrap() * WINDOW.interval;
    network.blocks_to(next - 1).await;
    assert_eq!(network.submitters(), [0]);
    assert_eq!(statistics(&mut network, 0).lost, 0);
    network.blocks_to(next + WINDOW.interval - 1).await;
    assert_eq!(network.info().last_window, Some(window + 1));
    assert_eq!(statistics(&mut network, 0).lost, 1);
    assert!(
        network
            .chain
            .submission_record()
            .refused_checkpoints
            .is_empty()
    );
}

/// Returns the first anchor block of a window.
fn start_of(window: u64) -> u32 {
    u32::try_from(window).unwrap() * WINDOW.interval
}

/// The chain takes a penalty from the leader of each window without a checkpoint, even if nothing
/// is new.
#[tokio::test]
async fn an_idle_bucket_gets_a_checkpoint_in_each_window() {
    let mut network = Network::new(1, 1, Some(WINDOW), EAGER);
    network.commit(1);
    let window = advance_to_window_led_by(&mut network, 0).await;
    for window in window..window + 10 {
        network.blocks_to(start_of(window) + 1).await;
        assert_eq!(network.info().last_window, Some(window));
        assert_eq!(stage(&mut network, 0), CheckpointStage::UpToDate);
        network
            .blocks_to(start_of(window) + WINDOW.interval - 1)
            .await;
    }
    assert_eq!(
        network.checkpointed(),
        Some(network.providers[0].commitment())
    );
    assert_eq!(network.submitters().len(), 10);
    let counted = statistics(&mut network, 0);
    assert_eq!((counted.finalized, counted.lost), (10, 0));
    assert!(
        network
            .chain
            .submission_record()
            .refused_checkpoints
            .is_empty()
    );
}

#[tokio::test]
async fn a_window_of_an_idle_bucket_is_left_to_its_leader() {
    let mut network = Network::new(2, 1, Some(WINDOW), EAGER);
    let window = advance_to_window_led_by(&mut network, 0).await;
    network.commit(1);
    network.blocks_to(start_of(window + 1) - 1).await;
    for window in window + 1..window + 9 {
        let before = network.submitters().len();
        network.blocks_to(start_of(window + 1) - 1).await;
        assert_eq!(network.info().last_window, Some(window));
        let submitters = network.submitters();
        assert_eq!(submitters.len(), before + 1);
        assert_eq!(submitters.last(), Some(&leader_of(window, 2)));
    }
    let before = network.submitters();
    // Nobody stands in for an absent leader: only the leader pays.
    let window = advance_to_window_led_by(&mut network, 0).await;
    network.kill(0);
    network.blocks_to(start_of(window + 1) - 1).await;
    assert_ne!(network.info().last_window, Some(window));
    network.start(0);
    // A window that is done needs nothing.
    let window = advance_to_window_led_by(&mut network, 0).await;
    network.edit(move |info| info.last_window = Some(window));
    network.blocks_to(start_of(window + 1) - 1).await;
    assert_eq!(network.submitters(), before);
}

/// A checkpoint that others signed may claim more leaves than there will ever be.
#[tokio::test]
async fn an_absurd_checkpoint_of_others_costs_us_no_window() {
    let mut network = Network::new(2, 1, Some(WINDOW), EAGER);
    network.commit(1);
    network.kill(1);
    network.edit(|info| {
        info.snapshot = Some(BucketSnapshot {
            commitment: Commitment {
                mmr_root: H256::repeat_byte(9),
                start_seq: Sequence(0),
                leaf_count: LeafCount::new(1 << 40).unwrap(),
            },
            checkpoint_block: 1,
            primary_signers: vec![0b10],
        });
    });
    let window = advance_to_window_led_by(&mut network, 0).await;
    network.blocks_to(start_of(window) + 1).await;
    assert_eq!(network.info().last_window, Some(window));
    assert_eq!(
        network.checkpointed(),
        Some(network.providers[0].commitment())
    );
}

#[tokio::test]
async fn an_empty_bucket_signs_for_no_window() {
    let mut network = Network::new(1, 1, Some(WINDOW), EAGER);
    network.blocks_to(start_of(4)).await;
    assert_eq!(network.submitters(), [] as [usize; 0]);
    assert_eq!(stage(&mut network, 0), CheckpointStage::UpToDate);
}
