//! `cairn run`: the standalone provider, which follows a chain by a remote node.
//!
//! Starting goes from what costs least to what costs most, so that what is
//! wrong is told at once: the command line, the base path and the key, the
//! chain, the port, and then all buckets. Stopping goes the other way: the
//! schedulers and the RPC end what they are at, and then the buckets are closed.

mod assembly;
mod following;
mod introduction;
mod listener;
mod stop;

use crate::args::Globals;
use crate::failure::Failure;
use crate::hex_text;
use crate::output::Output;
use crate::provider_args::ProviderArgs;
use crate::schedule_args::ScheduleArgs;
use assembly::{Assembly, Parts, Running};
use cairn_node_ext::chain::SubxtClient;
use cairn_node_ext::{Access, BasePath, Signer};
use clap::Args;
use following::Following;
use introduction::Introduction;
use listener::Listener;
use sp_core::crypto::Ss58Codec;
use sp_core::sr25519;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use stop::Stopping;

/// Where the RPC listens. Substrate nodes take 9944, and the provider runs
/// beside one more often than not.
const RPC_PORT: u16 = 9955;
/// How long a stop may take until what is under way is left as after a kill.
/// Service managers allow 90 seconds or less; closing buckets is to fit in too.
const DRAINING: Duration = Duration::from_secs(20);

/// What to follow, and where to serve.
#[derive(Args, Debug)]
pub(crate) struct RunArgs {
    /// The chain: WebSocket of a node that follows it, as ws://127.0.0.1:9944
    #[arg(long, value_name = "URL", value_parser = chain_url)]
    chain: String,
    /// Port of the RPC, which listens on loopback; 0 for any that is free
    #[arg(long, value_name = "PORT", default_value_t = RPC_PORT)]
    rpc_port: u16,
    /// The provider's account: its public key in hex or SS58 [default: the only key there is]
    #[arg(long, visible_alias = "key", value_name = "KEY", value_parser = account)]
    account: Option<[u8; 32]>,
    #[command(flatten)]
    provider: ProviderArgs,
    #[command(flatten)]
    schedule: ScheduleArgs,
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
fn account(text: &str) -> Result<[u8; 32], String> {
    let text = text.trim();
    match sr25519::Public::from_ss58check(text) {
        Ok(public) => Ok(public.0),
        Err(_) => hex_text::bytes32(text)
            .map_err(|error| format!("neither an SS58 address nor a public key: {error}")),
    }
}

pub(crate) fn run(args: &RunArgs, globals: &Globals) -> Result<(), Failure> {
    let base = globals.open(Access::ReadWrite)?;
    let signer = base.keys().signer(args.account)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("cairn")
        .build()
        .map_err(|error| Failure::Failed(format!("threads cannot be started: {error}")))?;
    let ended = runtime.block_on(provide(args, base, signer, globals.output()));
    // What blocks past this is left, as a kill would leave it.
    runtime.shutdown_timeout(DRAINING);
    ended
}

async fn provide(
    args: &RunArgs,
    base: BasePath,
    signer: Signer,
    output: Output,
) -> Result<(), Failure> {
    let stopping = Stopping::on_signals()?;
    let found = tokio::select! {
        biased;
        () = stopping.told() => return Ok(()),
        found = find(args, &signer) => found?,
    };
    let Found {
        chain,
        listener,
        following,
    } = found;
    let opening = args.provider;
    let provider = blocking("opening the base path", move || opening.serve(base)).await?;
    let provider = Arc::new(provider);

    let parts = Parts {
        chain,
        provider: provider.clone(),
        signer,
        config: args.schedule.config(),
    };
    let Assembly { extension, module } =
        blocking("reading the index", move || assembly::assemble(parts)).await?;
    let served = listener.serve(module)?;
    output.answer(&Introduction::new(&provider, following, served.address()))?;

    let running = Running::start(extension, &stopping);
    let ended = running.until_stopped(&stopping, DRAINING).await;
    served.stop(DRAINING).await;
    tracing::info!("closing the buckets");
    // The last one that holds it closes the buckets, which waits for the disk.
    blocking("closing the buckets", move || {
        drop(provider);
        Ok(())
    })
    .await?;
    ended
}

/// What was found of the world outside, before any bucket is touched.
struct Found {
    chain: Arc<SubxtClient>,
    listener: Listener,
    following: Following,
}

async fn find(args: &RunArgs, signer: &Signer) -> Result<Found, Failure> {
    let chain = Arc::new(SubxtClient::connect(&args.chain, signer.clone()).await?);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.rpc_port));
    Ok(Found {
        listener: listener::listen(address).await?,
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
