//! From `current` to `leaf-binding`: challenges must know the leaf count, which was never
//! kept. So all open ones are dropped, and their deposits returned. They are then neither
//! defended nor lost, and no event tells of it: as on the chain.

use crate::types::ChunkLocation;
use crate::{
    Challenges, Config, Pallet, PendingChallenges, PendingChallengesByBucket, migrations::VERSION,
};
use codec::Decode;
use frame_support::traits::Get;
use frame_support::weights::Weight;
use sp_core::H256;
use sp_runtime::AccountId32;

/// The layout before.
#[derive(Decode)]
struct OldChallenge {
    _bucket_id: u64,
    _provider: AccountId32,
    challenger: AccountId32,
    _mmr_root: H256,
    _start_seq: u64,
    _target: ChunkLocation,
    deposit: u128,
    _authorized: bool,
}

/// Upgrades all rows.
pub fn upgrade<T: Config>() -> Weight {
    let mut rows: u64 = 0;
    Challenges::<T>::translate(|_, _, old: OldChallenge| {
        rows = rows.saturating_add(1);
        Pallet::<T>::release_deposit(&old.challenger, old.deposit);
        None
    });
    let counts = PendingChallenges::<T>::clear(u32::MAX, None).unique;
    let counts =
        counts.saturating_add(PendingChallengesByBucket::<T>::clear(u32::MAX, None).unique);
    VERSION.put::<Pallet<T>>();
    rows = rows.saturating_add(u64::from(counts));
    T::DbWeight::get().reads_writes(rows, rows.saturating_mul(2))
}
