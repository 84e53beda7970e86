//! Blocks without space for a provider's extrinsics, until these have died of age in the pool.

use crate::world::{Beginning, FIRST, Follows, World};
use cairn_devnode::{Parameters, Variant};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// More blocks than any extrinsic of a provider lives.
const CROWDED_BLOCKS: u32 = 300;

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_dies_of_age_in_the_pool_is_submitted_again() {
    let mut random = ChaCha8Rng::seed_from_u64(9);
    let mut world = World::begin(Beginning {
        parameters: Parameters {
            challenge_timeout: Some(10_000),
            ..Parameters::default()
        },
        ..Variant::Current.into()
    })
    .await;
    let mut buckets = Vec::new();
    for follows in [Follows::Embedded, Follows::Remote] {
        let bucket = world.establish(follows).await;
        let provider = &mut world.providers[follows as usize];
        provider.commit(bucket, 1, &mut random).await;
        world.checkpoint(follows, bucket).await;
        buckets.push((follows, bucket));
    }

    // The next block that has space is the challenges', and the last.
    let sealer = world.node.sealer().clone();
    sealer.limit_blocks_with_extrinsics(Some(0));
    let mut challenges = Vec::new();
    for (follows, bucket) in &buckets {
        challenges.push(world.challenge(*follows, *bucket, FIRST).await);
    }
    sealer.limit_blocks_with_extrinsics(Some(1));
    let since = world.all_included(&challenges).await;
    while world.node.pending_extrinsics() < buckets.len() {
        world.blocks(1).await;
    }
    world.node.seal(CROWDED_BLOCKS).await.unwrap();
    for (follows, _) in &buckets {
        let account = world.provider(*follows).account();
        assert_eq!(world.fates(account, since).await, (0, 0), "{follows:?}");
    }

    sealer.limit_blocks_with_extrinsics(None);
    world.await_answers().await;
    for (follows, _) in buckets {
        let account = world.provider(follows).account();
        assert_eq!(world.fates(account, since).await, (1, 0), "{follows:?}");
        world.assert_stake(follows).await;
    }
    world.end().await;
}
