//! The errors of all methods: one table of codes, in a range of our own.
//!
//! | codes         | subject                                                       |
//! |---------------|---------------------------------------------------------------|
//! | 12001 – 12009 | a parameter                                                   |
//! | 12010 – 12019 | the provider at this moment: busy, late, stopping, or failing |
//! | 12020 – 12029 | the bucket as a whole                                         |
//! | 12030 – 12039 | proofs                                                        |
//! | 12040 – 12049 | storing content                                               |
//! | 12050 – 12059 | committing and signing                                        |
//! | 12060 – 12069 | pruning                                                       |
//! | 12070 – 12079 | creating, deleting and exporting buckets                      |
//! | 12080 – 12089 | the caller: the header that a member has signed               |
//! | 12100 – 12199 | a refused signature for a checkpoint: 12100 plus the SCALE index of the [`Refusal`], which is the error's data, in hex |
//! | 12200 – 12299 | refused terms of an agreement: 12200 plus the SCALE index of the [`TermsRefusal`], which is the error's data, in hex |
//!
//! Two codes come from elsewhere: an unsafe method is refused as Substrate refuses it, with
//! -32601, and a parameter of a wrong type is JSON-RPC's own -32602.
//!
//! Messages help a client, and tell a stranger nothing about the machine: a server logs what
//! failed under a reference, and returns only that.

use crate::bytes::Bytes;
use cairn_primitives::cosign::Refusal;
use cairn_primitives::terms::TermsRefusal;
use codec::{DecodeAll, Encode};
use jsonrpsee::types::error::METHOD_NOT_FOUND_CODE;
use jsonrpsee::types::{ErrorObject, ErrorObjectOwned};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The first code of refused signatures. The reason's SCALE index is added.
pub const REFUSED: i32 = 12_100;

/// The first code of refused terms. The reason's SCALE index is added.
pub const TERMS_REFUSED: i32 = 12_200;

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal,)*) => {
        /// The codes of errors, except those of refused signatures.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[doc = $doc])* $name = $code,)*
        }

        impl Code {
            /// All codes, by ascending numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Returns the code's number.
            pub const fn number(self) -> i32 {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// Returns the code's meaning, as the documentation has it.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),*).trim_ascii_start(),)*
                }
            }
        }
    };
}

codes! {
    /// A parameter's SCALE does not decode as the required type.
    Undecodable = 12_001,
    /// A parameter has the right type and an impossible value.
    Invalid = 12_002,
    /// A list is longer than the provider accepts in one request.
    TooMany = 12_003,

    /// All places for such work are taken: retry later.
    Busy = 12_010,
    /// The request was not served within its time limit.
    TooLate = 12_011,
    /// The provider is stopping.
    Stopping = 12_012,
    /// Something failed at the provider. Its log has the reason under the reference in the data.
    Failed = 12_013,
    /// The connection or the account exceeds its request rate.
    TooOften = 12_014,
    /// The provider's disk has no space left but its reserve: retry later.
    DiskReserved = 12_015,

    /// The provider has no such bucket.
    NoSuchBucket = 12_020,
    /// The bucket has failed a check and takes no writes.
    Quarantined = 12_021,
    /// The bucket exists and cannot be opened or read.
    Damaged = 12_022,
    /// The bucket is being created, removed or repaired: retry later.
    Reserved = 12_023,

    /// The root is neither the newest nor one that was signed.
    UnknownRoot = 12_030,
    /// The tree was pruned and has been deleted since.
    Released = 12_031,
    /// The tree never had that leaf count.
    NoSuchCount = 12_032,
    /// That state has no such leaf.
    NoSuchLeaf = 12_033,
    /// The leaf has no such chunk, or only padding there.
    NoSuchChunk = 12_034,
    /// The content has a shape that the chain cannot verify.
    Unprovable = 12_035,
    /// The bucket has tagged hashing, for which pallet-mmr has no proofs.
    NoPalletMmrProof = 12_036,
    /// There is no such proof in pallet-mmr's format.
    NoSuchPalletMmrProof = 12_037,
    /// The given proof does not hold.
    ProofRefused = 12_038,

    /// The bucket is full.
    Quota = 12_040,
    /// The bytes do not have the given hash.
    HashMismatch = 12_041,
    /// The chain could not verify a tree that contains this.
    Shape = 12_042,
    /// A node was sent before its children.
    MissingChild = 12_043,

    /// The commit has no leaves.
    NothingToCommit = 12_050,
    /// The bucket has no leaves, so there is nothing to sign.
    NothingToSign = 12_051,
    /// The bucket does not hold the whole content of a data root.
    UnknownDataRoot = 12_052,
    /// The content of a data root has another size.
    SizeMismatch = 12_053,
    /// The node is part of a larger chunk tree, and no data root.
    NotADataRoot = 12_054,
    /// The bucket has used up its leaf numbers.
    Exhausted = 12_055,
    /// The provider has not signed that state yet, and signs it first for a writer only.
    NotSigned = 12_056,
    /// The content is larger than a leaf may be.
    LeafTooLarge = 12_057,
    /// Nothing is signed for the bucket, for a reason that its operator has to resolve.
    SigningRefused = 12_058,

    /// There is no leaf before the sequence.
    NothingBefore = 12_060,
    /// The sequence is past the bucket's leaves.
    PastTheEnd = 12_061,
    /// The signature is of a kind that the provider does not check.
    SignatureKind = 12_062,
    /// The signature does not authorise this deletion.
    Unauthorised = 12_063,
    /// The new tree never had the leaf count that the authorisation names.
    NotGrown = 12_064,
    /// By the last finalized block the account is no admin of the bucket.
    NotAdmin = 12_065,

    /// The bucket exists already.
    BucketExists = 12_070,
    /// The chain can still demand proofs of what was signed of the bucket.
    StillHeldTo = 12_071,
    /// The bucket was not exported.
    NotExported = 12_072,

    /// The signed header is malformed or expired, or was signed for something else.
    AuthRequired = 12_080,
    /// By the last finalized block the account has no role in the bucket that allows this.
    InsufficientRole = 12_081,
    /// The chain does not tell the members of the bucket: retry later.
    MembershipUnavailable = 12_082,
}

/// An error of a method.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A refused signature for a checkpoint.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Refused terms of an agreement.
    #[error("no terms are signed: {0}")]
    TermsRefused(#[from] TermsRefusal),
    /// An unsafe method, which this caller may not call.
    #[error("RPC call is unsafe to be called externally")]
    Unsafe,
    /// Any other error.
    #[error("{message}")]
    Coded {
        /// The kind of error.
        code: Code,
        /// The error in words, with advice.
        message: String,
        /// Details for programs.
        data: Option<ErrorData>,
    },
}

/// Details of an error, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ErrorData {
    /// The greatest accepted number.
    Most(u64),
    /// How long to wait before a retry, in milliseconds.
    RetryAfterMs(u64),
    /// The number under which the provider's log has the reason.
    Reference(u64),
}

impl Error {
    /// An error with a message and without data.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self::Coded {
            code,
            message: message.into(),
            data: None,
        }
    }

    /// An error with data for programs.
    pub fn with_data(code: Code, message: impl Into<String>, data: ErrorData) -> Self {
        Self::Coded {
            code,
            message: message.into(),
            data: Some(data),
        }
    }

    /// [`Code::Invalid`] for a parameter.
    pub fn invalid(parameter: &str, reason: &str) -> Self {
        Self::new(Code::Invalid, format!("{parameter}: {reason}"))
    }

    /// [`Code::Busy`], with the delay after which a retry makes sense.
    pub fn busy(resource: &str, retry_after: Duration) -> Self {
        let message =
            format!("all places for {resource} are taken: retry later, or send fewer at once");
        Self::with_data(Code::Busy, message, ErrorData::retry_after(retry_after))
    }
}

impl ErrorData {
    /// The delay after which a retry makes sense.
    pub fn retry_after(delay: Duration) -> Self {
        Self::RetryAfterMs(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX))
    }
}

impl From<Error> for ErrorObjectOwned {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Unsafe => ErrorObject::owned(METHOD_NOT_FOUND_CODE, message, None::<()>),
            Error::Coded { code, data, .. } => ErrorObject::owned(code.number(), message, data),
            Error::Refused(refusal) => refused(REFUSED, message, &refusal),
            Error::TermsRefused(refusal) => refused(TERMS_REFUSED, message, &refusal),
        }
    }
}

/// Makes the error of a refusal, with its SCALE as data.
fn refused(first: i32, message: String, refusal: &impl Encode) -> ErrorObjectOwned {
    let bytes = refusal.encode();
    let index = bytes.first().copied().unwrap_or_default();
    let code = first.saturating_add(i32::from(index));
    ErrorObject::owned(code, message, Some(Bytes(bytes)))
}

/// Returns the refusal of terms that an error carries, if any.
pub fn terms_refusal_in(error: &ErrorObject<'_>) -> Option<TermsRefusal> {
    let bytes: Bytes = serde_json::from_str(error.data()?.get()).ok()?;
    let refusal = TermsRefusal::decode_all(&mut bytes.0.as_slice()).ok()?;
    let expected = ErrorObjectOwned::from(Error::TermsRefused(refusal)).code();
    (error.code() == expected).then_some(refusal)
}

/// Returns the refusal that an error carries, if any.
pub fn refusal_in(error: &ErrorObject<'_>) -> Option<Refusal> {
    let bytes: Bytes = serde_json::from_str(error.data()?.get()).ok()?;
    let refusal = Refusal::decode_all(&mut bytes.0.as_slice()).ok()?;
    let expected = ErrorObjectOwned::from(Error::Refused(refusal)).code();
    (error.code() == expected).then_some(refusal)
}

/// Returns an error's code, if it is one of this API and no refusal.
pub fn code_in(error: &ErrorObject<'_>) -> Option<Code> {
    let mut codes = Code::ALL.iter().copied();
    codes.find(|code| code.number() == error.code())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cairn_primitives::LeafCount;
    use std::collections::HashSet;

    #[test]
    fn a_refusal_has_its_own_code_and_decodes_again() {
        let leaf_count = LeafCount::new(5).unwrap();
        let refusals = [
            (Refusal::NotReady, 12_100),
            (Refusal::Behind { leaf_count }, 12_110),
            (Refusal::Unable, 12_117),
        ];
        for (refusal, code) in refusals {
            let error = ErrorObjectOwned::from(Error::from(refusal));
            assert_eq!(error.code(), code);
            assert_eq!(error.message(), refusal.to_string());
            assert_eq!(refusal_in(&error), Some(refusal));
        }
    }

    #[test]
    fn refused_terms_have_codes_of_their_own() {
        let refusals = [
            (TermsRefusal::NotOffered, 12_200),
            (TermsRefusal::Price { price: u128::MAX }, 12_211),
            (TermsRefusal::Unable, 12_217),
        ];
        for (refusal, code) in refusals {
            let error = ErrorObjectOwned::from(Error::from(refusal));
            assert_eq!(error.code(), code);
            assert!(error.message().ends_with(&refusal.to_string()));
            assert_eq!(terms_refusal_in(&error), Some(refusal));
            assert_eq!(refusal_in(&error), None);
        }
    }

    #[test]
    fn other_errors_are_no_refusals() {
        let error = ErrorObjectOwned::from(Error::new(Code::Undecodable, "ask"));
        assert_eq!(code_in(&error), Some(Code::Undecodable));
        assert_eq!(refusal_in(&error), None);
        let data = Some(Bytes(Refusal::Unable.encode()));
        let other = ErrorObject::owned(-32000, "busy", data);
        assert_eq!((refusal_in(&other), code_in(&other)), (None, None));
    }

    #[test]
    fn each_code_is_unique_and_has_a_meaning() {
        let numbers: HashSet<_> = Code::ALL.iter().map(|code| code.number()).collect();
        assert_eq!(numbers.len(), Code::ALL.len());
        assert!(
            numbers
                .iter()
                .all(|number| (12_001..REFUSED).contains(number))
        );
        assert!(Code::ALL.iter().all(|code| code.meaning().ends_with('.')));
        let ascending = Code::ALL
            .windows(2)
            .all(|two| two[0].number() < two[1].number());
        assert!(ascending);
    }
}
