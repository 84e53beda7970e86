//! A provider on disk behind its HTTP API, over a simulated chain with a writer.

use crate::Fallible;
use crate::data::random_bytes;
use cairn_bucket::{BasePath, BucketConfig, NewLeaf};
use cairn_gadget::{Extension, ExtensionConfig};
use cairn_http::{HttpConfig, HttpHandle, SignedMessage, serve};
use cairn_primitives::BucketId;
use cairn_primitives::challenge::{AccountId, Role};
use cairn_primitives::onchain::{Agreement, RegisteredKey};
use cairn_provider::{LeaseRequest, Provider, ProviderOptions};
use cairn_rpc_server::{Limits, Policy, ProviderRpc, RpcCosigners};
use cairn_testing::{LIMITS, SimulatedChain};
use sp_core::{Pair, sr25519};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The bucket that is uploaded to.
pub(super) const LOADED: u64 = 1;
/// The bucket whose leaves are proven.
pub(super) const QUIET: u64 = 2;

/// The server's threads: one for each core of the reference machine.
const THREADS: usize = 2;
const WRITER: &str = "//Writer";
/// The looks at a provider that is starting, 10 ms apart.
const LOOKS: usize = 3_000;

/// A provider that is served.
pub(super) struct Serving {
    served: HttpHandle,
    /// The provider's own runtime, separate from the clients'.
    runtime: Runtime,
    _folder: TempDir,
}

fn pair(suri: &str) -> Fallible<sr25519::Pair> {
    let pair = sr25519::Pair::from_string(suri, None);
    pair.map_err(|error| format!("{suri}: {error:?}").into())
}

/// Returns the header with which the writer stores content in [`LOADED`]. It counts for 300
/// seconds.
pub(super) fn put_header() -> Fallible<String> {
    let writer = pair(WRITER)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let seconds = now.to_string();
    let message = SignedMessage {
        method: "PUT",
        bucket: BucketId(LOADED),
    };
    let signature = writer.sign(message.at(&seconds).as_bytes());
    let (key, signature) = (hex(&writer.public().0), hex(&signature.0));
    Ok(format!("Web3Storage 0x{key}:0x{signature}:{seconds}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Serving {
    /// Serves a provider with one empty bucket, and one of a number of leaves.
    pub(super) fn start(folder: TempDir, leaves: usize) -> Fallible<Self> {
        let base = BasePath::create(folder.path())?;
        base.keys().insert("//Alice")?;
        let signer = base.keys().signer(None)?;
        let own = AccountId(signer.public());
        let chain = chain_with(own)?;
        let provider = Arc::new(Provider::open(base, ProviderOptions::default())?);
        for bucket in [LOADED, QUIET] {
            provider.create_bucket(BucketId(bucket), BucketConfig::default())?;
        }
        let lease = provider.blocking_lease(BucketId(QUIET), LeaseRequest::write())?;
        let stored = lease.run(|bucket| bucket.ingest(&random_bytes(QUIET, 1_024)[..]))?;
        let leaf = NewLeaf {
            data_root: stored.data_root,
            data_size: stored.data_size,
        };
        lease.commit_signed(&vec![leaf; leaves], &signer)?;
        drop(lease);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("provider")
            .enable_all()
            .build()?;
        let extension = Extension::new(
            chain.client(own),
            provider,
            signer,
            Arc::new(RpcCosigners::default()),
            ExtensionConfig::default(),
        )?;
        let served = runtime.block_on(serve_synced(extension, chain))?;
        Ok(Self {
            served,
            runtime,
            _folder: folder,
        })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.served.address()
    }

    pub(super) fn stop(self) -> Fallible<()> {
        let within = Duration::from_secs(10);
        let stopped = self.runtime.block_on(self.served.stop(within));
        self.runtime.shutdown_timeout(within);
        if stopped {
            return Ok(());
        }
        Err("the HTTP server does not stop".into())
    }
}

/// Returns a chain on which the provider has agreements for both buckets, and the writer may write.
fn chain_with(own: AccountId) -> Fallible<SimulatedChain> {
    let owner = AccountId(pair("//Owner")?.public().0);
    let writer = AccountId(pair(WRITER)?.public().0);
    let chain = SimulatedChain::new(LIMITS);
    chain.edit(move |pallet| {
        pallet.register(own, RegisteredKey::from(own.0));
        for bucket in [LOADED, QUIET].map(BucketId) {
            let agreement = Agreement::primary(owner, 1 << 40, u32::MAX);
            pallet.add_bucket(bucket, own, agreement);
            if let Some(info) = pallet.buckets.get_mut(&bucket) {
                info.members.push((writer, Role::Writer));
            }
        }
    });
    chain.advance();
    Ok(chain)
}

/// Serves a provider once it follows its chain, which goes on while it is measured.
async fn serve_synced(extension: Extension, chain: SimulatedChain) -> Fallible<HttpHandle> {
    let handle = extension.handle();
    tokio::spawn(extension.run(std::future::pending()));
    let mut looks = 0..LOOKS;
    loop {
        let is_known = handle
            .countersigner
            .on_chain(BucketId(LOADED))
            .await
            .is_ok();
        if is_known && handle.challenges.is_synced() {
            break;
        }
        looks
            .next()
            .ok_or("the provider does not follow the chain")?;
        chain.advance();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(6)).await;
            chain.advance();
        }
    });
    let rpc = ProviderRpc::new(handle, Limits::default(), Policy::default());
    let socket = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    Ok(serve(socket, rpc, HttpConfig::default())?)
}
