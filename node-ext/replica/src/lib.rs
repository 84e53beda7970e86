//! Copies a bucket from another provider, and trusts only the signed root.
//!
//! ```text
//! commitment on chain ─► sync ─┬─► Peer: leaves, nodes, chunks  ◄─ HttpPeer: today's HTTP API
//!                              ├─► Target: is this leaf in the signed tree?
//!                              └─► Store: the copy here, always a beginning of that tree
//! ```
//!
//! **It is** what a replica and a provider that has lost its disk need: a root that is trusted, and
//! anybody who has the content. Each leaf is checked against the root before its content is asked
//! for, and each chunk and node against its hash before it is stored. An interrupted copy
//! continues from where it was. A peer that lies or stalls costs the time until it is noticed.
//!
//! **It is not** a signer: it signs nothing, and records nothing as signed. It does not choose the
//! commitment, and asks no chain.

#![forbid(unsafe_code)]

pub mod connect;
mod content;
mod error;
mod folder;
mod heal;
mod http;
mod peer;
mod store;
mod sync;
mod target;

// Copying.
pub use error::SyncFailure;
pub use sync::{SyncLimits, SyncProgress, SyncRequest, Synced, sync};
pub use target::Target;
// Other providers.
pub use http::{HttpPeer, HttpPeerLimits};
pub use peer::{ClaimedContent, ClaimedLeaf, ContentQuery, Peer, PeerError};
// The copy.
pub use folder::{FolderOpenError, FolderStore};
pub use store::{CopyState, Store, StoreError, in_bucket};
// Repairs.
pub use heal::HealingPeers;
