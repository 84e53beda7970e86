//! A real node in this process that loads Cairn: the runtime judges in WASM, and its verdict is
//! asserted.

#[path = "real_chain/buckets.rs"]
mod buckets;
#[path = "real_chain/harness.rs"]
mod harness;

use cairn_devnode_runtime::genesis;
use harness::Harness;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The number of challenges for each rule.
const CHALLENGES: u32 = 200;

/// Submits challenges of both kinds, of any signed root, over buckets of random shapes, some of
/// them pruned, under one rule.
async fn all_are_answered_by_proof(rules: &str, seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let signed_roots = buckets::create_buckets(folder.path(), 4, &mut random);
    let stage = Harness::open(genesis::rules(rules).unwrap(), folder.path(), &signed_roots).await;
    for batch in 0..CHALLENGES / 50 {
        let asked = stage
            .submit_challenges(50, &signed_roots, &mut random)
            .await;
        assert_eq!(asked, 50, "batch {batch}");
        stage.await_answers().await;
    }
    let info = stage.provider();
    assert_eq!((info.defended, info.lost), (u64::from(CHALLENGES), 0));
    assert_eq!(info.stake, harness::STAKE);
    assert_eq!(
        stage.answers(),
        harness::Answers {
            proofs: 200,
            others: 0
        }
    );
    stage.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_challenges_are_answered_under_the_old_rule() {
    all_are_answered_by_proof("old", 0x0c0ffee).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_challenges_are_answered_under_the_new_rule() {
    all_are_answered_by_proof("strict", 0xdecaf).await;
}
