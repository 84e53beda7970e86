//! The executor of runtimes, which all chains of a process share: each would compile the
//! same runtimes, which takes most of a start.

use crate::client::Executor;
use std::sync::OnceLock;

/// The runtime instances kept for concurrent calls of each runtime.
const INSTANCES: usize = 16;
/// The runtimes kept: a chain may have been upgraded through all variants.
const RUNTIMES: u8 = 8;

/// Returns the executor.
pub(crate) fn shared() -> Executor {
    static EXECUTOR: OnceLock<Executor> = OnceLock::new();
    EXECUTOR
        .get_or_init(|| {
            Executor::builder()
                .with_max_runtime_instances(INSTANCES)
                .with_runtime_cache_size(RUNTIMES)
                .build()
        })
        .clone()
}
