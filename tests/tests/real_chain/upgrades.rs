//! A running chain is upgraded from each variant to the next, with challenges open, some of
//! them made in the very block that replaces the runtime. Nobody restarts.

use crate::world::{Follows, World};
use cairn_devnode::Variant;
use cairn_devnode_user::root::{new_code, root_call};
use cairn_devnode_user::{ChallengeId, challenge_call};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const BOTH: [Follows; 2] = [Follows::Embedded, Follows::Remote];
/// The challenges of each provider shortly before an upgrade.
const BEFORE: usize = 12;
/// The challenges of each provider in the block of an upgrade.
const IN_THE_BLOCK: usize = 3;

/// Commits to both buckets, and makes checkpoints of them.
async fn checkpoint_both(world: &mut World, buckets: [u64; 2], random: &mut ChaCha8Rng) {
    for (follows, bucket) in BOTH.into_iter().zip(buckets) {
        world.await_payload(follows).await;
        let provider = &mut world.providers[follows as usize];
        provider.commit(bucket, 4, random).await;
        world.checkpoint(follows, bucket).await;
    }
}

/// Opens challenges, and upgrades the chain while they are open. Returns the block of the
/// upgrade, and how many challenges were open in it.
async fn upgrade(
    world: &World,
    buckets: [u64; 2],
    next: Variant,
    random: &mut ChaCha8Rng,
) -> (u32, usize) {
    let since = world.chain.finalized().await.unwrap();
    let mut calls = Vec::new();
    let mut sent = Vec::new();
    for (follows, bucket) in BOTH.into_iter().zip(buckets) {
        let provider = world.provider(follows);
        let newest = provider.newest(bucket).commitment;
        for _ in 0..BEFORE {
            let location = provider.location(bucket, &newest, random);
            sent.push(world.challenge(follows, bucket, location).await);
        }
        for _ in 0..IN_THE_BLOCK {
            let location = provider.location(bucket, &newest, random);
            calls.push(challenge_call(bucket, provider.account(), location));
        }
    }
    let code = new_code(next.wasm().unwrap());
    calls.push(root_call("System", "set_code", code));
    sent.push(world.chain.batch(&world.alice, calls).await.unwrap());
    world.all_included(&sent).await;
    let upgraded = world.chain.included(sent.last().unwrap()).await.unwrap();
    let created = world.chain.storage_events(since, "ChallengeCreated").await;
    let defended = world.chain.storage_events(since, "ChallengeDefended").await;
    let until = |events: Vec<(u32, _)>| {
        let numbers = events.into_iter().map(|(number, _)| number);
        numbers.filter(|number| *number <= upgraded.number).count()
    };
    let open = until(created.unwrap()) - until(defended.unwrap());
    assert!(open >= 2 * IN_THE_BLOCK, "{open} are open");
    (upgraded.number, open)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_is_upgraded_through_all_variants_loses_no_challenge() {
    let mut random = ChaCha8Rng::seed_from_u64(0x0bad5eed);
    let mut world = World::begin(Variant::Deployed).await;
    let buckets = [
        world.establish(Follows::Embedded).await,
        world.establish(Follows::Remote).await,
    ];
    checkpoint_both(&mut world, buckets, &mut random).await;
    let mut asked = 0;
    for next in [Variant::Nonce, Variant::Current] {
        upgrade(&world, buckets, next, &mut random).await;
        asked += BEFORE + IN_THE_BLOCK;
        world.await_answers().await;
        for follows in BOTH {
            let account = world.provider(follows).account();
            assert_eq!(world.fates(account, 1).await, (asked, 0), "{follows:?}");
            world.assert_stake(follows).await;
        }
        checkpoint_both(&mut world, buckets, &mut random).await;
    }

    // The last step drops all challenges, and refunds the challengers.
    let (number, open) = upgrade(&world, buckets, Variant::LeafBinding, &mut random).await;
    asked += BEFORE + IN_THE_BLOCK;
    world.chain.finalized_after(number + 3).await.unwrap();
    world.await_answers().await;
    let mut defended = 0;
    for follows in BOTH {
        let account = world.provider(follows).account();
        let (ours, lost) = world.fates(account, 1).await;
        assert_eq!(lost, 0, "{follows:?}");
        world.assert_stake(follows).await;
        defended += ours;
        let counts = world.provider(follows).handle.challenges.statistics();
        assert_eq!(
            (counts.lost, counts.open),
            (0, 0),
            "{follows:?}: {counts:?}"
        );
    }
    assert_eq!(defended, 2 * asked - open, "the chain dropped the others");

    // It goes on: what was signed before is challenged under the new rule.
    let mut sent = Vec::new();
    for (follows, bucket) in BOTH.into_iter().zip(buckets) {
        let provider = world.provider(follows);
        for signed in &provider.buckets[&bucket].signed {
            // The chain verifies signatures without a nonce now.
            if signed.nonce.is_none() {
                let location = provider.location(bucket, &signed.commitment, &mut random);
                let challenge = world.chain.challenge_offchain(
                    &world.alice,
                    bucket,
                    provider.account(),
                    &signed.commitment,
                    None,
                    &signed.signature,
                    location,
                );
                sent.push(challenge.await.unwrap());
            }
        }
    }
    let since = world.all_included(&sent).await;
    world.await_answers().await;
    let answers = world.chain.accepted_answers(since).await.unwrap();
    assert_eq!(answers, vec!["Proof"; sent.len()]);
    for follows in BOTH {
        world.assert_stake(follows).await;
    }
    world.end().await;
}

/// The chain's operators once upgraded without a migration: rows that were written before do
/// not decode. The provider must take none of them for absent.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_an_upgrade_left_undecodable_are_not_taken_for_absent() {
    let mut random = ChaCha8Rng::seed_from_u64(0x5ca1e);
    let mut world = World::begin(Variant::Nonce).await;
    let buckets = [
        world.establish(Follows::Embedded).await,
        world.establish(Follows::Remote).await,
    ];
    checkpoint_both(&mut world, buckets, &mut random).await;
    world
        .chain
        .set_parameter(&world.alice, "SkipMigrations", true)
        .await
        .unwrap();
    let (number, _) = upgrade(&world, buckets, Variant::Current, &mut random).await;
    world.chain.finalized_after(number + 5).await.unwrap();
    // No user reads them here: subxt's decoder allocates as much as a wrong length says.
    for (follows, bucket) in BOTH.into_iter().zip(buckets) {
        let provider = world.provider(follows);
        let counts = provider.handle.challenges.statistics();
        assert_eq!(
            (counts.lost, counts.dropped),
            (0, 0),
            "{follows:?}: {counts:?}"
        );
        // The tree is kept: nothing says that the agreement is over.
        assert!(provider.holds(bucket).await, "{follows:?}");
    }
    world.end().await;
}

/// Returns the raw key of a challenge's row.
fn challenge_key(id: ChallengeId) -> Vec<u8> {
    use sp_crypto_hashing::{blake2_128, twox_64, twox_128};
    let (deadline, index) = (id.deadline.to_le_bytes(), id.index.to_le_bytes());
    [
        &twox_128(b"StorageProvider")[..],
        &twox_128(b"Challenges"),
        &blake2_128(&deadline),
        &deadline,
        &twox_64(&index),
        &index,
    ]
    .concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_does_not_decode_hides_none_of_the_others() {
    let mut random = ChaCha8Rng::seed_from_u64(0xf00d);
    let mut world = World::begin(Variant::Current).await;
    let buckets = [
        world.establish(Follows::Embedded).await,
        world.establish(Follows::Remote).await,
    ];
    checkpoint_both(&mut world, buckets, &mut random).await;
    // A row with another layout, of a deadline that no challenge has.
    let anchor = world.chain.anchor().await.unwrap();
    let id = ChallengeId {
        deadline: anchor + 1_000_000,
        index: 0,
    };
    let row = (challenge_key(id), vec![1, 2, 3]);
    world.chain.set_storage(&world.alice, &[row]).await.unwrap();
    let mut sent = Vec::new();
    for (follows, bucket) in BOTH.into_iter().zip(buckets) {
        let provider = world.provider(follows);
        let newest = provider.newest(bucket).commitment;
        for _ in 0..5 {
            let location = provider.location(bucket, &newest, &mut random);
            sent.push(world.challenge(follows, bucket, location).await);
        }
    }
    let since = world.all_included(&sent).await;
    world.await_defended(since, sent.len()).await;
    for follows in BOTH {
        world.assert_stake(follows).await;
        let counts = world.provider(follows).handle.challenges.statistics();
        assert_eq!(counts.lost, 0, "{counts:?}");
    }
    world.end().await;
}
