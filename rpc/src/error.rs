//! Why a method says no: one table of codes, in a range of our own.
//!
//! | codes         | what is at fault                                             |
//! |---------------|--------------------------------------------------------------|
//! | 12001 – 12009 | a parameter                                                  |
//! | 12010 – 12019 | the moment: the provider is busy, late, stopping, or failing |
//! | 12020 – 12029 | the bucket as a whole                                        |
//! | 12030 – 12039 | what was to be proven                                        |
//! | 12040 – 12049 | what was to be stored                                        |
//! | 12050 – 12059 | what was to be committed or signed                           |
//! | 12060 – 12069 | what was to be pruned                                        |
//! | 12070 – 12079 | a bucket that was to be made, deleted or exported            |
//! | 12100 – 12199 | a signature for a checkpoint: the [`Refusal`] with that SCALE index, which is the error's data, in hex |
//!
//! Each code by itself is in [`Code`]. Two come from elsewhere: an unsafe method
//! is refused as Substrate refuses it, with -32601, and a parameter that is not
//! of its type is JSON-RPC's own -32602.
//!
//! Messages help a client, and tell a stranger nothing about the machine: what
//! fails here is logged in full under a reference, and only that is told.

mod of_provider;

use cairn_gadget::Refusal;
use codec::{DecodeAll, Encode};
use jsonrpsee::types::error::METHOD_NOT_FOUND_CODE;
use jsonrpsee::types::{ErrorObject, ErrorObjectOwned};
use serde::{Deserialize, Serialize};
use sp_core::Bytes;
use std::time::Duration;

/// Where the codes of refused signatures begin. The reason's SCALE index is added.
pub const REFUSED: i32 = 12_100;

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $code:literal,)*) => {
        /// The codes of errors, but for those of refused signatures.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[doc = $doc])* $name = $code,)*
        }

        impl Code {
            /// All of them, by their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The number.
            pub const fn number(self) -> i32 {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// What it means, as the documentation has it.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),*).trim_ascii_start(),)*
                }
            }
        }
    };
}

codes! {
    /// A parameter's SCALE is not of the type that is needed.
    Undecodable = 12_001,
    /// A parameter is of its type, and makes no sense.
    Invalid = 12_002,
    /// A list is longer than the provider takes in one request.
    TooMany = 12_003,

    /// All places for such work are taken: ask again later.
    Busy = 12_010,
    /// The work was not done within the time that a request has.
    TooLate = 12_011,
    /// The provider is stopping.
    Stopping = 12_012,
    /// Something failed at the provider, whose log tells under a reference.
    Failed = 12_013,
    /// The connection asks more often than it may.
    TooOften = 12_014,
    /// The provider's disk has no room but what it keeps for its promises: ask again later.
    DiskReserved = 12_015,

    /// The provider has no such bucket.
    NoSuchBucket = 12_020,
    /// The bucket has failed a check, and takes no writes.
    Quarantined = 12_021,
    /// The bucket is there, and cannot be opened or read.
    Damaged = 12_022,
    /// The bucket is being made, removed or repaired: ask again later.
    Reserved = 12_023,

    /// The root is neither the newest nor one that was signed.
    UnknownRoot = 12_030,
    /// The tree was pruned and has been let go since.
    Released = 12_031,
    /// The tree never had so many leaves.
    NoSuchCount = 12_032,
    /// There is no such leaf in that state.
    NoSuchLeaf = 12_033,
    /// The leaf has no such chunk, or only padding there.
    NoSuchChunk = 12_034,
    /// The content is of a shape that the chain cannot verify.
    Unprovable = 12_035,
    /// The bucket hashes tagged, for which pallet-mmr has no proofs.
    NoSecondDialect = 12_036,
    /// There is no such proof in pallet-mmr's dialect.
    NoSuchProof = 12_037,
    /// The proof that was to be judged does not hold.
    ProofRefused = 12_038,

    /// The bucket is full.
    Quota = 12_040,
    /// The bytes hash to something else than was claimed.
    HashMismatch = 12_041,
    /// The chain could not verify a tree with this in it.
    Shape = 12_042,
    /// A node came before its children.
    MissingChild = 12_043,

    /// There is no leaf to commit.
    NothingToCommit = 12_050,
    /// The bucket has no leaves, so that there is nothing to sign.
    NothingToSign = 12_051,
    /// The bucket does not hold the whole content of a data root.
    UnknownDataRoot = 12_052,
    /// The content of a data root has another size.
    SizeMismatch = 12_053,
    /// The tree is a part of a larger one, and no data root.
    NotARoot = 12_054,
    /// The bucket is at the end of its numbers.
    Exhausted = 12_055,
    /// The provider has not signed that yet; only what it has is signed for everybody.
    NotSigned = 12_056,
    /// The content is larger than that of one leaf may be.
    LeafTooLarge = 12_057,
    /// Nothing is signed for the bucket, for a reason that its operator has to see to.
    SigningRefused = 12_058,

    /// No leaf stands before the sequence.
    NothingBefore = 12_060,
    /// The sequence is past the bucket's leaves.
    PastTheEnd = 12_061,
    /// The signature is of a kind that is not checked here.
    SignatureKind = 12_062,
    /// The signature does not authorise this deletion.
    Unauthorised = 12_063,
    /// The new tree never had the leaf count that the authorisation names.
    NotGrown = 12_064,
    /// By the last finalized block the account is no admin of the bucket.
    NotAdmin = 12_065,

    /// There is such a bucket already.
    BucketExists = 12_070,
    /// What was signed of the bucket can still be asked for.
    StillPromised = 12_071,
    /// The bucket was not copied out.
    NotExported = 12_072,
}

/// Why a method says no.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nothing is signed for a checkpoint.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// An unsafe method, where those are not to be called.
    #[error("RPC call is unsafe to be called externally")]
    Unsafe,
    /// Anything else, which its code tells.
    #[error("{message}")]
    Coded {
        /// What is wrong.
        code: Code,
        /// The same in words, with what to do.
        message: String,
        /// What a program may want to know of it.
        data: Option<ErrorData>,
    },
}

/// What a program may want to know of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ErrorData {
    /// The most that is taken.
    Most(u64),
    /// How long to wait before it is asked again, in milliseconds.
    RetryAfterMs(u64),
    /// Under which number the provider's log tells more.
    Reference(u64),
}

impl Error {
    pub(crate) fn coded(code: Code, message: impl Into<String>) -> Self {
        Self::Coded {
            code,
            message: message.into(),
            data: None,
        }
    }

    fn with_data(code: Code, message: String, data: ErrorData) -> Self {
        Self::Coded {
            code,
            message,
            data: Some(data),
        }
    }

    pub(crate) fn invalid(parameter: &str, reason: &str) -> Self {
        Self::coded(Code::Invalid, format!("{parameter}: {reason}"))
    }

    pub(crate) fn undecodable(parameter: &str, ty: &str) -> Self {
        let message = format!("{parameter} is no {ty} in SCALE: is it of this version of the API?");
        Self::coded(Code::Undecodable, message)
    }

    pub(crate) fn too_many(parameter: &str, given: usize, most: u32) -> Self {
        let message =
            format!("{parameter}: {given} are more than the {most} that one request may have");
        Self::with_data(Code::TooMany, message, ErrorData::Most(most.into()))
    }

    pub(crate) fn busy(what: &str, retry_after: Duration) -> Self {
        let message = format!("all places for {what} are taken: ask again later, or less at once");
        Self::with_data(Code::Busy, message, retry(retry_after))
    }

    pub(crate) fn too_often(retry_after: Duration) -> Self {
        let message = "this connection asks more often than it may: slow down".to_owned();
        Self::with_data(Code::TooOften, message, retry(retry_after))
    }

    /// Nothing is taken, so that what was signed can be kept. How full the disk is
    /// is the operator's business.
    pub(crate) fn disk_reserved(retry_after: Duration) -> Self {
        let message = "the provider's disk has no room for more but what it keeps for its \
                       promises: it takes content again once there is, so ask again later";
        Self::with_data(Code::DiskReserved, message.to_owned(), retry(retry_after))
    }

    pub(crate) fn too_late(within: Duration) -> Self {
        let seconds = within.as_secs_f32();
        let message =
            format!("it was not done within the {seconds} s that a request has: ask again");
        Self::coded(Code::TooLate, message)
    }

    pub(crate) fn stopping() -> Self {
        Self::coded(
            Code::Stopping,
            "the provider is stopping: ask again when it is back",
        )
    }

    /// Something failed here: told in full to the operator, and to nobody else.
    pub(crate) fn failed(doing: &'static str, error: &dyn std::fmt::Display) -> Self {
        let reference = logged(doing, error);
        let message = format!(
            "the provider has failed at {doing}: its operator finds the reason in its log, under \
             reference {reference}"
        );
        Self::with_data(Code::Failed, message, ErrorData::Reference(reference))
    }
}

fn retry(after: Duration) -> ErrorData {
    ErrorData::RetryAfterMs(u64::try_from(after.as_millis()).unwrap_or(u64::MAX))
}

/// Logs what failed, and returns the number under which it is found.
pub(crate) fn logged(doing: &'static str, error: &dyn std::fmt::Display) -> u64 {
    // Told from those of other runs by the process's start: logs go over it.
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let reference = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    tracing::error!(reference, %error, "an RPC request has failed at {doing}");
    reference
}

impl From<Error> for ErrorObjectOwned {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Unsafe => ErrorObject::owned(METHOD_NOT_FOUND_CODE, message, None::<()>),
            Error::Coded { code, data, .. } => ErrorObject::owned(code.number(), message, data),
            Error::Refused(refusal) => {
                let bytes = refusal.encode();
                let index = bytes.first().copied().unwrap_or_default();
                let code = REFUSED.saturating_add(i32::from(index));
                ErrorObject::owned(code, message, Some(Bytes(bytes)))
            }
        }
    }
}

/// The refusal that an error tells of, if it does.
pub fn refusal_in(error: &ErrorObject<'_>) -> Option<Refusal> {
    let bytes: Bytes = serde_json::from_str(error.data()?.get()).ok()?;
    let refusal = Refusal::decode_all(&mut bytes.0.as_slice()).ok()?;
    let expected = ErrorObjectOwned::from(Error::Refused(refusal)).code();
    (error.code() == expected).then_some(refusal)
}

/// The code that an error has, if it is of this API and no refusal.
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
    fn a_refusal_is_told_by_its_code_and_read_back_whole() {
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
    fn what_is_no_refusal_is_none() {
        let error = ErrorObjectOwned::from(Error::undecodable("ask", "Ask"));
        assert_eq!(code_in(&error), Some(Code::Undecodable));
        assert_eq!(refusal_in(&error), None);
        let data = Some(Bytes(Refusal::Unable.encode()));
        let other = ErrorObject::owned(-32000, "busy", data);
        assert_eq!((refusal_in(&other), code_in(&other)), (None, None));
    }

    #[test]
    fn each_code_is_one_of_its_own_with_a_meaning() {
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

    #[test]
    fn what_fails_here_is_told_without_what_it_was() {
        let error = Error::failed("reading", &"cannot open /srv/cairn/buckets");
        let error = ErrorObjectOwned::from(error);
        assert_eq!(error.code(), Code::Failed.number());
        assert!(!error.message().contains("/srv"), "{error}");
        assert!(error.data().unwrap().get().contains("reference"));
    }
}
