//! A block's state as the game reads it: keys by hand, values with the runtime's own types.

use super::{BucketRow, ChallengeRow, Face};
use crate::variant::Variant;
use cairn_primitives::BucketId;
use cairn_primitives::challenge::{AccountId, ChallengeId};
use cairn_primitives::onchain::{Agreement, CheckpointWindow, OpenChallenge};
use codec::{Decode, Encode};
use sp_core::storage::Storage;
use sp_crypto_hashing::{blake2_128, twox_64, twox_128};

/// The windows of buckets without windows of their own.
pub(crate) const DEFAULT_WINDOW: CheckpointWindow = CheckpointWindow {
    interval: 6,
    grace: 2,
};
/// The length of an item's prefix.
const PREFIX: usize = 32;

/// Returns the prefix of an item of the storage pallet.
pub(crate) fn item_key(item: &str) -> Vec<u8> {
    [twox_128(b"StorageProvider"), twox_128(item.as_bytes())].concat()
}

/// Returns the key of a row of the storage pallet, by `Blake2_128Concat` of each key.
pub(crate) fn row_key(item: &str, keys: &[&[u8]]) -> Vec<u8> {
    let mut key = item_key(item);
    for one in keys {
        key.extend(blake2_128(one));
        key.extend(*one);
    }
    key
}

/// The rows of a state.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'s> {
    pub(crate) variant: Variant,
    pub(crate) storage: &'s Storage,
}

impl<'s> Rows<'s> {
    fn face(&self) -> &'static dyn Face {
        self.variant.face()
    }

    fn value(&self, key: &[u8]) -> Option<&'s [u8]> {
        self.storage.top.get(key).map(Vec::as_slice)
    }

    pub(crate) fn stake(&self, who: &AccountId) -> Option<u128> {
        let row = self.value(&row_key("Providers", &[&who.0]))?;
        self.face().stake(row)
    }

    pub(crate) fn bucket(&self, id: BucketId) -> Option<BucketRow> {
        self.face()
            .bucket(self.value(&row_key("Buckets", &[&id.0.encode()]))?)
    }

    pub(crate) fn agreement(&self, id: BucketId, who: &AccountId) -> Option<Agreement> {
        let key = row_key("StorageAgreements", &[&id.0.encode(), &who.0]);
        self.face().agreement(self.value(&key)?)
    }

    pub(crate) fn bucket_count(&self) -> u64 {
        let next = self.value(&item_key("NextBucketId"));
        next.map_or(0, |next| u64::decode(&mut &*next).unwrap())
    }

    /// Returns the windows of a bucket.
    pub(crate) fn window(&self, id: BucketId) -> Option<CheckpointWindow> {
        let key = row_key("CheckpointConfigs", &[&id.0.encode()]);
        let own = self.value(&key);
        let own = own.map(|mut row| <(u32, u32, bool)>::decode(&mut row).unwrap());
        let (interval, grace, enabled) = own.unwrap_or((
            DEFAULT_WINDOW.interval,
            DEFAULT_WINDOW.grace,
            self.variant.has_windows(),
        ));
        enabled.then_some(CheckpointWindow { interval, grace })
    }

    /// Returns a period that the chain's operators may change.
    pub(crate) fn period(&self, name: &str) -> u32 {
        let bytes = self.value(&twox_128(format!(":{name}:").as_bytes()));
        u32::decode(&mut bytes.unwrap()).unwrap()
    }

    /// Returns the challenges with their ids, in order.
    pub(crate) fn challenges(&self) -> Vec<(ChallengeId, ChallengeRow)> {
        let prefix = item_key("Challenges");
        let rows = self.storage.top.range(prefix.clone()..);
        let rows = rows.take_while(|(key, _)| key.starts_with(&prefix));
        let mut challenges = Vec::new();
        for (key, row) in rows {
            let parts = &key[PREFIX..];
            let deadline = u32::decode(&mut &parts[16..]).unwrap();
            if self.variant.is_deployed() {
                let list = self.face().challenges(row).into_iter().flatten();
                let ids = (0u16..).map(|index| ChallengeId { deadline, index });
                challenges.extend(ids.zip(list));
            } else {
                let index = u16::decode(&mut &parts[28..]).unwrap();
                let one = self.face().challenge(row);
                challenges.extend(one.map(|one| (ChallengeId { deadline, index }, one)));
            }
        }
        challenges.sort_by_key(|(id, _)| *id);
        challenges
    }

    /// Returns the open challenges of a provider.
    pub(crate) fn open_challenges(&self, who: &AccountId) -> Vec<OpenChallenge> {
        let period = self.period("ChallengeTimeout");
        let of_it = self
            .challenges()
            .into_iter()
            .filter(|(_, row)| row.provider == *who);
        of_it
            .map(|(id, row)| OpenChallenge {
                id,
                bucket_id: row.bucket,
                provider: row.provider,
                challenger: row.challenger,
                mmr_root: row.mmr_root,
                start_seq: row.start_seq,
                leaf_count: None,
                location: row.location,
                asked_at: id.deadline.saturating_sub(period),
            })
            .collect()
    }
}

/// Returns the key of a challenge's row, where each has one.
pub(crate) fn challenge_key(id: ChallengeId) -> Vec<u8> {
    let mut key = row_key("Challenges", &[&id.deadline.encode()]);
    let index = id.index.encode();
    key.extend(twox_64(&index));
    key.extend(index);
    key
}
