//! A whole chain in this process: no disk, no network, its RPC on loopback. Tests and
//! the demo run on it, several of them at once if need be.

mod config;
mod reading;
mod submit;

pub use submit::{HandedIn, Included};

use crate::provider::{self, ProviderOptions};
use crate::sealing::{Sealer, Sealing};
use crate::service::{self, FullClient, FullPool, Node, Options};
use crate::{NodeError, chain_spec, running};
use cairn_devnode_runtime::pallet_storage_provider::Rules;
use cairn_devnode_runtime::{AccountId, Hash, Nonce};
use cairn_node_ext::ExtensionHandle;
use parking_lot::Mutex;
use sc_network::multiaddr::Protocol;
use sc_transaction_pool_api::TransactionPool;
use sp_keystore::KeystorePtr;
use sp_runtime::OpaqueExtrinsic;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use substrate_prometheus_endpoint::Registry;
use tokio::runtime::{Handle, RuntimeFlavor};

/// How long the pool may take to learn of a block: far longer than it does.
const FOR_POOL: Duration = Duration::from_secs(20);

/// How a chain is to be.
#[derive(Clone, Debug)]
pub struct LightConfig {
    /// What providers are judged by.
    pub rules: Rules,
    /// When blocks are made.
    pub sealing: Sealing,
    /// The port of its RPC on loopback; 0 takes any that is free. One that is taken
    /// is replaced as well: [`LightNode::rpc_url`] tells which it was.
    pub rpc_port: u16,
    /// The storage provider to load, if any.
    pub provider: Option<ProviderOptions>,
}

impl Default for LightConfig {
    /// Today's rules, sealed by hand, without a provider.
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            sealing: Sealing::ByHand,
            rpc_port: 0,
            provider: None,
        }
    }
}

/// A chain in this process. It ends with its value; [`LightNode::stop`] waits for it.
pub struct LightNode {
    node: Node,
    sealing: Sealing,
    nonces: Mutex<HashMap<AccountId, Nonce>>,
    /// What was handed in and is not known to be in a block.
    under_way: Mutex<HashMap<Hash, OpaqueExtrinsic>>,
}

impl LightNode {
    /// Starts a chain, in a tokio runtime of several threads.
    pub async fn start(config: LightConfig) -> Result<Self, NodeError> {
        let handle = Handle::current();
        if handle.runtime_flavor() == RuntimeFlavor::CurrentThread {
            return Err(NodeError::SingleThreaded);
        }
        let sealing = config.sealing;
        // The first chain of a process compiles the runtime, which takes its time.
        let started = tokio::task::spawn_blocking(move || {
            let spec = chain_spec::development("light", config.rules)?;
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
        Ok(Self {
            node,
            sealing,
            nonces: Mutex::new(HashMap::new()),
            under_way: Mutex::new(HashMap::new()),
        })
    }

    /// Seals and finalizes blocks, with all that the pool has for them; the last
    /// one's hash, or the finalized head's where none was asked for.
    pub async fn seal(&self, blocks: u32) -> Result<Hash, NodeError> {
        let mut head = self.finalized();
        for _ in 0..blocks {
            head = self.node.sealer.seal().await?;
        }
        if blocks > 0 && self.sealing == Sealing::ByHand {
            // What is handed in while the pool still learns of the block would miss
            // the next one. A block that it has passed over is never told of.
            drop(self.pool().ready_at_with_timeout(head, FOR_POOL).await);
        }
        Ok(head)
    }

    /// The chain.
    pub fn client(&self) -> &Arc<FullClient> {
        &self.node.client
    }

    /// Extrinsics that wait for a block.
    pub fn pool(&self) -> &Arc<FullPool> {
        &self.node.pool
    }

    /// The storage provider that the node has loaded, if any.
    pub fn cairn(&self) -> Option<&ExtensionHandle> {
        self.node.cairn.as_ref()
    }

    /// The node's keys.
    pub fn keystore(&self) -> &KeystorePtr {
        &self.node.keystore
    }

    /// What the node counts.
    pub fn registry(&self) -> &Registry {
        &self.node.registry
    }

    /// Orders blocks, for whoever may not hold the node itself.
    pub fn sealer(&self) -> &Sealer {
        &self.node.sealer
    }

    /// Puts the secret of a storage provider into the keystore.
    pub fn insert_key(&self, suri: &str) -> Result<AccountId, NodeError> {
        provider::insert_key(self.keystore(), suri)
    }

    /// Where the node's RPC is reached, as a WebSocket.
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

    /// Ends when the node fails: one of the tasks that it cannot do without has ended.
    pub async fn failed(&mut self) -> NodeError {
        match self.node.tasks.future().await {
            Ok(()) => NodeError::SealerGone,
            Err(error) => error.into(),
        }
    }

    /// Stops the node, and waits until all that it does has ended, so that what it
    /// held (a provider's folder, say) can be opened again.
    pub async fn stop(self) -> Result<(), NodeError> {
        running::ended(self.node.tasks.into_task_registry()).await
    }
}

impl std::fmt::Debug for LightNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LightNode")
            .field("rpc", &self.rpc_url())
            .field("sealing", &self.sealing)
            .finish_non_exhaustive()
    }
}
