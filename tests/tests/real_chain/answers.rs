//! Random challenges of both kinds, of any signed root, over buckets of random shapes, some of
//! them pruned: on each variant of the chain, of a provider in the node and of one that
//! follows it from elsewhere.

use crate::world::{Follows, World};
use cairn_devnode::Variant;
use cairn_devnode_user::Sent;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The challenges of each provider.
const CHALLENGES: usize = 200;
/// The challenges that are open at once, of both providers.
const BATCH: usize = 100;
/// The buckets of each provider.
const BUCKETS: usize = 3;

async fn fill(world: &mut World, random: &mut impl RngCore) {
    for follows in [Follows::Embedded, Follows::Remote] {
        for place in 0..BUCKETS {
            let bucket = world.establish(follows).await;
            let commits = random.gen_range(4..9);
            for commit in 0..commits {
                let leaves = random.gen_range(1..6);
                let provider = &mut world.providers[follows as usize];
                provider.commit(bucket, leaves, random).await;
                if commit == commits / 2 && place % 2 == 1 {
                    provider.prune_half(bucket).await;
                }
            }
            world.checkpoint(follows, bucket).await;
        }
    }
}

/// Challenges a provider at random.
async fn ask(world: &World, follows: Follows, random: &mut impl RngCore) -> Sent {
    let provider = world.provider(follows);
    let place = random.gen_range(0..provider.buckets.len());
    let (bucket, contents) = provider.buckets.iter().nth(place).unwrap();
    // The deployed chain verifies signatures of commitments without leaves, which no provider
    // gives out: there is nothing else to challenge than checkpoints.
    let takes_leaf_counts = world
        .chain
        .has_argument("challenge_offchain", "commitment")
        .await
        .unwrap();
    if takes_leaf_counts && random.r#gen() {
        let signed = &contents.signed[random.gen_range(0..contents.signed.len())];
        let location = provider.location(*bucket, &signed.commitment, random);
        let sent = world.chain.challenge_offchain(
            &world.alice,
            *bucket,
            provider.account(),
            &signed.commitment,
            signed.nonce,
            &signed.signature,
            location,
        );
        return sent.await.unwrap();
    }
    let newest = provider.newest(*bucket).commitment;
    let location = provider.location(*bucket, &newest, random);
    // On a public bucket anybody may challenge.
    let challenger = match random.r#gen() {
        true => &world.alice,
        false => &world.stranger,
    };
    let sent = world
        .chain
        .challenge_checkpoint(challenger, *bucket, provider.account(), location);
    sent.await.unwrap()
}

async fn all_are_answered_by_proof(variant: Variant, seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut world = World::begin(variant).await;
    fill(&mut world, &mut random).await;
    let since = world.chain.finalized().await.unwrap();
    for _ in 0..2 * CHALLENGES / BATCH {
        let mut sent = Vec::new();
        for _ in 0..BATCH / 2 {
            for follows in [Follows::Embedded, Follows::Remote] {
                sent.push(ask(&world, follows, &mut random).await);
            }
        }
        world.all_included(&sent).await;
        world.await_answers().await;
    }
    for follows in [Follows::Embedded, Follows::Remote] {
        let account = world.provider(follows).account();
        assert_eq!(
            world.fates(account, since).await,
            (CHALLENGES, 0),
            "{follows:?}"
        );
        world.assert_stake(follows).await;
    }
    let answers = world.chain.accepted_answers(since).await.unwrap();
    assert_eq!(answers.len(), 2 * CHALLENGES);
    assert!(
        answers.iter().all(|answer| answer == "Proof"),
        "{answers:?}"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_challenges_are_answered_on_the_deployed_chain() {
    all_are_answered_by_proof(Variant::Deployed, 0xdead).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_challenges_are_answered_where_commitments_have_nonces() {
    all_are_answered_by_proof(Variant::Nonce, 0xbeef).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_challenges_are_answered_on_the_current_chain() {
    all_are_answered_by_proof(Variant::Current, 0xc0ffee).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_challenges_are_answered_where_proofs_are_bound_to_leaves() {
    all_are_answered_by_proof(Variant::LeafBinding, 0xdecaf).await;
}
