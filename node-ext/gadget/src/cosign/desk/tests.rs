//! The countersigner: what it signs, and each reason for a refusal.

use super::*;
use crate::CheckpointConfig;
use crate::village::{EXPIRES, ID, Village, commit};
use cairn_bucket::{At, ProveError};
use cairn_primitives::challenge::{AccountId, ChunkLocation};
use cairn_primitives::onchain::CheckpointWindow;
use cairn_primitives::{BucketId, ChunkIndex, Commitment, H256, LeafCount, LeafIndex, Sequence};
use cairn_provider::Lease;

const WINDOW: CheckpointWindow = CheckpointWindow {
    interval: 10,
    grace: 3,
};

/// Creates two providers with three leaves each, which have seen a block.
async fn village(window: Option<CheckpointWindow>) -> Village {
    let config = CheckpointConfig {
        leaves: u64::MAX,
        age: u32::MAX,
        ..CheckpointConfig::default()
    };
    let village = Village::new(2, 2, window, config);
    (1..=3).for_each(|number| village.commit(number));
    saw(&village);
    village
}

fn saw(village: &Village) {
    let head = village.chain.finalized_head();
    for neighbour in &village.neighbours {
        neighbour.desk().saw(head);
    }
}

/// Returns the first provider's request, with its own signature.
fn ask(village: &Village, request: CheckpointRequest) -> Ask {
    let asker = &village.neighbours[0];
    Ask {
        request,
        asker: asker.account,
        signature: asker.sign_bytes(&request.signed_bytes()),
    }
}

fn promises_of(lease: &Lease) -> usize {
    let promises = lease.run(|bucket| Ok::<_, ProveError>(bucket.promises()?.count()));
    promises.unwrap()
}

fn at_count(village: &Village, count: u64) -> Commitment {
    let lease = village.neighbours[1].provider().lease(ID, Wanted::read());
    let count = LeafCount::new(count).unwrap();
    let lease = lease.unwrap();
    let found = lease.run(|bucket| bucket.view(At::LeafCount(count))?.commitment());
    found.unwrap()
}

async fn sign(
    village: &Village,
    commitment: Commitment,
    window: Option<u64>,
) -> Result<MultiSignature, Refusal> {
    let ask = ask(village, CheckpointRequest::new(ID, commitment, window));
    village.neighbours[1].desk().countersign(&ask).await
}

#[tokio::test]
async fn i4_what_the_desk_signs_is_proven_by_a_process_that_ended_right_after() {
    let village = village(None).await;
    let older = at_count(&village, 2);
    let signature = sign(&village, older, None).await.unwrap();
    let key = MultiSigner::Sr25519(village.neighbours[1].signer.public());
    let message = CheckpointRequest::new(ID, older, None).signed_bytes();
    assert_eq!(verify(&key, &message, &signature), Ok(()));

    // A copy of the files as the process leaves them now.
    let folder = tempfile::tempdir().unwrap();
    copy(village.neighbours[1].path(), folder.path());
    let provider = crate::village::open(folder.path());
    let location = ChunkLocation {
        leaf_index: LeafIndex(1),
        chunk_index: ChunkIndex(0),
    };
    let answer = provider.answer(ID, At::Root(older.mmr_root), location);
    assert_eq!(answer.unwrap().commitment(), older);
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else if entry.file_name() != "LOCK" {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[tokio::test]
async fn i4_of_two_commitments_for_one_window_the_second_is_refused_with_the_first() {
    let village = village(Some(WINDOW)).await;
    let (older, newest) = (at_count(&village, 2), at_count(&village, 3));
    sign(&village, older, Some(0)).await.unwrap();
    sign(&village, older, Some(0)).await.unwrap();
    let refused = sign(&village, newest, Some(0)).await;
    assert_eq!(refused, Err(Refusal::WindowTaken { signed: older }));
    let holding = village.neighbours[1].desk().holding(ID, Some(0)).await;
    let expected = Holding {
        start_seq: Sequence(0),
        leaf_count: LeafCount::new(3).unwrap(),
        signed: Some(older),
    };
    assert_eq!(holding, Ok(expected));
    // The next window is free, and without windows there is no such rule.
    sign(&village, newest, Some(1)).await.unwrap();
    sign(&village, newest, None).await.unwrap();
}

#[tokio::test]
async fn what_the_bucket_has_not_had_is_refused_with_what_it_has() {
    let village = village(None).await;
    let held = at_count(&village, 3);
    commit(village.neighbours[0].provider(), 4);
    let ahead = village.neighbours[0].commitment();
    let refused = sign(&village, ahead, None).await;
    let leaf_count = held.leaf_count;
    assert_eq!(refused, Err(Refusal::Behind { leaf_count }));
    let other_root = Commitment {
        mmr_root: H256::repeat_byte(1),
        ..held
    };
    assert_eq!(
        sign(&village, other_root, None).await,
        Err(Refusal::OtherRoot)
    );
    let other_tree = Commitment {
        start_seq: Sequence(1),
        ..held
    };
    let start_seq = Sequence(0);
    assert_eq!(
        sign(&village, other_tree, None).await,
        Err(Refusal::OtherTree { start_seq })
    );
    let empty = Commitment::deletion(held.mmr_root, Sequence(0));
    assert_eq!(sign(&village, empty, None).await, Err(Refusal::Empty));
    let lease = village.neighbours[1].provider().lease(ID, Wanted::read());
    assert_eq!(promises_of(&lease.unwrap()), 0);
}

#[tokio::test]
async fn nobody_but_a_primary_provider_has_anything_signed() {
    let village = village(None).await;
    let request = CheckpointRequest::new(ID, at_count(&village, 3), None);
    let desk = village.neighbours[1].desk();
    let ask = ask(&village, request);
    let stranger = Ask {
        asker: AccountId([9; 32]),
        ..ask.clone()
    };
    assert_eq!(desk.countersign(&stranger).await, Err(Refusal::Stranger));
    let other = CheckpointRequest::new(ID, at_count(&village, 2), None);
    let replayed = Ask {
        request: other,
        ..ask.clone()
    };
    assert_eq!(desk.countersign(&replayed).await, Err(Refusal::Stranger));
    assert!(desk.countersign(&ask).await.is_ok());
    assert_eq!(desk.counts(), (1, 2));
}

#[tokio::test]
async fn what_the_chain_has_no_use_for_is_refused() {
    type Edit = fn(&mut BucketInfo);
    let cases: [(Edit, Refusal); 5] = [
        (
            |info| {
                info.primary_providers.remove(1);
            },
            Refusal::NotPrimary,
        ),
        (
            |info| info.primary_providers[1].key = Some(MultiSigner::Sr25519([3; 32])),
            Refusal::OtherKey,
        ),
        (
            |info| info.primary_providers[1].agreement = None,
            Refusal::Ended,
        ),
        (
            |info| info.frozen_start_seq = Some(Sequence(1)),
            Refusal::Frozen {
                start_seq: Sequence(1),
            },
        ),
        (|info| info.window = None, Refusal::NoWindows),
    ];
    for (edit, refusal) in cases {
        let village = village(Some(WINDOW)).await;
        village.edit(edit);
        village.chain.advance();
        saw(&village);
        let commitment = at_count(&village, 3);
        let refused = sign(&village, commitment, Some(0)).await;
        assert_eq!(refused, Err(refusal));
        let lease = village.neighbours[1].provider().lease(ID, Wanted::read());
        assert_eq!(promises_of(&lease.unwrap()), 0);
    }
}

#[tokio::test]
async fn an_agreement_holds_to_its_last_block_and_windows_to_the_present_and_the_next() {
    let village = village(Some(WINDOW)).await;
    let commitment = at_count(&village, 3);
    let far = Refusal::OtherWindow { current: 0 };
    assert_eq!(sign(&village, commitment, Some(2)).await, Err(far));
    let anchor = village.chain.finalized_head().anchor + 1;
    village.edit(move |info| {
        let agreement = info.primary_providers[1].agreement.as_mut();
        agreement.unwrap().expires_at = anchor;
    });
    village.chain.advance();
    saw(&village);
    assert!(sign(&village, commitment, None).await.is_ok());
    village.chain.advance();
    saw(&village);
    assert_eq!(sign(&village, commitment, None).await, Err(Refusal::Ended));
    assert!(anchor < EXPIRES);
}

#[tokio::test]
async fn a_desk_that_has_seen_nothing_and_a_bucket_that_is_set_apart_sign_nothing() {
    let village = village(None).await;
    let commitment = at_count(&village, 3);
    let neighbour = &village.neighbours[1];
    let fresh = Countersigner::new(
        neighbour.client.clone(),
        neighbour.provider().clone(),
        neighbour.signer.clone(),
    );
    let fresh = Arc::new(fresh.unwrap());
    let asked = ask(&village, CheckpointRequest::new(ID, commitment, None));
    assert_eq!(fresh.countersign(&asked).await, Err(Refusal::NotReady));

    let lease = neighbour.provider().lease(ID, Wanted::read()).unwrap();
    let damage = cairn_bucket::ProveError::MissingContent {
        bucket: ID,
        hash: H256::zero(),
    };
    let _ = lease.run::<(), _>(|_| Err(damage));
    drop(lease);
    assert_eq!(
        sign(&village, commitment, None).await,
        Err(Refusal::Quarantined)
    );
    let holding = neighbour.desk().holding(ID, None).await;
    assert_eq!(holding, Err(Refusal::Quarantined));
}

#[tokio::test]
async fn s11_the_chain_is_not_asked_for_what_is_not_signed_whoever_asks() {
    let village = village(None).await;
    let held = at_count(&village, 3);
    // From here on any query of the chain fails.
    village.neighbours[1].client.disconnect();
    let desk = village.neighbours[1].desk();
    let of = |bucket, commitment| ask(&village, CheckpointRequest::new(bucket, commitment, None));
    let elsewhere = of(BucketId(4_711), held);
    let other_tree = Commitment {
        start_seq: Sequence(9),
        ..held
    };
    let ahead = Commitment {
        leaf_count: LeafCount::new(4).unwrap(),
        ..held
    };
    let empty = Commitment::deletion(held.mmr_root, Sequence(0));
    for (asked, refusal) in [
        (elsewhere, Refusal::NoSuchBucket),
        (of(ID, empty), Refusal::Empty),
        (
            of(ID, other_tree),
            Refusal::OtherTree {
                start_seq: Sequence(0),
            },
        ),
        (
            of(ID, ahead),
            Refusal::Behind {
                leaf_count: held.leaf_count,
            },
        ),
    ] {
        assert_eq!(desk.countersign(&asked).await, Err(refusal));
    }
    assert_eq!(desk.countersign(&of(ID, held)).await, Err(Refusal::Unable));
}

#[tokio::test]
async fn s11_the_chain_is_asked_once_for_a_bucket_at_a_head() {
    let village = village(None).await;
    let (older, newest) = (at_count(&village, 2), at_count(&village, 3));
    sign(&village, older, None).await.unwrap();
    village.neighbours[1].client.disconnect();
    sign(&village, newest, None).await.unwrap();
    // A cached state is not used at the next block.
    village.edit(|info| {
        info.primary_providers.remove(0);
    });
    village.chain.advance();
    village.neighbours[1]
        .desk()
        .saw(village.chain.finalized_head());
    assert_eq!(sign(&village, newest, None).await, Err(Refusal::Unable));
    village.neighbours[1].client.connect();
    assert_eq!(sign(&village, newest, None).await, Err(Refusal::Stranger));
}

#[tokio::test]
async fn s11_a_bucket_that_is_not_known_yet_is_told_of_without_reading_all_of_it() {
    let mut village = village(None).await;
    let held = village.neighbours[1].commitment();
    village.kill(1);
    let path = village.neighbours[1].path().to_owned();
    std::fs::remove_dir_all(path.join("index")).unwrap();
    let options = cairn_provider::ProviderOptions {
        on_demand: true,
        ..Default::default()
    };
    let base = cairn_bucket::BasePath::open(&path, cairn_engine::Access::ReadWrite).unwrap();
    let provider = Arc::new(Provider::open(base, options).unwrap());
    let neighbour = &village.neighbours[1];
    let desk = Countersigner::new(
        neighbour.client.clone(),
        provider.clone(),
        neighbour.signer.clone(),
    );
    let holding = Arc::new(desk.unwrap()).holding(ID, None).await.unwrap();
    assert_eq!(holding.leaf_count, held.leaf_count);
    let noted = provider.noted_of(ID).unwrap();
    assert!(!noted.is_current, "it was learned for a stranger");
}
