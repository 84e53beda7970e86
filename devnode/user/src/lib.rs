//! A user of a storage chain, as anyone would write one over subxt: owners of buckets,
//! challengers, a root account, and dishonest providers in tests.
//!
//! ```text
//! Chain ─► subxt: calls, storage and events by name, with dynamic values
//!   ├─► storage pallet: register, agree, checkpoint, challenge, answer
//!   └─► root: new code, storage, jumps of the relay chain's number
//! ```
//!
//! **It knows** names of pallets, calls, arguments, storage items and events. Everything else
//! is the metadata's: one user serves each variant of the chain, and follows an upgrade.
//! Calls have more named arguments than any variant takes. subxt picks those that the call
//! has.
//!
//! **It does not know** Cairn, or the runtimes' types: what it accepts as true is what a
//! stranger's client would.

#![forbid(unsafe_code)]

mod agreements;
mod block;
mod chain;
mod error;
mod extrinsics;
mod keys;
mod one_leaf;
pub mod root;
mod signed;
mod storage_pallet;
mod storage_state;
mod transport;
pub mod values;

pub use agreements::{ReplicaTerms, Terms};
pub use block::{Block, Event, Included};
pub use chain::{Chain, Entries};
pub use error::UserError;
pub use extrinsics::{Lifetime, Sent};
pub use keys::{AccountId, Key, Scheme, Signature};
pub use one_leaf::OneLeaf;
pub use signed::Signed;
pub use storage_pallet::{ChallengeId, Commitment, Location, Settings, challenge_call};
pub use subxt::dynamic::{At, Value};
