//! Block sealing: this node seals blocks at an interval or on request. A block is final at
//! once.

mod block_space;

use crate::NodeError;
use crate::client::{FullBackend, FullClient, FullPool};
use block_space::{BlockSpace, LimitedEnvironment};
use cairn_devnode_runtime::{BlockPeriod, Hash, OpaqueBlock};
use futures::channel::{mpsc, oneshot};
use futures::{SinkExt, TryFutureExt};
use sc_consensus_manual_seal::{EngineCommand, ManualSealParams, run_manual_seal};
use sc_service::TaskManager;
use sp_blockchain::HeaderBackend;
use std::sync::Arc;
use std::time::Duration;
use substrate_prometheus_endpoint::Registry;

/// 1 January 2026, in milliseconds of Unix time.
const GENESIS_TIME_MS: u64 = 1_767_225_600_000;
/// The most requests waiting while a block is being sealed.
const MAX_PENDING_COMMANDS: usize = 1_000;

/// The sealing of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealing {
    /// On request: by [`Sealer::seal`] or the RPC method `engine_createBlock`.
    OnRequest,
    /// At each interval, and on request.
    Interval(Duration),
}

/// A handle that seals blocks.
#[derive(Clone, Debug)]
pub struct Sealer {
    commands: mpsc::Sender<EngineCommand<Hash>>,
    space: BlockSpace,
}

impl Sealer {
    /// Seals one block, empty if there is nothing to include, and finalizes it.
    pub async fn seal(&self) -> Result<Hash, NodeError> {
        let (sender, done) = oneshot::channel();
        let order = EngineCommand::SealNewBlock {
            create_empty: true,
            finalize: true,
            parent_hash: None,
            sender: Some(sender),
        };
        let mut command_sender = self.commands.clone();
        command_sender
            .send(order)
            .map_err(|_| NodeError::SealerGone)
            .await?;
        let created = done.map_err(|_| NodeError::SealerGone).await??;
        Ok(created.hash)
    }

    /// Limits the number of blocks from now on that include the pool's extrinsics; `None` for
    /// no limit.
    pub fn limit_blocks_with_extrinsics(&self, blocks: Option<u32>) {
        self.space.limit(blocks);
    }

    /// Returns the command channel for the RPC.
    pub(crate) fn command_sender(&self) -> mpsc::Sender<EngineCommand<Hash>> {
        self.commands.clone()
    }
}

/// Starts the sealing task.
pub(crate) fn start(
    sealing: Sealing,
    tasks: &TaskManager,
    client: &Arc<FullClient>,
    backend: &Arc<FullBackend>,
    pool: &Arc<FullPool>,
    registry: Option<&Registry>,
) -> Sealer {
    let (command_sender, commands_stream) = mpsc::channel(MAX_PENDING_COMMANDS);
    let space = BlockSpace::unlimited();
    let env = LimitedEnvironment {
        inner: sc_basic_authorship::ProposerFactory::new(
            tasks.spawn_handle(),
            client.clone(),
            pool.clone(),
            registry,
            None,
        ),
        space: space.clone(),
    };
    let clock = client.clone();
    let seal = run_manual_seal(ManualSealParams {
        block_import: client.clone(),
        env,
        client: client.clone(),
        pool: pool.clone(),
        commands_stream,
        select_chain: sc_consensus::LongestChain::<FullBackend, OpaqueBlock>::new(backend.clone()),
        consensus_data_provider: None,
        create_inherent_data_providers: move |parent: Hash, ()| {
            let time = time_after(&clock, parent);
            async move { Ok(sp_timestamp::InherentDataProvider::new(time?.into())) }
        },
    });
    let essential = tasks.spawn_essential_handle();
    essential.spawn_blocking("sealing", Some("sealing"), seal);

    let sealer = Sealer {
        commands: command_sender,
        space,
    };
    if let Sealing::Interval(interval) = sealing {
        let sealer = sealer.clone();
        essential.spawn(
            "sealing-interval",
            Some("sealing"),
            seal_at_interval(sealer, interval),
        );
    }
    sealer
}

/// Seals a block at each interval. Logs a failure and continues with the next one.
async fn seal_at_interval(sealer: Sealer, interval: Duration) {
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + interval, interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match sealer.seal().await {
            Ok(_) => {}
            Err(NodeError::SealerGone) => return,
            Err(error) => tracing::error!("{error}; trying again in {interval:?}"),
        }
    }
}

/// Returns the chain's time at the block after a given one, in milliseconds. It depends on
/// the block number alone, so that a quickly sealed chain does not conflict with the clock.
fn time_after(
    client: &FullClient,
    parent: Hash,
) -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
    let number = client
        .number(parent)?
        .ok_or_else(|| format!("block {parent:?}, to be built on, is not known"))?;
    let elapsed = BlockPeriod::get().saturating_mul(u64::from(number).saturating_add(1));
    Ok(GENESIS_TIME_MS.saturating_add(elapsed))
}
