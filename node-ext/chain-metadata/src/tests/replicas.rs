//! Replicas: their rows, the call by which one confirms, and the chain's dry run of it.

use super::*;
use crate::testing::PALLET_INDEX;
use crate::tests::rows::agreement_key;
use cairn_chain::{LastSync, ReplicaAgreement, Submission, SyncConfirmation, SyncVerdict};
use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::{BucketId, Commitment, H256, LeafCount, Sequence};
use codec::{Compact, Encode};

const FUNCTION: &str = "DryRunApi_dry_run_call";

fn confirmation() -> SyncConfirmation {
    let mut roots = [None; 7];
    roots[0] = Some(H256(ROOT));
    SyncConfirmation {
        bucket: BucketId(9),
        roots,
        signature: MultiSignature::Sr25519([5; 64]),
    }
}

#[tokio::test]
async fn a_replica_is_read_with_its_last_confirmation() {
    for options in VARIANTS {
        let node = MemoryNode::new(options);
        let head = (OTHER, 64_u64, 1_u128, 2_u128, 50_u32, false).encode();
        let last = match options.is_deployed {
            true => Some((H256(ROOT), 33_u32)).encode(),
            false => Some(((H256(ROOT), 4_u64, 6_u64), 33_u32)).encode(),
        };
        let replica = (1_u8, 7_u128, 3_u128, 5_u32).encode();
        let row = [head.clone(), replica, last, 40_u32.encode()].concat();
        let primary = [head, vec![0], 40_u32.encode()].concat();
        node.change(|block| {
            block.storage.insert(agreement_key(9, OURS), row);
            block.storage.insert(agreement_key(11, OURS), primary);
        });
        let read = state(&node)
            .replica_agreements(node.best_hash(), OURS)
            .await;
        let confirmed = match options.is_deployed {
            true => LastSync::of_root(H256(ROOT), 33),
            false => LastSync {
                commitment: Commitment {
                    mmr_root: H256(ROOT),
                    start_seq: Sequence(4),
                    leaf_count: LeafCount::new(6).unwrap(),
                },
                block: 33,
            },
        };
        let expected = ReplicaAgreement {
            max_bytes: 64,
            expires_at: 50,
            sync_balance: 7,
            sync_price: 3,
            min_sync_interval: 5,
            last_sync: Some(confirmed),
        };
        assert_eq!(read.unwrap(), [(BucketId(9), expected)]);
    }
}

#[tokio::test]
async fn a_confirmation_is_encoded_as_the_chain_has_it() {
    for options in VARIANTS {
        let node = MemoryNode::new(options);
        let submission = Submission::ConfirmSync(Box::new(confirmation()));
        let data = state(&node).call_data(node.best_hash(), &submission).await;
        let SyncConfirmation { bucket, roots, .. } = confirmation();
        let expected = ([PALLET_INDEX, 50], bucket.0, roots, 1_u8, [5_u8; 64]);
        assert_eq!(data.unwrap(), expected.encode());
    }
}

#[tokio::test]
async fn a_confirmation_is_judged_by_the_chain() {
    let no_events = Compact(0_u32).encode();
    let accepted = [vec![0, 0, 0], no_events.clone(), vec![0]].concat();
    let refused = [
        vec![0, 1, 0, 3, PALLET_INDEX, 0, 0, 0, 0],
        no_events,
        vec![0],
    ]
    .concat();
    // Another pallet, as when the owner cannot pay.
    let other = [
        vec![0, 1, 0, 3, 99, 7, 0, 0, 0],
        Compact(0_u32).encode(),
        vec![0],
    ]
    .concat();
    for (result, expected) in [
        (
            other,
            SyncVerdict::Refused("error 7 of pallet 99".to_owned()),
        ),
        (accepted, SyncVerdict::Accepted),
        (
            refused,
            SyncVerdict::Refused("ChallengeNotFound".to_owned()),
        ),
        (vec![1], SyncVerdict::NotOffered),
    ] {
        let node = MemoryNode::new(Options::CURRENT);
        node.answer_bytes(FUNCTION, result);
        let at = node.best_hash();
        let judged = state(&node).judge_sync(at, OURS, &confirmation()).await;
        assert_eq!(judged.unwrap(), expected);
    }
}
