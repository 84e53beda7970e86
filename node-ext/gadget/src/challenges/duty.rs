//! The record of an open challenge that survives a restart.
//!
//! Each scan reads from the chain what is open. The rows add what the chain does not know: what was
//! submitted and when, and the reason of an alarm. An unreadable row is dropped, and the next scan
//! finds its challenge again.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the codec's derive casts each variant's index, which is given here"
)]

use async_trait::async_trait;
use cairn_primitives::H256;
use cairn_primitives::challenge::ChallengeId;
use cairn_primitives::onchain::OpenChallenge;
use cairn_provider::{DutyKind, IndexError, Provider};
use codec::{Decode, DecodeAll, Encode};
use std::sync::Arc;

/// The maximum length of a row: a challenge takes 150 bytes, and each character of a reason up to
/// 4.
const MAX_ROW_BYTES: usize = 2_048;

/// The maximum number of characters of a stored reason, which is shown after a restart.
const MAX_REASON_CHARS: usize = 400;

/// The progress of a duty.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) enum DutyState {
    /// The challenge was read from the chain.
    #[codec(index = 0)]
    Open,
    /// An answer was submitted.
    #[codec(index = 1)]
    Submitted {
        /// The extrinsic's hash.
        extrinsic: H256,
        /// The best block's anchor block at submission.
        anchor: u32,
    },
    /// The challenge cannot be answered as things are.
    #[codec(index = 2)]
    Alarmed {
        /// The reason.
        reason: String,
    },
}

/// An open challenge and the progress of its answer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct StoredDuty {
    pub(super) challenge: OpenChallenge,
    pub(super) state: DutyState,
    /// The number of answers submitted so far.
    pub(super) attempts: u32,
}

impl StoredDuty {
    fn to_row(&self) -> Vec<u8> {
        let mut duty = self.clone();
        if let DutyState::Alarmed { reason } = &mut duty.state {
            *reason = reason.chars().take(MAX_REASON_CHARS).collect();
        }
        duty.encode()
    }

    fn parse(name: &[u8], row: &[u8]) -> Result<Self, &'static str> {
        if row.len() > MAX_ROW_BYTES {
            return Err("it exceeds the maximum length");
        }
        let duty = Self::decode_all(&mut &*row).map_err(|_| "it cannot be decoded")?;
        if row_key(duty.challenge.id) == name {
            Ok(duty)
        } else {
            Err("its key names another challenge")
        }
    }
}

/// Returns the key of a duty in the index, which sorts by deadline.
fn row_key(id: ChallengeId) -> [u8; 6] {
    let mut name = [0; 6];
    name[..4].copy_from_slice(&id.deadline.to_be_bytes());
    name[4..].copy_from_slice(&id.index.to_be_bytes());
    name
}

/// A change to a stored duty; `None` removes it.
pub(super) type DutyChange = (ChallengeId, Option<StoredDuty>);

/// The storage of duties.
#[async_trait]
pub(super) trait DutyStore: Send + Sync + 'static {
    /// Writes changes atomically and durably.
    async fn write(&self, changes: Vec<DutyChange>) -> Result<(), String>;
}

/// Stores duties in the Global Index.
pub(super) struct IndexDutyStore {
    provider: Arc<Provider>,
}

impl IndexDutyStore {
    pub(super) fn new(provider: Arc<Provider>) -> Self {
        Self { provider }
    }

    /// Reads the stored duties and removes unreadable rows.
    pub(super) fn load(&self) -> Result<Vec<StoredDuty>, IndexError> {
        let index = self.provider.index();
        let (mut duties, mut damaged) = (Vec::new(), Vec::new());
        for (name, row) in index.duties(DutyKind::Challenge)? {
            match StoredDuty::parse(&name, &row) {
                Ok(duty) => duties.push(duty),
                Err(fault) => {
                    tracing::warn!(
                        name = %hex::encode(&name), fault,
                        "dropping the unreadable row of a challenge; the next scan reads it from \
                         the chain"
                    );
                    damaged.push((name, None));
                }
            }
        }
        if !damaged.is_empty() {
            index.write_duties(DutyKind::Challenge, &damaged)?;
        }
        Ok(duties)
    }
}

#[async_trait]
impl DutyStore for IndexDutyStore {
    async fn write(&self, changes: Vec<DutyChange>) -> Result<(), String> {
        let provider = self.provider.clone();
        let written = tokio::task::spawn_blocking(move || {
            let rows: Vec<_> = changes
                .iter()
                .map(|(id, duty)| (row_key(*id).to_vec(), duty.as_ref().map(StoredDuty::to_row)))
                .collect();
            provider.index().write_duties(DutyKind::Challenge, &rows)
        });
        match written.await {
            Ok(written) => written.map_err(|error| error.to_string()),
            Err(stopped) => Err(stopped.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cairn_primitives::challenge::{AccountId, ChunkLocation};
    use cairn_primitives::{BucketId, ChunkIndex, LeafCount, LeafIndex, Sequence};

    fn duty(deadline: u32, index: u16, state: DutyState) -> StoredDuty {
        let challenge = OpenChallenge {
            id: ChallengeId { deadline, index },
            bucket_id: BucketId(7),
            provider: AccountId([1; 32]),
            challenger: AccountId([2; 32]),
            mmr_root: H256::repeat_byte(3),
            start_seq: Sequence(4),
            leaf_count: LeafCount::new(5),
            location: ChunkLocation {
                leaf_index: LeafIndex(0),
                chunk_index: ChunkIndex(u64::MAX),
            },
            asked_at: 9,
        };
        StoredDuty {
            challenge,
            state,
            attempts: 2,
        }
    }

    #[test]
    fn rows_round_trip_and_keys_sort_by_deadline() {
        let states = [
            DutyState::Open,
            DutyState::Submitted {
                extrinsic: H256::repeat_byte(8),
                anchor: 11,
            },
            DutyState::Alarmed {
                reason: "why".into(),
            },
        ];
        for state in states {
            let duty = duty(256, 1, state);
            let name = row_key(duty.challenge.id);
            assert_eq!(StoredDuty::parse(&name, &duty.to_row()), Ok(duty));
        }
        let name = |deadline, index| row_key(ChallengeId { deadline, index });
        assert!(name(255, u16::MAX) < name(256, 0) && name(256, 255) < name(256, 256));
        assert_eq!(name(256, 2), [0, 0, 1, 0, 0, 2]);
    }

    #[test]
    fn a_damaged_row_is_refused() {
        let whole = duty(1, 2, DutyState::Open);
        let (name, row) = (row_key(whole.challenge.id), whole.to_row());
        for cut in 0..row.len() {
            assert!(
                StoredDuty::parse(&name, &row[..cut]).is_err(),
                "{cut} bytes"
            );
        }
        assert!(StoredDuty::parse(&name, &[&row[..], &[0]].concat()).is_err());
        assert!(StoredDuty::parse(&name[..5], &row).is_err());
        assert!(StoredDuty::parse(&name, &vec![0; MAX_ROW_BYTES + 1]).is_err());
        let long = DutyState::Alarmed {
            reason: "é".repeat(MAX_ROW_BYTES),
        };
        let long = duty(1, 2, long).to_row();
        assert!(long.len() < MAX_ROW_BYTES && StoredDuty::parse(&name, &long).is_ok());
    }
}
