//! Members while the provider is busy, which is no failure of the chain.

use super::*;
use crate::RpcCosigners;
use crate::fixture::{BUCKET, Fixture};
use cairn_gadget::{Extension, ExtensionConfig};
use cairn_primitives::onchain::{Agreement, RegisteredKey};
use cairn_testing::{LIMITS, SimulatedChain};
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn members_that_were_read_before_do_not_count_because_others_ask_too_much() {
    let fixture = Fixture::new("//Alice");
    let own = fixture.account();
    let chain = SimulatedChain::new(LIMITS);
    chain.edit(move |pallet| {
        pallet.register(own, RegisteredKey::from(own.0));
        pallet.add_bucket(BUCKET, own, Agreement::primary(own, 1 << 30, 1_000));
    });
    chain.advance();
    let extension = Extension::new(
        chain.client(own),
        fixture.provider.clone(),
        fixture.signer.clone(),
        Arc::new(RpcCosigners::default()),
        ExtensionConfig::default(),
    );
    let extension = extension.unwrap();
    let handle = extension.handle();
    let (_stop, stopping) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(extension.run(async {
        let _ = stopping.await;
    }));
    let mut tries = 0;
    while !handle.challenges.is_synced() || handle.countersigner.on_chain(BUCKET).await.is_err() {
        assert!(tries < 2_000, "the workers do not follow the chain");
        tries += 1;
        chain.advance();
        sleep(Duration::from_millis(10)).await;
    }
    let mut members = Members::new(handle);
    members.permit_time = Duration::from_millis(20);
    let stale = Duration::from_secs(300);
    let read = members.now(BUCKET, stale).await.unwrap().unwrap();
    assert_eq!(read.members, [(own, Role::Admin)]);
    assert!(!read.is_shared);
    let all = members
        .questions
        .acquire_many(QUESTIONS as u32)
        .await
        .unwrap();
    let busy = members.now(BUCKET, stale).await;
    assert!(matches!(busy, Err(MemberError::Unavailable(_))), "{busy:?}");
    drop(all);
    assert_eq!(members.now(BUCKET, stale).await, Ok(Some(read)));
}
