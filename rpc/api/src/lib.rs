//! The storage provider's JSON-RPC API: the methods, their types and the error codes.
//!
//! ```text
//!   client ─► BucketApiClient, ProviderApiClient, WriteApiClient
//!                                │  JSON-RPC 2.0
//! provider ─► BucketApiServer, ProviderApiServer, WriteApiServer   (cairn-rpc-server)
//! ```
//!
//! **It is** what a client, a challenger or another provider links. Each trait is one group
//! of methods, with a client and a server half:
//!
//! | trait | group | who may call it |
//! |-------|-------|-----------------|
//! | [bucket](BucketApiServer) | `cairnBucket_v1_…`   | everybody                                        |
//! | [provider](ProviderApiServer) | `cairnProvider_v1_…` | everybody                                        |
//! | [write](WriteApiServer) | `cairnWrite_v1_…`    | callers to whom the operator permits unsafe methods, and members of a bucket |
//!
//! Bytes that a chain reads are SCALE in hex. Everything else is readable JSON. Each error has
//! a code of its own; see [`Code`].
//!
//! **It is not** a server: that is `cairn-rpc-server`. It links neither RocksDB nor a network
//! stack, and does not verify what a provider answers: that is `cairn-primitives`.
//!
//! ```
//! use cairn_primitives::{HashingProfile, LeafIndex, MmrProof, verify};
//! use cairn_rpc_api::{AtState, BucketApiClient, U64OrHex};
//! use codec::DecodeAll;
//!
//! /// Asks for the proof of a leaf under the newest signed root, and verifies it.
//! async fn prove(client: &(impl BucketApiClient + Sync), bucket: u64, leaf: u64) -> bool {
//!     let Ok(signed) = client.commitment(U64OrHex(bucket)).await else {
//!         return false;
//!     };
//!     let at = AtState::of_root(signed.commitment.mmr_root);
//!     let Ok(info) = client.mmr_proof(U64OrHex(bucket), U64OrHex(leaf), Some(at)).await else {
//!         return false;
//!     };
//!     let (Some(commitment), Ok(proof)) = (
//!         signed.commitment.commitment(),
//!         MmrProof::decode_all(&mut info.scale.0.as_slice()),
//!     ) else {
//!         return false;
//!     };
//!     let (index, count, root) = (LeafIndex(leaf), commitment.leaf_count, commitment.mmr_root);
//!     verify::mmr_proof(HashingProfile::Plain, &proof, index, count, &root).is_ok()
//! }
//!
//! let commitment = r#"{"mmrRoot":"0x0707070707070707070707070707070707070707070707070707070707070707","startSeq":0,"leafCount":"0x5"}"#;
//! let commitment: cairn_rpc_api::CommitmentInfo = serde_json::from_str(commitment)?;
//! assert_eq!(commitment.leaf_count, U64OrHex(5));
//! # Ok::<(), serde_json::Error>(())
//! ```

#![forbid(unsafe_code)]

mod bytes;
mod error;
#[cfg(feature = "schema")]
mod hex_schema;
mod methods;
#[cfg(feature = "schema")]
pub mod schema;
mod types;

pub use bytes::Bytes;
pub use error::{
    Code, Error, ErrorData, REFUSED, TERMS_REFUSED, code_in, refusal_in, terms_refusal_in,
};
pub use methods::{
    BucketApiClient, BucketApiServer, ProviderApiClient, ProviderApiServer, WriteApiClient,
    WriteApiServer,
};
pub use types::{
    AncestryProof, AtState, BucketInfo, BucketPage, BucketStatusInfo, ChallengeChange,
    ChallengeEvent, ChallengeInfo, ChallengeResponseInfo, ChallengeStage, ChunkProofInfo,
    CommitmentEvent, CommitmentInfo, CommittedInfo, DeletionInfo, ExportForm, ExportInfo,
    FetchedNodes, Hashing, HeldStateInfo, LeafInfo, LeafToCommit, LeavesProof, MmrProofInfo,
    NewBucket, NodeContent, OfferInfo, PathInfo, PeaksInfo, ProviderHealth, ProviderStatus,
    PruneAuthorisation, PrunedInfo, ReplicaInfo, ReplicaStateInfo, ReplicaTermsInfo, RuleVerdict,
    SignedCommitmentInfo, SignedInfo, SignedTermsInfo, TermsToSign, U64OrHex, U128OrHex,
};

/// The OpenRPC document of this API, which `rpc.discover` returns. A test compares it with
/// this crate's source and a provider's answers.
pub const OPENRPC: &str = include_str!("../openrpc.json");
