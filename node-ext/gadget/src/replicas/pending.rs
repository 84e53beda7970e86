//! A confirmation that was submitted and whose result is not known, as the index keeps it: after a
//! restart it may still be in a pool, and another one would cost a second fee.
//!
//! The row is among the signatures that the chain may have, next to the bucket's own. Without it,
//! as in a new index, a second confirmation can cost a fee, and nothing else.

use cairn_chain::LastSync;
use cairn_primitives::{BucketId, H256};
use cairn_provider::{DutyKind, Index, IndexError};
use codec::{DecodeAll, Encode};

/// The version of a row.
const VERSION: u8 = 1;
/// The last byte of a row's name, after the bucket's id: the row of that id alone has the
/// commitments that were seen on chain.
const NAME_END: u8 = b's';
/// Blocks for which a submission may be valid: no client signs for more than 256, and it may sign
/// for a best block that is some blocks further on.
const VALID_BLOCKS: u32 = 288;

/// The fields of a row in SCALE order.
type Fields = (u8, H256, u32);

/// A confirmation whose result is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) root: H256,
    /// The last block that may include it.
    pub(super) last_block: u32,
}

impl Pending {
    /// Returns a confirmation that is submitted when the best block has a number.
    pub(super) const fn from_best_block(root: H256, best: u32) -> Self {
        let last_block = best.saturating_add(VALID_BLOCKS);
        Self { root, last_block }
    }

    /// Returns whether a block after a finalized one may include it. `last` is the confirmation
    /// that the finalized state has.
    pub(super) fn may_be_included(&self, finalized: u32, last: Option<&LastSync>) -> bool {
        let was_taken = last.is_some_and(|last| last.commitment.mmr_root == self.root);
        !was_taken && finalized <= self.last_block
    }

    /// Reads a bucket's row. One that cannot be read counts as submitted now, and is replaced, so
    /// that the wait for it ends.
    pub(super) fn read(
        index: &Index,
        bucket: BucketId,
        finalized: u32,
    ) -> Result<Option<Self>, IndexError> {
        let Some(row) = index.duty(DutyKind::SignedOnChain, &name(bucket))? else {
            return Ok(None);
        };
        if let Some(pending) = Self::parse(&row) {
            return Ok(Some(pending));
        }
        tracing::error!(%bucket, "the record of a submitted confirmation is damaged");
        let pending = Self::from_best_block(H256::zero(), finalized);
        pending.write(index, bucket)?;
        Ok(Some(pending))
    }

    /// Writes a bucket's row, durably.
    pub(super) fn write(&self, index: &Index, bucket: BucketId) -> Result<(), IndexError> {
        let change = (name(bucket), Some(self.to_bytes()));
        index.write_duties(DutyKind::SignedOnChain, &[change])
    }

    /// Removes a bucket's row.
    pub(super) fn remove(index: &Index, bucket: BucketId) -> Result<(), IndexError> {
        index.write_duties(DutyKind::SignedOnChain, &[(name(bucket), None)])
    }

    fn to_bytes(self) -> Vec<u8> {
        let fields: Fields = (VERSION, self.root, self.last_block);
        fields.encode()
    }

    fn parse(row: &[u8]) -> Option<Self> {
        let (version, root, last_block) = Fields::decode_all(&mut &*row).ok()?;
        (version == VERSION).then_some(Self { root, last_block })
    }
}

fn name(bucket: BucketId) -> Vec<u8> {
    let mut name = bucket.0.to_be_bytes().to_vec();
    name.push(NAME_END);
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::open;
    use proptest::prelude::*;

    const BUCKET: BucketId = BucketId(7);
    const ROOT: H256 = H256::repeat_byte(1);

    #[test]
    fn a_confirmation_is_pending_until_it_is_taken_or_too_old() {
        let pending = Pending::from_best_block(ROOT, 10);
        let last = 10 + VALID_BLOCKS;
        let taken = LastSync::of_root(ROOT, 5);
        let other = LastSync::of_root(H256::repeat_byte(2), 5);
        for known in [None, Some(&other)] {
            assert!(pending.may_be_included(last, known));
            assert!(!pending.may_be_included(last + 1, known));
        }
        assert!(!pending.may_be_included(11, Some(&taken)));
    }

    #[test]
    fn a_record_survives_a_restart_and_its_bucket_alone_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let pending = Pending::from_best_block(ROOT, 10);
        let provider = open(folder.path());
        pending.write(provider.index(), BUCKET).unwrap();
        drop(provider);
        let provider = open(folder.path());
        let read = |bucket| Pending::read(provider.index(), bucket, 11).unwrap();
        assert_eq!(read(BUCKET), Some(pending));
        assert_eq!(read(BucketId(8)), None);
        // It is no commitment that the chain has.
        assert_eq!(provider.signed_on_chain(BUCKET).unwrap(), []);
        Pending::remove(provider.index(), BUCKET).unwrap();
        assert_eq!(read(BUCKET), None);
    }

    #[test]
    fn a_damaged_record_is_waited_for_once() {
        let folder = tempfile::tempdir().unwrap();
        let provider = open(folder.path());
        let change = (name(BUCKET), Some(vec![VERSION, 2, 3]));
        let index = provider.index();
        let written = index.write_duties(DutyKind::SignedOnChain, &[change]);
        written.unwrap();
        let first = Pending::read(index, BUCKET, 100).unwrap().unwrap();
        assert_eq!(first.last_block, 100 + VALID_BLOCKS);
        let later = Pending::read(index, BUCKET, 200).unwrap();
        assert_eq!(later, Some(first));
    }

    proptest! {
        #[test]
        fn a_record_is_read_back(root: [u8; 32], last_block: u32) {
            let pending = Pending { root: H256(root), last_block };
            prop_assert_eq!(Pending::parse(&pending.to_bytes()), Some(pending));
        }

        #[test]
        fn any_bytes_are_a_record_or_none(bytes: Vec<u8>) {
            if let Some(pending) = Pending::parse(&bytes) {
                prop_assert_eq!(pending.to_bytes(), bytes);
            }
        }
    }
}
