//! `cairn run`: the standalone provider, which follows a chain through a remote node.
//!
//! The start goes from cheap steps to expensive ones, so that errors show at once: the
//! command line, the base path and the key, the ports, the chain, and then all buckets. If
//! the chain cannot be reached, everything else runs meanwhile. The stop goes the other
//! way: the workers and the RPC finish their current steps, and then the buckets are closed.

mod assembly;
mod chain_status;
mod http_port;
mod metrics_port;
mod rpc_port;
mod s3_port;
mod service_manager;
mod shutdown;
mod startup_summary;

use crate::account::account;
use crate::address_file::AddressFile;
use crate::agreement_args::AgreementArgs;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::hashing::Hashing;
use crate::http_args::HttpArgs;
use crate::operator::chain_url;
use crate::output::Output;
use crate::provider_args::ProviderArgs;
use crate::rpc_args::{MetricsArgs, RpcArgs};
use crate::s3_args::S3Args;
use crate::token_file::{self, TokenFile};
use crate::worker_args::WorkerArgs;
use assembly::{Assembly, AssemblyParts, RunningGadget};
use cairn_bucket::BasePath;
use cairn_chain::ChainClient;
use cairn_chain_rpc::{RpcChainClient, RpcNode};
use cairn_engine::Access;
use cairn_gadget::ExtensionConfig;
use cairn_http::HttpHandle;
use cairn_keys::Signer;
use cairn_primitives::H256;
use cairn_primitives::challenge::AccountId;
use cairn_provider::OnOtherChain;
use cairn_rpc_listener::Token;
use cairn_rpc_server::ExportFolder;
use chain_status::{ChainStatus, Configured};
use clap::{Args, ValueEnum};
use http_port::HttpPort;
use metrics_port::MetricsPort;
use rpc_port::RpcPort;
use s3_port::S3Port;
use service_manager::ServiceManager;
use shutdown::Shutdown;
use startup_summary::{ServedAddresses, StartupSummary};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The time that a stop waits for work in progress before abandoning it, as a kill would.
/// Service managers allow 90 seconds or less, and closing the buckets must fit in too.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(20);

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Text lines, for people
    Text,
    /// One JSON object per line, for programs
    Json,
}

/// The arguments.
#[derive(Args, Debug)]
#[command(args_override_self = true)]
pub(crate) struct RunArgs {
    /// TOML file with these flags by their names, such as `rpc-port = 9955`. The command line
    /// overrides it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// WebSocket of a node of the chain, such as ws://127.0.0.1:9944
    #[arg(long, value_name = "URL", value_parser = chain_url)]
    chain: String,
    /// Another node of the same chain, which must confirm a challenge before it is answered
    #[arg(long, value_name = "URL", value_parser = chain_url)]
    second_chain: Option<String>,
    /// Tip for an answer when its deadline is near, on top of the fee, in the chain's smallest unit
    #[arg(long, value_name = "AMOUNT", default_value_t = 0)]
    urgent_tip: u128,
    /// Copy the buckets of which the account is a replica, and confirm that on chain: without it
    /// they are not synchronised
    #[arg(long)]
    enable_replica_sync: bool,
    /// The provider's account: its public key in hex or SS58 [default: the only key in the base
    /// path]
    #[arg(long, visible_alias = "key", value_name = "KEY", value_parser = account)]
    account: Option<[u8; 32]>,
    /// The public key, in hex or SS58, that the chain has registered for signatures of
    /// commitments, if it is not the account's [default: the account's]
    #[arg(long, value_name = "KEY", value_parser = account)]
    signing_key: Option<[u8; 32]>,
    /// How the chain hashes, which it does not state [default: as stated before, or plain]
    #[arg(long, value_name = "HASHING", value_enum)]
    chain_hashing: Option<Hashing>,
    /// Format of the log on stderr
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    #[command(flatten)]
    provider: ProviderArgs,
    #[command(flatten)]
    rpc: RpcArgs,
    #[command(flatten)]
    http: HttpArgs,
    #[command(flatten)]
    s3: S3Args,
    #[command(flatten)]
    metrics: MetricsArgs,
    #[command(flatten)]
    schedule: WorkerArgs,
    #[command(flatten)]
    agreements: AgreementArgs,
}

impl RunArgs {
    /// Returns the format of the log.
    pub(crate) const fn log_format(&self) -> LogFormat {
        self.log_format
    }
}

pub(crate) fn run(args: &RunArgs, globals: &Globals) -> Result<(), Failure> {
    if let Some(config) = &args.config {
        tracing::debug!(config = %config.display(), "reading flags from a file too");
    }
    let address = args.rpc.address()?;
    let kept = globals.rpc_token_file.as_deref();
    let tokens: Vec<_> = kept
        .map(token_file::read)
        .transpose()?
        .into_iter()
        .collect();
    let base = globals.open(Access::ReadWrite)?;
    let exports = args.rpc.exports(base.path())?;
    let mut config = args.schedule.config();
    args.agreements.apply(&mut config)?;
    let keys = Keys {
        account: base.keys().signer(args.account)?,
        signing: base.keys().signer(args.signing_key.or(args.account))?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("cairn")
        .build()
        .map_err(|error| Failure::Failed(format!("cannot start threads: {error}")))?;
    let doors = RpcAccess {
        address,
        tokens,
        exports,
        config,
    };
    let ended = runtime.block_on(run_provider(args, doors, base, keys, globals.output()));
    // Tasks that block longer are abandoned, as a kill would.
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    ended
}

/// The provider's keys.
struct Keys {
    /// The account's, which signs extrinsics.
    account: Signer,
    /// The registered one, which signs commitments.
    signing: Signer,
}

/// The RPC's address, tokens and export folder, and the workers' configuration, from the command
/// line.
struct RpcAccess {
    address: SocketAddr,
    tokens: Vec<Token>,
    exports: Option<ExportFolder>,
    /// The configuration of the workers.
    config: ExtensionConfig,
}

async fn run_provider(
    args: &RunArgs,
    doors: RpcAccess,
    base: BasePath,
    keys: Keys,
    output: Output,
) -> Result<(), Failure> {
    let stopping = Shutdown::on_signals()?;
    let configured = Configured {
        signing: keys.signing.public(),
        terms: doors.config.terms.clone(),
    };
    let found = tokio::select! {
        biased;
        () = stopping.triggered() => return Ok(()),
        found = open_endpoints(args, doors.address, &keys, &configured) => found?,
    };
    let Endpoints {
        genesis,
        listener,
        http,
        s3,
        metrics,
        following,
    } = found;
    let connections = args.rpc.connections();
    let connections = connections
        .saturating_add(args.http.connections())
        .saturating_add(args.s3.connections());
    let opening = args.provider;
    let on_copy = args.schedule.on_copy();
    let (stated, on_other) = (args.chain_hashing, args.schedule.config().on_other_chain);
    let provider = run_blocking("opening the base path", move || {
        let provider = opening.open_service(base, connections, on_copy)?;
        // Fails the start if the chain is already known to be another one; later it could
        // only be logged.
        if let Some(genesis) = genesis {
            provider.follow(genesis, on_other)?;
        }
        if let Some(stated) = stated {
            provider.assume_chain_hashing(stated.into())?;
        }
        Ok(provider)
    })
    .await?;
    let provider = Arc::new(provider);
    let registry = match metrics {
        Some(_) => Some(metrics_port::registry(following.genesis())?),
        None => None,
    };

    let hashing = provider.chain_hashing();
    // With `--new-chain` the base path's own chain is left.
    let own_chain = provider
        .own_genesis()
        .filter(|_| on_other == OnOtherChain::Refuse);
    let client = |url: &str| {
        let node = RpcNode::new(url).expecting(own_chain);
        let client = RpcChainClient::new(node, keys.account.clone());
        Arc::new(
            client
                .with_hashing(hashing)
                .with_urgent_tip(args.urgent_tip),
        )
    };
    let chain = client(&args.chain);
    if following.is_unreachable() {
        chain_status::log_when_reachable(args.chain.clone(), chain.clone(), configured);
    }
    let second = args.second_chain.as_deref();
    let second = second.map(|url| client(url) as Arc<dyn ChainClient>);
    let parts = AssemblyParts {
        replicas: chain.clone(),
        synchronises_replicas: args.enable_replica_sync,
        chain,
        second,
        provider: provider.clone(),
        signer: keys.signing,
        config: doors.config,
        limits: args.rpc.limits(),
        cosigners: args.schedule.cosigners(),
        exports: doors.exports,
        allows_padding: args.rpc.allows_padding(),
        registry: registry.clone(),
        serves_http: http.is_some(),
    };
    let Assembly {
        extension,
        rpc,
        metrics: counts,
        http_metrics: http_counts,
    } = run_blocking("reading the index", move || assembly::assemble(parts)).await?;
    let mut config = args.rpc.listener();
    config.metrics = counts;
    config.tokens = doors.tokens;
    let token_file = warn_on_error(TokenFile::create(provider.path())).map(|(file, token)| {
        config.tokens.push(token);
        file
    });
    let at = ServedAddresses {
        rpc: listener.address(),
        config: &config,
        http: http.as_ref().map(HttpPort::address),
        s3: s3.as_ref().map(S3Port::address),
        metrics: metrics.as_ref().map(MetricsPort::address),
    };
    let startup_summary = StartupSummary::new(&provider, following, &at);
    // Before the RPC can be asked for a signature.
    let running = RunningGadget::start(extension, &stopping);
    if let Some((port, registry)) = metrics.zip(registry) {
        port.serve(rpc.clone(), registry);
    }
    let http = http.map(|port| port.serve(rpc.clone(), args.http.config(http_counts)));
    let http = http.transpose()?;
    let s3 = s3.map(|port| port.serve(rpc.clone())).transpose()?;
    let served = listener.serve(rpc, config)?;
    let address_file = warn_on_error(AddressFile::write(provider.path(), served.address()));
    output.answer(&startup_summary)?;
    let manager = ServiceManager::from_env();
    manager.report_ready();
    let heard = stopping.clone();
    let reported = tokio::spawn(async move {
        heard.triggered().await;
        manager.report_stopping();
    });

    let ended = running
        .run_until_shutdown(&stopping, SHUTDOWN_TIMEOUT)
        .await;
    if ended.is_ok() {
        // It fails only if the runtime ends first.
        let _ = reported.await;
    }
    drop((address_file, token_file));
    let ended_in_time = async |served: Option<HttpHandle>| match served {
        Some(served) => served.stop(SHUTDOWN_TIMEOUT).await,
        None => true,
    };
    let (rpc_ended, http_ended, s3_ended) = tokio::join!(
        served.stop(SHUTDOWN_TIMEOUT),
        ended_in_time(http),
        ended_in_time(s3)
    );
    if !rpc_ended || !http_ended || !s3_ended {
        tracing::warn!("some clients did not get their responses before the stop");
    }
    tracing::info!("closing the buckets");
    // Dropping the last reference closes the buckets, which blocks on the disk.
    run_blocking("closing the buckets", move || {
        drop(provider);
        Ok(())
    })
    .await?;
    ended
}

/// Logs a failure to write a file by which commands find the provider. On a full disk it
/// is better to answer challenges without these files than not to run.
fn warn_on_error<T>(written: Result<T, Failure>) -> Option<T> {
    let unwritten = |error: &Failure| {
        tracing::warn!(%error, "commands on this machine cannot find the provider automatically");
    };
    written.inspect_err(unwritten).ok()
}

/// The ports and the chain, which are checked before any bucket is opened.
struct Endpoints {
    /// The chain's genesis hash, if it could be reached.
    genesis: Option<H256>,
    listener: RpcPort,
    http: Option<HttpPort>,
    s3: Option<S3Port>,
    metrics: Option<MetricsPort>,
    following: ChainStatus,
}

async fn open_endpoints(
    args: &RunArgs,
    address: SocketAddr,
    keys: &Keys,
    configured: &Configured,
) -> Result<Endpoints, Failure> {
    // Before connecting to the chain, which may take long.
    let listener = rpc_port::bind(address).await?;
    let http = match args.http.address() {
        Some(address) => Some(http_port::bind(address).await?),
        None => None,
    };
    let s3 = s3_port::bind(&args.s3).await?;
    let metrics = match args.metrics.address() {
        Some(address) => Some(metrics_port::bind(address).await?),
        None => None,
    };
    let account = AccountId(keys.account.public());
    // The provider's own client needs the hashing that the base path may state.
    let chain = RpcChainClient::watching(RpcNode::new(&args.chain), account);
    Ok(Endpoints {
        listener,
        http,
        s3,
        metrics,
        following: ChainStatus::query_or_unreachable(&args.chain, &chain, configured).await?,
        genesis: chain.node().known_genesis(),
    })
}

/// Runs blocking work on a thread for it.
async fn run_blocking<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Failure::Failed(format!("{doing} was aborted: {error}"))))
}
