//! What a replica needs of this provider: a copy over the socket by the fetcher that replicas use,
//! and the roots and the state that they ask for.

use crate::fixture::*;
use cairn_bucket::{BucketConfig, StateRef};
use cairn_engine::SharedResources;
use cairn_http::serve;
use cairn_primitives::checkpoint::BucketSnapshot;
use cairn_primitives::{BucketId, H256, LeafIndex};
use cairn_replica::{
    FolderStore, HttpPeer, HttpPeerLimits, Peer, Store, SyncFailure, SyncLimits, SyncRequest, sync,
};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::net::TcpListener;

fn newest(face: &Face) -> cairn_primitives::Commitment {
    face.handle.provider.summary(BUCKET).unwrap().commitment
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_copies_a_bucket_over_this_api() {
    let face = Face::new().await;
    for chunks in [1, 5, 2] {
        let root = face.upload(&content(chunks)).await;
        face.commit(root).await;
    }
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let handle = serve(socket, face.rpc.clone(), quick()).unwrap();
    let limits = HttpPeerLimits {
        allow_private: true,
        ..HttpPeerLimits::default()
    };
    let url = format!("http://{}", handle.address());
    let peers: [Arc<dyn Peer>; 1] = [Arc::new(HttpPeer::new(&url, limits).unwrap())];
    let lease = cairn_provider::LeaseRequest::read();
    let lease = face.handle.provider.blocking_lease(BUCKET, lease).unwrap();
    let wanted = lease.commitment();
    assert_eq!(wanted.leaf_count.get(), 3);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("copy");
    let shared = SharedResources::default();
    let store = FolderStore::open(&path, BUCKET, BucketConfig::default(), shared.clone());
    let store: Arc<dyn Store> = Arc::new(store.unwrap());
    let request = SyncRequest {
        bucket: BUCKET,
        commitment: wanted,
        max_leaf_bytes: 1 << 30,
    };
    let limits = SyncLimits::default();
    // A bucket that this provider does not have.
    let other = SyncRequest {
        bucket: BucketId(99),
        ..request
    };
    let absent = sync(store.clone(), &peers, other, limits, &|_| {}).await;
    assert!(matches!(absent, Err(SyncFailure::Peers(_))), "{absent:?}");
    let synced = sync(store.clone(), &peers, request, limits, &|_| {}).await;
    assert_eq!(synced.unwrap().leaves_added, 3);
    assert_eq!(store.state().unwrap().unwrap().commitment, wanted);
    for index in 0..3 {
        let leaf = lease.run(|bucket| bucket.view(StateRef::Newest)?.leaf(LeafIndex(index)));
        let leaf = leaf.unwrap();
        let shape = cairn_bucket::shape_of_content(leaf.data_size).unwrap();
        assert!(store.holds(&leaf.data_root, shape).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_learns_the_roots_that_the_chain_has() {
    let face = Face::new().await;
    let path = format!("/replica/historical_roots?bucket_id={}", BUCKET.0);
    let none = json!({
        "bucket_id": BUCKET.0,
        "current_root": "",
        "historical_roots": ["", "", "", "", "", ""],
        "snapshot_block": 0,
    });
    assert_eq!(face.get(&path).await.ok(), none);
    let root = face.upload(&content(1)).await;
    face.commit(root).await;
    let commitment = newest(&face);
    let older = H256::repeat_byte(4);
    face.chain.edit(move |pallet| {
        let bucket = pallet.buckets.get_mut(&BUCKET).unwrap();
        bucket.snapshot = Some(BucketSnapshot {
            commitment,
            checkpoint_block: 33,
            primary_signers: vec![1],
        });
        bucket.historical_roots = vec![(3, 11, commitment.mmr_root), (11, 2, older)];
    });
    face.chain.advance();
    let mut found = Value::Null;
    for _ in 0..500 {
        found = face.get(&path).await.ok();
        if found["snapshot_block"] == 33 {
            break;
        }
        face.chain.advance();
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let current = hex0(commitment.mmr_root);
    let roots = json!([current, "", hex0(older), "", "", ""]);
    assert_eq!(found["current_root"], current);
    assert_eq!(found["historical_roots"], roots);
    let unknown = face.get("/replica/historical_roots?bucket_id=99").await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_a_copy_is_told() {
    let face = Face::new().await;
    let root = face.upload(&content(1)).await;
    let committed = face.commit(root).await;
    let path = format!("/replica/sync_status?bucket_id={}", BUCKET.0);
    let status = face.get(&path).await.ok();
    assert_eq!(status["local_mmr_root"], committed["mmr_root"]);
    assert_eq!(status["local_leaf_count"], 1);
    assert_eq!(status["last_sync_block"], Value::Null);
    assert_eq!(status["syncing"], false);
    let unknown = face.get("/replica/sync_status?bucket_id=99").await;
    assert_eq!(unknown.status, 404);
}
