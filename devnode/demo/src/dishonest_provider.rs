//! A dishonest provider, which answers a challenge with another chunk.

use crate::chain::Chain;
use crate::error::DemoError;
use cairn_devnode_runtime::{Runtime, RuntimeEvent};
use cairn_primitives::challenge::{
    ChallengeId, ChallengeResponse, ChunkLocation, MultiSignature, SlashReason,
};
use cairn_primitives::chunk_tree::ContentHasher;
use cairn_primitives::mmr::Frontier;
use cairn_primitives::onchain::MultiSigner;
use cairn_primitives::{
    BucketId, ChunkIndex, Commitment, CommitmentPayload, HashingProfile, LeafIndex, MerkleProof,
    MmrLeaf, MmrProof, Sequence,
};
use codec::Encode;
use pallet_storage_provider::{Call, Event};
use sp_core::{Pair, sr25519};

/// The content that it signs a commitment to.
const SIGNED_CONTENT: &[u8] = b"what was promised";
/// The content in its answer.
const FALSE_CONTENT: &[u8] = b"what is left of it";

fn commitment() -> Result<(MmrLeaf, Commitment), DemoError> {
    let profile = HashingProfile::Plain;
    let mut hasher = ContentHasher::new(profile);
    hasher
        .push(SIGNED_CONTENT)
        .map_err(|error| DemoError::Unexpected(error.to_string()))?;
    let size = SIGNED_CONTENT.len().try_into().unwrap_or(u64::MAX);
    let leaf = MmrLeaf {
        data_root: hasher.finish().root,
        data_size: size,
        total_size: size,
    };
    let mut frontier = Frontier::empty(profile);
    frontier.append(profile.leaf(&leaf), |_position, _hash| {});
    let commitment = Commitment {
        mmr_root: frontier.root(),
        start_seq: Sequence(0),
        leaf_count: frontier.count(),
    };
    Ok((leaf, commitment))
}

/// Has `liar` sign a commitment, challenges it, and answers with false content. Returns the
/// reason and the amount of the slash.
pub(crate) async fn answer_falsely(
    chain: &Chain,
    admin: &sr25519::Pair,
    liar: &sr25519::Pair,
    bucket: BucketId,
) -> Result<(SlashReason, u128), DemoError> {
    let (leaf, commitment) = commitment()?;
    let payload = CommitmentPayload::new(bucket, commitment).encode();
    let challenge = Call::<Runtime>::challenge_offchain {
        bucket,
        provider: liar.public().into(),
        commitment,
        location: ChunkLocation {
            leaf_index: LeafIndex(0),
            chunk_index: ChunkIndex(0),
        },
        signature: MultiSignature::Sr25519(liar.sign(&payload).0),
    };
    let asked = chain.submit(admin, "challenge_offchain", challenge).await?;
    let id = created_challenge(&asked.events)?;
    let response = ChallengeResponse::Proof {
        chunk_data: FALSE_CONTENT.to_vec(),
        mmr_proof: MmrProof {
            peaks: vec![commitment.mmr_root],
            leaf,
            leaf_proof: MerkleProof::default(),
        },
        chunk_proof: MerkleProof::default(),
    };
    let answer = Call::<Runtime>::respond_to_challenge { id, response };
    let judged = chain.submit(liar, "respond_to_challenge", answer).await?;
    judged
        .events
        .iter()
        .find_map(|event| match event {
            RuntimeEvent::StorageProvider(Event::ProviderSlashed { reason, amount, .. }) => {
                Some((*reason, *amount))
            }
            _ => None,
        })
        .ok_or_else(|| DemoError::Unexpected("the chain accepted a false answer".into()))
}

/// Returns a provider's key in the form in which it is registered.
pub(crate) fn provider_key(pair: &sr25519::Pair) -> MultiSigner {
    MultiSigner::Sr25519(pair.public().0)
}

/// Returns the id of the challenge that an extrinsic's events report.
pub(crate) fn created_challenge(events: &[RuntimeEvent]) -> Result<ChallengeId, DemoError> {
    events
        .iter()
        .find_map(|event| match event {
            RuntimeEvent::StorageProvider(Event::ChallengeCreated { id, .. }) => Some(*id),
            _ => None,
        })
        .ok_or_else(|| DemoError::Unexpected("a challenge was accepted without an event".into()))
}
