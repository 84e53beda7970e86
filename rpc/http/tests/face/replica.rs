//! Replicas: a copy over the socket by the fetcher that they use, the roots and the state that they
//! ask for, and one that is paid and challenged.

use crate::fixture::*;
use cairn_bucket::{BasePath, BucketConfig, StateRef};
use cairn_chain::ReplicaAgreement;
use cairn_engine::SharedResources;
use cairn_gadget::{Extension, ExtensionConfig, HttpReplicaPeers, ReplicaConfig, ReplicaState};
use cairn_http::serve;
use cairn_primitives::challenge::{AccountId, ChunkLocation};
use cairn_primitives::checkpoint::BucketSnapshot;
use cairn_primitives::onchain::{Agreement, PrimaryProvider, RegisteredKey};
use cairn_primitives::{BucketId, ChunkIndex, Commitment, H256, LeafIndex};
use cairn_provider::{Provider, ProviderOptions};
use cairn_replica::{
    FolderStore, HttpPeer, HttpPeerLimits, Peer, Store, SyncFailure, SyncLimits, SyncRequest, sync,
};
use cairn_rpc_server::RpcCosigners;
use cairn_testing::{NewChallenge, Resolution};
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

/// A second provider on the same chain, with an agreement as a replica of the bucket.
struct Replica {
    handle: cairn_gadget::ExtensionHandle,
    _stop: tokio::sync::oneshot::Sender<()>,
    _folder: tempfile::TempDir,
}

const TERMS: ReplicaAgreement = ReplicaAgreement {
    max_bytes: 1 << 30,
    expires_at: 100_000,
    sync_balance: 5_000_000_000,
    // Above the fee of the simulated chain.
    sync_price: 2_000_000_000,
    min_sync_interval: 3,
    last_sync: None,
};

impl Replica {
    fn new(face: &Face, terms: ReplicaAgreement) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let base = BasePath::create(folder.path().join("base")).unwrap();
        base.keys().insert("//Bob").unwrap();
        let signer = base.keys().signer(None).unwrap();
        let own = AccountId(signer.public());
        face.chain.edit(move |pallet| {
            pallet.register(own, RegisteredKey::from(own.0));
            pallet.add_replica(BUCKET, own, terms);
            let row = Agreement {
                is_replica: true,
                ..Agreement::primary(account("//Owner"), terms.max_bytes, terms.expires_at)
            };
            pallet.replicas.insert((BUCKET, own.0), row);
        });
        face.chain.advance();
        let provider = Arc::new(Provider::open(base, ProviderOptions::default()).unwrap());
        let client = face.chain.client(own);
        let cosigners = Arc::new(RpcCosigners::default());
        let workers = ExtensionConfig::default();
        let extension =
            Extension::new(client.clone(), provider, signer, cosigners, workers).unwrap();
        let peers = HttpReplicaPeers {
            limits: HttpPeerLimits {
                allow_private: true,
                ..HttpPeerLimits::default()
            },
        };
        let config = ReplicaConfig {
            interval: 1,
            ..ReplicaConfig::default()
        };
        let extension = extension.with_replicas(client, Arc::new(peers), config);
        let handle = extension.handle();
        let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
        tokio::spawn(extension.run(async {
            let _ = stopping.await;
        }));
        Self {
            handle,
            _stop: stop,
            _folder: folder,
        }
    }

    fn account(&self) -> AccountId {
        self.handle.account
    }

    fn state(&self) -> Option<ReplicaState> {
        self.handle
            .replicas
            .report(BUCKET)
            .map(|report| report.state)
    }

    /// Adds blocks until something holds.
    async fn wait(&self, face: &Face, what: &str, is_so: impl Fn() -> bool) {
        for _ in 0..2_000 {
            if is_so() {
                return;
            }
            face.chain.advance();
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{what} did not happen: {:?}", self.state());
    }
}

/// Makes the primary provider's newest tree the bucket's checkpoint, and serves it at an address.
async fn checkpoint(face: &Face, url: &str) -> Commitment {
    let root = face.upload(&content(3)).await;
    face.commit(root).await;
    let lease = cairn_provider::LeaseRequest::read();
    let lease = face.handle.provider.blocking_lease(BUCKET, lease).unwrap();
    let commitment = lease.commitment();
    let port = url.rsplit(':').next().unwrap().to_owned();
    let primary = face.handle.account;
    face.chain.edit(move |pallet| {
        let endpoint = format!("/ip4/127.0.0.1/tcp/{port}");
        let bucket = pallet.buckets.get_mut(&BUCKET).unwrap();
        bucket.primary_providers[0].endpoint = endpoint.clone().into_bytes();
        // The other primary provider does not answer.
        bucket.primary_providers.truncate(1);
        bucket.primary_providers.push(PrimaryProvider {
            account: account("//Dave"),
            key: None,
            endpoint: b"/ip4/127.0.0.1/tcp/1".to_vec(),
            agreement: None,
        });
        bucket.snapshot = Some(BucketSnapshot {
            commitment,
            checkpoint_block: pallet.anchor,
            primary_signers: vec![1],
        });
        let record = pallet.providers.get_mut(&primary.0).unwrap();
        record.endpoint = endpoint.into_bytes();
    });
    face.chain.advance();
    commitment
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_synchronised_paid_and_answers_a_challenge() {
    let face = Face::new().await;
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let served = serve(socket, face.rpc.clone(), quick()).unwrap();
    let url = format!("http://{}", served.address());
    let wanted = checkpoint(&face, &url).await;
    let replica = Replica::new(&face, TERMS);
    let own = replica.account();
    let row = || face.chain.finalized().replica_terms[&(BUCKET, own.0)];
    let confirmed = || row().last_sync.map(|last| last.commitment) == Some(wanted);
    replica.wait(&face, "a confirmation", confirmed).await;
    assert_eq!(row().sync_balance, TERMS.sync_balance - TERMS.sync_price);
    let synced = || replica.state() == Some(ReplicaState::Synced);
    replica.wait(&face, "the state", synced).await;
    let newest = replica.handle.provider.summary(BUCKET).unwrap();
    assert_eq!(newest.commitment, wanted);
    // Nothing else is committed to the copy.
    assert!(replica.handle.is_replica(BUCKET));
    assert!(!face.handle.is_replica(BUCKET));
    let refused = face.chain.submission_record().refused_confirmations;
    assert_eq!(refused, []);

    // The chain asks for what was confirmed.
    face.chain.challenge(NewChallenge {
        provider: own,
        challenger: account("//Reader"),
        bucket: BUCKET,
        commitment: wanted,
        location: ChunkLocation {
            leaf_index: LeafIndex(0),
            chunk_index: ChunkIndex(2),
        },
        period: None,
    });
    let defended = || {
        let ended = face.chain.finalized().ended.clone();
        ended.iter().any(|(challenge, result)| {
            challenge.provider == own && matches!(result, Resolution::Defended { .. })
        })
    };
    replica.wait(&face, "an answer", defended).await;

    // The next checkpoint is followed; then nobody pays any more.
    let second = checkpoint(&face, &url).await;
    let again = || row().last_sync.map(|last| last.commitment) == Some(second);
    replica.wait(&face, "a second confirmation", again).await;
    checkpoint(&face, &url).await;
    let unpaid = || matches!(replica.state(), Some(ReplicaState::Unpaid { .. }));
    replica.wait(&face, "the end of the balance", unpaid).await;
    let statistics = replica.handle.replicas.statistics();
    assert_eq!((statistics.agreements, statistics.unpaid), (1, 1));
    let newest = replica.handle.provider.summary(BUCKET).unwrap();
    assert_eq!(newest.commitment, second, "nothing is copied for nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_confirms_nothing_that_it_could_not_copy() {
    let face = Face::new().await;
    // Nothing listens there.
    checkpoint(&face, "http://127.0.0.1:1").await;
    let replica = Replica::new(&face, TERMS);
    let failed = || matches!(replica.state(), Some(ReplicaState::Failed(_)));
    replica.wait(&face, "a failure", failed).await;
    assert_eq!(face.chain.submission_record().confirmations, []);
    let row = face.chain.finalized().replica_terms[&(BUCKET, replica.account().0)];
    assert_eq!(row, TERMS);
}
