//! Chains for tests of a storage provider: a simulated one and a static one.

#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets a panic here fails, as it should"
)]

mod damage;
mod simulated_chain;
mod static_chain;

pub use damage::overwrite;
pub use simulated_chain::{
    BlockPlan, LIMITS, MemoryBucket, NewChallenge, Pallet, Resolution, SimulatedChain,
    SimulatedClient,
};
pub use static_chain::StaticChain;
