//! The chain's half of off-chain storage, as arithmetic.
//!
//! Clients, challengers, providers and the chain itself compile this crate: the
//! types in the chain's encoding, the MMR and chunk tree behind a commitment,
//! and the verifiers that decide whether an answer costs a provider its stake.
//! It knows nothing of disks, threads or time, and needs no `std`.
//!
//! ```text
//! bytes ─► chunks ─► chunk_tree ─► MmrLeaf ─► mmr::Frontier ─► Commitment ─► CommitmentPayload
//!                                                                  │
//!          ChunkLocation ─► ChallengeResponse ─► chain_rule, verify ┘
//! ```
//!
//! **It is** what both sides of a dispute must agree on. **It is not** a client, a store or a
//! signer: it opens no file and no connection, and it checks hashes, not signatures.
//!
//! There are two verifiers, and a responder must satisfy both: [`chain_rule`] checks what
//! the deployed pallet checks, lenient as it is; [`verify`] accepts only the one answer
//! that an honest provider gives.
//!
//! ```
//! use cairn_primitives::{
//!     BucketId, Commitment, CommitmentPayload, HashingProfile, MmrLeaf, Sequence,
//!     chunk_tree::ContentHasher, mmr::Frontier,
//! };
//!
//! // A client's content becomes a leaf, and the leaf a commitment.
//! let profile = HashingProfile::Plain;
//! let content = b"three small words".as_slice();
//! let mut hasher = ContentHasher::new(profile);
//! hasher.push(content)?;
//! let data_root = hasher.finish().root;
//! let size = content.len() as u64;
//! let leaf = MmrLeaf { data_root, data_size: size, total_size: size };
//!
//! let mut frontier = Frontier::empty(profile);
//! frontier.append(profile.leaf(&leaf), |_position, _hash| {});
//! let commitment = Commitment {
//!     mmr_root: frontier.root(),
//!     start_seq: Sequence(0),
//!     leaf_count: frontier.count(),
//! };
//! let to_sign = CommitmentPayload::new(BucketId(7), commitment);
//! assert_eq!(to_sign.commitment.leaf_count.get(), 1);
//! # Ok::<(), cairn_primitives::chunk_tree::ShapeError>(())
//! ```
//!
//! # Features
//!
//! | feature | adds |
//! |---------|------|
//! | `std` (default) | `std` in the dependencies |
//! | `serde` | hashes in JSON, as hex |
//! | `type-info` | `scale_info::TypeInfo`, for runtimes |
//! | `sp-core` | conversions of accounts, keys and signatures to and from `sp_core` |
//! | `sp-runtime` | those of `MultiSignature` to and from `sp_runtime` |
//! | `sp-mmr-primitives` | those of proofs to and from `sp_mmr_primitives` |

#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
#![warn(clippy::arithmetic_side_effects)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        reason = "a test that overflows fails, as it should"
    )
)]

extern crate alloc;

mod answer;
pub mod chain_rule;
pub mod challenge;
pub mod checkpoint;
pub mod chunk_tree;
mod commitment;
pub mod cosign;
mod hash;
mod ids;
mod leaf;
pub mod mmr;
pub mod onchain;
mod proof;
#[cfg(feature = "sp-core")]
mod sp_core_types;
pub mod sp_mmr;
#[cfg(feature = "sp-runtime")]
mod sp_runtime_types;
mod state_ref;
pub mod terms;
pub mod verify;

pub use answer::{Answer, NotProven, ProvenLeaf};
pub use commitment::{Commitment, CommitmentPayload, PAYLOAD_VERSION, PAYLOAD_VERSION_WITH_NONCE};
pub use hash::{HashingProfile, blake2_256};
pub use ids::{BucketId, ChunkIndex, LeafCount, LeafIndex, MAX_LEAF_COUNT, Position, Sequence};
pub use leaf::{LEAF_BYTES, MmrLeaf};
pub use primitive_types::H256;
pub use proof::{MAX_PATH, MAX_PEAKS, MerkleProof, MmrProof};
pub use state_ref::StateRef;
