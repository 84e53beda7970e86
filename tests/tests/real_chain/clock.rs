//! The anchor blocks of the chain: the relay chain's numbers, which several blocks share and
//! which jump, and periods that its operators change without an upgrade.

use crate::world::{Beginning, FIRST, Follows, World};
use cairn_devnode::{Parameters, Variant};
use cairn_devnode_user::challenge_call;
use cairn_devnode_user::root::{jump_by, root_call};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const BOTH: [Follows; 2] = [Follows::Embedded, Follows::Remote];

/// Starts a chain with the given period, and a bucket with a checkpoint of each provider.
async fn begin(variant: Variant, challenge_timeout: u32) -> (World, [u64; 2]) {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let parameters = Parameters {
        challenge_timeout: Some(challenge_timeout),
        ..Parameters::default()
    };
    let mut world = World::begin(Beginning {
        parameters,
        ..variant.into()
    })
    .await;
    let mut buckets = [0; 2];
    for (follows, bucket) in BOTH.into_iter().zip(&mut buckets) {
        *bucket = world.establish(follows).await;
        let provider = &mut world.providers[follows as usize];
        provider.commit(*bucket, 3, &mut random).await;
        world.checkpoint(follows, *bucket).await;
    }
    (world, buckets)
}

/// Asserts that all challenges were defended, and nothing was lost.
async fn assert_defended(world: &World, since: u32, each: usize) {
    world.await_answers().await;
    for follows in BOTH {
        let account = world.provider(follows).account();
        assert_eq!(world.fates(account, since).await, (each, 0), "{follows:?}");
        world.assert_stake(follows).await;
    }
}

fn challenges(world: &World, buckets: [u64; 2]) -> Vec<cairn_devnode_user::Value> {
    let all = BOTH.into_iter().zip(buckets);
    all.map(|(follows, bucket)| challenge_call(bucket, world.provider(follows).account(), FIRST))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_answered_in_its_deadline_block() {
    const PERIOD: u32 = 30;
    let (world, buckets) = begin(Variant::Current, PERIOD).await;
    let since = world.chain.finalized().await.unwrap();
    // From here on, all blocks share an anchor block.
    world.chain.set_pace(&world.alice, 100_000).await.unwrap();
    world.blocks(2).await;
    // No extrinsic is a challenge, and the next block is the last in which it is answered.
    let mut calls = challenges(&world, buckets);
    calls.push(root_call("ParachainSystem", "jump", jump_by(PERIOD)));
    let sent = world.chain.batch(&world.alice, calls).await.unwrap();
    let asked = world.chain.included(&sent).await.unwrap();
    let event = asked.storage_event("ChallengeCreated").unwrap();
    let id = cairn_devnode_user::ChallengeId::of_event(event).unwrap();
    assert_eq!(world.chain.anchor().await.unwrap(), id.deadline);
    assert_defended(&world, since, 1).await;
    assert_eq!(world.chain.anchor().await.unwrap(), id.deadline);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anchor_blocks_that_jump_leave_time_for_an_answer() {
    const PERIOD: u32 = 60;
    let (world, buckets) = begin(Variant::Nonce, PERIOD).await;
    let since = world.chain.finalized().await.unwrap();
    for jump in [PERIOD / 2, PERIOD - 5, 1] {
        let mut calls = challenges(&world, buckets);
        calls.push(root_call("ParachainSystem", "jump", jump_by(jump)));
        let sent = world.chain.batch(&world.alice, calls).await.unwrap();
        world.all_included(&[sent]).await;
        world.await_answers().await;
    }
    assert_defended(&world, since, 3).await;
    world.end().await;
}

async fn a_period_is_lowered(variant: Variant) {
    let (world, buckets) = begin(variant, 28_800).await;
    let since = world.chain.finalized().await.unwrap();
    for period in [Some(25u32), None] {
        let sent = world.chain.batch(&world.alice, challenges(&world, buckets));
        let sent = sent.await.unwrap();
        if let Some(period) = period {
            world
                .chain
                .set_parameter(&world.alice, "ChallengeTimeout", period)
                .await
                .unwrap();
        }
        world.all_included(&[sent]).await;
        world.await_answers().await;
    }
    let created = world.chain.storage_events(since, "ChallengeCreated").await;
    let created = created.unwrap();
    let periods: Vec<_> = created
        .iter()
        .map(|(_, event)| cairn_devnode_user::ChallengeId::of_event(event).unwrap())
        .map(|id| id.deadline)
        .collect();
    assert!(periods.iter().max().unwrap() - periods.iter().min().unwrap() > 20_000);
    assert_defended(&world, since, 2).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_that_is_lowered_on_the_deployed_chain_costs_nothing() {
    a_period_is_lowered(Variant::Deployed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_that_is_lowered_on_the_current_chain_costs_nothing() {
    a_period_is_lowered(Variant::Current).await;
}
