//! Terms are signed by the state at a head only once the agreements are known there.

use super::*;
use cairn_bucket::quota_for_content;
use std::pin::pin;

#[tokio::test]
async fn nothing_is_signed_after_a_look_at_the_agreements_that_failed() {
    let mut fixture = Fixture::new(policy()).await;
    let signed = fixture.quoter.negotiate(request()).await.unwrap();
    // The chain's count of bytes changes, so that all agreements have to be read.
    fixture.client.remove_methods(&["agreements"]);
    fixture.redeem(&signed).await.unwrap();
    assert_eq!(fixture.quoter.offer().await, Err(TermsRefusal::NotReady));
    let refused = fixture.quoter.negotiate(request()).await;
    assert_eq!(refused, Err(TermsRefusal::NotReady));
    // Also at a head at which nothing has changed.
    fixture.pass().await;
    assert_eq!(fixture.quoter.offer().await, Err(TermsRefusal::NotReady));
    fixture.client.remove_methods(&[]);
    // A runtime without the question is asked again after the interval.
    for _ in 0..=10 {
        fixture.pass().await;
    }
    assert!(fixture.quoter.negotiate(request()).await.is_ok());
}

#[tokio::test]
async fn a_look_that_failed_once_is_repeated_at_the_next_head() {
    let mut fixture = Fixture::new(policy()).await;
    let head = fixture.chain.advance();
    fixture.client.fail_next(1);
    fixture.agreements.on_finalized_head(head).await;
    assert_eq!(fixture.quoter.offer().await, Err(TermsRefusal::NotReady));
    fixture.pass().await;
    assert!(fixture.quoter.offer().await.is_ok());
}

#[tokio::test]
async fn nothing_is_signed_while_the_node_synchronises() {
    let mut fixture = Fixture::new(policy()).await;
    fixture.chain.set_syncing(true);
    fixture.pass().await;
    assert_eq!(fixture.quoter.offer().await, Err(TermsRefusal::NotReady));
    fixture.chain.set_syncing(false);
    fixture.pass().await;
    assert!(fixture.quoter.offer().await.is_ok());
}

/// Terms for half of the disk are redeemed. Whether the worker has looked at that or not, the
/// other half is all that is left.
#[tokio::test]
async fn the_same_disk_is_not_sold_twice_between_a_head_and_the_look_at_it() {
    let mut fixture = Fixture::new(policy()).await;
    let before = fixture.quoter.offer().await.unwrap().available_bytes;
    let half = TermsRequest {
        max_bytes: before.min(1 << 40) / 2,
        ..request()
    };
    // Other programs use the disk meanwhile, but not a quarter of what is sold.
    let left = before - half.max_bytes / 4 * 3;
    assert!(quota_for_content(half.max_bytes) < before);
    let signed = fixture.quoter.negotiate(half).await.unwrap();
    let available = fixture.quoter.offer().await.unwrap().available_bytes;
    assert!(available <= left, "{available} of {before}");

    let account = fixture.account;
    fixture
        .chain
        .edit(move |pallet| _ = pallet.redeem(OWNER, account, &signed).unwrap());
    let head = fixture.chain.advance();
    let Fixture {
        agreements, quoter, ..
    } = &mut fixture;
    let mut look = pin!(agreements.on_finalized_head(head));
    // The chain is read at once, and the disk by another thread.
    let is_done = futures::poll!(look.as_mut()).is_ready();
    let available = quoter.offer().await.unwrap().available_bytes;
    assert!(available <= left, "{available} of {before}");
    if !is_done {
        look.await;
    }
    let available = quoter.offer().await.unwrap().available_bytes;
    assert!(available <= left, "{available} of {before}");
}
