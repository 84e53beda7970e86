//! Buckets that `import-legacy` brought: their newest commitment is signed for anybody, as the
//! provider that they come from signed it.

use crate::fixture::{BUCKET, Face, account, content, hex0, quick};
use cairn_bucket::{BucketConfig, NewLeaf, ProveError, write_legacy_commitment};
use cairn_engine::Durability;
use cairn_primitives::onchain::Agreement;
use cairn_primitives::{BucketId, Commitment};
use cairn_provider::LeaseRequest;
use cairn_rpc_api::{BucketApiServer, U64OrHex};
use serde_json::json;
use std::time::Duration;

/// Commits content without a signature, and records the commitment as an import does.
fn import(face: &Face, bucket: BucketId, contents: &[&[u8]]) -> Commitment {
    let provider = &face.handle.provider;
    let lease = provider.blocking_lease(bucket, LeaseRequest::write());
    let lease = lease.unwrap();
    for content in contents {
        let stored = lease.run(|bucket| bucket.ingest(*content)).unwrap();
        let leaf = NewLeaf {
            data_root: stored.data_root,
            data_size: stored.data_size,
        };
        let committed = lease.run(|bucket| bucket.commit(&[leaf], Durability::Synced));
        committed.unwrap();
    }
    let last = lease.commitment();
    write_legacy_commitment(provider.path(), bucket, &last).unwrap();
    last
}

fn signed_roots(face: &Face, bucket: BucketId) -> usize {
    let provider = &face.handle.provider;
    let lease = provider.blocking_lease(bucket, LeaseRequest::read());
    let count = |bucket: &cairn_bucket::Bucket| Ok::<_, ProveError>(bucket.signed_roots()?.count());
    lease.unwrap().run(count).unwrap()
}

/// Waits until the buckets have been compared with the chain: nothing new is signed before.
async fn compared(face: &Face) {
    let mut tries = 0;
    while face.handle.provider.signing_off_reason().is_some() {
        assert!(tries < 2_000, "the buckets are not compared with the chain");
        tries += 1;
        face.chain.advance();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imported_bucket_has_a_signed_commitment_at_once() {
    for path in ["/commitment", "/checkpoint-signature"] {
        let face = Face::new().await;
        compared(&face).await;
        let last = import(&face, BUCKET, &[b"one", b"two"]);
        let signed = face.get(&format!("{path}?bucket_id=7")).await.ok();
        assert_eq!(signed["mmr_root"], hex0(last.mmr_root));
        assert_eq!(signed["leaf_count"], 2);
        assert_eq!(signed_roots(&face, BUCKET), 1);
        let over_rpc = BucketApiServer::commitment(&face.rpc, U64OrHex(BUCKET.0));
        assert_eq!(over_rpc.await.unwrap().commitment.mmr_root, last.mmr_root);
        // As before, once a member has committed.
        let root = face.upload(b"three").await;
        let committed = face.commit(root).await;
        let newest = face.get(&format!("{path}?bucket_id=7")).await.ok();
        assert_eq!(newest["mmr_root"], committed["mmr_root"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rpc_alone_signs_an_imported_commitment_too() {
    let face = Face::new().await;
    compared(&face).await;
    let last = import(&face, BUCKET, &[b"one"]);
    let signed = BucketApiServer::commitment(&face.rpc, U64OrHex(BUCKET.0));
    assert_eq!(signed.await.unwrap().commitment.mmr_root, last.mmr_root);
    assert_eq!(signed_roots(&face, BUCKET), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn s13_an_import_is_not_signed_without_an_agreement() {
    let face = Face::new().await;
    compared(&face).await;
    let other = BucketId(8);
    let provider = &face.handle.provider;
    provider
        .create_bucket(other, BucketConfig::default())
        .unwrap();
    let last = import(&face, other, &[b"one"]);
    let path = "/commitment?bucket_id=8";
    let refused = face.get(path).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.json()["error"], "signing_unavailable");
    assert_eq!(signed_roots(&face, other), 0);
    // The chain has one for another provider only.
    let (own, stranger) = (face.handle.account, account("//Stranger"));
    let agreement = Agreement::primary(account("//Owner"), 1 << 30, 1_000);
    face.chain
        .edit(move |pallet| pallet.add_bucket(other, stranger, agreement));
    for _ in 0..3 {
        face.chain.advance();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(face.get(path).await.status, 503);
    assert_eq!(signed_roots(&face, other), 0);
    // Now for this one.
    face.chain
        .edit(move |pallet| pallet.add_bucket(other, own, agreement));
    let mut tries = 0;
    let signed = loop {
        let answer = face.get(path).await;
        if answer.status == 200 {
            break answer.ok();
        }
        assert!(tries < 2_000, "{}", answer.text());
        tries += 1;
        face.chain.advance();
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(signed["mmr_root"], hex0(last.mmr_root));
}

/// While the chain does not answer, what it said before does not count.
#[tokio::test(flavor = "multi_thread")]
async fn s13_an_import_is_not_signed_while_the_chain_is_away() {
    let face = Face::new().await;
    compared(&face).await;
    // It is kept whose agreement the bucket has.
    face.upload(b"by a member").await;
    import(&face, BUCKET, &[b"one"]);
    face.disconnect().await;
    let refused = face.get("/commitment?bucket_id=7").await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(signed_roots(&face, BUCKET), 0);
}

/// The signature may be nobody's yet, and would be everybody's: a challenge of a padding slot would
/// find no answer.
#[tokio::test(flavor = "multi_thread")]
async fn a_padded_import_is_signed_where_padding_is_accepted() {
    let padded = content(3);
    let refusing = |rpc: cairn_rpc_server::ProviderRpc| rpc.refusing_padding();
    let face = Face::with(quick(), Default::default(), refusing).await;
    compared(&face).await;
    import(&face, BUCKET, &[&padded]);
    let refused = face.get("/commitment?bucket_id=7").await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.json()["error"], "signing_unavailable");
    assert_eq!(signed_roots(&face, BUCKET), 0);
    // With a leaf that answers for any slot, it is safe.
    import(&face, BUCKET, &[b"whole"]);
    let signed = face.get("/commitment?bucket_id=7").await.ok();
    assert_eq!(signed["leaf_count"], json!(2));

    let face = Face::new().await;
    compared(&face).await;
    import(&face, BUCKET, &[&padded]);
    let signed = face.get("/commitment?bucket_id=7").await.ok();
    assert_eq!(signed["leaf_count"], json!(1));
}
