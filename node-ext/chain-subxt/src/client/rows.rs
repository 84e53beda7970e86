//! Lenient decoding of open challenges, so that one odd row does not hide the others.
//!
//! Values that our own types would refuse are dropped from their row alone.

use cairn_primitives::challenge::{AccountId, ChallengeId, ChunkLocation};
use cairn_primitives::onchain::OpenChallenge;
use cairn_primitives::{BucketId, H256, LeafCount, Sequence};
use codec::Decode;

/// A row with the encoding of an [`OpenChallenge`].
#[derive(Decode)]
struct Row {
    id: ChallengeId,
    bucket_id: BucketId,
    provider: AccountId,
    challenger: AccountId,
    mmr_root: H256,
    start_seq: Sequence,
    /// May exceed the most leaves of any tree.
    leaf_count: Option<u64>,
    location: ChunkLocation,
    asked_at: u32,
}

/// The open challenges in a response.
#[derive(Decode)]
pub(super) struct Rows(Vec<Row>);

impl From<Rows> for Vec<OpenChallenge> {
    fn from(rows: Rows) -> Self {
        rows.0.into_iter().map(Row::into).collect()
    }
}

impl From<Row> for OpenChallenge {
    fn from(row: Row) -> Self {
        let leaf_count = row.leaf_count.and_then(LeafCount::new);
        if leaf_count.is_none() && row.leaf_count.is_some() {
            tracing::error!(
                bucket = %row.bucket_id, deadline = row.id.deadline, index = row.id.index,
                "a challenge names more leaves than a tree can have, and is answered by its root alone"
            );
        }
        Self {
            id: row.id,
            bucket_id: row.bucket_id,
            provider: row.provider,
            challenger: row.challenger,
            mmr_root: row.mmr_root,
            start_seq: row.start_seq,
            leaf_count,
            location: row.location,
            asked_at: row.asked_at,
        }
    }
}
