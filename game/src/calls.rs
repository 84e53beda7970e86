//! The opponent's calls, encoded as each variant takes them.
//!
//! They are written by hand, from the chain's face: indices, arguments and their order. The
//! runtime decodes them.

use crate::variant::Variant;
use cairn_primitives::challenge::{AccountId, ChunkLocation, MultiSignature, Role};
use cairn_primitives::onchain::PrimarySignature;
use cairn_primitives::terms::AgreementTerms;
use cairn_primitives::{BucketId, Commitment};
use codec::Encode;

/// The storage pallet's index.
const PALLET: u8 = 50;

/// A call of the storage pallet.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    RegisterProvider {
        public_key: [u8; 32],
        stake: u128,
    },
    Establish {
        provider: AccountId,
        terms: AgreementTerms,
        signature: MultiSignature,
        is_private: bool,
    },
    ExtendAgreement {
        bucket: BucketId,
        provider: AccountId,
        duration: u32,
    },
    TopUp {
        bucket: BucketId,
        provider: AccountId,
        bytes: u64,
    },
    EndAgreement {
        bucket: BucketId,
        provider: AccountId,
    },
    ClaimExpired(BucketId),
    SetMinProviders(BucketId, u32),
    Freeze(BucketId),
    SetMember(BucketId, AccountId, Role),
    RemoveMember(BucketId, AccountId),
    Checkpoint {
        bucket: BucketId,
        commitment: Commitment,
        nonce: Option<u64>,
        signatures: Vec<PrimarySignature>,
    },
    ExtendCheckpoint {
        bucket: BucketId,
        signatures: Vec<PrimarySignature>,
    },
    ProviderCheckpoint {
        bucket: BucketId,
        commitment: Commitment,
        window: u64,
        signatures: Vec<PrimarySignature>,
    },
    /// Windows of a number of anchor blocks with a grace period; `None` turns them off.
    ConfigureWindow(BucketId, Option<(u32, u32)>),
    ReportMissed(BucketId, u64),
    ChallengeCheckpoint {
        bucket: BucketId,
        provider: AccountId,
        location: ChunkLocation,
    },
    ChallengeOffchain {
        bucket: BucketId,
        provider: AccountId,
        commitment: Commitment,
        nonce: Option<u64>,
        location: ChunkLocation,
        signature: MultiSignature,
    },
}

impl Call {
    /// Encodes the call for a variant.
    pub(crate) fn encode(&self, variant: Variant) -> Vec<u8> {
        let of = |index: u8, arguments: &dyn EncodeArguments| {
            let mut bytes = vec![PALLET, index];
            bytes.extend(arguments.to_bytes());
            bytes
        };
        match self {
            Self::RegisterProvider { public_key, stake } => {
                of(0, &("/ip4/127.0.0.1/tcp/1", public_key.to_vec(), *stake))
            }
            Self::Establish {
                provider,
                terms,
                signature,
                is_private,
            } => {
                let mut bytes = of(17, &(*provider, *terms, signature.clone()));
                if variant.has_visibility() {
                    is_private.encode_to(&mut bytes);
                }
                bytes
            }
            Self::ExtendAgreement {
                bucket,
                provider,
                duration,
            } => of(27, &(*bucket, *provider, *duration, u128::MAX)),
            Self::TopUp {
                bucket,
                provider,
                bytes,
            } => of(28, &(*bucket, *provider, *bytes, u128::MAX)),
            Self::EndAgreement { bucket, provider } => {
                let pay = 0u8;
                of(25, &(*bucket, *provider, pay))
            }
            Self::ClaimExpired(bucket) => of(26, bucket),
            Self::SetMinProviders(bucket, count) => of(11, &(*bucket, *count)),
            Self::Freeze(bucket) => of(12, bucket),
            Self::SetMember(bucket, member, role) => of(13, &(*bucket, *member, *role)),
            Self::RemoveMember(bucket, member) => of(14, &(*bucket, *member)),
            Self::Checkpoint {
                bucket,
                commitment,
                nonce,
                signatures,
            } => match variant.has_nonce() {
                // What was signed without a nonce is no signature there, whatever is said.
                true => {
                    let nonce = nonce.unwrap_or_default();
                    of(30, &(*bucket, *commitment, nonce, signatures.clone()))
                }
                false => of(30, &(*bucket, *commitment, signatures.clone())),
            },
            Self::ExtendCheckpoint { bucket, signatures } => of(31, &(*bucket, signatures.clone())),
            Self::ProviderCheckpoint {
                bucket,
                commitment,
                window,
                signatures,
            } => of(32, &(*bucket, *commitment, *window, signatures.clone())),
            Self::ConfigureWindow(bucket, windows) => {
                let (interval, grace) = windows.unwrap_or((1, 1));
                of(33, &(*bucket, interval, grace, windows.is_some()))
            }
            Self::ReportMissed(bucket, window) => of(34, &(*bucket, *window)),
            Self::ChallengeCheckpoint {
                bucket,
                provider,
                location,
            } => of(40, &(*bucket, *provider, *location)),
            Self::ChallengeOffchain {
                bucket,
                provider,
                commitment,
                nonce,
                location,
                signature,
            } => {
                if variant.is_deployed() {
                    // It takes no leaf count.
                    let (root, start) = (commitment.mmr_root, commitment.start_seq);
                    let signature = signature.clone();
                    return of(42, &(*bucket, *provider, root, start, *location, signature));
                }
                let mut bytes = of(42, &(*bucket, *provider, *commitment, *location));
                if variant.has_nonce() {
                    nonce.unwrap_or_default().encode_to(&mut bytes);
                }
                signature.encode_to(&mut bytes);
                bytes
            }
        }
    }
}

/// Arguments of any number.
trait EncodeArguments {
    fn to_bytes(&self) -> Vec<u8>;
}

impl<T: Encode> EncodeArguments for T {
    fn to_bytes(&self) -> Vec<u8> {
        self.encode()
    }
}
