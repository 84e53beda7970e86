//! A challenge is opened, against one of three kinds of roots, and ends once: by an answer or
//! by the sweep.
//!
//! A slashed provider may have other open challenges. They stay: each ends by its own
//! answer or deadline, and counts, though no stake is left to lose.

#[cfg(commitment_nonce)]
use crate::ChallengerStats;
#[cfg(challenger_tiers)]
use crate::buckets::role_of;
#[cfg(challenger_tiers)]
use crate::types::Visibility;
use crate::types::{
    BucketId, Challenge, ChallengeId, ChunkLocation, Commitment, ProviderRole, Question,
    SignedRoot, SlashReason, StorageAgreement,
};
use crate::{Buckets, Challenges, Config, Error, Event, Pallet, Providers, StorageAgreements};
#[cfg(not(deployed))]
use crate::{NextChallengeIndex, PendingChallenges, PendingChallengesByBucket};
use frame_support::dispatch::DispatchResult;
use frame_support::ensure;
use frame_support::traits::Get;
use sp_runtime::{AccountId32, DispatchError, MultiSignature};

/// The deployed chain's deposit, next to nothing.
#[cfg(deployed)]
const DEPOSIT: u128 = 100;
/// The part of a slashed stake that the deployed chain gives to the challenger: a tenth.
#[cfg(deployed)]
const CHALLENGER_PART: u128 = 10;

impl<T: Config> Pallet<T> {
    pub(crate) fn ask_by_checkpoint(
        who: &AccountId32,
        bucket_id: BucketId,
        provider: AccountId32,
        target: ChunkLocation,
    ) -> DispatchResult {
        let bucket = Buckets::<T>::get(bucket_id).ok_or(Error::<T>::BucketNotFound)?;
        let snapshot = bucket.snapshot.as_ref().ok_or(Error::<T>::NoSnapshot)?;
        let place = bucket.primary_providers.iter().position(|p| *p == provider);
        ensure!(
            place.is_some_and(|place| snapshot.signed_by(place)),
            Error::<T>::ProviderNotInSnapshot
        );
        // The deployed chain does not ask for a running agreement here.
        #[cfg(not(deployed))]
        running::<T>(bucket_id, &provider)?;
        let question = Question {
            bucket_id,
            provider,
            commitment: snapshot.commitment(),
            target,
        };
        Self::ask(who, question)
    }

    pub(crate) fn ask_by_signature(
        who: &AccountId32,
        bucket_id: BucketId,
        provider: AccountId32,
        signed_root: SignedRoot,
        target: ChunkLocation,
        signature: &MultiSignature,
    ) -> DispatchResult {
        #[cfg(commitment_nonce)]
        Self::ensure_recent(signed_root.nonce)?;
        ensure!(
            Buckets::<T>::contains_key(bucket_id),
            Error::<T>::BucketNotFound
        );
        running::<T>(bucket_id, &provider)?;
        Self::verify_by(&provider, &signed_root.message(bucket_id), signature)?;
        let question = Question {
            bucket_id,
            provider,
            commitment: signed_root.commitment,
            target,
        };
        Self::ask(who, question)
    }

    pub(crate) fn ask_by_sync(
        who: &AccountId32,
        bucket_id: BucketId,
        provider: AccountId32,
        target: ChunkLocation,
    ) -> DispatchResult {
        let agreement = running::<T>(bucket_id, &provider)?;
        let ProviderRole::Replica { last_sync, .. } = agreement.role else {
            return Err(Error::<T>::NotReplica.into());
        };
        let last = last_sync.ok_or(Error::<T>::InvalidSyncRoot)?;
        #[cfg(not(deployed))]
        let commitment = last.commitment;
        // The deployed chain does not keep the range.
        #[cfg(deployed)]
        let commitment = Commitment {
            mmr_root: last.0,
            ..Commitment::default()
        };
        let question = Question {
            bucket_id,
            provider,
            commitment,
            target,
        };
        Self::ask(who, question)
    }

    fn ask(challenger: &AccountId32, question: Question) -> DispatchResult {
        let Question {
            bucket_id,
            provider,
            commitment,
            target,
        } = question;
        #[cfg(challenger_tiers)]
        let authorized = Self::admit_challenger(challenger, bucket_id, &provider)?;
        #[cfg(leaf_binding)]
        ensure!(
            target.leaf_index < commitment.leaf_count,
            Error::<T>::LeafOutOfRange
        );
        #[cfg(not(deployed))]
        let deposit = T::ChallengeDeposit::get();
        #[cfg(deployed)]
        let deposit = DEPOSIT;
        Self::hold_deposit(challenger, deposit)?;
        let Commitment {
            mmr_root,
            start_seq,
            ..
        } = commitment;
        let challenge = Challenge {
            bucket_id,
            provider: provider.clone(),
            challenger: challenger.clone(),
            mmr_root,
            start_seq,
            #[cfg(leaf_binding)]
            leaf_count: commitment.leaf_count,
            #[cfg(not(deployed))]
            target,
            #[cfg(deployed)]
            leaf_index: target.leaf_index,
            #[cfg(deployed)]
            chunk_index: target.chunk_index,
            deposit,
            #[cfg(challenger_tiers)]
            authorized,
        };
        let deadline = Self::current_anchor_block().saturating_add(T::ChallengeTimeout::get());
        let challenge_id = Self::open(deadline, challenge)?;
        #[cfg(not(challenger_tiers))]
        Self::with_provider(&provider, |row| {
            row.stats.challenges_received = row.stats.challenges_received.saturating_add(1);
        });
        #[cfg(commitment_nonce)]
        ChallengerStats::<T>::mutate(challenger, |record| {
            record.total_challenges = record.total_challenges.saturating_add(1);
        });
        Self::deposit_event(Event::ChallengeCreated {
            challenge_id,
            bucket_id,
            provider,
            challenger: challenger.clone(),
            respond_by: deadline,
        });
        Ok(())
    }

    /// Adds a challenge at the end of its deadline's list.
    #[cfg(deployed)]
    fn open(deadline: u32, challenge: Challenge) -> Result<ChallengeId, DispatchError> {
        let mut list = Challenges::<T>::get(deadline).unwrap_or_default();
        let index = u16::try_from(list.len()).map_err(|_| Error::<T>::ArithmeticOverflow)?;
        list.push(challenge);
        Challenges::<T>::insert(deadline, list);
        Ok(ChallengeId { deadline, index })
    }

    /// Adds a challenge under the next index of its deadline, which no other ever had.
    #[cfg(not(deployed))]
    fn open(deadline: u32, challenge: Challenge) -> Result<ChallengeId, DispatchError> {
        let index = NextChallengeIndex::<T>::get(deadline);
        ensure!(
            index < T::MaxChallengesPerDeadline::get(),
            Error::<T>::TooManyChallengesThisBlock
        );
        NextChallengeIndex::<T>::insert(deadline, index.saturating_add(1));
        let Challenge {
            bucket_id,
            provider,
            ..
        } = &challenge;
        PendingChallenges::<T>::mutate(provider, |n| *n = n.saturating_add(1));
        PendingChallengesByBucket::<T>::mutate(bucket_id, provider, |n| *n = n.saturating_add(1));
        Challenges::<T>::insert(deadline, index, challenge);
        Ok(ChallengeId { deadline, index })
    }

    /// Counts a challenge as no longer open.
    #[cfg(not(deployed))]
    pub(crate) fn no_longer_pending(challenge: &Challenge) {
        let one_less = |n: &mut Option<u32>| {
            *n = n.and_then(|n| n.checked_sub(1)).filter(|n| *n > 0);
        };
        let provider = &challenge.provider;
        PendingChallenges::<T>::mutate_exists(provider, one_less);
        PendingChallengesByBucket::<T>::mutate_exists(challenge.bucket_id, provider, one_less);
    }

    /// Checks that an account may challenge a provider, and returns whether it is authorised:
    /// a member of the bucket, or the owner of an agreement of it.
    #[cfg(challenger_tiers)]
    fn admit_challenger(
        who: &AccountId32,
        bucket_id: BucketId,
        provider: &AccountId32,
    ) -> Result<bool, DispatchError> {
        ensure!(who != provider, Error::<T>::SelfChallenge);
        let bucket = Buckets::<T>::get(bucket_id).ok_or(Error::<T>::BucketNotFound)?;
        let is_member = role_of(&bucket, who).is_some();
        if bucket.visibility == Visibility::Private
            && running::<T>(bucket_id, provider)?.is_primary()
        {
            ensure!(
                is_member || owns::<T>(who, bucket_id, StorageAgreement::is_primary),
                Error::<T>::NotAuthorizedForPrivateBucket
            );
        }
        Ok(is_member || owns::<T>(who, bucket_id, |_| true))
    }

    /// Takes the whole stake, and returns the challenger's deposit.
    #[cfg_attr(
        deployed,
        expect(
            unused_variables,
            reason = "the deployed chain does not tell the reason"
        )
    )]
    pub(crate) fn lose(challenge_id: ChallengeId, challenge: &Challenge, reason: SlashReason) {
        let provider = &challenge.provider;
        let Some(row) = Providers::<T>::get(provider) else {
            return;
        };
        let slashed_amount = Self::take_stake(provider, row.stake);
        Self::release_deposit(&challenge.challenger, challenge.deposit);
        #[cfg(deployed)]
        let challenger_reward = slashed_amount.checked_div(CHALLENGER_PART).unwrap_or(0);
        #[cfg(deployed)]
        Self::reward(&challenge.challenger, challenger_reward);
        #[cfg(not(deployed))]
        let challenger_reward = 0;
        Self::with_provider(provider, |row| {
            row.stake = row.stake.saturating_sub(slashed_amount);
            row.stats.challenges_failed = row.stats.challenges_failed.saturating_add(1);
        });
        #[cfg(commitment_nonce)]
        ChallengerStats::<T>::mutate(&challenge.challenger, |record| {
            record.successful_challenges = record.successful_challenges.saturating_add(1);
        });
        Self::deposit_event(Event::ChallengeSlashed {
            challenge_id,
            provider: provider.clone(),
            slashed_amount,
            challenger_reward,
            #[cfg(not(deployed))]
            reason,
        });
    }
}

/// Returns an agreement that runs; the deployed chain is content with one that has expired.
fn running<T: Config>(
    bucket_id: BucketId,
    provider: &AccountId32,
) -> Result<StorageAgreement, DispatchError> {
    let agreement = StorageAgreements::<T>::get(bucket_id, provider);
    let agreement = agreement.ok_or(Error::<T>::AgreementNotFound)?;
    #[cfg(not(deployed))]
    Pallet::<T>::ensure_runs(&agreement)?;
    Ok(agreement)
}

/// Returns whether an account owns such an agreement of a bucket.
#[cfg(challenger_tiers)]
fn owns<T: Config>(
    who: &AccountId32,
    bucket_id: BucketId,
    is_such: fn(&StorageAgreement) -> bool,
) -> bool {
    StorageAgreements::<T>::iter_prefix_values(bucket_id)
        .any(|agreement| agreement.owner == *who && is_such(&agreement))
}
