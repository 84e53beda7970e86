//! `cairn run`: the standalone provider, which follows a chain by a remote node.
//!
//! Starting goes from what costs least to what costs most, so that what is
//! wrong is told at once: the command line, the base path and the key, the
//! ports, the chain, and then all buckets. A chain that is away is waited for
//! while everything else runs. Stopping goes the other way: the
//! schedulers and the RPC end what they are at, and then the buckets are closed.

pub(crate) mod address_file;
mod assembly;
mod following;
mod introduction;
mod listener;
mod metrics;
mod stop;

use crate::args::Globals;
use crate::failure::Failure;
use crate::hex_text;
use crate::output::Output;
use crate::provider_args::ProviderArgs;
use crate::rpc_args::{MetricsArgs, RpcArgs};
use crate::schedule_args::ScheduleArgs;
use crate::token_file::{self, TokenFile};
use address_file::AddressFile;
use assembly::{Assembly, Parts, Running};
use cairn_node_ext::chain::SubxtClient;
use cairn_node_ext::{Access, BasePath, Signer};
use cairn_rpc::{ExportFolder, Token};
use clap::{Args, ValueEnum};
use following::Following;
use introduction::{Introduction, Serving};
use listener::Listener;
use metrics::MetricsPort;
use sp_core::crypto::Ss58Codec;
use sp_core::sr25519;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use stop::Stopping;

/// How long a stop may take until what is under way is left as after a kill.
/// Service managers allow 90 seconds or less; closing buckets is to fit in too.
const DRAINING: Duration = Duration::from_secs(20);

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// An object a line, for programs.
    Json,
}

/// What to follow, and where to serve.
#[derive(Args, Debug)]
#[command(args_override_self = true)]
pub(crate) struct RunArgs {
    /// A TOML file with these flags by their names, as `rpc-port = 9955`; flags given here win
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The chain: WebSocket of a node that follows it, as ws://127.0.0.1:9944
    #[arg(long, value_name = "URL", value_parser = chain_url)]
    chain: String,
    /// Another node of the same chain, which is asked for a challenge before it is answered
    #[arg(long, value_name = "URL", value_parser = chain_url)]
    second_chain: Option<String>,
    /// What an answer bids for its place in a block when its deadline is near, beside the fee, in
    /// the chain's smallest unit
    #[arg(long, value_name = "AMOUNT", default_value_t = 0)]
    urgent_tip: u128,
    /// The provider's account: its public key in hex or SS58 [default: the only key there is]
    #[arg(long, visible_alias = "key", value_name = "KEY", value_parser = account)]
    account: Option<[u8; 32]>,
    /// How the log is written to stderr
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    #[command(flatten)]
    provider: ProviderArgs,
    #[command(flatten)]
    rpc: RpcArgs,
    #[command(flatten)]
    metrics: MetricsArgs,
    #[command(flatten)]
    schedule: ScheduleArgs,
}

impl RunArgs {
    /// How the log is written.
    pub(crate) const fn log_format(&self) -> LogFormat {
        self.log_format
    }
}

/// A URL that a node may be reached at.
fn chain_url(text: &str) -> Result<String, String> {
    let url = text.trim();
    let host = url
        .strip_prefix("ws://")
        .or_else(|| url.strip_prefix("wss://"));
    match host {
        Some(host) if !host.is_empty() => Ok(url.to_owned()),
        _ => Err("a node's WebSocket is needed, as ws://127.0.0.1:9944 or wss://host".to_owned()),
    }
}

/// A public key as chains and tools write it.
pub(crate) fn account(text: &str) -> Result<[u8; 32], String> {
    let text = text.trim();
    match sr25519::Public::from_ss58check(text) {
        Ok(public) => Ok(public.0),
        Err(_) => hex_text::bytes32(text)
            .map_err(|error| format!("neither an SS58 address nor a public key: {error}")),
    }
}

pub(crate) fn run(args: &RunArgs, globals: &Globals) -> Result<(), Failure> {
    if let Some(config) = &args.config {
        tracing::debug!(config = %config.display(), "flags are taken from a file too");
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
    let signer = base.keys().signer(args.account)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("cairn")
        .build()
        .map_err(|error| Failure::Failed(format!("threads cannot be started: {error}")))?;
    let doors = Doors {
        address,
        tokens,
        exports,
    };
    let ended = runtime.block_on(provide(args, doors, base, signer, globals.output()));
    // What blocks past this is left, as a kill would leave it.
    runtime.shutdown_timeout(DRAINING);
    ended
}

/// Who is let in where, as the command line says.
struct Doors {
    address: SocketAddr,
    tokens: Vec<Token>,
    exports: Option<ExportFolder>,
}

async fn provide(
    args: &RunArgs,
    doors: Doors,
    base: BasePath,
    signer: Signer,
    output: Output,
) -> Result<(), Failure> {
    let stopping = Stopping::on_signals()?;
    let found = tokio::select! {
        biased;
        () = stopping.told() => return Ok(()),
        found = find(args, doors.address, &signer) => found?,
    };
    let Found {
        chain,
        listener,
        metrics,
        following,
    } = found;
    let (opening, connections) = (args.provider, args.rpc.connections());
    let on_copy = args.schedule.on_copy();
    let (genesis, on_other) = (chain.genesis(), args.schedule.config().on_other_chain);
    let provider = blocking("opening the base path", move || {
        let provider = opening.serve(base, connections, on_copy)?;
        // Told here and not only in the log, where it can be.
        if let Some(genesis) = genesis {
            provider.follow(genesis, on_other)?;
        }
        Ok(provider)
    })
    .await?;
    let provider = Arc::new(provider);
    let registry = match metrics {
        Some(_) => Some(metrics::registry(following.genesis())?),
        None => None,
    };

    if following.is_away() {
        following::tell_when_it_comes(args.chain.clone(), chain.clone(), signer.clone());
    }
    let second = args.second_chain.as_deref();
    let second = second.map(|url| Arc::new(SubxtClient::new(url, signer.clone())) as Arc<_>);
    let parts = Parts {
        chain,
        second,
        provider: provider.clone(),
        signer,
        config: args.schedule.config(),
        limits: args.rpc.limits(),
        cosigners: args.schedule.cosigners(),
        exports: doors.exports,
        allows_padding: args.rpc.allows_padding(),
        registry: registry.clone(),
    };
    let Assembly {
        extension,
        rpc,
        metrics: counts,
    } = blocking("reading the index", move || assembly::assemble(parts)).await?;
    let mut config = args.rpc.listener();
    config.metrics = counts;
    config.tokens = doors.tokens;
    let token_file = or_warn(TokenFile::make(provider.path())).map(|(file, token)| {
        config.tokens.push(token);
        file
    });
    let at = Serving {
        rpc: listener.address(),
        config: &config,
        metrics: metrics.as_ref().map(MetricsPort::address),
    };
    let introduction = Introduction::new(&provider, following, &at);
    // Before anyone can ask for a signature.
    let running = Running::start(extension, &stopping);
    if let Some((port, registry)) = metrics.zip(registry) {
        port.show(rpc.clone(), registry);
    }
    let served = listener.serve(rpc, config)?;
    let address_file = or_warn(AddressFile::write(provider.path(), served.address()));
    output.answer(&introduction)?;

    let ended = running.until_stopped(&stopping, DRAINING).await;
    drop((address_file, token_file));
    if !served.stop(DRAINING).await {
        tracing::warn!("clients of the RPC are left without their answers");
    }
    tracing::info!("closing the buckets");
    // The last one that holds it closes the buckets, which waits for the disk.
    blocking("closing the buckets", move || {
        drop(provider);
        Ok(())
    })
    .await?;
    ended
}

/// What commands on this machine find the provider by, if it can be written: one
/// that answers challenges without it is better than none, as on a full disk.
fn or_warn<T>(written: Result<T, Failure>) -> Option<T> {
    let unwritten = |error: &Failure| {
        tracing::warn!(%error, "commands on this machine do not find the provider by themselves");
    };
    written.inspect_err(unwritten).ok()
}

/// What was found of the world outside, before any bucket is touched.
struct Found {
    chain: Arc<SubxtClient>,
    listener: Listener,
    metrics: Option<MetricsPort>,
    following: Following,
}

async fn find(args: &RunArgs, address: SocketAddr, signer: &Signer) -> Result<Found, Failure> {
    // Before the chain is asked, which may take its time.
    let listener = listener::listen(address).await?;
    let metrics = match args.metrics.address() {
        Some(address) => Some(metrics::listen(address).await?),
        None => None,
    };
    let chain = SubxtClient::new(&args.chain, signer.clone()).with_urgent_tip(args.urgent_tip);
    let chain = Arc::new(chain);
    Ok(Found {
        listener,
        metrics,
        following: Following::of(&args.chain, &chain, signer).await?,
        chain,
    })
}

/// Does what waits for a disk on a thread that may.
async fn blocking<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Failure::Failed(format!("{doing} broke off: {error}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &str = "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d";

    #[test]
    fn an_account_is_named_as_address_or_as_key() {
        let address = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
        for text in [address, ALICE, &format!("0x{ALICE}")] {
            assert_eq!(hex::encode(account(text).unwrap()), ALICE, "{text}");
        }
        // The last letter is part of its checksum.
        let mistyped = address.replace("QY", "QX");
        for text in [&mistyped, "0x12", "", "//Alice"] {
            assert!(account(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_chain_is_reached_by_websocket_alone() {
        assert_eq!(chain_url(" wss://a.example ").unwrap(), "wss://a.example");
        for text in ["http://127.0.0.1:9944", "127.0.0.1:9944", "ws://", ""] {
            assert!(chain_url(text).is_err(), "{text}");
        }
    }
}
