//! Peers that lie, stall or have another tree: a copy is always a beginning of the wanted tree.

use crate::fixture::{Copy, FAULTS, Fault, ID, Source, sync_store};
use cairn_bucket::{BucketConfig, NewLeaf, StateRef, TreeStart};
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::{Commitment, H256, LeafCount, Sequence};
use cairn_replica::{FolderOpenError, FolderStore, Peer, Store, SyncFailure};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Leaves of all shapes: empty, part of a chunk, whole chunks, padded trees.
const SIZES: [usize; 7] = [
    5_000,
    0,
    CHUNK_BYTES,
    3 * CHUNK_BYTES - 7,
    64,
    2 * CHUNK_BYTES,
    1,
];

fn is_beginning(source: &Source, copy: Commitment) -> bool {
    let at = source.bucket.view(StateRef::LeafCount(copy.leaf_count));
    at.unwrap().commitment().unwrap() == copy
}

#[tokio::test]
async fn a_copy_proves_what_its_source_proves() {
    let source = Source::new(&SIZES);
    let copy = Copy::new();
    let wanted = source.commitment();
    let peer = source.peer(None);
    let peers: [Arc<dyn Peer>; 1] = [peer.clone()];
    let synced = copy.sync(&peers, wanted).await.unwrap();
    assert_eq!(synced.leaves_added, 7);
    assert_eq!(synced.bytes_added, source.sizes.iter().sum::<u64>());
    assert_eq!(copy.commitment(), Some(wanted));
    // Nothing is fetched again.
    let returned = peer.content_returned.load(Ordering::Relaxed);
    let again = copy.sync(&peers, wanted).await.unwrap();
    assert_eq!(again.leaves_added, 0);
    assert_eq!(peer.content_returned.load(Ordering::Relaxed), returned);
    copy.check_all_proofs(&source, wanted);
}

#[tokio::test]
async fn a_tree_higher_than_a_block_is_copied() {
    let source = Source::new(&[70 * CHUNK_BYTES + 9]);
    let copy = Copy::new();
    copy.sync(&[source.peer(None)], source.commitment())
        .await
        .unwrap();
    copy.check_all_proofs(&source, source.commitment());
}

#[tokio::test]
async fn a_peer_that_has_grown_since_serves_the_older_root() {
    let mut source = Source::new(&SIZES[..3]);
    let first = source.commitment();
    source.grow(300_000);
    source.grow(10);
    let copy = Copy::new();
    copy.sync(&[source.peer(None)], first).await.unwrap();
    assert_eq!(copy.commitment(), Some(first));
    copy.sync(&[source.peer(None)], source.commitment())
        .await
        .unwrap();
    assert_eq!(copy.commitment(), Some(source.commitment()));
    // An older commitment is had.
    let again = copy.sync(&[source.peer(None)], first).await.unwrap();
    assert_eq!(again.leaves_added, 0);
    copy.check_all_proofs(&source, source.commitment());
}

#[tokio::test]
async fn a_copy_follows_a_prune() {
    let mut source = Source::new(&SIZES[..5]);
    let copy = Copy::new();
    copy.sync(&[source.peer(None)], source.commitment())
        .await
        .unwrap();
    source.bucket.prune(Sequence(3), None).unwrap();
    source.grow(77);
    copy.sync(&[source.peer(None)], source.commitment())
        .await
        .unwrap();
    assert_eq!(copy.commitment(), Some(source.commitment()));
    // A copy that is made after the prune starts where the tree does.
    let late = Copy::new();
    late.sync(&[source.peer(None)], source.commitment())
        .await
        .unwrap();
    assert_eq!(late.commitment(), Some(source.commitment()));
    late.check_all_proofs(&source, source.commitment());
    // A copy from before the prune cannot follow past its end, and is left as it is.
    let behind = Copy::new();
    let old = Source::new(&SIZES[..2]);
    behind
        .sync(&[old.peer(None)], old.commitment())
        .await
        .unwrap();
    let failed = behind.sync(&[source.peer(None)], source.commitment()).await;
    assert!(
        matches!(failed, Err(SyncFailure::LeftBehind { .. })),
        "{failed:?}"
    );
    assert_eq!(behind.commitment(), Some(old.commitment()));
}

#[tokio::test]
async fn a_copy_that_has_diverged_is_left_as_it_is() {
    let source = Source::new(&SIZES[..4]);
    let copy = Copy::new();
    let store = Arc::new(copy.store());
    let first = source
        .bucket
        .view(StateRef::LeafCount(LeafCount::new(2).unwrap()));
    let first = first.unwrap().commitment().unwrap();
    sync_store(store.clone(), &[source.peer(None)], first)
        .await
        .unwrap();
    let bytes = b"another leaf";
    let hash = store.profile().chunk(bytes);
    store.put_chunk(hash, bytes).unwrap();
    let leaf = NewLeaf {
        data_root: hash,
        data_size: 12,
    };
    let two = LeafCount::new(2).unwrap();
    // An attempt that was abandoned, and ends after another has read the state.
    let late = store.commit(LeafCount::default(), &[leaf]).unwrap_err();
    assert!(late.to_string().contains("has 2 leaves"), "{late}");
    let diverged = store.commit(two, &[leaf]).unwrap();
    store.commit(two, &[leaf]).unwrap_err();
    let failed = sync_store(store.clone(), &[source.peer(None)], source.commitment()).await;
    assert!(
        matches!(failed, Err(SyncFailure::Diverged { .. })),
        "{failed:?}"
    );
    assert_eq!(store.state().unwrap().unwrap().commitment, diverged);
}

#[tokio::test]
async fn a_root_that_nobody_has_copies_nothing() {
    let source = Source::new(&SIZES[..4]);
    let copy = Copy::new();
    let wanted = Commitment {
        mmr_root: H256::repeat_byte(1),
        ..source.commitment()
    };
    let failed = copy.sync(&[source.peer(None)], wanted).await;
    assert!(matches!(failed, Err(SyncFailure::Peers(_))), "{failed:?}");
    assert_eq!(copy.commitment(), None);
    let none = copy.sync(&[], source.commitment()).await;
    assert!(matches!(none, Err(SyncFailure::NoPeer)));
}

#[tokio::test]
async fn a_quota_ends_a_copy_and_keeps_what_it_has() {
    let source = Source::new(&SIZES);
    let copy = Copy::new();
    let config = BucketConfig {
        max_bytes: 500_000,
        ..BucketConfig::default()
    };
    let store = Arc::new(copy.store_with(config));
    let failed = sync_store(store.clone(), &[source.peer(None)], source.commitment()).await;
    assert!(matches!(failed, Err(SyncFailure::Store(_))), "{failed:?}");
    let have = store.state().unwrap().unwrap().commitment;
    assert!(have.leaf_count.get() > 0 && is_beginning(&source, have));
}

#[tokio::test]
async fn a_leaf_above_the_agreement_is_not_fetched() {
    let source = Source::new(&SIZES[..4]);
    let copy = Copy::new();
    let peer = source.peer(None);
    let request = cairn_replica::SyncRequest {
        bucket: crate::fixture::ID,
        commitment: source.commitment(),
        max_leaf_bytes: CHUNK_BYTES as u64,
    };
    let store: Arc<dyn Store> = Arc::new(copy.store());
    let limits = cairn_replica::SyncLimits::default();
    let peers: [Arc<dyn Peer>; 1] = [peer.clone()];
    let failed = cairn_replica::sync(store, &peers, request, limits, &|_| {}).await;
    assert!(
        matches!(failed, Err(SyncFailure::TooLarge { .. })),
        "{failed:?}"
    );
    assert_eq!(peer.content_returned.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn sizes_that_do_not_add_up_are_refused() {
    let source = Source::new(&[10, 20]);
    // The bucket itself would not store such a leaf: the tree of a provider that does.
    let mut frontier =
        cairn_primitives::mmr::Frontier::empty(cairn_primitives::HashingProfile::Plain);
    let view = source.bucket.view(StateRef::Newest).unwrap();
    let mut leaf = view.leaf(cairn_primitives::LeafIndex(0)).unwrap();
    leaf.total_size += 1;
    frontier.append(
        cairn_primitives::HashingProfile::Plain.leaf(&leaf),
        |_, _| {},
    );
    struct Liar(cairn_primitives::MmrLeaf);
    #[async_trait::async_trait]
    impl Peer for Liar {
        fn name(&self) -> String {
            "a liar".into()
        }
        async fn leaf(
            &self,
            _: cairn_primitives::BucketId,
            _: cairn_primitives::LeafIndex,
        ) -> Result<cairn_replica::ClaimedLeaf, cairn_replica::PeerError> {
            Ok(cairn_replica::ClaimedLeaf {
                leaf: self.0,
                siblings: vec![],
            })
        }
        async fn content(
            &self,
            _: cairn_primitives::BucketId,
            _: &[cairn_replica::ContentQuery],
        ) -> Result<Vec<(H256, cairn_replica::ClaimedContent)>, cairn_replica::PeerError> {
            panic!("no content is asked for")
        }
    }
    let wanted = Commitment {
        mmr_root: frontier.root(),
        start_seq: Sequence(0),
        leaf_count: frontier.count(),
    };
    let copy = Copy::new();
    // Start at sequence 0 with a past: the sizes begin with 0 in a bucket that has none.
    let store = copy.store();
    store.begin(cairn_bucket::TreeStart::default()).unwrap();
    let failed = sync_store(Arc::new(store), &[Arc::new(Liar(leaf))], wanted).await;
    assert!(
        matches!(failed, Err(SyncFailure::Unprovable { .. })),
        "{failed:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever peers do, a copy is a beginning of the wanted tree, and an honest one completes it.
    #[test]
    fn any_faults_leave_a_beginning_and_an_honest_peer_completes_it(
        sizes in proptest::collection::vec(prop::sample::select(&SIZES[..]), 1..7),
        more in 0usize..3,
        faults in proptest::collection::vec(
            (prop::sample::select(&FAULTS[..]), 0usize..30), 1..4),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut source = Source::new(&sizes);
            let wanted = source.commitment();
            (0..more).for_each(|_| source.grow(100));
            let copy = Copy::new();

            for fault in faults {
                let peer = source.peer(Fault::Some(fault));
                let one: [Arc<dyn Peer>; 1] = [peer.clone()];
                match copy.sync(&one, wanted).await {
                    // The fault did not come up.
                    Ok(_) => prop_assert_eq!(copy.commitment(), Some(wanted)),
                    Err(SyncFailure::Peers(failed)) => prop_assert_eq!(failed.len(), 1),
                    Err(other) => prop_assert!(false, "{}", other),
                }
                if let Some(have) = copy.commitment() {
                    prop_assert!(is_beginning(&source, have));
                }

            }

            let peers: Vec<Arc<dyn Peer>> = vec![
                source.peer(Some((crate::fixture::FaultKind::WrongBytes, 0))),
                source.peer(None),
            ];
            copy.sync(&peers, wanted).await.unwrap();
            prop_assert_eq!(copy.commitment(), Some(wanted));
            copy.check_all_proofs(&source, wanted);
            Ok(())
        })?;
    }
}

#[test]
fn an_interrupted_copy_continues() {
    // Dropped at any point: whatever was asked then, the next run completes the copy.
    let source = Source::new(&SIZES);
    let wanted = source.commitment();
    let copy = Copy::new();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_time()
        .build()
        .unwrap();
    for millis in [0, 1, 2, 4, 8, 16] {
        runtime.block_on(async {
            let peers: [Arc<dyn Peer>; 1] = [source.peer(None)];
            let limit = std::time::Duration::from_millis(millis);
            let _ = tokio::time::timeout(limit, copy.sync(&peers, wanted)).await;
        });
        // The state that a write on another thread leaves.
        let store = copy.store();
        if let Some(state) = store.state().unwrap() {
            assert!(is_beginning(&source, state.commitment));
        }
    }
    let peers: [Arc<dyn Peer>; 1] = [source.peer(None)];
    runtime.block_on(copy.sync(&peers, wanted)).unwrap();
    copy.check_all_proofs(&source, wanted);
}

/// Until a copy is begun, no database has a lock.
#[test]
fn a_copy_that_is_not_begun_is_open_once() {
    let copy = Copy::new();
    let open = || {
        FolderStore::open(
            &copy.path(),
            ID,
            BucketConfig::default(),
            Default::default(),
        )
    };
    let is_in_use = || matches!(open(), Err(FolderOpenError::InUse { .. }));
    let first = open().unwrap();
    assert!(is_in_use());
    // The second time, the empty copy is removed and made again.
    for sequence in [0, 3] {
        let start = TreeStart {
            sequence: Sequence(sequence),
            total_size: 0,
        };
        first.begin(start).unwrap();
        assert!(is_in_use());
    }
    drop(first);
    let second = open().unwrap();
    let state = second.state().unwrap().unwrap();
    assert_eq!(state.commitment.start_seq, Sequence(3));
    second.finish().unwrap();
    assert!(open().is_ok());
}
