//! Proofs, in the form in which the methods return them.

use crate::error::{MethodError, undecodable};
use cairn_bucket::{ProveError, View};
use cairn_primitives::challenge::{ChallengeResponse, ChunkLocation};
use cairn_primitives::sp_mmr::{self, LeafProof};
use cairn_primitives::{HashingProfile, LeafCount, LeafIndex, MmrLeaf, StateRef};
use cairn_provider::Lease;
use cairn_rpc_api::{
    AncestryProof, Bytes, ChallengeResponseInfo, ChunkProofInfo, Code, Error, LeafInfo,
    LeavesProof, MmrProofInfo, PeaksInfo, RuleVerdict, U64OrHex,
};
use codec::{DecodeAll, Encode};
use std::convert::Infallible;

pub(super) fn peaks(view: &View<'_>) -> Result<PeaksInfo, ProveError> {
    let (commitment, peaks) = view.peaks()?;
    let is_plain = view.profile() == HashingProfile::Plain;
    Ok(PeaksInfo {
        commitment: commitment.into(),
        pallet_mmr_root: is_plain.then(|| sp_mmr::bag(&peaks)),
        peaks,
    })
}

fn leaf_info(view: &View<'_>, index: LeafIndex, leaf: &MmrLeaf) -> LeafInfo {
    // The view has the leaf, so its sequence is below 2^64.
    let sequence = view.tree().checked_add(index).unwrap_or(view.tree());
    LeafInfo::new(index, sequence, leaf)
}

pub(super) fn leaf(view: &View<'_>, index: LeafIndex) -> Result<LeafInfo, ProveError> {
    let leaf = view.leaf(index)?;
    Ok(leaf_info(view, index, &leaf))
}

pub(super) fn mmr_proof(view: &View<'_>, index: LeafIndex) -> Result<MmrProofInfo, ProveError> {
    let leaf = view.mmr_proof(index)?;
    let proof = leaf.proof();
    Ok(MmrProofInfo {
        commitment: leaf.commitment().into(),
        leaf: leaf_info(view, index, &proof.leaf),
        leaf_proof: (&proof.leaf_proof).into(),
        scale: Bytes(proof.encode()),
        peaks: proof.peaks.clone(),
    })
}

pub(super) fn chunk_proof(
    lease: &Lease,
    at: StateRef,
    location: ChunkLocation,
) -> Result<ChunkProofInfo, MethodError> {
    let (answer, leaf) = lease.run(|bucket| {
        let view = bucket.view(at)?;
        let answer = view.answer(location)?;
        let leaf = leaf_info(&view, location.leaf_index, &answer.leaf());
        Ok::<_, ProveError>((answer, leaf))
    })?;
    Ok(ChunkProofInfo {
        commitment: answer.commitment().into(),
        leaf,
        slot: U64OrHex(answer.slot().0),
        chunk_hash: answer.chunk_hash(),
        chunk_proof: answer.chunk_proof().into(),
        scale: Bytes(answer.chunk_proof().encode()),
    })
}

pub(super) fn challenge_response(
    lease: &Lease,
    at: StateRef,
    location: ChunkLocation,
) -> Result<ChallengeResponseInfo, MethodError> {
    let answer = lease.run(|bucket| bucket.view(at)?.answer(location))?;
    let (commitment, slot) = (answer.commitment().into(), U64OrHex(answer.slot().0));
    // An answer exists only once both rules have accepted it.
    let accepted = RuleVerdict::from(Ok::<(), Infallible>(()));
    Ok(ChallengeResponseInfo {
        commitment,
        slot,
        chain_rule: accepted.clone(),
        strict_rule: accepted,
        response: Bytes(ChallengeResponse::encode(&answer.into_response())),
    })
}

pub(super) fn leaves_proof(
    lease: &Lease,
    at: StateRef,
    indices: &[LeafIndex],
) -> Result<LeavesProof, MethodError> {
    let (commitment, proof) = lease.run(|bucket| {
        let view = bucket.view(at)?;
        Ok::<_, ProveError>((view.commitment()?, view.sp_leaves_proof(indices)?))
    })?;
    // `EncodableOpaqueLeaf` is bytes with their length in front.
    let leaves: Vec<Vec<u8>> = proof.leaves().iter().map(Encode::encode).collect();
    Ok(LeavesProof {
        block_hash: commitment.mmr_root,
        leaves: Bytes(leaves.encode()),
        proof: Bytes(proof.proof().encode()),
    })
}

pub(super) fn ancestry_proof(
    lease: &Lease,
    at: StateRef,
    prev: LeafCount,
) -> Result<AncestryProof, MethodError> {
    let proof = lease.run(|bucket| bucket.view(at)?.sp_ancestry_proof(prev))?;
    Ok(proof.into_proof().into())
}

/// A decoded proof of a client.
pub(super) struct GivenProof {
    leaves: Vec<MmrLeaf>,
    proof: LeafProof,
}

impl GivenProof {
    pub(super) fn decode(given: &LeavesProof) -> Result<Self, Error> {
        let wrong = |parameter, ty| move |_| undecodable(parameter, ty);
        let proof = LeafProof::decode_all(&mut given.proof.0.as_slice())
            .map_err(wrong("proof.proof", "LeafProof"))?;
        let leaves =
            decode_leaves(&given.leaves.0).map_err(wrong("proof.leaves", "vector of leaves"))?;
        Ok(Self { leaves, proof })
    }
}

fn decode_leaves(bytes: &[u8]) -> Result<Vec<MmrLeaf>, codec::Error> {
    let wrapped = Vec::<Vec<u8>>::decode_all(&mut &*bytes)?;
    let leaves = wrapped
        .iter()
        .map(|leaf| MmrLeaf::decode_all(&mut leaf.as_slice()));
    leaves.collect()
}

pub(super) fn verify_leaves(
    lease: &Lease,
    at: StateRef,
    given: &GivenProof,
) -> Result<bool, MethodError> {
    let profile = lease.config().profile;
    if profile != HashingProfile::Plain {
        let error = ProveError::PlainHashingOnly { bucket: lease.id() };
        return Err(error.into());
    }
    let refused = |reason: &dyn std::fmt::Display| {
        MethodError(Error::new(
            Code::ProofRefused,
            format!("the proof does not hold: {reason}"),
        ))
    };
    let proven = given.proof.leaf_count;
    let (have, peaks) = lease.run(|bucket| {
        let view = bucket.view(at)?;
        // A root does not bind its leaf count, so the counts are compared.
        let is_comparable = proven == view.count().get();
        let peaks = is_comparable.then(|| view.peaks()).transpose()?;
        Ok::<_, ProveError>((view.count(), peaks))
    })?;
    let Some((_, peaks)) = peaks else {
        let reason = format!("it is for {proven} leaves, and the state has {have}");
        return Err(refused(&reason));
    };
    let hashes: Vec<_> = given.leaves.iter().map(|leaf| profile.leaf(leaf)).collect();
    let verified = sp_mmr::verify_leaves(&given.proof, &hashes, &sp_mmr::bag(&peaks));
    verified.map_err(|reason| refused(&reason))?;
    Ok(true)
}
