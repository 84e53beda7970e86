//! The command line.

use crate::in_memory::{InMemoryConfig, InMemoryNode};
use crate::provider::ProviderOptions;
use crate::sealing::Sealing;
use crate::service::Options;
use crate::{NodeError, chain_spec, runner};
use cairn_devnode_runtime::genesis;
use cairn_node_ext::gadget::CheckpointConfig;
use cairn_node_ext::{ExtensionConfig, OnCopy};
use clap::{Args, Parser, Subcommand};
use sc_cli::{KeySubcommand, RunCmd, SubstrateCli};
use sc_service::ChainSpec;
use std::path::PathBuf;
use std::time::Duration;

/// A small Substrate node that loads Cairn, for development and tests.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a node on disk (RocksDB), with networking.
    ///
    /// `--chain old` judges as the deployed pallet does; `--chain strict` binds each
    /// leaf to its index.
    Run(Box<Run>),
    /// Run a chain in memory, without network, until interrupted.
    Light(Light),
    /// Manage keys and the node's keystore.
    #[command(subcommand)]
    Key(KeySubcommand),
}

#[derive(Debug, Args)]
struct Run {
    #[command(flatten)]
    substrate: RunCmd,
    #[command(flatten)]
    ours: NodeOptions,
}

#[derive(Debug, Args)]
struct Light {
    /// The rules by which providers are judged: old or strict.
    #[arg(long, default_value = "old")]
    rules: String,
    /// Blocks from a challenge to its deadline.
    #[arg(long)]
    challenge_period: Option<u32>,
    /// The port of the RPC on loopback; 0 chooses a free one.
    #[arg(long, default_value_t = 9944)]
    rpc_port: u16,
    #[command(flatten)]
    ours: NodeOptions,
}

/// The options of this node in addition to Substrate's own.
#[derive(Debug, Args)]
struct NodeOptions {
    /// Seal a block at this interval, in milliseconds; with 0, only the RPC method
    /// `engine_createBlock` seals blocks.
    #[arg(long, default_value_t = 6_000)]
    block_ms: u64,
    /// Load Cairn, with its buckets in this folder.
    #[arg(long, value_name = "FOLDER")]
    cairn: Option<PathBuf>,
    /// The secret of the storage provider's account, to insert into the keystore.
    /// Default: the keystore's only key of type `stor`.
    #[arg(long, requires = "cairn")]
    suri: Option<String>,
    /// Submit a checkpoint after this many new leaves.
    #[arg(long, requires = "cairn", value_name = "LEAVES")]
    #[arg(default_value_t = CheckpointConfig::default().leaves)]
    cairn_checkpoint_leaves: u64,
    /// Sign from a folder that is a copy. Only if it is the newest copy and nothing else
    /// signs with its key.
    #[arg(long, requires = "cairn")]
    cairn_accept_copy: bool,
}

impl NodeOptions {
    fn extension_config(&self) -> ExtensionConfig {
        ExtensionConfig {
            checkpoints: CheckpointConfig {
                leaves: self.cairn_checkpoint_leaves,
                ..CheckpointConfig::default()
            },
            ..ExtensionConfig::default()
        }
    }

    fn options(&self) -> Options {
        let suri = self.suri.clone();
        Options {
            sealing: match self.block_ms {
                0 => Sealing::OnRequest,
                interval => Sealing::Interval(Duration::from_millis(interval)),
            },
            provider: self.cairn.clone().map(|base_path| ProviderOptions {
                base_path,
                suri,
                extension: self.extension_config(),
                on_copy: match self.cairn_accept_copy {
                    true => OnCopy::Accept,
                    false => OnCopy::Refuse,
                },
            }),
        }
    }
}

/// Parses the command line and runs the command.
pub fn main() -> Result<(), NodeError> {
    let cli = Cli::from_args();
    match &cli.command {
        Command::Run(run) => runner::until_interrupted(&cli, &run.substrate, &run.ours.options()),
        Command::Light(light) => run_light(light),
        Command::Key(key) => Ok(key.run(&cli)?),
    }
}

fn run_light(light: &Light) -> Result<(), NodeError> {
    let config = light.config()?;
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info")),
        )
        .with_writer(std::io::stderr)
        .init();
    let runtime = tokio::runtime::Runtime::new().map_err(NodeError::other)?;
    runtime.block_on(async {
        let mut node = InMemoryNode::start(config).await?;
        println!("{}", node.rpc_url());
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted.map_err(NodeError::other)?,
            error = node.failed() => return Err(error),
        }
        node.stop().await
    })
}

impl Light {
    fn config(&self) -> Result<InMemoryConfig, NodeError> {
        let mut rules = genesis::rules(&self.rules)
            .ok_or_else(|| NodeError::NoSuchChain(self.rules.clone()))?;
        if let Some(period) = self.challenge_period {
            rules.challenge_period = period;
        }
        let Options { sealing, provider } = self.ours.options();
        Ok(InMemoryConfig {
            rules,
            sealing,
            rpc_port: self.rpc_port,
            provider,
        })
    }
}

impl SubstrateCli for Cli {
    fn impl_name() -> String {
        "Cairn development node".into()
    }

    fn impl_version() -> String {
        env!("CARGO_PKG_VERSION").into()
    }

    fn description() -> String {
        env!("CARGO_PKG_DESCRIPTION").into()
    }

    fn author() -> String {
        "the authors of Cairn".into()
    }

    fn support_url() -> String {
        "the repository that it was built from".into()
    }

    fn copyright_start_year() -> i32 {
        2026
    }

    fn load_spec(&self, id: &str) -> Result<Box<dyn ChainSpec>, String> {
        chain_spec::named(id).map_err(|e| e.to_string())
    }
}
