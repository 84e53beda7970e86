//! Verifies a proof from its encoded bytes and the challenge alone, by the chain's rule
//! and by the strict rule.

use cairn_primitives::challenge::{ChallengeResponse, ChunkLocation};
use cairn_primitives::{
    ChunkIndex, Commitment, HashingProfile, LeafIndex, MerkleProof, MmrProof, chain_rule,
    chunk_tree, verify,
};
use codec::DecodeAll;

/// `Ok` for a proof that passes, otherwise the reason.
pub(crate) type RuleResult = Result<(), String>;

/// The verdicts of both rules.
#[derive(Debug)]
pub(crate) struct Verification {
    /// The strict rule, which accepts only the bytes of an honest answer.
    pub(crate) strict: RuleResult,
    /// The chain's rule, which deployed pallets apply.
    pub(crate) chain: RuleResult,
    /// For an answer, the slot that the chain maps the chunk's index to.
    pub(crate) slot: Option<ChunkIndex>,
}

impl Verification {
    /// Returns a refusal by both rules, for proofs that neither can be applied to.
    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self {
            strict: Err(reason.clone()),
            chain: Err(reason),
            slot: None,
        }
    }

    pub(crate) fn is_accepted(&self) -> bool {
        self.strict.is_ok() && self.chain.is_ok()
    }
}

/// Verifies the answer to a challenge. The strict rule is applied to the slot that the
/// chain maps the chunk's index to, which an honest provider proves.
pub(crate) fn verify_answer(
    profile: HashingProfile,
    scale: &[u8],
    location: ChunkLocation,
    commitment: &Commitment,
) -> Verification {
    let (chunk_data, mmr_proof, chunk_proof) = match decode_answer(scale) {
        Ok(parts) => parts,
        Err(reason) => return Verification::refused(reason),
    };
    let slot = chunk_tree::slot(location.chunk_index, mmr_proof.leaf.data_size);
    let meant = ChunkLocation {
        chunk_index: slot,
        ..location
    };
    let strict = verify::answer(
        profile,
        &chunk_data,
        &mmr_proof,
        &chunk_proof,
        &meant,
        commitment,
    );
    let chain = chain_rule::proof_response(
        profile,
        &chunk_data,
        &mmr_proof,
        &chunk_proof,
        location.chunk_index,
        &commitment.mmr_root,
    );
    Verification {
        strict: strict.map_err(|reason| reason.to_string()),
        chain: chain.map_err(|reason| reason.to_string()),
        slot: Some(slot),
    }
}

/// Verifies a leaf's proof.
pub(crate) fn verify_leaf(
    profile: HashingProfile,
    scale: &[u8],
    index: LeafIndex,
    commitment: &Commitment,
) -> Verification {
    let proof = match decode_leaf(scale) {
        Ok(proof) => proof,
        Err(reason) => return Verification::refused(reason),
    };
    let root = &commitment.mmr_root;
    let strict = verify::mmr_proof(profile, &proof, index, commitment.leaf_count, root);
    let chain = chain_rule::mmr_proof(profile, &proof, root);
    Verification {
        strict: strict.map_err(|reason| reason.to_string()),
        chain: chain.map_err(|reason| reason.to_string()),
        slot: None,
    }
}

/// Decodes an answer into the chunk, the leaf's proof and the chunk's proof.
///
/// # Errors
///
/// The reason, for a response that is not a proof or cannot be decoded.
pub(crate) fn decode_answer(scale: &[u8]) -> Result<(Vec<u8>, MmrProof, MerkleProof), String> {
    match ChallengeResponse::decode_all(&mut &*scale) {
        Ok(ChallengeResponse::Proof {
            chunk_data,
            mmr_proof,
            chunk_proof,
        }) => Ok((chunk_data, mmr_proof, chunk_proof)),
        Ok(_) => Err(
            "the response claims a deletion or a newer snapshot, which only the chain can judge"
                .to_owned(),
        ),
        Err(error) => Err(undecodable("response", &error)),
    }
}

/// Decodes a leaf's proof.
///
/// # Errors
///
/// The reason.
pub(crate) fn decode_leaf(scale: &[u8]) -> Result<MmrProof, String> {
    MmrProof::decode_all(&mut &*scale).map_err(|error| undecodable("proof", &error))
}

fn undecodable(what: &str, error: &codec::Error) -> String {
    format!("the {what} cannot be decoded: {}", error.to_string().trim())
}
