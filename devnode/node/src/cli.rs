//! The command line.

use crate::in_memory::{InMemoryConfig, InMemoryNode};
use crate::provider::ProviderOptions;
use crate::sealing::Sealing;
use crate::service::Options;
use crate::{NodeError, chain_spec, runner};
use cairn_devnode_runtime::Variant;
use cairn_devnode_runtime::genesis::Parameters;
use cairn_node_ext::gadget::{CheckpointConfig, TermsPolicy};
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
    /// `--chain` is the variant of the storage chain: deployed, nonce, current (the default)
    /// or leaf-binding.
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
    periods: Periods,
    #[command(flatten)]
    ours: NodeOptions,
}

#[derive(Debug, Args)]
struct Light {
    /// The variant of the storage chain: deployed, nonce, current or leaf-binding.
    #[arg(long, default_value = "current")]
    chain: String,
    #[command(flatten)]
    periods: Periods,
    /// The port of the RPC on loopback; 0 chooses a free one.
    #[arg(long, default_value_t = 9944)]
    rpc_port: u16,
    #[command(flatten)]
    ours: NodeOptions,
}

/// The periods of a chain that begins.
#[derive(Debug, Args)]
struct Periods {
    /// Periods of a few blocks, for tests that wait for their ends.
    #[arg(long)]
    short_periods: bool,
    /// Anchor blocks from a challenge to its deadline.
    #[arg(long, value_name = "BLOCKS")]
    challenge_timeout: Option<u32>,
}

impl Periods {
    fn parameters(&self) -> Parameters {
        let mut parameters = match self.short_periods {
            true => Parameters::short(),
            false => Parameters::default(),
        };
        if self.challenge_timeout.is_some() {
            parameters.challenge_timeout = self.challenge_timeout;
        }
        parameters
    }
}

/// The options of this node in addition to Substrate's own.
#[derive(Debug, Args)]
struct NodeOptions {
    /// Seal a block at this interval, in milliseconds; with 0, only the RPC method
    /// `engine_createBlock` seals blocks.
    #[arg(long, default_value_t = 2_000)]
    block_ms: u64,
    /// Load Cairn, with its buckets in this folder.
    #[arg(long, value_name = "FOLDER")]
    cairn: Option<PathBuf>,
    /// The secret of the storage provider's account, to insert into the keystore.
    /// Default: the keystore's only key of type `stor`.
    #[arg(long, requires = "cairn")]
    suri: Option<String>,
    /// The secret of the key that is registered for it, if that is not its account's.
    #[arg(long, requires = "cairn")]
    commitments_suri: Option<String>,
    /// Submit a checkpoint after this many new leaves.
    #[arg(long, requires = "cairn", value_name = "LEAVES")]
    #[arg(default_value_t = CheckpointConfig::default().leaves)]
    cairn_checkpoint_leaves: u64,
    /// Sign terms of new agreements, at the price that the provider has on chain.
    #[arg(long, requires = "cairn")]
    cairn_accept_agreements: bool,
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
            terms: TermsPolicy {
                accepts_primary: self.cairn_accept_agreements,
                ..TermsPolicy::default()
            },
            ..ExtensionConfig::default()
        }
    }

    fn options(&self) -> Options {
        let suri = self.suri.clone();
        let commitments_suri = self.commitments_suri.clone();
        Options {
            sealing: match self.block_ms {
                0 => Sealing::OnRequest,
                interval => Sealing::Interval(Duration::from_millis(interval)),
            },
            provider: self.cairn.clone().map(|base_path| ProviderOptions {
                base_path,
                suri,
                commitments_suri,
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
        let variant = Variant::named(&self.chain)
            .ok_or_else(|| NodeError::NoSuchChain(self.chain.clone()))?;
        let Options { sealing, provider } = self.ours.options();
        Ok(InMemoryConfig {
            variant,
            parameters: self.periods.parameters(),
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
        let parameters = match &self.command {
            Command::Run(run) => run.periods.parameters(),
            Command::Light(_) | Command::Key(_) => Parameters::default(),
        };
        chain_spec::named(id, &parameters).map_err(|e| e.to_string())
    }
}
