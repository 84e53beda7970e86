//! `cairn-client-example ws://127.0.0.1:9955 BUCKET LEAF`
//!
//! Fetches a signed commitment and the proof of a leaf under its root from a provider, and
//! verifies both: the signature by `schnorrkel`, the proof by `cairn-primitives`, with the same
//! code as the chain and the provider.

#![forbid(unsafe_code)]

use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::{Commitment, CommitmentPayload, HashingProfile, LeafIndex, MmrProof, verify};
use cairn_rpc_api::{AtState, BucketApiClient, SignedCommitmentInfo, U64OrHex};
use codec::DecodeAll;
use jsonrpsee::ws_client::WsClientBuilder;
use schnorrkel::{PublicKey, Signature};
use std::error::Error;

/// The context in which Substrate signs with sr25519.
const SIGNING_CONTEXT: &[u8] = b"substrate";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(bucket), Some(leaf)) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("expected a provider's WebSocket URL, a bucket and a leaf".into());
    };
    let (bucket, leaf) = (bucket.parse()?, leaf.parse()?);
    let client = WsClientBuilder::new().build(&url).await?;

    let signed = client.commitment(U64OrHex(bucket)).await?;
    let commitment = verify_signature(bucket, &signed)?;
    let at = AtState::of_root(commitment.mmr_root);
    let info = client
        .mmr_proof(U64OrHex(bucket), U64OrHex(leaf), Some(at))
        .await?;
    let mut proof = MmrProof::decode_all(&mut info.scale.0.as_slice())?;
    verify_leaf(&proof, leaf, &commitment)?;

    proof.leaf.data_size += 1;
    if verify_leaf(&proof, leaf, &commitment).is_ok() {
        return Err("the proof of another leaf is accepted".into());
    }
    let root = commitment.mmr_root;
    println!("rust: leaf {leaf} of bucket {bucket} is under the signed root {root:?}");
    Ok(())
}

/// Returns the commitment if its signature is the signer's. Whether the signer is the provider's
/// key on chain is for the caller to check.
fn verify_signature(
    bucket: u64,
    signed: &SignedCommitmentInfo,
) -> Result<Commitment, Box<dyn Error>> {
    let payload = CommitmentPayload::decode_all(&mut signed.payload.0.as_slice())?;
    if payload.bucket_id.0 != bucket || signed.commitment.commitment() != Some(payload.commitment) {
        return Err("the signed bytes are of another commitment".into());
    }
    let MultiSignature::Sr25519(signature) =
        MultiSignature::decode_all(&mut signed.signature.0.as_slice())?
    else {
        return Err("the signature is not sr25519".into());
    };
    let failed = |error| format!("the signature is invalid: {error}");
    let signer = PublicKey::from_bytes(&signed.signer.0).map_err(failed)?;
    let signature = Signature::from_bytes(&signature).map_err(failed)?;
    signer
        .verify_simple(SIGNING_CONTEXT, &signed.payload.0, &signature)
        .map_err(failed)?;
    Ok(payload.commitment)
}

fn verify_leaf(
    proof: &MmrProof,
    leaf: u64,
    commitment: &Commitment,
) -> Result<(), verify::VerifyError> {
    let (index, count, root) = (LeafIndex(leaf), commitment.leaf_count, commitment.mmr_root);
    verify::mmr_proof(HashingProfile::Plain, proof, index, count, &root)
}
