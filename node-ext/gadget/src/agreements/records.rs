//! The agreements that buckets here were last seen with, in the index. They distinguish a bucket
//! whose agreement is gone from the chain from one that never had any.
//!
//! A row marks that agreements were read before. Without it an agreement whose bucket is missing
//! may be older than the base path, and its content may be elsewhere: no bucket is made for it.

use cairn_primitives::BucketId;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::Agreement;
use cairn_provider::{AGREEMENTS_KNOWN, DutyKind, Index, IndexError};
use codec::{DecodeAll, Encode};
use std::collections::{BTreeMap, BTreeSet};

/// The version of a record.
const VERSION: u8 = 1;

/// An agreement that a bucket was last seen with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AgreementRecord {
    pub(super) agreement: Agreement,
    /// True if it held no more.
    pub(super) has_ended: bool,
    /// False if its bucket was never here: the agreement is older than the base path.
    pub(super) was_here: bool,
}

/// The fields of a record in SCALE order.
type Fields = (u8, AccountId, u64, u32, bool, bool, bool);

impl AgreementRecord {
    fn to_bytes(self) -> Vec<u8> {
        let Agreement {
            owner,
            max_bytes,
            expires_at,
            is_replica,
        } = self.agreement;
        let fields: Fields = (
            VERSION,
            owner,
            max_bytes,
            expires_at,
            is_replica,
            self.has_ended,
            self.was_here,
        );
        fields.encode()
    }

    fn parse(value: &[u8]) -> Option<Self> {
        let (version, owner, max_bytes, expires_at, is_replica, has_ended, was_here) =
            Fields::decode_all(&mut &*value).ok()?;
        (version == VERSION).then_some(Self {
            agreement: Agreement {
                owner,
                max_bytes,
                expires_at,
                is_replica,
            },
            has_ended,
            was_here,
        })
    }
}

/// Returns whether a bucket was last seen with an agreement as a replica that held.
pub(crate) fn was_replica(index: &Index, id: BucketId) -> bool {
    let row = index.duty(DutyKind::Agreement, &id.0.to_be_bytes());
    let record = row
        .ok()
        .flatten()
        .and_then(|row| AgreementRecord::parse(&row));
    record.is_some_and(|record| record.agreement.is_replica && !record.has_ended)
}

/// All records.
#[derive(Debug, Default)]
pub(super) struct AgreementRecords {
    records: BTreeMap<BucketId, AgreementRecord>,
    /// Buckets whose records cannot be read.
    damaged: BTreeSet<BucketId>,
    are_complete: bool,
}

impl AgreementRecords {
    /// Reads the records. Of a damaged one, and of one of an unknown version, only its bucket is
    /// known: that there was an agreement.
    pub(super) fn read(index: &Index) -> Result<Self, IndexError> {
        let mut records = Self::default();
        for (name, value) in index.duties(DutyKind::Agreement)? {
            if name == AGREEMENTS_KNOWN {
                records.are_complete = true;
                continue;
            }
            let id = <[u8; 8]>::try_from(name.as_slice()).map(u64::from_be_bytes);
            let parsed = AgreementRecord::parse(&value);
            if parsed.is_none() || id.is_err() {
                let name = hex::encode(&name);
                tracing::error!(name, "a record of an agreement is damaged");
            }
            match (id, parsed) {
                (Ok(id), Some(record)) => _ = records.records.insert(BucketId(id), record),
                (Ok(id), None) => _ = records.damaged.insert(BucketId(id)),
                (Err(_), _) => {}
            }
        }
        Ok(records)
    }

    /// Returns whether agreements were read before.
    pub(super) const fn are_complete(&self) -> bool {
        self.are_complete
    }

    /// Returns whether an agreement for a missing bucket, without a record, is new.
    pub(super) fn are_complete_for(&self, id: BucketId) -> bool {
        self.are_complete && !self.damaged.contains(&id)
    }

    pub(super) fn buckets(&self) -> impl Iterator<Item = BucketId> {
        self.records.keys().chain(&self.damaged).copied()
    }

    pub(super) fn get(&self, id: BucketId) -> Option<AgreementRecord> {
        self.records.get(&id).copied()
    }

    pub(super) fn begin_changes(&self) -> RecordChanges {
        RecordChanges::default()
    }
}

/// Changes of records, to be written at once.
#[derive(Debug, Default)]
pub(super) struct RecordChanges(Vec<(Vec<u8>, Option<Vec<u8>>)>);

impl RecordChanges {
    pub(super) fn set(&mut self, id: BucketId, record: AgreementRecord) {
        let AgreementRecord {
            agreement,
            has_ended,
            ..
        } = record;
        tracing::info!(
            bucket = %id, max_bytes = agreement.max_bytes, expires_at = agreement.expires_at,
            has_ended, "an agreement is new, or has changed"
        );
        self.0
            .push((id.0.to_be_bytes().to_vec(), Some(record.to_bytes())));
    }

    pub(super) fn forget(&mut self, id: BucketId) {
        self.0.push((id.0.to_be_bytes().to_vec(), None));
    }

    /// Writes the changes, durably. The first time, also marks that agreements were read.
    pub(super) fn write(mut self, index: &Index, is_first: bool) -> Result<(), IndexError> {
        if is_first {
            self.0.push((AGREEMENTS_KNOWN.to_vec(), Some(Vec::new())));
        }
        match self.0.is_empty() {
            true => Ok(()),
            false => index.write_duties(DutyKind::Agreement, &self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_record_is_read_back(
            max_bytes: u64,
            expires_at: u32,
            is_replica: bool,
            has_ended: bool,
            was_here: bool,
        ) {
            let agreement = Agreement {
                owner: AccountId([3; 32]),
                max_bytes,
                expires_at,
                is_replica,
            };
            let record = AgreementRecord { agreement, has_ended, was_here };
            prop_assert_eq!(AgreementRecord::parse(&record.to_bytes()), Some(record));
        }

        #[test]
        fn any_bytes_are_a_record_or_none(bytes: Vec<u8>) {
            if let Some(record) = AgreementRecord::parse(&bytes) {
                prop_assert_eq!(record.to_bytes(), bytes);
            }
        }
    }
}
