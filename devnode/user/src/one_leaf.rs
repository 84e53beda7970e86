//! A bucket of one leaf with one chunk, by hand: what a dishonest provider of a test signs
//! and answers with.

use crate::storage_pallet::Commitment;
use crate::values::named;
use sp_crypto_hashing::blake2_256;
use subxt::dynamic::Value;

/// The only leaf of a bucket, with content of at most one chunk.
#[derive(Clone, Copy, Debug)]
pub struct OneLeaf<'a>(pub &'a [u8]);

impl OneLeaf<'_> {
    fn size(self) -> u64 {
        self.0.len().try_into().unwrap_or(u64::MAX)
    }

    /// Returns the commitment to it.
    pub fn commitment(self) -> Commitment {
        let size = self.size().to_le_bytes();
        let leaf = [&blake2_256(self.0)[..], &size, &size].concat();
        Commitment {
            mmr_root: blake2_256(&leaf),
            start_seq: 0,
            leaf_count: 1,
        }
    }

    /// Returns an answer that proves the leaf, and has `chunk` as its content.
    pub fn answer(self, chunk: &[u8]) -> Value {
        let size = Value::u128(self.size().into());
        let empty_path = || {
            let none = || Value::unnamed_composite([]);
            Value::from(named([("siblings", none()), ("path", none())]))
        };
        let leaf = named([
            ("data_root", Value::from_bytes(blake2_256(self.0))),
            ("data_size", size.clone()),
            ("total_size", size),
        ]);
        let peaks = Value::unnamed_composite([Value::from_bytes(self.commitment().mmr_root)]);
        let mmr_proof = named([
            ("peaks", peaks),
            ("leaf", leaf.into()),
            ("leaf_proof", empty_path()),
        ]);
        Value::named_variant(
            "Proof",
            [
                ("chunk_data", Value::from_bytes(chunk)),
                ("mmr_proof", mmr_proof.into()),
                ("chunk_proof", empty_path()),
            ],
        )
    }
}
