//! The standalone provider as a process of its own, with a real chain: its service, its access
//! rules, and its behaviour under attack.

use std::path::PathBuf;

/// Returns the working copy, which is read at run time: several may share one build.
fn repository() -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("..")
}

#[path = "standalone/attacks.rs"]
mod attacks;
#[path = "standalone/degraded.rs"]
mod degraded;
#[path = "standalone/fixture.rs"]
mod fixture;
#[path = "standalone/load.rs"]
mod load;
#[path = "standalone/metrics.rs"]
mod metrics;
#[path = "standalone/mmr_rpc.rs"]
mod mmr_rpc;
#[path = "standalone/operation.rs"]
mod operation;
#[path = "standalone/process.rs"]
mod process;
#[path = "standalone/reference/mod.rs"]
mod reference;
#[path = "standalone/replica.rs"]
mod replica;
#[path = "standalone/subscriptions.rs"]
mod subscriptions;
#[path = "standalone/wire.rs"]
mod wire;
