//! The standalone provider as a process of its own, with a real chain: its service, its access
//! rules, and its behaviour under attack.

use std::path::PathBuf;

/// Returns the working copy, which is read at run time: several may share one build.
fn repository() -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap()).join("..")
}

#[path = "standalone/alone.rs"]
mod alone;
#[path = "standalone/attacks.rs"]
mod attacks;
#[path = "standalone/operation.rs"]
mod operation;
#[path = "standalone/process.rs"]
mod process;
#[path = "standalone/reference/mod.rs"]
mod reference;
#[path = "standalone/second_dialect.rs"]
mod second_dialect;
#[path = "standalone/siege.rs"]
mod siege;
#[path = "standalone/stage.rs"]
mod stage;
#[path = "standalone/subscriptions.rs"]
mod subscriptions;
#[path = "standalone/watching.rs"]
mod watching;
#[path = "standalone/wire.rs"]
mod wire;
