//! The account of a provider: another key than the one that signs commitments, and too little
//! money for an answer.

use crate::world::{Beginning, FIRST, Follows, World};
use cairn_devnode::{Parameters, Variant};
use cairn_devnode_user::Key;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A coin, in the smallest unit.
const UNIT: u128 = 1_000_000_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn the_account_may_have_another_key_than_the_one_that_signs() {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let mut world = World::begin(Beginning {
        commitments_suri: Some("//Charlie//commitments"),
        ..Variant::Current.into()
    })
    .await;
    let provider = world.provider(Follows::Embedded);
    assert_ne!(provider.key.public(), provider.signing.public());
    let account = provider.account();
    // Terms and commitments are signed by the one, answers by the other.
    let bucket = world.establish(Follows::Embedded).await;
    world.providers[0].commit(bucket, 3, &mut random).await;
    world.checkpoint(Follows::Embedded, bucket).await;
    let sent = world.challenge(Follows::Embedded, bucket, FIRST).await;
    let signed = world.provider(Follows::Embedded).newest(bucket);
    let by_signature = world.chain.challenge_offchain(
        &world.stranger,
        bucket,
        account,
        &signed.commitment,
        signed.nonce,
        &signed.signature,
        FIRST,
    );
    let by_signature = by_signature.await.unwrap();
    let since = world.all_included(&[sent, by_signature]).await;
    world.await_answers().await;
    assert_eq!(world.fates(account, since).await, (2, 0));
    world.assert_stake(Follows::Embedded).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_the_account_cannot_pay_is_given_once_it_can() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut world = World::begin(Beginning {
        parameters: Parameters {
            challenge_timeout: Some(10_000),
            ..Parameters::default()
        },
        ..Variant::Current.into()
    })
    .await;
    for follows in [Follows::Embedded, Follows::Remote] {
        let bucket = world.establish(follows).await;
        let provider = &mut world.providers[follows as usize];
        provider.commit(bucket, 1, &mut random).await;
        world.checkpoint(follows, bucket).await;
        let provider = world.provider(follows);
        let (account, key) = (provider.account(), provider.key.clone());
        // All but what keeps the account, less than the fee for any answer.
        let free = world.chain.balance(account).await.unwrap();
        let sink = Key::new("//Sink").unwrap().account();
        world
            .chain
            .transfer(&key, sink, free - UNIT / 100)
            .await
            .unwrap();
        let sent = world.challenge(follows, bucket, FIRST).await;
        let since = world.all_included(&[sent]).await;
        world.blocks(5).await;
        assert_eq!(world.fates(account, since).await, (0, 0), "{follows:?}");
        world
            .chain
            .transfer(&world.alice, account, 100 * UNIT)
            .await
            .unwrap();
        world.await_answers().await;
        assert_eq!(world.fates(account, since).await, (1, 0), "{follows:?}");
        world.assert_stake(follows).await;
    }
    world.end().await;
}
