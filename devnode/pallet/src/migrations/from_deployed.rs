//! From `deployed` to `nonce`: challenges get an index of their own, snapshots a nonce, and
//! the relay chain's blocks become the anchor blocks.
//!
//! No challenge is lost: each keeps the number of blocks that it had left, now of the relay
//! chain's. Its id changes.

use crate::types::{
    Bucket, BucketSnapshot, Challenge, ChunkLocation, Commitment, Member, ProviderInfo,
    ProviderRole, ReplicaSyncRecord, StorageAgreement,
};
use crate::{
    Buckets, Config, NextChallengeIndex, Pallet, PendingChallenges, PendingChallengesByBucket,
    Providers, StorageAgreements,
};
use alloc::vec::Vec;
use codec::{Decode, Encode};
use frame_support::traits::Get;
use frame_support::weights::Weight;
use frame_support::{Blake2_128Concat, BoundedVec, storage_alias};
use sp_core::H256;
use sp_runtime::AccountId32;
use sp_runtime::traits::UniqueSaturatedInto;

/// The layouts before.
mod old {
    use super::*;

    #[derive(Encode, Decode)]
    pub(super) struct Challenge {
        pub(super) bucket_id: u64,
        pub(super) provider: AccountId32,
        pub(super) challenger: AccountId32,
        pub(super) mmr_root: H256,
        pub(super) start_seq: u64,
        pub(super) target: ChunkLocation,
        pub(super) deposit: u128,
    }

    #[storage_alias]
    pub(super) type Challenges<T: Config> =
        StorageMap<Pallet<T>, Blake2_128Concat, u32, Vec<Challenge>>;

    #[derive(Decode)]
    pub(super) struct BucketSnapshot {
        pub(super) commitment: Commitment,
        pub(super) checkpoint_block: u32,
        pub(super) primary_signers: Vec<u8>,
    }

    #[derive(Decode)]
    pub(super) struct Bucket<T: Config> {
        pub(super) members: BoundedVec<Member, T::MaxMembers>,
        pub(super) frozen_start_seq: Option<u64>,
        pub(super) min_providers: u32,
        pub(super) primary_providers: BoundedVec<AccountId32, T::MaxPrimaryProviders>,
        pub(super) snapshot: Option<BucketSnapshot>,
        pub(super) historical_roots: [(u32, H256); 6],
        pub(super) total_snapshots: u32,
    }

    #[derive(Decode)]
    pub(super) enum ProviderRole {
        Primary,
        Replica {
            sync_balance: u128,
            sync_price: u128,
            min_sync_interval: u32,
            last_sync: Option<(H256, u32)>,
        },
    }

    #[derive(Decode)]
    pub(super) struct StorageAgreement {
        pub(super) owner: AccountId32,
        pub(super) max_bytes: u64,
        pub(super) payment_locked: u128,
        pub(super) price_per_byte: u128,
        pub(super) expires_at: u32,
        pub(super) extensions_blocked: bool,
        pub(super) role: ProviderRole,
        pub(super) started_at: u32,
    }
}

/// The block of the upgrade by both clocks.
#[derive(Clone, Copy)]
struct Clocks {
    before: u32,
    now: u32,
}

impl Clocks {
    /// Returns a block of the old clock by the new one, as far from the upgrade.
    fn convert(self, block: u32) -> u32 {
        if block >= self.before {
            self.now.saturating_add(block.saturating_sub(self.before))
        } else {
            self.now.saturating_sub(self.before.saturating_sub(block))
        }
    }
}

/// Upgrades all rows.
pub fn upgrade<T: Config>() -> Weight {
    let clocks = Clocks {
        before: frame_system::Pallet::<T>::block_number().unique_saturated_into(),
        now: Pallet::<T>::current_anchor_block(),
    };
    let rows = challenges::<T>(clocks)
        .saturating_add(buckets::<T>(clocks))
        .saturating_add(agreements::<T>(clocks))
        .saturating_add(providers::<T>(clocks));
    T::DbWeight::get().reads_writes(rows, rows)
}

fn challenges<T: Config>(clocks: Clocks) -> u64 {
    let lists: Vec<(u32, Vec<old::Challenge>)> = old::Challenges::<T>::drain().collect();
    let mut rows: u64 = 0;
    for (deadline, list) in lists {
        let deadline = clocks.convert(deadline);
        for (index, row) in (0u16..).zip(list) {
            PendingChallenges::<T>::mutate(&row.provider, |n| *n = n.saturating_add(1));
            PendingChallengesByBucket::<T>::mutate(row.bucket_id, &row.provider, |n| {
                *n = n.saturating_add(1);
            });
            let challenge = Challenge {
                bucket_id: row.bucket_id,
                provider: row.provider,
                challenger: row.challenger,
                mmr_root: row.mmr_root,
                start_seq: row.start_seq,
                target: row.target,
                deposit: row.deposit,
            };
            crate::Challenges::<T>::insert(deadline, index, challenge);
            NextChallengeIndex::<T>::insert(deadline, index.saturating_add(1));
            rows = rows.saturating_add(4);
        }
    }
    rows
}

fn buckets<T: Config>(clocks: Clocks) -> u64 {
    let mut rows: u64 = 0;
    Buckets::<T>::translate(|_, old: old::Bucket<T>| {
        rows = rows.saturating_add(1);
        Some(Bucket::<T> {
            members: old.members,
            frozen_start_seq: old.frozen_start_seq,
            min_providers: old.min_providers,
            primary_providers: old.primary_providers,
            snapshot: old.snapshot.map(|snapshot| BucketSnapshot {
                commitment: snapshot.commitment,
                checkpoint_block: clocks.convert(snapshot.checkpoint_block),
                primary_signers: snapshot.primary_signers,
                commitment_nonce: 0,
            }),
            historical_roots: old.historical_roots,
            total_snapshots: old.total_snapshots,
        })
    });
    rows
}

fn agreements<T: Config>(clocks: Clocks) -> u64 {
    let mut rows: u64 = 0;
    StorageAgreements::<T>::translate(|_, _, old: old::StorageAgreement| {
        rows = rows.saturating_add(1);
        let role = match old.role {
            old::ProviderRole::Primary => ProviderRole::Primary,
            old::ProviderRole::Replica {
                sync_balance,
                sync_price,
                min_sync_interval,
                last_sync,
            } => ProviderRole::Replica {
                sync_balance,
                sync_price,
                min_sync_interval,
                last_sync: last_sync.map(|(mmr_root, block)| ReplicaSyncRecord {
                    commitment: Commitment {
                        mmr_root,
                        ..Commitment::default()
                    },
                    block: clocks.convert(block),
                }),
            },
        };
        Some(StorageAgreement {
            owner: old.owner,
            max_bytes: old.max_bytes,
            payment_locked: old.payment_locked,
            price_per_byte: old.price_per_byte,
            expires_at: clocks.convert(old.expires_at),
            extensions_blocked: old.extensions_blocked,
            role,
            started_at: clocks.convert(old.started_at),
        })
    });
    rows
}

fn providers<T: Config>(clocks: Clocks) -> u64 {
    let mut rows: u64 = 0;
    Providers::<T>::translate(|_, mut row: ProviderInfo<T>| {
        rows = rows.saturating_add(1);
        row.stats.registered_at = clocks.convert(row.stats.registered_at);
        row.deregister_at = row.deregister_at.map(|block| clocks.convert(block));
        Some(row)
    });
    rows
}
