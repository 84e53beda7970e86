//! Chains in memory for tests of a storage provider: a simulated one and a static one.
//!
//! ```text
//! test ─► SimulatedChain ── client(account) ─► dyn ChainClient ─► the provider's workers
//!            │ add_block, retract, finalize_to, challenge
//!            └ best, finalized: the state on each fork
//! test ─► StaticChain ───────────────────────► dyn ChainClient, on which nothing happens
//! ```
//!
//! **It is** for tests and benchmarks of the crates above `cairn-chain`, and judges answers as
//! the pallet does.
//!
//! **It is not** published, and not linked by any program.
//!
//! ```
//! use cairn_chain::ChainClient;
//! use cairn_primitives::{challenge::AccountId, onchain::RegisteredKey};
//! use cairn_testing::{LIMITS, SimulatedChain};
//!
//! let chain = SimulatedChain::new(LIMITS);
//! let alice = AccountId([1; 32]);
//! chain.edit(move |pallet| pallet.register(alice, RegisteredKey::from(alice.0)));
//! chain.advance();
//! let client = chain.client(alice);
//! let head = chain.finalized_head();
//! let registered = futures::executor::block_on(client.provider(head.hash))?;
//! assert!(registered.is_some());
//! # Ok::<(), cairn_chain::ChainError>(())
//! ```

#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets a panic here fails, as it should"
)]

mod damage;
mod simulated_chain;
mod static_chain;

// The simulated chain.
pub use simulated_chain::{
    BlockPlan, LIMITS, MemoryBucket, NewChallenge, Pallet, Resolution, SimulatedChain,
    SimulatedClient,
};
// The static chain.
pub use static_chain::StaticChain;
// Damage.
pub use damage::overwrite;
