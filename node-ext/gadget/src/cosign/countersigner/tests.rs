//! The countersigner: what it signs, and each reason for a refusal.

use super::*;
use crate::CheckpointConfig;
use crate::network::{EXPIRES, ID, Network, commit};
use cairn_bucket::{ProveError, StateRef};
use cairn_primitives::challenge::{AccountId, ChunkLocation};
use cairn_primitives::onchain::{CheckpointWindow, Limits};
use cairn_primitives::{BucketId, ChunkIndex, Commitment, H256, LeafCount, LeafIndex, Sequence};
use cairn_provider::Lease;
use cairn_testing::LIMITS;

const WINDOW: CheckpointWindow = CheckpointWindow {
    interval: 10,
    grace: 3,
};

/// Creates two providers with three leaves each, which have seen a block.
async fn network(window: Option<CheckpointWindow>) -> Network {
    let config = CheckpointConfig {
        leaves: u64::MAX,
        age: u32::MAX,
        ..CheckpointConfig::default()
    };
    let network = Network::new(2, 2, window, config);
    (1..=3).for_each(|number| network.commit(number));
    observe_head(&network);
    network
}

fn observe_head(network: &Network) {
    let head = network.chain.finalized_head();
    for peer in &network.providers {
        peer.countersigner().on_finalized_head(head);
    }
}

/// Returns the first provider's request, with its own signature.
fn ask(network: &Network, request: CheckpointRequest) -> CosignRequest {
    let asker = &network.providers[0];
    CosignRequest {
        request,
        requester: asker.account,
        signature: asker.sign_bytes(&request.signed_bytes()),
    }
}

fn signed_root_count(lease: &Lease) -> usize {
    let signed_roots = lease.run(|bucket| Ok::<_, ProveError>(bucket.signed_roots()?.count()));
    signed_roots.unwrap()
}

fn at_count(network: &Network, count: u64) -> Commitment {
    let lease = network.providers[1]
        .provider()
        .blocking_lease(ID, LeaseRequest::read());
    let count = LeafCount::new(count).unwrap();
    let lease = lease.unwrap();
    let found = lease.run(|bucket| bucket.view(StateRef::LeafCount(count))?.commitment());
    found.unwrap()
}

async fn sign(
    network: &Network,
    commitment: Commitment,
    window: Option<u64>,
) -> Result<MultiSignature, Refusal> {
    let ask = ask(network, CheckpointRequest::new(ID, commitment, window));
    network.providers[1].countersigner().countersign(&ask).await
}

#[tokio::test]
async fn i4_a_signature_is_provable_after_an_immediate_kill() {
    let network = network(None).await;
    let older = at_count(&network, 2);
    let signature = sign(&network, older, None).await.unwrap();
    let key = RegisteredKey::from(network.providers[1].signer.public());
    let message = CheckpointRequest::new(ID, older, None).signed_bytes();
    assert_eq!(verify(&key, &message, &signature), Ok(()));

    // A copy of the files as the process leaves them now.
    let folder = tempfile::tempdir().unwrap();
    copy(network.providers[1].path(), folder.path());
    let provider = crate::network::open(folder.path());
    let location = ChunkLocation {
        leaf_index: LeafIndex(1),
        chunk_index: ChunkIndex(0),
    };
    let answer = provider.answer(ID, StateRef::Root(older.mmr_root), location);
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
async fn i4_a_second_commitment_for_a_window_is_refused() {
    let network = network(Some(WINDOW)).await;
    let (older, newest) = (at_count(&network, 2), at_count(&network, 3));
    sign(&network, older, Some(0)).await.unwrap();
    sign(&network, older, Some(0)).await.unwrap();
    let refused = sign(&network, newest, Some(0)).await;
    assert_eq!(refused, Err(Refusal::WindowTaken { signed: older }));
    let held_state = network.providers[1]
        .countersigner()
        .held_state(ID, Some(0))
        .await;
    let expected = HeldState {
        start_seq: Sequence(0),
        leaf_count: LeafCount::new(3).unwrap(),
        signed: Some(older),
    };
    assert_eq!(held_state, Ok(expected));
    // The next window is free, and without windows there is no such rule.
    sign(&network, newest, Some(1)).await.unwrap();
    sign(&network, newest, None).await.unwrap();
}

#[tokio::test]
async fn unknown_states_are_refused_with_the_known_one() {
    let network = network(None).await;
    let held = at_count(&network, 3);
    commit(network.providers[0].provider(), 4);
    let ahead = network.providers[0].commitment();
    let refused = sign(&network, ahead, None).await;
    let leaf_count = held.leaf_count;
    assert_eq!(refused, Err(Refusal::Behind { leaf_count }));
    let other_root = Commitment {
        mmr_root: H256::repeat_byte(1),
        ..held
    };
    assert_eq!(
        sign(&network, other_root, None).await,
        Err(Refusal::OtherRoot)
    );
    let other_tree = Commitment {
        start_seq: Sequence(1),
        ..held
    };
    let start_seq = Sequence(0);
    assert_eq!(
        sign(&network, other_tree, None).await,
        Err(Refusal::OtherTree { start_seq })
    );
    let empty = Commitment::deletion(held.mmr_root, Sequence(0));
    assert_eq!(sign(&network, empty, None).await, Err(Refusal::Empty));
    let lease = network.providers[1]
        .provider()
        .blocking_lease(ID, LeaseRequest::read());
    assert_eq!(signed_root_count(&lease.unwrap()), 0);
}

#[tokio::test]
async fn only_primary_providers_get_signatures() {
    let network = network(None).await;
    let request = CheckpointRequest::new(ID, at_count(&network, 3), None);
    let countersigner = network.providers[1].countersigner();
    let ask = ask(&network, request);
    let stranger = CosignRequest {
        requester: AccountId([9; 32]),
        ..ask.clone()
    };
    assert_eq!(
        countersigner.countersign(&stranger).await,
        Err(Refusal::Stranger)
    );
    let other = CheckpointRequest::new(ID, at_count(&network, 2), None);
    let replayed = CosignRequest {
        request: other,
        ..ask.clone()
    };
    assert_eq!(
        countersigner.countersign(&replayed).await,
        Err(Refusal::Stranger)
    );
    assert!(countersigner.countersign(&ask).await.is_ok());
    assert_eq!(countersigner.counts(), (1, 2));
}

#[tokio::test]
async fn requests_that_the_chain_would_reject_are_refused() {
    type Edit = fn(&mut BucketInfo);
    let cases: [(Edit, Refusal); 5] = [
        (
            |info| {
                info.primary_providers.remove(1);
            },
            Refusal::NotPrimary,
        ),
        (
            |info| info.primary_providers[1].key = Some(RegisteredKey::from([3; 32])),
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
        let network = network(Some(WINDOW)).await;
        network.edit(edit);
        network.chain.advance();
        observe_head(&network);
        let commitment = at_count(&network, 3);
        let refused = sign(&network, commitment, Some(0)).await;
        assert_eq!(refused, Err(refusal));
        let lease = network.providers[1]
            .provider()
            .blocking_lease(ID, LeaseRequest::read());
        assert_eq!(signed_root_count(&lease.unwrap()), 0);
    }
}

#[tokio::test]
async fn agreements_hold_to_their_last_block() {
    let network = network(Some(WINDOW)).await;
    let commitment = at_count(&network, 3);
    let far = Refusal::OtherWindow { current: 0 };
    assert_eq!(sign(&network, commitment, Some(2)).await, Err(far));
    let anchor = network.chain.finalized_head().anchor + 2;
    network.edit(move |info| {
        let agreement = info.primary_providers[1].agreement.as_mut();
        agreement.unwrap().expires_at = anchor;
    });
    network.chain.advance();
    observe_head(&network);
    assert!(sign(&network, commitment, None).await.is_ok());
    network.chain.advance();
    observe_head(&network);
    assert_eq!(sign(&network, commitment, None).await, Err(Refusal::Ended));
    assert!(anchor < EXPIRES);
}

#[tokio::test]
async fn nothing_is_signed_without_a_head_or_in_quarantine() {
    let network = network(None).await;
    let commitment = at_count(&network, 3);
    let peer = &network.providers[1];
    let fresh = Countersigner::new(
        peer.client.clone(),
        peer.provider().clone(),
        peer.signer.clone(),
    );
    let fresh = Arc::new(fresh.unwrap());
    let asked = ask(&network, CheckpointRequest::new(ID, commitment, None));
    assert_eq!(fresh.countersign(&asked).await, Err(Refusal::NotReady));

    let lease = peer
        .provider()
        .blocking_lease(ID, LeaseRequest::read())
        .unwrap();
    let damage = cairn_bucket::ProveError::MissingContent {
        bucket: ID,
        hash: H256::zero(),
    };
    let _ = lease.run::<(), _>(|_| Err(damage));
    drop(lease);
    assert_eq!(
        sign(&network, commitment, None).await,
        Err(Refusal::Quarantined)
    );
    let held_state = peer.countersigner().held_state(ID, None).await;
    assert_eq!(held_state, Err(Refusal::Quarantined));
}

#[tokio::test]
async fn s11_hopeless_requests_do_not_query_the_chain() {
    let network = network(None).await;
    let held = at_count(&network, 3);
    // From here on any query of the chain fails.
    network.providers[1].client.disconnect();
    let countersigner = network.providers[1].countersigner();
    let of = |bucket, commitment| ask(&network, CheckpointRequest::new(bucket, commitment, None));
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
        assert_eq!(countersigner.countersign(&asked).await, Err(refusal));
    }
    assert_eq!(
        countersigner.countersign(&of(ID, held)).await,
        Err(Refusal::Unable)
    );
}

#[tokio::test]
async fn s11_the_chain_is_queried_once_per_bucket_and_head() {
    let network = network(None).await;
    let (older, newest) = (at_count(&network, 2), at_count(&network, 3));
    sign(&network, older, None).await.unwrap();
    network.providers[1].client.disconnect();
    sign(&network, newest, None).await.unwrap();
    // A cached state is not used at the next block.
    network.edit(|info| {
        info.primary_providers.remove(0);
    });
    network.chain.advance();
    network.providers[1]
        .countersigner()
        .on_finalized_head(network.chain.finalized_head());
    assert_eq!(sign(&network, newest, None).await, Err(Refusal::Unable));
    network.providers[1].client.connect();
    assert_eq!(sign(&network, newest, None).await, Err(Refusal::Stranger));
}

#[tokio::test]
async fn s11_an_unindexed_bucket_is_not_read_in_full() {
    let mut network = network(None).await;
    let held = network.providers[1].commitment();
    network.kill(1);
    let path = network.providers[1].path().to_owned();
    std::fs::remove_dir_all(path.join("index")).unwrap();
    let options = cairn_provider::ProviderOptions {
        reindex_on_demand: true,
        ..Default::default()
    };
    let base = cairn_bucket::BasePath::open(&path, cairn_engine::Access::ReadWrite).unwrap();
    let provider = Arc::new(Provider::open(base, options).unwrap());
    let peer = &network.providers[1];
    let countersigner =
        Countersigner::new(peer.client.clone(), provider.clone(), peer.signer.clone());
    let held_state = Arc::new(countersigner.unwrap())
        .held_state(ID, None)
        .await
        .unwrap();
    assert_eq!(held_state.leaf_count, held.leaf_count);
    let noted = provider.indexed_bucket(ID).unwrap();
    assert!(!noted.is_current, "it was learned for a stranger");
}

#[tokio::test]
async fn a_nonce_near_the_anchor_block_is_signed_and_no_other() {
    let network = network(None).await;
    let commitment = at_count(&network, 3);
    let provider = network.providers[1].provider();
    let now = network.chain.finalized_head().anchor;
    let with = async |nonce: Option<u64>| {
        let request = CheckpointRequest::new(ID, commitment, None).with_nonce(nonce);
        let ask = ask(&network, request);
        let signed = network.providers[1].countersigner().countersign(&ask).await;
        signed.map(|signature| (request.signed_bytes(), signature))
    };
    // The chain's payload has no nonce.
    let refused = with(Some(now.into())).await;
    assert_eq!(refused, Err(Refusal::Version { version: 2 }));
    let limits = Limits {
        payload: PayloadFormat::V2 { max_age: 3 },
        ..LIMITS
    };
    provider.set_chain_limits(&limits, now);
    assert_eq!(with(None).await, Err(Refusal::Version { version: 1 }));
    let nonces = now.saturating_sub(4)..now + 12;
    for nonce in nonces {
        let is_near = nonce + 3 >= now && nonce <= now + 10;
        match with(Some(nonce.into())).await {
            Ok((message, signature)) => {
                assert!(is_near, "{nonce}");
                assert_eq!((message.len(), message[0]), (65, 2));
                let key = RegisteredKey::from(network.providers[1].signer.public());
                assert_eq!(verify(&key, &message, &signature), Ok(()));
            }
            refused => {
                assert_eq!(refused, Err(Refusal::OtherNonce { anchor: now }));
                assert!(!is_near, "{nonce}");
            }
        }
    }
    // What is signed for a client has the anchor block as its nonce.
    let lease = provider.blocking_lease(ID, LeaseRequest::write()).unwrap();
    let signed = lease.commit_signed(&[], &network.providers[1].signer);
    let signed = signed.unwrap().1;
    assert_eq!(signed.payload.nonce, Some(now.into()));
    assert!(signed.is_valid());
}
