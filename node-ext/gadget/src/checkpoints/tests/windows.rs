//! Windows: one leader, one commitment each, and a substitute for an absent leader.

use super::*;

const WINDOW: CheckpointWindow = CheckpointWindow {
    interval: 20,
    grace: 6,
};

fn leader_of(window: u64, primaries: u32) -> usize {
    usize::try_from(leader(ID, window, primaries).unwrap()).unwrap()
}

/// Adds blocks up to the start of the next window that a provider leads.
async fn to_a_window_of(village: &mut Village, who: usize) -> u64 {
    let primaries = u32::try_from(village.neighbours.len()).unwrap();
    let current = WINDOW.window_of(village.chain.finalized_head().anchor);
    let window = (current.unwrap() + 1..)
        .find(|window| leader_of(*window, primaries) == who)
        .unwrap();
    let start = u32::try_from(window).unwrap() * WINDOW.interval;
    while village.chain.finalized_head().anchor + 1 < start {
        village.chain.advance();
    }
    window
}

#[tokio::test]
async fn two_providers_agree_on_the_leader_of_each_window() {
    let mut village = Village::new(2, 2, Some(WINDOW), EAGER);
    let mut led = std::collections::HashSet::new();
    village.blocks_to(WINDOW.interval - 1).await;
    for number in 1..=8 {
        village.commit(number);
        let before = village.submitters().len();
        let current = WINDOW
            .window_of(village.chain.finalized_head().anchor)
            .unwrap();
        let start = u32::try_from(current + 1).unwrap() * WINDOW.interval;
        village.blocks_to(start + WINDOW.interval - 1).await;
        assert_eq!(leaves(&village), Some(number));
        let submitters = village.submitters();
        let last = *submitters.last().unwrap();
        assert_eq!(last, leader_of(current + 1, 2));
        led.insert(last);
        assert!(submitters.len() > before);
        assert_eq!(village.info().last_window, Some(current + 1));
    }
    assert_eq!(led.len(), 2, "each has led");
    assert!(village.chain.seen().refused_checkpoints.is_empty());
}

#[tokio::test]
async fn the_other_takes_over_after_the_grace_when_the_leader_is_killed() {
    let mut village = Village::new(2, 1, Some(WINDOW), EAGER);
    for who in [0, 1] {
        let window = to_a_window_of(&mut village, who).await;
        village.commit(window);
        village.kill(who);
        let start = u32::try_from(window).unwrap() * WINDOW.interval;
        village.blocks_to(start + WINDOW.grace - 1).await;
        let before = village.submitters().len();
        assert_ne!(village.info().last_window, Some(window));
        village.blocks_to(start + WINDOW.grace + 1).await;
        assert_eq!(village.info().last_window, Some(window));
        assert_eq!(village.submitters().len(), before + 1);
        assert_eq!(village.submitters().last(), Some(&(1 - who)));
        village.start(who);
    }
    assert!(village.chain.seen().refused_checkpoints.is_empty());
}

#[tokio::test]
async fn i4_a_leader_killed_between_signing_and_submitting_signs_the_same_again() {
    let mut village = Village::new(2, 2, Some(WINDOW), EAGER);
    let window = to_a_window_of(&mut village, 0).await;
    village.commit(1);
    village.commit(2);
    // The pool rejects it: everything is signed, but nothing submitted.
    village.chain.with_pool(|pool| pool.rejecting = 1);
    village.block().await;
    let first = village.neighbours[0].commitment();
    assert!(village.submitters().is_empty());
    village.kill(0);
    village.kill(1);
    village.start(0);
    village.start(1);
    // More leaves have arrived meanwhile.
    village.commit(3);
    village.block().await;
    village.block().await;
    assert_eq!(village.checkpointed(), Some(first));
    assert_eq!(village.info().last_window, Some(window));
    let signed = village.wire.signed.lock().clone();
    assert!(
        signed
            .iter()
            .all(|(_, request)| request.commitment() == first)
    );
    assert!(signed.len() >= 4);
    // The new leaves go to the next window.
    village
        .blocks_to(u32::try_from(window + 1).unwrap() * WINDOW.interval + 2 * WINDOW.grace)
        .await;
    assert_eq!(leaves(&village), Some(3));
}

#[tokio::test]
async fn what_the_killed_leader_had_signed_by_another_is_what_the_other_brings() {
    let mut village = Village::new(3, 2, Some(WINDOW), EAGER);
    let window = to_a_window_of(&mut village, 0).await;
    village.commit(1);
    village.chain.with_pool(|pool| pool.rejecting = 1);
    village.block().await;
    let first = village.neighbours[1].commitment();
    village.kill(0);
    village.commit(2);
    let start = u32::try_from(window).unwrap() * WINDOW.interval;
    village.blocks_to(start + WINDOW.grace + 4).await;
    // Both others have signed for one leaf, and so cannot sign for two.
    assert_eq!(village.checkpointed(), Some(first));
    assert_eq!(village.info().last_window, Some(window));
}

#[tokio::test]
async fn i4_after_the_index_was_lost_no_window_is_signed_for_until_two_are_over() {
    let mut village = Village::new(2, 2, Some(WINDOW), EAGER);
    let window = to_a_window_of(&mut village, 0).await;
    village.commit(1);
    village.chain.with_pool(|pool| pool.rejecting = 1);
    village.block().await;
    village.kill(0);
    std::fs::remove_dir_all(village.neighbours[0].path().join("index")).unwrap();
    village.start(0);
    village.commit(2);
    let start = |window: u64| u32::try_from(window).unwrap() * WINDOW.interval;
    village.blocks_to(start(window + 2) - 1).await;
    assert!(village.submitters().is_empty());
    village.blocks_to(start(window + 3) - 1).await;
    assert_eq!(leaves(&village), Some(2));
    assert_eq!(village.info().last_window, Some(window + 2));
}

#[tokio::test]
async fn a_checkpoint_that_misses_its_window_is_given_up_and_the_next_has_its_own() {
    let config = CheckpointConfig {
        patience: 1_000,
        ..EAGER
    };
    let mut village = Village::new(1, 1, Some(WINDOW), config);
    let window = to_a_window_of(&mut village, 0).await;
    village.commit(1);
    village.block().await;
    // It is lost silently.
    village.chain.with_pool(|pool| pool.drop_all(None));
    let next = u32::try_from(window + 1).unwrap() * WINDOW.interval;
    village.blocks_to(next - 1).await;
    assert_eq!(village.submitters(), [0]);
    assert_eq!(statistics(&mut village, 0).lost, 0);
    village.blocks_to(next + WINDOW.interval - 1).await;
    assert_eq!(village.info().last_window, Some(window + 1));
    assert_eq!(statistics(&mut village, 0).lost, 1);
    assert!(village.chain.seen().refused_checkpoints.is_empty());
}
