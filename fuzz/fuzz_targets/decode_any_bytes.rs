//! Arbitrary bytes as each type of the wire: decoding and verifying must not panic or exceed
//! their memory bounds, and a decoded value must encode to the same bytes.
#![no_main]

use cairn_primitives::challenge::{ChallengeResponse, ChunkLocation};
use cairn_primitives::checkpoint::{BucketSnapshot, CheckpointProposal};
use cairn_primitives::sp_mmr::{self, AncestryProof, LeafProof};
use cairn_primitives::terms::{AgreementTerms, ReplayWindow, TermsRefusal};
use cairn_primitives::{
    ChunkIndex, CommitmentPayload, H256, HashingProfile, LeafCount, LeafIndex, MmrProof,
    chain_rule, verify,
};
use libfuzzer_sys::fuzz_target;
use parity_scale_codec::{Decode, Encode};

fn decoded<T: Decode + Encode>(bytes: &[u8]) -> Option<T> {
    let mut rest = bytes;
    let value = T::decode(&mut rest).ok()?;
    let read = bytes.len() - rest.len();
    assert_eq!(
        value.encode(),
        bytes[..read],
        "another encoding of the same"
    );
    Some(value)
}

fuzz_target!(|bytes: &[u8]| {
    decoded::<CommitmentPayload>(bytes);
    decoded::<CheckpointProposal>(bytes);
    decoded::<BucketSnapshot>(bytes);
    decoded::<ChunkLocation>(bytes);
    decoded::<TermsRefusal>(bytes);
    if let Some(terms) = decoded::<AgreementTerms>(bytes) {
        let _ = (terms.payment(), terms.signing_hash());
        if let Some(mut window) = decoded::<ReplayWindow>(bytes) {
            assert_eq!(window.check(terms.nonce), window.redeem(terms.nonce));
        }
    }
    let (profile, root) = (HashingProfile::Plain, H256::zero());
    let count = LeafCount::new(bytes.len() as u64).unwrap_or_default();
    if let Some(proof) = decoded::<MmrProof>(bytes) {
        let _ = verify::mmr_proof(profile, &proof, LeafIndex(0), count, &root);
        let _ = verify::chunk(
            profile,
            bytes,
            ChunkIndex(0),
            &proof.leaf_proof,
            &proof.leaf,
        );
    }
    if let Some(ChallengeResponse::Proof {
        chunk_data,
        mmr_proof,
        chunk_proof,
    }) = decoded(bytes)
    {
        let index = ChunkIndex(chunk_data.len() as u64);
        let _ = chain_rule::proof_response(
            profile,
            &chunk_data,
            &mmr_proof,
            &chunk_proof,
            index,
            &root,
        );
    }
    if let Some(proof) = decoded::<LeafProof>(bytes) {
        let hashes = vec![root; proof.leaf_indices.len()];
        let _ = sp_mmr::verify_leaves(&proof, &hashes, &root);
    }
    if let Some(proof) = decoded::<AncestryProof>(bytes) {
        let _ = sp_mmr::verify_ancestry(&proof, &root, &root);
    }
});
