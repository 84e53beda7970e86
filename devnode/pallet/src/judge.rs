//! Judges answers, with the verifiers that providers compile too. Hashing is plain.

#[cfg(deployed)]
use crate::Error;
#[cfg(not(deployed))]
use crate::types::SlashReason;
use crate::types::{
    Bucket, Challenge, ChallengeResponse, Commitment, MerkleProof, MmrProof, SignedRoot,
};
use crate::{Config, Pallet};
use cairn_primitives as rules;
use cairn_primitives::HashingProfile::Plain;
use cairn_primitives::chain_rule;
use sp_runtime::DispatchError;

/// A reason for which an answer is wrong.
pub(crate) enum Wrong {
    Proof,
    DeletionRange,
    DeletionSignature(DispatchError),
    NoSnapshot,
    NotSuperseded,
}

impl Wrong {
    #[cfg(not(deployed))]
    pub(crate) fn reason(self) -> SlashReason {
        match self {
            Self::Proof => SlashReason::InvalidProof,
            Self::DeletionRange => SlashReason::InvalidDeletionClaim,
            Self::DeletionSignature(error) => {
                tracing::debug!(target: crate::LOG, ?error, "a deletion is not authorised");
                SlashReason::InvalidDeletionClaim
            }
            Self::NoSnapshot | Self::NotSuperseded => SlashReason::InvalidSupersededClaim,
        }
    }

    #[cfg(deployed)]
    pub(crate) fn into_error<T: Config>(self) -> DispatchError {
        match self {
            Self::Proof => Error::<T>::InvalidChallengeProof.into(),
            Self::DeletionRange => Error::<T>::InvalidDeletionProof.into(),
            Self::DeletionSignature(error) => error,
            Self::NoSnapshot => Error::<T>::NoSnapshot.into(),
            Self::NotSuperseded => Error::<T>::LeafBeyondCanonical.into(),
        }
    }
}

/// Judges an answer to a challenge. The outer error is the caller's mistake, which is no
/// answer at all.
pub(crate) fn judge<T: Config>(
    challenge: &Challenge,
    bucket: &Bucket<T>,
    response: &ChallengeResponse<T>,
) -> Result<Result<(), Wrong>, DispatchError> {
    match response {
        ChallengeResponse::Proof {
            chunk_data,
            mmr_proof,
            chunk_proof,
        } => Ok(proves(challenge, chunk_data, mmr_proof, chunk_proof)
            .then_some(())
            .ok_or(Wrong::Proof)),
        ChallengeResponse::Deleted {
            new_mmr_root,
            new_start_seq,
            #[cfg(commitment_nonce)]
            nonce,
            admin,
            admin_signature,
        } => {
            #[cfg(commitment_nonce)]
            Pallet::<T>::ensure_recent(*nonce)?;
            Pallet::<T>::ensure_admin(bucket, admin)?;
            if challenge.sequence() >= *new_start_seq {
                return Ok(Err(Wrong::DeletionRange));
            }
            let signed_root = SignedRoot {
                commitment: Commitment {
                    mmr_root: *new_mmr_root,
                    start_seq: *new_start_seq,
                    leaf_count: 0,
                },
                #[cfg(commitment_nonce)]
                nonce: *nonce,
            };
            let message = signed_root.message(challenge.bucket_id);
            let verified = Pallet::<T>::verify_by(admin, &message, admin_signature);
            Ok(verified.map_err(Wrong::DeletionSignature))
        }
        ChallengeResponse::Superseded => Ok(superseded(challenge, bucket)),
    }
}

/// Returns whether a later checkpoint covers the leaf. The deployed chain only asks whether
/// the leaf is before the checkpoint's end.
fn superseded<T: Config>(challenge: &Challenge, bucket: &Bucket<T>) -> Result<(), Wrong> {
    let snapshot = bucket.snapshot.as_ref().ok_or(Wrong::NoSnapshot)?;
    let canonical = snapshot.commitment();
    let sequence = challenge.sequence();
    #[cfg(deployed)]
    let holds = sequence < canonical.end();
    #[cfg(not(deployed))]
    let holds = challenge.mmr_root != canonical.mmr_root && canonical.holds(sequence);
    holds.then_some(()).ok_or(Wrong::NotSuperseded)
}

/// Checks the chunk against the leaf and the leaf against the challenged root; with leaf
/// binding also the leaf's index in a tree of its count.
fn proves(
    challenge: &Challenge,
    chunk_data: &[u8],
    mmr_proof: &MmrProof,
    chunk_proof: &MerkleProof,
) -> bool {
    let chunk_index = rules::ChunkIndex(challenge.target().chunk_index);
    let has_chunk = chain_rule::chunk(
        Plain,
        Plain.chunk(chunk_data),
        chunk_index,
        &path(chunk_proof),
        &mmr_proof.leaf.data_root,
    )
    .is_ok();
    has_chunk && has_leaf(challenge, mmr_proof)
}

#[cfg(leaf_binding)]
fn has_leaf(challenge: &Challenge, proof: &MmrProof) -> bool {
    let proof = mmr_path(proof, path(&proof.leaf_proof));
    let index = rules::LeafIndex(challenge.target.leaf_index);
    let count = rules::LeafCount::new(challenge.leaf_count);
    count.is_some_and(|count| {
        rules::verify::mmr_proof(Plain, &proof, index, count, &challenge.mmr_root).is_ok()
    })
}

/// The chain takes siblings without a bit as right ones, and ignores bits without a sibling.
#[cfg(not(leaf_binding))]
fn has_leaf(challenge: &Challenge, proof: &MmrProof) -> bool {
    let mut leaf_path = path(&proof.leaf_proof);
    leaf_path.path.resize(leaf_path.siblings.len(), false);
    let proof = mmr_path(proof, leaf_path);
    chain_rule::mmr_proof(Plain, &proof, &challenge.mmr_root).is_ok()
}

fn path(proof: &MerkleProof) -> rules::MerkleProof {
    rules::MerkleProof {
        siblings: proof.siblings.clone(),
        path: proof.path.clone(),
    }
}

fn mmr_path(proof: &MmrProof, leaf_proof: rules::MerkleProof) -> rules::MmrProof {
    rules::MmrProof {
        peaks: proof.peaks.clone(),
        leaf: rules::MmrLeaf {
            data_root: proof.leaf.data_root,
            data_size: proof.leaf.data_size,
            total_size: proof.leaf.total_size,
        },
        leaf_proof,
    }
}
