//! A whole chain in this process, for tests and the demo: no disk, no network, its RPC on
//! loopback. A process can run several of them.

mod config;

use crate::client::{FullClient, FullPool};
use crate::provider::ProviderOptions;
use crate::sealing::{Sealer, Sealing};
use crate::service::{self, Node, Options};
use crate::{NodeError, chain_spec, runner};
use cairn_devnode_runtime::genesis::Parameters;
use cairn_devnode_runtime::{Hash, Variant};
use cairn_node_ext::ExtensionHandle;
use futures::StreamExt;
use sc_network::multiaddr::Protocol;
use sc_transaction_pool_api::TransactionPool;
use sp_blockchain::HeaderBackend;
use sp_keystore::KeystorePtr;
use std::sync::Arc;
use std::time::Duration;
use substrate_prometheus_endpoint::Registry;
use tokio::runtime::{Handle, RuntimeFlavor};

/// The timeout for the pool to process a block, far longer than it takes.
const POOL_TIMEOUT: Duration = Duration::from_secs(20);

/// The configuration of a chain.
#[derive(Clone, Debug)]
pub struct InMemoryConfig {
    /// The variant of its runtime.
    pub variant: Variant,
    /// The periods that differ from the real chain's.
    pub parameters: Parameters,
    /// The sealing of blocks.
    pub sealing: Sealing,
    /// The port of its RPC on loopback; 0 chooses a free one. A port in use is replaced
    /// too: [`InMemoryNode::rpc_url`] has the actual one.
    pub rpc_port: u16,
    /// The storage provider to load, if any.
    pub provider: Option<ProviderOptions>,
}

impl Default for InMemoryConfig {
    /// The chain in development with its own periods, sealed on request, without a provider.
    fn default() -> Self {
        Self {
            variant: Variant::Current,
            parameters: Parameters::default(),
            sealing: Sealing::OnRequest,
            rpc_port: 0,
            provider: None,
        }
    }
}

/// A chain in this process. It ends when it is dropped; [`InMemoryNode::stop`] also waits for
/// that.
pub struct InMemoryNode {
    node: Node,
    sealing: Sealing,
}

impl InMemoryNode {
    /// Starts a chain, in a tokio runtime of several threads.
    pub async fn start(config: InMemoryConfig) -> Result<Self, NodeError> {
        let handle = Handle::current();
        if handle.runtime_flavor() == RuntimeFlavor::CurrentThread {
            return Err(NodeError::SingleThreaded);
        }
        let sealing = config.sealing;
        // The first chain of a process compiles the runtime, which takes a while.
        let started = tokio::task::spawn_blocking(move || {
            let spec = chain_spec::development(config.variant, &config.parameters)?;
            let options = Options {
                sealing,
                provider: config.provider,
            };
            service::start(
                config::configuration(handle, spec, config.rpc_port),
                &options,
            )
        });
        let node = started.await.map_err(NodeError::other)??;
        Ok(Self { node, sealing })
    }

    /// Returns the hash of the last finalized block.
    pub fn finalized(&self) -> Hash {
        self.client().info().finalized_hash
    }

    /// Seals and finalizes blocks with the pool's extrinsics. Returns the last one's hash,
    /// or the finalized head's for 0 blocks.
    pub async fn seal(&self, blocks: u32) -> Result<Hash, NodeError> {
        let mut head = self.finalized();
        for _ in 0..blocks {
            head = self.node.sealer.seal().await?;
        }
        if blocks > 0 && self.sealing == Sealing::OnRequest {
            // An extrinsic that is submitted while the pool still processes the block would
            // miss the next one. The pool does not report blocks that it skipped.
            drop(self.pool().ready_at_with_timeout(head, POOL_TIMEOUT).await);
        }
        Ok(head)
    }

    /// Seals a block for each extrinsic that arrives until `work` is done, so that what it
    /// submits is included.
    pub async fn seal_during<T>(&self, work: impl Future<Output = T>) -> Result<T, NodeError> {
        let mut arrivals = self.pool().import_notification_stream();
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                arrived = arrivals.next() => drop(arrived.ok_or(NodeError::SealerGone)?),
            }
            self.seal(1).await?;
            while self.pool().status().ready > 0 {
                self.seal(1).await?;
            }
        }
    }

    /// Returns the chain's client.
    pub fn client(&self) -> &Arc<FullClient> {
        &self.node.client
    }

    /// Returns the transaction pool.
    pub fn pool(&self) -> &Arc<FullPool> {
        &self.node.pool
    }

    /// Returns the number of extrinsics in the pool that a block could include.
    pub fn pending_extrinsics(&self) -> usize {
        self.pool().status().ready
    }

    /// Returns the storage provider that the node has loaded, if any.
    pub fn cairn(&self) -> Option<&ExtensionHandle> {
        self.node.cairn.as_ref()
    }

    /// Returns the node's keystore.
    pub fn keystore(&self) -> &KeystorePtr {
        &self.node.keystore
    }

    /// Returns the node's metrics registry.
    pub fn registry(&self) -> &Registry {
        &self.node.registry
    }

    /// Returns a handle that seals blocks, for code that cannot hold the node itself.
    pub fn sealer(&self) -> &Sealer {
        &self.node.sealer
    }

    /// Returns the WebSocket URL of the node's RPC.
    pub fn rpc_url(&self) -> String {
        let port = self.node.rpc.listen_addresses().iter().find_map(|address| {
            let mut parts = address.iter();
            match (parts.next(), parts.next()) {
                (Some(Protocol::Ip4(_)), Some(Protocol::Tcp(port))) => Some(port),
                _ => None,
            }
        });
        // Substrate's server does not start without this address.
        format!("ws://127.0.0.1:{}", port.unwrap_or_default())
    }

    /// Waits until the node fails, which it does when an essential task ends.
    pub async fn failed(&mut self) -> NodeError {
        match self.node.tasks.future().await {
            Ok(()) => NodeError::SealerGone,
            Err(error) => error.into(),
        }
    }

    /// Stops the node and waits until all its tasks have ended, so that its resources, such
    /// as a provider's folder, can be opened again.
    pub async fn stop(self) -> Result<(), NodeError> {
        runner::ended(self.node.tasks.into_task_registry()).await
    }
}

impl std::fmt::Debug for InMemoryNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InMemoryNode")
            .field("rpc", &self.rpc_url())
            .field("sealing", &self.sealing)
            .finish_non_exhaustive()
    }
}
