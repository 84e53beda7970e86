//! A chain with a storage pallet, read and written by its runtime's metadata.
//!
//! ```text
//! remote node, or a node's own client: Node ─► state and calls at named blocks, in bytes
//!         │
//!         ▼
//! Blocks ─► Runtime: metadata, Features, what Cairn supports of it
//!         │
//!         ├─► ChainState: each question of a provider, from one block's state
//!         └─► MetadataClient: ChainClient, with signed extrinsics
//! ```
//!
//! **It is** everything that a remote node and a node's own client have in common. It knows
//! the storage pallet by names: of storage items, fields, calls, events and errors. Layouts,
//! indices and hashers are the metadata's, so that one client serves each version of the
//! pallet, and follows an upgrade.
//!
//! **It is not** a connection, and no runtime API of the pallet is called but the one that
//! tells the anchor block. What the metadata describes in another form than Cairn knows is
//! refused by name, and the rest is used.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::cast_possible_truncation,
        reason = "a test that truncates fails, as it should"
    )
)]

mod anchor;
mod blocks;
mod calls;
mod capability;
mod client;
mod description;
mod dry_run;
mod events;
mod extrinsic;
mod features;
mod funds;
mod names;
mod node;
mod nonces;
mod registration;
mod replicas;
mod rows;
mod runtime;
mod state;
mod storage;
mod support;
mod terms;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(test)]
mod tests;
mod value;

// The client, over a node.
pub use client::MetadataClient;
pub use node::{Header, Node, NodeState, RuntimeId, SubmitError};
pub use state::ChainState;
// What a runtime offers.
pub use capability::{Capability, Support};
pub use description::{CapabilitySupport, Description};
pub use features::{AnchorSource, ChallengeLayout, Features, LeafBinding, Payload, Variant};
