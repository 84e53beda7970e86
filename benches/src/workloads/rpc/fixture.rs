//! A provider on disk with its listener.

use crate::Fallible;
use crate::data::random_bytes;
use cairn_bucket::{BasePath, BucketConfig, NewLeaf};
use cairn_gadget::{Extension, ExtensionConfig};
use cairn_keys::{SignedCommitment, Signer};
use cairn_primitives::BucketId;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::OpenChallenge;
use cairn_provider::{LeaseRequest, Provider, ProviderOptions};
use cairn_rpc_listener::{
    ConnectionLimits, ListenerConfig, ListenerHandle, RpcMethods, serve_with,
};
use cairn_rpc_server::{Limits, Policy, ProviderRpc, RpcCosigners};
use cairn_testing::StaticChain;
use jsonrpsee::RpcModule;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The server's threads: one for each core of the reference machine.
const THREADS: usize = 2;

/// A provider that is not served yet.
pub(super) struct Fixture {
    folder: TempDir,
    provider: Arc<Provider>,
    signer: Signer,
}

/// A provider that is served.
pub(super) struct Serving {
    served: ListenerHandle,
    extension: tokio::task::JoinHandle<()>,
    /// The provider's own runtime, separate from the clients'.
    runtime: Runtime,
    _folder: TempDir,
}

impl Fixture {
    pub(super) fn new(folder: TempDir) -> Fallible<Self> {
        let base = BasePath::create(folder.path())?;
        base.keys().insert("//Alice")?;
        let signer = base.keys().signer(None)?;
        let provider = Arc::new(Provider::open(base, ProviderOptions::default())?);
        Ok(Self {
            folder,
            provider,
            signer,
        })
    }

    pub(super) fn account(&self) -> AccountId {
        AccountId(self.signer.public())
    }

    /// Creates a bucket with a number of leaves, all with one content.
    pub(super) fn bucket(
        &self,
        id: u64,
        leaves: usize,
        content: usize,
    ) -> Fallible<(NewLeaf, SignedCommitment)> {
        let id = BucketId(id);
        self.provider.create_bucket(id, BucketConfig::default())?;
        let lease = self.provider.blocking_lease(id, LeaseRequest::write())?;
        let stored = lease.run(|bucket| bucket.ingest(&random_bytes(id.0, content)[..]))?;
        let leaf = NewLeaf {
            data_root: stored.data_root,
            data_size: stored.data_size,
        };
        let (_, signed) = lease.commit_signed(&vec![leaf; leaves], &self.signer)?;
        Ok((leaf, signed))
    }

    /// Serves it, with a chain that has these challenges.
    pub(super) fn serve(self, open: Vec<OpenChallenge>, more: RpcModule<()>) -> Fallible<Serving> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("provider")
            .enable_all()
            .build()?;
        let challenges = open.len();
        let chain = StaticChain {
            open_challenges: open,
            ..StaticChain::new(self.account())
        };
        let extension = Extension::new(
            Arc::new(chain),
            self.provider,
            self.signer,
            Arc::new(RpcCosigners::default()),
            ExtensionConfig::default(),
        )?;
        let handle = extension.handle();
        let rpc = ProviderRpc::new(handle.clone(), Limits::default(), Policy::default());
        let limits = ConnectionLimits {
            per_minute: NonZeroU32::MAX,
            ..ConnectionLimits::default()
        };
        let config = ListenerConfig {
            limits,
            // Only this process connects.
            methods: RpcMethods::Unsafe,
            ..ListenerConfig::default()
        };
        let started = runtime.block_on(async {
            let socket = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
            let running = tokio::spawn(extension.run(std::future::pending()));
            let mut events = handle.challenges.events();
            while handle.challenges.duties().len() < challenges {
                events.changed().await?;
            }
            Fallible::Ok((serve_with(socket, rpc, more, config)?, running))
        });
        let (served, extension) = started?;
        Ok(Serving {
            served,
            extension,
            runtime,
            _folder: self.folder,
        })
    }
}

impl Serving {
    pub(super) fn url(&self) -> String {
        format!("ws://{}", self.served.address())
    }

    pub(super) fn stop(self) -> Fallible<()> {
        let within = Duration::from_secs(10);
        let stopped = self.runtime.block_on(self.served.stop(within));
        self.extension.abort();
        self.runtime.shutdown_timeout(within);
        if stopped {
            return Ok(());
        }
        Err("the listener does not stop".into())
    }
}
