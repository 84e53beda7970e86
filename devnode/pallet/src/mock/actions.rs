//! The actions of accounts, alike in every variant: the differences of the calls are here.

use super::{
    ADMIN, Anchor, PROVIDERS, STAKE, StorageProvider, Test, VALIDITY, account, events, pair, sign,
    signed,
};
use crate::types::{
    AgreementTerms, BucketId, ChallengeId, ChallengeResponse, ChunkLocation, Commitment,
    PRIMARY_TERM_CONTEXT, REPLICA_TERM_CONTEXT, ReplicaTerms, Role, SignedRoot,
};
#[cfg(challenger_tiers)]
use crate::types::{BucketTarget, Visibility};
use crate::{Buckets, Event, Providers, StorageAgreements};
use codec::Encode;
use frame_support::assert_ok;
use frame_support::dispatch::DispatchResult;
use sp_core::{ConstU32, Pair};
use sp_runtime::{AccountId32, BoundedVec, MultiSignature};

/// The quota of the agreements that tests make.
pub(crate) const QUOTA: u64 = 1_000;
/// The price of a byte for an anchor block.
pub(crate) const PRICE: u128 = 2;
/// The duration of the agreements that tests make.
pub(crate) const DURATION: u32 = 400;

pub(crate) fn register(name: &str) {
    let key = pair(name).public().0.to_vec();
    assert_ok!(register_with(name, key, STAKE));
}

pub(crate) fn register_with(name: &str, key: Vec<u8>, stake: u128) -> DispatchResult {
    let multiaddr = b"/ip4/127.0.0.1/tcp/1".to_vec().try_into().unwrap();
    let key: BoundedVec<u8, ConstU32<64>> = key.try_into().unwrap();
    StorageProvider::register_provider(signed(name), multiaddr, key, stake)
}

/// Returns terms for a new bucket of an owner.
pub(crate) fn terms(owner: &str, nonce: u64) -> AgreementTerms {
    AgreementTerms {
        owner: account(owner),
        max_bytes: QUOTA,
        duration: DURATION,
        price_per_byte: PRICE,
        valid_until: Anchor::get() + VALIDITY,
        nonce,
        #[cfg(challenger_tiers)]
        bucket: BucketTarget::New,
        #[cfg(not(challenger_tiers))]
        bucket_id: None,
        replica_params: None,
    }
}

/// Returns terms for a replica of a bucket.
pub(crate) fn replica_terms(owner: &str, nonce: u64, bucket_id: BucketId) -> AgreementTerms {
    AgreementTerms {
        #[cfg(challenger_tiers)]
        bucket: BucketTarget::Existing(bucket_id),
        #[cfg(not(challenger_tiers))]
        bucket_id: Some(bucket_id),
        replica_params: Some(ReplicaTerms {
            sync_balance: 1_000,
            min_sync_interval: 10,
            sync_price: 300,
        }),
        ..terms(owner, nonce)
    }
}

/// Signs terms as the provider must.
pub(crate) fn sign_terms(name: &str, terms: &AgreementTerms) -> MultiSignature {
    let context = match terms.replica_params {
        None => PRIMARY_TERM_CONTEXT,
        Some(_) => REPLICA_TERM_CONTEXT,
    };
    let message = [context, &terms.encode()].concat();
    sign(name, &sp_io::hashing::blake2_256(&message))
}

pub(crate) fn redeem(
    owner: &str,
    provider: &str,
    terms: AgreementTerms,
    signature: MultiSignature,
) -> DispatchResult {
    StorageProvider::establish_storage_agreement(
        signed(owner),
        account(provider),
        terms,
        signature,
        #[cfg(challenger_tiers)]
        Visibility::Public,
    )
}

/// Makes a bucket of [`ADMIN`], with the first `primaries` providers registered and primary.
///
/// No call adds a second primary provider to a bucket, so the others are put into the state.
pub(crate) fn bucket(primaries: usize, min_providers: u32) -> BucketId {
    let id = crate::NextBucketId::<Test>::get();
    for name in &PROVIDERS[..primaries] {
        if !Providers::<Test>::contains_key(account(name)) {
            register(name);
        }
    }
    let first = terms(ADMIN, id + 1);
    let signature = sign_terms(PROVIDERS[0], &first);
    assert_ok!(redeem(ADMIN, PROVIDERS[0], first, signature));
    for name in &PROVIDERS[1..primaries] {
        let agreement = StorageAgreements::<Test>::get(id, account(PROVIDERS[0])).unwrap();
        StorageAgreements::<Test>::insert(id, account(name), agreement);
        Buckets::<Test>::mutate(id, |row| {
            let primaries = &mut row.as_mut().unwrap().primary_providers;
            primaries.try_push(account(name)).unwrap();
        });
    }
    let set = StorageProvider::set_min_providers(signed(ADMIN), id, min_providers);
    assert_ok!(set);
    id
}

/// Makes a replica agreement of a bucket.
pub(crate) fn replica(bucket_id: BucketId, provider: &str) {
    register(provider);
    let settings = crate::types::ProviderSettings {
        replica_sync_price: Some(300),
        ..Default::default()
    };
    assert_ok!(StorageProvider::update_provider_settings(
        signed(provider),
        settings
    ));
    let terms = replica_terms(ADMIN, 1, bucket_id);
    let signature = sign_terms(provider, &terms);
    assert_ok!(StorageProvider::establish_replica_agreement(
        signed(ADMIN),
        bucket_id,
        account(provider),
        terms,
        signature
    ));
}

/// Returns a commitment as it is signed now.
pub(crate) fn signed_root(commitment: Commitment) -> SignedRoot {
    SignedRoot {
        commitment,
        #[cfg(commitment_nonce)]
        nonce: Anchor::get().into(),
    }
}

/// Returns signatures over a message.
pub(crate) fn signatures(
    names: &[&str],
    message: &[u8],
) -> BoundedVec<(AccountId32, MultiSignature), ConstU32<5>> {
    let each = names
        .iter()
        .map(|name| (account(name), sign(name, message)));
    each.collect::<Vec<_>>().try_into().unwrap()
}

pub(crate) fn try_checkpoint(
    who: &str,
    bucket_id: BucketId,
    signed_root: SignedRoot,
    names: &[&str],
) -> DispatchResult {
    let Commitment {
        mmr_root: _root,
        start_seq: _start,
        leaf_count: _count,
    } = signed_root.commitment;
    StorageProvider::checkpoint(
        signed(who),
        bucket_id,
        #[cfg(not(deployed))]
        signed_root.commitment,
        #[cfg(deployed)]
        _root,
        #[cfg(deployed)]
        _start,
        #[cfg(deployed)]
        _count,
        #[cfg(commitment_nonce)]
        signed_root.nonce,
        signatures(names, &signed_root.message(bucket_id)),
    )
}

pub(crate) fn checkpoint(bucket_id: BucketId, commitment: Commitment, names: &[&str]) {
    assert_ok!(try_checkpoint(
        ADMIN,
        bucket_id,
        signed_root(commitment),
        names
    ));
}

pub(crate) fn try_challenge_checkpoint(
    challenger: &str,
    bucket_id: BucketId,
    provider: &str,
    target: ChunkLocation,
) -> DispatchResult {
    StorageProvider::challenge_checkpoint(
        signed(challenger),
        bucket_id,
        account(provider),
        #[cfg(not(deployed))]
        target,
        #[cfg(deployed)]
        target.leaf_index,
        #[cfg(deployed)]
        target.chunk_index,
    )
}

pub(crate) fn try_challenge_replica(
    challenger: &str,
    bucket_id: BucketId,
    provider: &str,
    target: ChunkLocation,
) -> DispatchResult {
    StorageProvider::challenge_replica(
        signed(challenger),
        bucket_id,
        account(provider),
        #[cfg(not(deployed))]
        target,
        #[cfg(deployed)]
        target.leaf_index,
        #[cfg(deployed)]
        target.chunk_index,
    )
}

/// Challenges a provider by a commitment, with its signature over that.
pub(crate) fn try_challenge_offchain(
    challenger: &str,
    bucket_id: BucketId,
    provider: &str,
    signed_root: SignedRoot,
    target: ChunkLocation,
    signature: MultiSignature,
) -> DispatchResult {
    StorageProvider::challenge_offchain(
        signed(challenger),
        bucket_id,
        account(provider),
        #[cfg(not(deployed))]
        signed_root.commitment,
        #[cfg(deployed)]
        signed_root.commitment.mmr_root,
        #[cfg(deployed)]
        signed_root.commitment.start_seq,
        #[cfg(not(deployed))]
        target,
        #[cfg(deployed)]
        target.leaf_index,
        #[cfg(deployed)]
        target.chunk_index,
        #[cfg(commitment_nonce)]
        signed_root.nonce,
        signature,
    )
}

/// Challenges the first provider by the last checkpoint, and returns the challenge's id.
pub(crate) fn challenge(
    challenger: &str,
    bucket_id: BucketId,
    target: ChunkLocation,
) -> ChallengeId {
    assert_ok!(try_challenge_checkpoint(
        challenger,
        bucket_id,
        PROVIDERS[0],
        target
    ));
    last_challenge()
}

pub(crate) fn last_challenge() -> ChallengeId {
    let mut ids = events().into_iter().filter_map(|event| match event {
        Event::ChallengeCreated { challenge_id, .. } => Some(challenge_id),
        _ => None,
    });
    ids.next_back().unwrap()
}

pub(crate) fn respond(
    name: &str,
    id: ChallengeId,
    response: ChallengeResponse<Test>,
) -> DispatchResult {
    StorageProvider::respond_to_challenge(signed(name), id, response)
}

/// Returns whether a challenge is open.
pub(crate) fn is_open(id: ChallengeId) -> bool {
    #[cfg(deployed)]
    return crate::Challenges::<Test>::get(id.deadline)
        .is_some_and(|list| usize::from(id.index) < list.len());
    #[cfg(not(deployed))]
    return crate::Challenges::<Test>::contains_key(id.deadline, id.index);
}

pub(crate) fn set_role(name: &str, role: Role) {
    assert_ok!(StorageProvider::set_member(
        signed(ADMIN),
        0,
        account(name),
        role
    ));
}
