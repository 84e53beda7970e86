//! A game for a provider's stake: a seeded, adversarial simulation.
//!
//! The provider is real: its workers, its buckets on disk, its index, its reader of the chain by
//! metadata. So is the chain: the runtime's own code, in each of its variants, run over blocks that
//! the game makes. Everybody else is the opponent, who has every key but the provider's and every
//! signature ever given, and sees the pool before the next block. A sudo key and migrations are
//! the opponent's as far as the provider can withstand them.
//!
//! ```text
//! seed ─► script of moves ─► world: provider ⇄ chain(s), disk, operator ─► verdict
//!            ▲                                                               │
//!            └──────────────── made shorter while it stays lost ◄────────────┘
//! ```
//!
//! The property: *as long as the operator forced nothing, and what was promised is in the base
//! path, in its newest backup or in a folder that was moved away, the stake is whole; and nothing
//! false was ever signed or submitted.*
//!
//! The operator acts only on alarms, some blocks after they are raised. The node misbehaves for a
//! bounded time only. Neither is part of the property: without them no provider could satisfy it.
//!
//! Older variants take some stake for an answer, and for a missed window: that is no loss.
//!
//! Not covered: replicas and payments; signed extrinsics, their nonces and fees, and upgrades of a
//! running chain, which tests of a real node cover; leaves with padding slots, which the chain
//! makes unanswerable; a lying node; and a full disk, which has tests of its own.

#![forbid(unsafe_code)]

mod accomplice;
mod actors;
mod calls;
mod chain;
mod client;
mod copies;
mod face;
mod foreign_bucket;
mod game_result;
mod moves;
mod node;
mod operations;
mod provider_process;
mod root;
mod script_generator;
mod search;
mod shrink;
mod signature_log;
mod variant;
mod world;

pub use game_result::{GameResult, Violation};
pub use moves::{Move, MoveKind, Script};
pub use script_generator::script_of;
pub use search::{Finding, Report, SearchConfig, replay, search};
pub use variant::Variant;
