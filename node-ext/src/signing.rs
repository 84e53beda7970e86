//! The provider's key: what turns a durable commitment into a promise.

use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::{BucketId, Commitment, CommitmentPayload};
use codec::{Decode, Encode};
use sp_core::crypto::KeyTypeId;
use sp_core::{Pair, sr25519};
use sp_keystore::KeystorePtr;

/// The type under which a provider's key is kept in a keystore.
pub const KEY_TYPE: KeyTypeId = KeyTypeId(*b"stor");

/// A commitment with the provider's signature over its payload.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignedCommitment {
    /// What is signed.
    pub payload: CommitmentPayload,
    /// Who signed: an sr25519 public key.
    pub signer: [u8; 32],
    /// Over the raw SCALE bytes of the payload.
    pub signature: MultiSignature,
}

impl SignedCommitment {
    /// Whether the signature is the signer's, over this very payload. Only
    /// sr25519 is checked, which is what providers sign with.
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

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The keystore has no such key.
    #[error(
        "the keystore has no sr25519 key {} of type `stor`: insert it with `cairn key insert`",
        hex::encode(.0)
    )]
    NoKey([u8; 32]),
    /// The keystore failed.
    #[error("the keystore failed to sign: {0}")]
    Keystore(#[from] sp_keystore::Error),
}

/// Signs with one key of a keystore, which the provider registered on chain.
#[derive(Clone)]
pub struct Signer {
    secret: Secret,
    public: sr25519::Public,
}

/// Where the secret of a signer is.
#[derive(Clone)]
enum Secret {
    Keystore(KeystorePtr),
    /// Held ready: a keystore derives the key anew from its phrase at each
    /// signature, which costs more than a durable commit.
    Pair(Box<sr25519::Pair>),
}

impl Signer {
    /// Signs with the key `public` of type [`KEY_TYPE`].
    pub fn new(keystore: KeystorePtr, public: sr25519::Public) -> Self {
        let secret = Secret::Keystore(keystore);
        Self { secret, public }
    }

    /// Signs with a key that is held ready.
    pub(crate) fn of_pair(pair: sr25519::Pair) -> Self {
        let public = pair.public();
        let secret = Secret::Pair(Box::new(pair));
        Self { secret, public }
    }

    /// The public key.
    pub fn public(&self) -> [u8; 32] {
        self.public.0
    }

    /// Signs a commitment. For those that are durable only (I4): see
    /// [`Bucket::commit_signed`](crate::Bucket::commit_signed).
    pub(crate) fn sign(
        &self,
        bucket: BucketId,
        commitment: Commitment,
    ) -> Result<SignedCommitment, SignError> {
        let payload = CommitmentPayload::new(bucket, commitment);
        let signature = self.sign_bytes(&payload.encode())?;
        Ok(SignedCommitment {
            payload,
            signer: self.public.0,
            signature,
        })
    }

    /// Signs bytes as they are: of a payload or a proposal whose promise is
    /// durable (I4), or of an extrinsic, and of nothing else.
    pub(crate) fn sign_bytes(&self, bytes: &[u8]) -> Result<MultiSignature, SignError> {
        let signature = match &self.secret {
            Secret::Keystore(keystore) => keystore
                .sr25519_sign(KEY_TYPE, &self.public, bytes)?
                .ok_or(SignError::NoKey(self.public.0))?,
            Secret::Pair(pair) => pair.sign(bytes),
        };
        Ok(MultiSignature::Sr25519(signature.0))
    }
}
