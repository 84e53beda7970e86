//! Rows of the variant before are read as the newer ones after an upgrade.

use crate::Challenges;
use crate::migrations::upgrade;
use crate::mock::*;
use crate::types::ChunkLocation;
use codec::Encode;
use frame_support::storage::unhashed;
use sp_core::H256;

const P: &str = PROVIDERS[0];

/// Returns the bytes that all layouts of a challenge have in common.
fn challenge_row(leaf_index: u64) -> Vec<u8> {
    let target = ChunkLocation {
        leaf_index,
        chunk_index: 2,
    };
    let root = H256([9; 32]);
    (
        0u64,
        account(P),
        account(STRANGER),
        root,
        5u64,
        target,
        DEPOSIT,
    )
        .encode()
}

/// Returns the bytes of a bucket of the older variants, with a checkpoint.
#[cfg(not(leaf_binding))]
fn bucket_row(nonce: Option<u64>) -> Vec<u8> {
    let members = vec![(account(ADMIN), crate::types::Role::Admin)];
    let snapshot = (H256([9; 32]), 5u64, 3u64, START - 50, vec![1u8]);
    let roots = [(7u32, H256([9; 32])); 6];
    let before = (members, None::<u64>, 1u32, vec![account(P)]);
    let mut row = before.encode();
    row.push(1);
    row.extend(snapshot.encode());
    row.extend(nonce.map_or(Vec::new(), |nonce| nonce.encode()));
    row.extend((roots, 4u32).encode());
    row
}

#[cfg(commitment_nonce)]
mod from_deployed {
    use super::*;
    use crate::types::{ProviderRole, ReplicaSyncRecord};
    use crate::{Buckets, NextChallengeIndex, PendingChallenges, Providers, StorageAgreements};
    use frame_support::StorageHasher;

    #[test]
    fn challenges_keep_the_blocks_that_they_had_left() {
        new_test_ext().execute_with(|| {
            register(P);
            // The chain's own block is 100, the relay chain's 10_000.
            System::set_block_number(100);
            let list = [challenge_row(0), challenge_row(1)].concat();
            let list = [codec::Compact(2u32).encode(), list].concat();
            let mut key =
                frame_support::storage::storage_prefix(b"StorageProvider", b"Challenges").to_vec();
            key.extend(frame_support::Blake2_128Concat::hash(&130u32.encode()));
            unhashed::put_raw(&key, &list);
            unhashed::put_raw(&Buckets::<Test>::hashed_key_for(0), &bucket_row(None));
            upgrade::<Test>();
            assert!(!unhashed::exists(&key));
            for index in 0..2 {
                let row = Challenges::<Test>::get(START + 30, index).unwrap();
                assert_eq!(row.target.leaf_index, u64::from(index));
            }
            assert_eq!(NextChallengeIndex::<Test>::get(START + 30), 2);
            assert_eq!(PendingChallenges::<Test>::get(account(P)), 2);
            let snapshot = Buckets::<Test>::get(0).unwrap().snapshot.unwrap();
            assert_eq!(snapshot.commitment.leaf_count, 3);
            assert_eq!(snapshot.commitment_nonce, 0);
        });
    }

    #[test]
    fn agreements_and_providers_follow_the_relay_chains_clock() {
        new_test_ext().execute_with(|| {
            register(P);
            System::set_block_number(100);
            Providers::<Test>::mutate(account(P), |row| {
                let row = row.as_mut().unwrap();
                row.stats.registered_at = 10;
                row.deregister_at = Some(150);
            });
            let synced = Some((H256([9; 32]), 90u32));
            let replica = (1u8, 7u128, 3u128, 5u32, synced);
            let row = (
                account(ADMIN),
                9u64,
                8u128,
                2u128,
                300u32,
                false,
                replica,
                40u32,
            );
            unhashed::put_raw(
                &StorageAgreements::<Test>::hashed_key_for(0, account(P)),
                &row.encode(),
            );
            upgrade::<Test>();
            let agreement = StorageAgreements::<Test>::get(0, account(P)).unwrap();
            assert_eq!(agreement.expires_at, START + 200);
            assert_eq!(agreement.started_at, START - 60);
            let ProviderRole::Replica { last_sync, .. } = agreement.role else {
                panic!("{:?}", agreement.role);
            };
            let last: ReplicaSyncRecord = last_sync.unwrap();
            assert_eq!(
                (last.block, last.commitment.mmr_root),
                (START - 10, H256([9; 32]))
            );
            let row = Providers::<Test>::get(account(P)).unwrap();
            assert_eq!(row.stats.registered_at, START - 90);
            assert_eq!(row.deregister_at, Some(START + 50));
        });
    }
}

#[cfg(all(challenger_tiers, not(leaf_binding)))]
mod from_nonce {
    use super::*;
    use crate::types::Visibility;
    use crate::{Buckets, Providers};

    #[test]
    fn rows_that_did_not_decode_do_so_after_the_upgrade() {
        new_test_ext().execute_with(|| {
            let challenge = Challenges::<Test>::hashed_key_for(START + 9, 3);
            unhashed::put_raw(&challenge, &challenge_row(1));
            let bucket = Buckets::<Test>::hashed_key_for(0);
            unhashed::put_raw(&bucket, &bucket_row(Some(77)));
            let settings = crate::types::ProviderSettings::default();
            let stats = (START, 1u32, 2u32, 3u32, 4u32, 5u64, 6u32, 7u32);
            let provider = (
                b"/ip4".to_vec(),
                vec![1u8; 32],
                STAKE,
                8u64,
                settings,
                stats,
                None::<u32>,
            );
            let key = Providers::<Test>::hashed_key_for(account(P));
            unhashed::put_raw(&key, &provider.encode());
            assert!(Providers::<Test>::get(account(P)).is_none());
            assert!(Challenges::<Test>::get(START + 9, 3).is_none());

            upgrade::<Test>();
            assert!(Challenges::<Test>::get(START + 9, 3).unwrap().authorized);
            let bucket = Buckets::<Test>::get(0).unwrap();
            assert_eq!(bucket.visibility, Visibility::Private);
            assert_eq!(bucket.snapshot.unwrap().commitment.start_seq, 5);
            let row = Providers::<Test>::get(account(P)).unwrap();
            assert_eq!(row.stats.challenges_received_authorized, 6);
            assert_eq!(row.stats.challenges_failed, 7);
            assert_eq!(row.stake, STAKE);
        });
    }
}

#[cfg(leaf_binding)]
mod from_current {
    use super::*;
    use crate::{HoldReason, PendingChallenges};
    use frame_support::traits::fungible::MutateHold;

    #[test]
    fn open_challenges_vanish_without_an_event_and_their_deposits_return() {
        new_test_ext().execute_with(|| {
            let reason = HoldReason::ChallengeDeposit.into();
            Balances::hold(&reason, &account(STRANGER), DEPOSIT).unwrap();
            let row = [challenge_row(1), vec![1]].concat();
            unhashed::put_raw(&Challenges::<Test>::hashed_key_for(START + 9, 3), &row);
            PendingChallenges::<Test>::insert(account(P), 1);
            upgrade::<Test>();
            assert_eq!(Challenges::<Test>::iter_keys().count(), 0);
            assert_eq!(PendingChallenges::<Test>::get(account(P)), 0);
            assert_eq!(held(STRANGER), 0);
            assert!(events().is_empty());
        });
    }
}
