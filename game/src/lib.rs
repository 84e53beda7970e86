//! A game for a provider's stake, played by an opponent that never tires.
//!
//! The provider's side is the real thing: its schedulers, its buckets on disk,
//! its index. So is the chain's: the reference pallet's own code, run over
//! blocks that the game makes. Everybody else is the opponent, who has every key
//! but the provider's, every signature that was ever given out, and sees the
//! pool before its next block.
//!
//! ```text
//! seed ─► script of moves ─► world: provider ⇄ chain(s), disk, operator ─► verdict
//!            ▲                                                               │
//!            └──────────────── made shorter while it stays lost ◄────────────┘
//! ```
//!
//! One property: *as long as the operator forced nothing, and what was promised
//! is in the base path, in its newest backup or was put aside, the stake is
//! whole; and nothing false was ever signed or submitted.*
//!
//! The operator acts on alarms, and only on alarms, some blocks after they are
//! raised. The node behaves badly for a bounded time only. Neither is part of
//! the property: without them nobody could hold to it.
//!
//! What is not played: replicas and payments, which the pallet does not have;
//! leaves that have padding slots, which cannot be answered by the chain's own
//! fault; a node that lies; a full disk, which tests of its own look at.

#![forbid(unsafe_code)]

mod accomplice;
mod book;
mod chain;
mod client;
mod foreign;
mod house;
mod hunt;
mod images;
mod moves;
mod plans;
mod runtime;
mod shrink;
mod tool;
mod verdict;
mod world;

pub use hunt::{Finding, Hunt, Report, hunt, replay};
pub use moves::{Kind, Move, Script};
pub use plans::script_of;
pub use verdict::{Played, Violation};
