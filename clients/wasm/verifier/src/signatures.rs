//! Signatures of commitments: the bytes that are signed, and the check.

use crate::input;
use crate::refusal::Refusal;
use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::{BucketId, Commitment, CommitmentPayload, Sequence};
use codec::{DecodeAll, Encode};
use schnorrkel::{PublicKey, Signature};

/// The context in which Substrate signs with sr25519.
const CONTEXT: &[u8] = b"substrate";

/// Returns the bytes that a provider signs for a commitment: of version 2, with a nonce.
///
/// # Errors
///
/// [`Refusal`] of a root or a leaf count that is none.
pub fn payload(
    bucket: u64,
    root: &[u8],
    (start_seq, leaf_count): (u64, u64),
    nonce: Option<u64>,
) -> Result<Vec<u8>, Refusal> {
    let payload = CommitmentPayload {
        bucket_id: BucketId(bucket),
        commitment: Commitment {
            mmr_root: input::hash(root)?,
            start_seq: Sequence(start_seq),
            leaf_count: input::leaf_count(leaf_count)?,
        },
        nonce,
    };
    Ok(payload.encode())
}

/// Verifies a `MultiSignature` in SCALE over a message. Of its schemes, sr25519 is verified.
///
/// # Errors
///
/// [`Refusal`] of a signature of another scheme or message, or by another key.
pub fn verify_signature(message: &[u8], signature: &[u8], key: &[u8]) -> Result<(), Refusal> {
    let signature = MultiSignature::decode_all(&mut &*signature);
    match signature.map_err(Refusal::malformed)? {
        MultiSignature::Sr25519(signature) => verify_sr25519(message, &signature, key),
        _ => {
            let message = "only sr25519 signatures are verified here";
            Err(Refusal::new("signatureScheme", message))
        }
    }
}

/// Verifies an sr25519 signature of 64 bytes over a message.
///
/// # Errors
///
/// [`Refusal`] of a signature of another message, or by another key.
pub fn verify_sr25519(message: &[u8], signature: &[u8], key: &[u8]) -> Result<(), Refusal> {
    let invalid = |error| Refusal::new("signature", format_args!("it is invalid: {error}"));
    let key = PublicKey::from_bytes(key).map_err(invalid)?;
    let signature = Signature::from_bytes(signature).map_err(invalid)?;
    key.verify_simple(CONTEXT, message, &signature)
        .map_err(invalid)
}
