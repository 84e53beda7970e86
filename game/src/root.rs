//! Changes of the state without a call of the storage pallet: by a sudo key, and by migrations.

use crate::face::{item_key, row_key};
use crate::variant::Variant;
use cairn_primitives::BucketId;
use cairn_primitives::challenge::AccountId;
use codec::{Decode, Encode};
use frame_support::storage::{PrefixIterator, unhashed};

/// A change by root.
#[derive(Clone, Debug)]
pub(crate) enum RootAction {
    /// `System.set_storage` or `kill_storage` of one key.
    Set(Vec<u8>, Option<Vec<u8>>),
    /// Another primary provider of a bucket, as older versions of the pallet allowed.
    AddPrimary(BucketId, AccountId, u32),
    /// A migration drops all challenges, without an event.
    DropChallenges,
    /// A bucket is deleted, with its agreements and challenges. On the deployed chain a
    /// bucket with challenges stays: they could never be answered.
    DropBucket(BucketId),
    /// The key that verifies a provider's signatures.
    SetKey(AccountId, [u8; 32]),
}

impl RootAction {
    /// Sets a period, as declared by `parameter_types! { pub storage … }`.
    pub(crate) fn set_period(name: &str, blocks: u32) -> Self {
        let key = sp_crypto_hashing::twox_128(format!(":{name}:").as_bytes());
        Self::Set(key.to_vec(), Some(blocks.encode()))
    }

    /// Executes the change over the storage of the block that is being made.
    pub(crate) fn execute(&self, variant: Variant) {
        match self {
            Self::Set(key, Some(value)) => unhashed::put_raw(key, value),
            Self::Set(key, None) => unhashed::kill(key),
            Self::AddPrimary(bucket, provider, expires_at) => {
                variant.face().add_primary(*bucket, provider, *expires_at);
            }
            Self::DropChallenges => {
                for item in [
                    "Challenges",
                    "PendingChallenges",
                    "PendingChallengesByBucket",
                ] {
                    let _ = unhashed::clear_prefix(&item_key(item), None, None);
                }
            }
            Self::DropBucket(bucket) => {
                let open = challenges_of(variant, *bucket);
                if variant.is_deployed() && !open.is_empty() {
                    return;
                }
                let id = bucket.0.encode();
                unhashed::kill(&row_key("Buckets", &[&id]));
                let agreements = row_key("StorageAgreements", &[&id]);
                let _ = unhashed::clear_prefix(&agreements, None, None);
                for (key, provider) in open {
                    unhashed::kill(&key);
                    let count = row_key("PendingChallenges", &[&provider.0]);
                    let left = unhashed::get_raw(&count);
                    let left = left.map_or(0, |left| u32::decode(&mut &left[..]).unwrap());
                    match left.saturating_sub(1) {
                        0 => unhashed::kill(&count),
                        left => unhashed::put_raw(&count, &left.encode()),
                    }
                }
            }
            Self::SetKey(provider, key) => {
                let row = row_key("Providers", &[&provider.0]);
                let bytes = unhashed::get_raw(&row);
                let changed = bytes.and_then(|bytes| variant.face().with_key(&bytes, *key));
                if let Some(changed) = changed {
                    unhashed::put_raw(&row, &changed);
                }
            }
        }
    }
}

/// Returns the rows of challenges of a bucket, and their providers, in the state that is being
/// changed.
fn challenges_of(variant: Variant, bucket: BucketId) -> Vec<(Vec<u8>, AccountId)> {
    let prefix = item_key("Challenges");
    let rows =
        PrefixIterator::<(Vec<u8>, Vec<u8>)>::new(prefix.clone(), prefix.clone(), |end, row| {
            Ok((end.to_vec(), row.to_vec()))
        });
    let mut found = Vec::new();
    for (end, row) in rows {
        let key = [prefix.clone(), end].concat();
        let challenges = match variant.is_deployed() {
            true => variant.face().challenges(&row).unwrap_or_default(),
            false => variant.face().challenge(&row).into_iter().collect(),
        };
        let of_it = challenges.into_iter().filter(|one| one.bucket == bucket);
        found.extend(of_it.map(|one| (key.clone(), one.provider)));
    }
    found
}
