//! A real node in this process, with a provider that it has loaded and another that follows it
//! over a WebSocket. The runtime judges in WASM, and its verdict is asserted.

#[path = "real_chain/accounts.rs"]
mod accounts;
#[path = "real_chain/answers.rs"]
mod answers;
#[path = "real_chain/clock.rs"]
mod clock;
#[path = "real_chain/crowded_blocks.rs"]
mod crowded_blocks;
#[path = "real_chain/other_chain.rs"]
mod other_chain;
#[path = "real_chain/provider.rs"]
mod provider;
#[path = "real_chain/stranger.rs"]
mod stranger;
#[path = "real_chain/upgrades.rs"]
mod upgrades;
#[path = "real_chain/world.rs"]
mod world;
