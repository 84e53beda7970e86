//! Signatures of commitments and extrinsics. Every signature of this provider passes
//! through this module.
//!
//! | caller                                                     | entry point                     |
//! |------------------------------------------------------------|---------------------------------|
//! | `cairn put`, `cairnWrite_v1_commit`, a node's own code            | `Lease::commit_signed`, `Provider::commit_signed` |
//! | the checkpoint scheduler and the countersigner             | `Lease::permit`, for a root that `Bucket::record_signed_root` recorded |
//! | `cairnBucket_v1_commitment`                                        | `Provider::sign_again`          |
//! | the same, for what a legacy provider signed for anybody    | `Lease::sign_legacy`            |
//! | `cairnBucket_v1_checkpointSignature`                               | `Lease::sign_again`             |
//! | the worker that answers clients who ask for terms          | `Provider::sign_terms`, which reserves their nonce first |
//! | the worker for replicas, for a root that `Bucket::record_signed_root` recorded | `Lease::permit` |
//! | the remote chain's client, for extrinsics                  | `Signer::sign_extrinsic`, which refuses bytes that decode as a commitment |
//!
//! Nothing else can sign: only this module signs bytes with a key, only the gate
//! creates a [`Permit`], and a permit signs only a [`DurableCommitment`], which the
//! bucket creates once its record is synced (I4). A bucket that is opened without a
//! provider has no gate and signs nothing.

mod gate;
mod refusal;
mod rules;
mod sync_roots;
mod terms;

pub use gate::{Gate, SigningFacts};
pub use refusal::SigningRefused;
pub use rules::ChainRules;
pub use terms::{ReservedTerms, TermsPermit};

use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::checkpoint::CheckpointProposal;
use cairn_primitives::terms::AgreementTerms;
use cairn_primitives::{BucketId, Commitment, CommitmentPayload};
use codec::{Decode, DecodeAll, Encode};
use sp_core::crypto::KeyTypeId;
use sp_core::{Pair, sr25519};
use sp_keystore::KeystorePtr;

/// The key type of a provider's key in a keystore.
pub const KEY_TYPE: KeyTypeId = KeyTypeId(*b"stor");

/// A commitment with the provider's signature over its payload.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignedCommitment {
    /// The signed payload.
    pub payload: CommitmentPayload,
    /// The signer's sr25519 public key.
    pub signer: [u8; 32],
    /// The signature over the raw SCALE bytes of the payload.
    pub signature: MultiSignature,
}

impl SignedCommitment {
    /// Returns whether the signature is the signer's over this payload. Accepts only
    /// sr25519, the scheme that providers sign with.
    pub fn is_valid(&self) -> bool {
        let MultiSignature::Sr25519(signature) = &self.signature else {
            return false;
        };
        sr25519::Pair::verify(
            &sr25519::Signature::from_raw(*signature),
            self.payload.encode(),
            &sr25519::Public::from_raw(self.signer),
        )
    }
}

/// An error of signing. No signature was made.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The keystore lacks the key.
    #[error("the keystore has no sr25519 key {} of type `stor`", hex::encode(.0))]
    NoKey([u8; 32]),
    /// The keystore failed.
    #[error("the keystore failed to sign: {0}")]
    Keystore(#[from] sp_keystore::Error),
    /// The bytes to sign for an extrinsic are a commitment, a proposal, or terms.
    #[error(
        "refusing to sign as an extrinsic: the bytes are a commitment, terms, or roots of a replica"
    )]
    NotAnExtrinsic,
}

/// Signs with one key of a keystore: the key that the provider registered on chain.
#[derive(Clone)]
pub struct Signer {
    secret: Secret,
    public: sr25519::Public,
}

/// The secret of a signer.
#[derive(Clone)]
enum Secret {
    Keystore(KeystorePtr),
    /// Kept in memory: a keystore derives the key from its phrase for every
    /// signature, which costs more than a durable commit.
    Pair(Box<sr25519::Pair>),
}

impl Signer {
    /// Creates a signer with the key `public` of type [`KEY_TYPE`].
    pub fn new(keystore: KeystorePtr, public: sr25519::Public) -> Self {
        let secret = Secret::Keystore(keystore);
        Self { secret, public }
    }

    /// Creates a signer with a key that is kept in memory.
    pub(crate) fn from_pair(pair: sr25519::Pair) -> Self {
        let public = pair.public();
        let secret = Secret::Pair(Box::new(pair));
        Self { secret, public }
    }

    /// Returns the public key.
    pub fn public(&self) -> [u8; 32] {
        self.public.0
    }

    /// Signs the payload of an extrinsic.
    ///
    /// # Errors
    ///
    /// [`SignError::NotAnExtrinsic`] for bytes that decode as a commitment or a
    /// checkpoint proposal, or are the payload of terms; other variants where the keystore
    /// fails.
    pub fn sign_extrinsic(&self, payload: &[u8]) -> Result<MultiSignature, SignError> {
        if CommitmentPayload::decode_all(&mut &*payload).is_ok()
            || CheckpointProposal::decode_all(&mut &*payload).is_ok()
            || AgreementTerms::is_signing_payload(payload)
            || sync_roots::is_payload(payload)
        {
            return Err(SignError::NotAnExtrinsic);
        }
        self.sign_bytes(payload)
    }

    /// Signs raw bytes. Private to this module, since it checks nothing.
    fn sign_bytes(&self, bytes: &[u8]) -> Result<MultiSignature, SignError> {
        let signature = match &self.secret {
            Secret::Keystore(keystore) => keystore
                .sr25519_sign(KEY_TYPE, &self.public, bytes)?
                .ok_or(SignError::NoKey(self.public.0))?,
            Secret::Pair(pair) => pair.sign(bytes),
        };
        Ok(MultiSignature::Sr25519(signature.0))
    }
}

/// A commitment whose record and content are durable, so that it may be signed (I4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurableCommitment(Commitment);

impl DurableCommitment {
    /// Wraps a commitment whose record has been synced. Only the bucket crate knows that,
    /// so only that crate calls this.
    pub const fn recorded(commitment: Commitment) -> Self {
        Self(commitment)
    }

    /// Returns the commitment.
    pub const fn commitment(&self) -> Commitment {
        self.0
    }
}

/// Permission to sign for one bucket. Only the gate creates it.
pub struct Permit<'s> {
    bucket: BucketId,
    /// The nonce of the payload, on chains whose payloads have one.
    nonce: Option<u64>,
    signer: &'s Signer,
}

impl Permit<'_> {
    /// Signs a commitment that is recorded durably (I4).
    ///
    /// # Errors
    ///
    /// [`SignError`] where the keystore fails.
    pub fn sign(&self, durable: &DurableCommitment) -> Result<SignedCommitment, SignError> {
        self.sign_with_nonce(durable, self.nonce)
    }

    /// Signs a commitment that is recorded durably (I4), with the nonce of another provider's
    /// request for it.
    ///
    /// # Errors
    ///
    /// As [`Permit::sign`].
    pub fn sign_with_nonce(
        &self,
        durable: &DurableCommitment,
        nonce: Option<u64>,
    ) -> Result<SignedCommitment, SignError> {
        let payload = CommitmentPayload {
            bucket_id: self.bucket,
            commitment: durable.commitment(),
            nonce,
        };
        let signature = self.signer.sign_bytes(&payload.encode())?;
        Ok(SignedCommitment {
            payload,
            signer: self.signer.public.0,
            signature,
        })
    }

    /// Signs a checkpoint proposal for the commitment in a window.
    ///
    /// # Errors
    ///
    /// As [`Permit::sign`].
    pub fn sign_for_window(
        &self,
        durable: &DurableCommitment,
        window: u64,
    ) -> Result<MultiSignature, SignError> {
        let proposal = CheckpointProposal::new(self.bucket, durable.commitment(), window);
        self.signer.sign_bytes(&proposal.encode())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cairn_primitives::{H256, LeafCount, Sequence};

    #[test]
    fn a_commitment_is_not_signed_as_an_extrinsic() {
        let (pair, _) = sr25519::Pair::generate();
        let signer = Signer::from_pair(pair);
        let commitment = Commitment {
            mmr_root: H256::repeat_byte(1),
            start_seq: Sequence(0),
            leaf_count: LeafCount::new(3).unwrap(),
        };
        let payload = CommitmentPayload::new(BucketId(7), commitment).encode();
        let proposal = CheckpointProposal::new(BucketId(7), commitment, 9).encode();
        let roots = [
            Some(H256::repeat_byte(1)),
            None,
            None,
            None,
            None,
            None,
            None,
        ];
        for bytes in [payload, proposal, roots.encode()] {
            let refused = signer.sign_extrinsic(&bytes);
            assert!(matches!(refused, Err(SignError::NotAnExtrinsic)));
            let longer = [&bytes[..], &[0; 90]].concat();
            assert!(signer.sign_extrinsic(&longer).is_ok());
        }
        assert!(signer.sign_extrinsic(&[0; 32]).is_ok(), "a hash of one");
    }
}
