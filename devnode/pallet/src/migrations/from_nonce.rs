//! From `nonce` to `current`: snapshots lose their nonce, buckets become private, the count
//! of challenges is split, and challenges know whether they are by an authorised account.
//!
//! Windows go with their rewards, as on the chain.

use crate::types::{
    Bucket, BucketSnapshot, Challenge, ChunkLocation, Commitment, Member, ProviderInfo,
    ProviderSettings, ProviderStats, Visibility,
};
use crate::{Buckets, Challenges, Config, Providers};
use alloc::vec::Vec;
use codec::Decode;
use frame_support::BoundedVec;
use frame_support::storage::migration::clear_storage_prefix;
use frame_support::traits::{ConstU32, Get, PalletInfoAccess};
use frame_support::weights::Weight;
use sp_core::H256;
use sp_runtime::AccountId32;

/// Items that there are no more.
const GONE: [&[u8]; 5] = [
    b"ChallengerStats",
    b"CheckpointConfigs",
    b"LastCheckpointWindow",
    b"CheckpointRewards",
    b"CheckpointPool",
];

/// The layouts before.
mod old {
    use super::*;

    #[derive(Decode)]
    pub(super) struct Challenge {
        pub(super) bucket_id: u64,
        pub(super) provider: AccountId32,
        pub(super) challenger: AccountId32,
        pub(super) mmr_root: H256,
        pub(super) start_seq: u64,
        pub(super) target: ChunkLocation,
        pub(super) deposit: u128,
    }

    #[derive(Decode)]
    pub(super) struct BucketSnapshot {
        pub(super) commitment: Commitment,
        pub(super) checkpoint_block: u32,
        pub(super) primary_signers: Vec<u8>,
        pub(super) _commitment_nonce: u64,
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
    pub(super) struct ProviderStats {
        pub(super) registered_at: u32,
        pub(super) agreements_total: u32,
        pub(super) agreements_extended: u32,
        pub(super) agreements_not_extended: u32,
        pub(super) agreements_burned: u32,
        pub(super) total_bytes_committed: u64,
        pub(super) challenges_received: u32,
        pub(super) challenges_failed: u32,
    }

    #[derive(Decode)]
    pub(super) struct ProviderInfo<T: Config> {
        pub(super) multiaddr: BoundedVec<u8, T::MaxMultiaddrLength>,
        pub(super) public_key: BoundedVec<u8, ConstU32<64>>,
        pub(super) stake: u128,
        pub(super) committed_bytes: u64,
        pub(super) settings: ProviderSettings,
        pub(super) stats: ProviderStats,
        pub(super) deregister_at: Option<u32>,
    }
}

/// Upgrades all rows.
pub fn upgrade<T: Config>() -> Weight {
    let mut rows: u64 = 0;
    Challenges::<T>::translate(|_, _, old: old::Challenge| {
        rows = rows.saturating_add(1);
        Some(Challenge {
            bucket_id: old.bucket_id,
            provider: old.provider,
            challenger: old.challenger,
            mmr_root: old.mmr_root,
            start_seq: old.start_seq,
            target: old.target,
            deposit: old.deposit,
            // Before, every challenger was treated as one.
            authorized: true,
        })
    });
    Buckets::<T>::translate(|_, old: old::Bucket<T>| {
        rows = rows.saturating_add(1);
        Some(Bucket::<T> {
            members: old.members,
            // Nobody agreed to be read by everybody.
            visibility: Visibility::Private,
            frozen_start_seq: old.frozen_start_seq,
            min_providers: old.min_providers,
            primary_providers: old.primary_providers,
            snapshot: old.snapshot.map(|snapshot| BucketSnapshot {
                commitment: snapshot.commitment,
                checkpoint_block: snapshot.checkpoint_block,
                primary_signers: snapshot.primary_signers,
            }),
            historical_roots: old.historical_roots,
            total_snapshots: old.total_snapshots,
        })
    });
    Providers::<T>::translate(|_, old: old::ProviderInfo<T>| {
        rows = rows.saturating_add(1);
        Some(ProviderInfo::<T> {
            multiaddr: old.multiaddr,
            public_key: old.public_key,
            stake: old.stake,
            committed_bytes: old.committed_bytes,
            settings: old.settings,
            stats: ProviderStats {
                registered_at: old.stats.registered_at,
                agreements_total: old.stats.agreements_total,
                agreements_extended: old.stats.agreements_extended,
                agreements_not_extended: old.stats.agreements_not_extended,
                agreements_burned: old.stats.agreements_burned,
                total_bytes_committed: old.stats.total_bytes_committed,
                challenges_received_authorized: old.stats.challenges_received,
                challenges_received_public: 0,
                challenges_failed: old.stats.challenges_failed,
                lifetime_revenue: 0,
            },
            deregister_at: old.deregister_at,
        })
    });
    let pallet = crate::Pallet::<T>::name();
    for item in GONE {
        let cleared = clear_storage_prefix(pallet.as_bytes(), item, &[], None, None);
        rows = rows.saturating_add(u64::from(cleared.unique));
    }
    T::DbWeight::get().reads_writes(rows, rows)
}
