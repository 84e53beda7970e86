//! Values that a chain accepts and no honest party writes, and runtimes whose challenges cannot be
//! answered.

use super::rows::{bucket_row_with, key_of, record};
use super::*;
use cairn_primitives::challenge::ChallengeId;
use cairn_primitives::onchain::{Outcome, PayloadFormat};
use cairn_primitives::{BucketId, H256, MAX_LEAF_COUNT};
use codec::{Compact, Encode};

/// A bucket's writer, with a primary provider of his own, can checkpoint any leaf count.
#[tokio::test]
async fn a_leaf_count_that_no_tree_has_hides_no_row_and_no_event() {
    let id = ChallengeId {
        deadline: 9,
        index: 2,
    };
    for options in VARIANTS {
        let node = MemoryNode::new(options);
        let applied = [vec![0], 1_u32.encode()].concat();
        let checkpointed = (3_u64, H256(ROOT), 4_u64, u64::MAX, vec![OURS]);
        let records = [
            record(&applied, 11, checkpointed),
            record(&applied, 20, (id, OURS, 4_u32)),
        ];
        node.change(|block| {
            let row = bucket_row_with(options, u64::MAX, 77);
            block.storage.insert(key_of("Buckets", &3_u64), row);
            let events = [Compact(2_u32).encode(), records.concat()].concat();
            block.storage.insert(prefix("System", "Events"), events);
        });
        let chain = state(&node);
        let at = node.best_hash();
        let bucket = chain.bucket(at, BucketId(3)).await.unwrap().unwrap();
        let commitment = bucket.snapshot.unwrap().commitment;
        assert_eq!(commitment.mmr_root, H256(ROOT));
        assert_eq!(commitment.leaf_count.get(), MAX_LEAF_COUNT);
        assert_eq!(
            chain.outcomes(at).await.unwrap(),
            [
                Outcome::Checkpointed {
                    bucket_id: BucketId(3),
                    mmr_root: H256(ROOT)
                },
                Outcome::Defended { id, provider: OURS },
            ]
        );
    }
}

#[tokio::test]
async fn nothing_is_signed_where_a_challenge_could_not_be_answered() {
    for options in [
        // A leaf with `chunk_count`, and an answer that Cairn does not know.
        Options {
            has_chunk_range: true,
            ..Options::CURRENT
        },
        // A field of challenges that Cairn does not know, and no dry run.
        Options {
            has_unknown_field: true,
            dry_run_arguments: 0,
            ..Options::CURRENT
        },
        // Challenges cannot be read.
        Options {
            hides_keys: true,
            ..Options::CURRENT
        },
        // Extrinsics cannot be signed.
        Options {
            has_unknown_extension: true,
            ..Options::CURRENT
        },
    ] {
        let node = MemoryNode::new(options);
        let limits = state(&node).limits(node.best_hash()).await.unwrap();
        assert_eq!(limits.payload, PayloadFormat::Unknown, "{options:?}");
        // The rest is read all the same.
        assert_eq!(limits.challenge_period, 28_800);
    }
}
