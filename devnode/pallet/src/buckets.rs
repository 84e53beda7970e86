//! Buckets and their members.

#[cfg(challenger_tiers)]
use crate::types::Visibility;
use crate::types::{Bucket, BucketId, Member, Role};
use crate::{Buckets, Config, Error, Event, MemberBuckets, NextBucketId, Pallet};
use frame_support::dispatch::DispatchResult;
use frame_support::{BoundedVec, ensure};
use sp_core::H256;
use sp_runtime::{AccountId32, DispatchError};

impl<T: Config> Pallet<T> {
    /// Makes a bucket with one admin, one primary provider, and one signature for a
    /// checkpoint.
    pub(crate) fn open_bucket(
        admin: &AccountId32,
        provider: &AccountId32,
        #[cfg(challenger_tiers)] visibility: Visibility,
    ) -> Result<BucketId, DispatchError> {
        let id = NextBucketId::<T>::get();
        NextBucketId::<T>::put(id.saturating_add(1));
        let mut bucket = Bucket::<T> {
            members: BoundedVec::new(),
            #[cfg(challenger_tiers)]
            visibility,
            frozen_start_seq: None,
            min_providers: 1,
            primary_providers: BoundedVec::new(),
            snapshot: None,
            historical_roots: [(0, H256::zero()); 6],
            total_snapshots: 0,
        };
        add_member(&mut bucket, id, admin, Role::Admin)?;
        bucket
            .primary_providers
            .try_push(provider.clone())
            .map_err(|_| Error::<T>::MaxPrimaryProvidersReached)?;
        Buckets::<T>::insert(id, bucket);
        Self::deposit_event(Event::BucketCreated {
            bucket_id: id,
            admin: admin.clone(),
        });
        Ok(id)
    }

    pub(crate) fn require_signatures(
        who: &AccountId32,
        id: BucketId,
        min_providers: u32,
    ) -> DispatchResult {
        change::<T>(who, id, |bucket| {
            let primaries = u32::try_from(bucket.primary_providers.len()).unwrap_or(u32::MAX);
            ensure!(min_providers <= primaries, Error::<T>::InvalidMinProviders);
            bucket.min_providers = min_providers;
            Ok(())
        })
    }

    pub(crate) fn freeze(who: &AccountId32, bucket_id: BucketId) -> DispatchResult {
        change::<T>(who, bucket_id, |bucket| {
            ensure!(bucket.frozen_start_seq.is_none(), Error::<T>::BucketFrozen);
            let snapshot = bucket.snapshot.as_ref().ok_or(Error::<T>::NoSnapshot)?;
            ensure!(
                snapshot.signers() >= bucket.min_providers,
                Error::<T>::MinProvidersNotMet
            );
            let frozen_start_seq = snapshot.commitment().start_seq;
            bucket.frozen_start_seq = Some(frozen_start_seq);
            Self::deposit_event(Event::BucketFrozen {
                bucket_id,
                frozen_start_seq,
            });
            Ok(())
        })
    }

    #[cfg(challenger_tiers)]
    pub(crate) fn show(
        who: &AccountId32,
        bucket_id: BucketId,
        visibility: Visibility,
    ) -> DispatchResult {
        change::<T>(who, bucket_id, |bucket| {
            bucket.visibility = visibility;
            Self::deposit_event(Event::BucketVisibilityChanged {
                bucket_id,
                visibility,
            });
            Ok(())
        })
    }

    pub(crate) fn put_member(
        who: &AccountId32,
        bucket_id: BucketId,
        member: AccountId32,
        role: Role,
    ) -> DispatchResult {
        change::<T>(who, bucket_id, |bucket| {
            if role_of(bucket, &member).is_none() {
                add_member(bucket, bucket_id, &member, role)?;
            } else {
                if role != Role::Admin {
                    ensure_may_demote(bucket, who, &member)?;
                }
                for row in bucket
                    .members
                    .iter_mut()
                    .filter(|row| row.account == member)
                {
                    row.role = role;
                }
            }
            Self::deposit_event(Event::MemberSet {
                bucket_id,
                member,
                role,
            });
            Ok(())
        })
    }

    pub(crate) fn drop_member(
        who: &AccountId32,
        bucket_id: BucketId,
        member: AccountId32,
    ) -> DispatchResult {
        change::<T>(who, bucket_id, |bucket| {
            ensure!(
                role_of(bucket, &member).is_some(),
                Error::<T>::MemberNotFound
            );
            ensure_may_demote(bucket, who, &member)?;
            bucket.members.retain(|row| row.account != member);
            MemberBuckets::<T>::mutate(&member, |buckets| buckets.retain(|id| *id != bucket_id));
            Self::deposit_event(Event::MemberRemoved { bucket_id, member });
            Ok(())
        })
    }

    /// Removes a provider from the primary ones, and its bit from the last checkpoint.
    pub(crate) fn drop_primary(bucket_id: BucketId, provider: &AccountId32) {
        Buckets::<T>::mutate(bucket_id, |row| {
            let Some(bucket) = row else { return };
            let Some(place) = bucket.primary_providers.iter().position(|p| p == provider) else {
                return;
            };
            bucket.primary_providers.retain(|p| p != provider);
            if let Some(snapshot) = bucket.snapshot.as_mut() {
                snapshot.drop_signer(place);
            }
        });
    }

    pub(crate) fn ensure_admin(bucket: &Bucket<T>, who: &AccountId32) -> DispatchResult {
        ensure!(
            role_of(bucket, who) == Some(Role::Admin),
            Error::<T>::NotBucketAdmin
        );
        Ok(())
    }

    pub(crate) fn ensure_writer(bucket: &Bucket<T>, who: &AccountId32) -> DispatchResult {
        ensure!(
            matches!(role_of(bucket, who), Some(Role::Admin | Role::Writer)),
            Error::<T>::NotBucketWriter
        );
        Ok(())
    }
}

/// Returns the role of an account.
pub(crate) fn role_of<T: Config>(bucket: &Bucket<T>, who: &AccountId32) -> Option<Role> {
    let member = bucket.members.iter().find(|member| member.account == *who);
    member.map(|member| member.role)
}

/// Changes a bucket, if `who` is one of its admins.
fn change<T: Config>(
    who: &AccountId32,
    id: BucketId,
    f: impl FnOnce(&mut Bucket<T>) -> DispatchResult,
) -> DispatchResult {
    Buckets::<T>::try_mutate(id, |row| {
        let bucket = row.as_mut().ok_or(Error::<T>::BucketNotFound)?;
        Pallet::<T>::ensure_admin(bucket, who)?;
        f(bucket)
    })
}

fn add_member<T: Config>(
    bucket: &mut Bucket<T>,
    id: BucketId,
    account: &AccountId32,
    role: Role,
) -> DispatchResult {
    let member = Member {
        account: account.clone(),
        role,
    };
    bucket
        .members
        .try_push(member)
        .map_err(|_| Error::<T>::MaxMembersReached)?;
    MemberBuckets::<T>::try_mutate(account, |buckets| buckets.try_push(id))
        .map_err(|_| Error::<T>::TooManyBucketsForMember)?;
    Ok(())
}

/// An admin gives up its role itself, and only if there is another.
fn ensure_may_demote<T: Config>(
    bucket: &Bucket<T>,
    who: &AccountId32,
    member: &AccountId32,
) -> DispatchResult {
    if role_of(bucket, member) != Some(Role::Admin) {
        return Ok(());
    }
    ensure!(member == who, Error::<T>::CannotDemoteAdmin);
    let admins = bucket.members.iter().filter(|row| row.role == Role::Admin);
    ensure!(admins.count() > 1, Error::<T>::LastAdminCannotBeRemoved);
    Ok(())
}
