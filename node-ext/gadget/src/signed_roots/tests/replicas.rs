//! Roots that the account has confirmed as a replica, against the disk.

use super::*;
use cairn_chain::{LastSync, ReplicaAgreement};

/// Makes the only provider a replica that has confirmed something.
fn confirm(network: &Network, last: LastSync) {
    let account = network.providers[0].account;
    network.edit(|info| info.primary_providers.clear());
    network.chain.edit(move |pallet| {
        let row = ReplicaAgreement {
            max_bytes: 1 << 20,
            expires_at: 100_000,
            sync_balance: 0,
            sync_price: 1,
            min_sync_interval: 1,
            last_sync: Some(last),
        };
        pallet.add_replica(ID, account, row);
    });
    network.chain.advance();
}

async fn compared(network: &Network) -> SignedRootWorker {
    let peer = &network.providers[0];
    let mut watch = worker(peer).with_replicas(peer.client.clone());
    watch
        .on_finalized_head(network.chain.finalized_head())
        .await;
    watch
}

/// The chain keeps no more than the root, as if the tree started at 0.
#[tokio::test]
async fn a_root_alone_is_found_in_a_tree_that_starts_elsewhere() {
    let network = network();
    let peer = &network.providers[0];
    (1..=3).for_each(|number| _ = sign(peer, number));
    let lease = peer.provider().blocking_lease(ID, LeaseRequest::write());
    let lease = lease.unwrap();
    lease.run(|bucket| bucket.prune(Sequence(2), None)).unwrap();
    drop(lease);
    let signed = sign(peer, 4);
    assert_eq!(signed.start_seq, Sequence(2));
    let root = LastSync::of_root(signed.mmr_root, 1);
    confirm(&network, root);
    let watch = compared(&network).await;
    assert_eq!(watch.status().problems(), []);
    peer.provider()
        .blocking_lease(ID, LeaseRequest::write())
        .unwrap();
    // A challenge of it tells the root alone, too.
    network.chain.challenge(NewChallenge {
        provider: peer.account,
        challenger: AccountId([9; 32]),
        bucket: ID,
        commitment: root.commitment,
        location: ChunkLocation {
            leaf_index: LeafIndex(0),
            chunk_index: ChunkIndex(0),
        },
        period: None,
    });
    network.chain.advance();
    let watch = compared(&network).await;
    assert_eq!(watch.status().problems(), []);
}

#[tokio::test]
async fn a_confirmation_that_is_missing_is_told_and_the_copy_can_be_continued() {
    let network = network();
    let peer = &network.providers[0];
    let signed = sign(peer, 1);
    let commitment = Commitment {
        mmr_root: H256::repeat_byte(1),
        leaf_count: LeafCount::new(9).unwrap(),
        ..signed
    };
    confirm(
        &network,
        LastSync {
            commitment,
            block: 1,
        },
    );
    let watch = compared(&network).await;
    let missing = SignedRootProblem::Missing { commitment };
    assert_eq!(watch.status().problems(), [(ID, missing)]);
    // Not in quarantine, and not kept as signed for good.
    peer.provider()
        .blocking_lease(ID, LeaseRequest::write())
        .unwrap();
    assert_eq!(peer.provider().signed_on_chain(ID).unwrap(), []);
}
