//! Runs a node until it is interrupted.
//!
//! It replaces `sc_cli`'s runner, which shuts the tokio runtime down as soon as its tasks
//! are signalled to end. A task that is polled in between finds no timer and panics, so a
//! process that was stopped would exit as failed.

use crate::NodeError;
use crate::service::{self, Node, Options};
use futures::FutureExt;
use sc_cli::{CliConfiguration, RunCmd, Signals, SubstrateCli, build_runtime, print_node_infos};
use sc_service::TaskRegistry;
use std::time::Duration;

/// The shutdown timeout of blocking tasks, as in every Substrate node.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs a node until an interrupt, or until it fails.
pub(crate) fn until_interrupted<C: SubstrateCli>(
    cli: &C,
    command: &RunCmd,
    options: &Options,
) -> Result<(), NodeError> {
    let runtime = build_runtime().map_err(NodeError::other)?;
    // Registered early, so that no interrupt is missed.
    let signals = runtime.block_on(async { Signals::capture() })?;
    let config = command.create_configuration(cli, runtime.handle().clone())?;
    command.init(&C::support_url(), &C::impl_version(), |_| {})?;
    print_node_infos::<C>(&config);

    let ran = runtime.block_on(async {
        // From here on the tasks own the rest of the node.
        let Node { mut tasks, .. } = service::start(config, options)?;
        let ran = signals.run_until_signal(tasks.future().fuse()).await;
        ended(tasks.into_task_registry()).await?;
        Ok::<_, NodeError>(ran)
    });
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    Ok(ran??)
}

/// Waits until the tasks have ended, which is soon after they were signalled.
pub(crate) async fn ended(tasks: TaskRegistry) -> Result<(), NodeError> {
    const MAX_POLLS: u32 = 3_000;
    const POLL_INTERVAL: Duration = Duration::from_millis(10);
    // The pool has a thread that lives as long as the pool is referenced.
    let running = || {
        let tasks = tasks.running_tasks();
        let names = tasks.keys().filter(|task| task.group != "transaction-pool");
        names.map(|task| task.name).collect::<Vec<_>>()
    };
    for _ in 0..MAX_POLLS {
        if running().is_empty() {
            return Ok(());
        }
        // Substrate's task registry can be read but does not notify of changes.
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    Err(NodeError::StillRunning(running().join(", ")))
}
