//! Assembles the node's parts, for `run` and for `light`.

use crate::client::{FullClient, FullPool};
use crate::provider::ProviderOptions;
use crate::rpc::node_policy;
use crate::sealing::{self, Sealer, Sealing};
use crate::{NodeError, executor, rpc};
use cairn_devnode_runtime::{OpaqueBlock, RuntimeApi};
use cairn_node_ext::rpc::{Limits, RpcCosigners};
use cairn_node_ext::{Extension, ExtensionHandle, LocalNode, ProviderRpc, SubstrateClient};
use jsonrpsee::RpcModule;
use sc_network::config::FullNetworkConfiguration;
use sc_network::{NetworkBackend, NetworkWorker};
use sc_service::{BuildNetworkParams, Configuration, RpcHandlers, SpawnTasksParams, TaskManager};
use sp_keystore::KeystorePtr;
use sp_runtime::traits::Block as BlockT;
use std::sync::Arc;
use substrate_prometheus_endpoint::Registry;

type Network = NetworkWorker<OpaqueBlock, <OpaqueBlock as BlockT>::Hash>;

/// The options of this node in addition to Substrate's own.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The sealing of blocks.
    pub(crate) sealing: Sealing,
    /// The storage provider to load, if any.
    pub(crate) provider: Option<ProviderOptions>,
}

/// A running node. It stops when its tasks are dropped.
pub(crate) struct Node {
    /// The chain's client.
    pub(crate) client: Arc<FullClient>,
    /// The transaction pool.
    pub(crate) pool: Arc<FullPool>,
    /// The node's keystore.
    pub(crate) keystore: KeystorePtr,
    /// The metrics registry.
    pub(crate) registry: Registry,
    /// Seals blocks.
    pub(crate) sealer: Sealer,
    /// Its RPC.
    pub(crate) rpc: RpcHandlers,
    /// The storage provider that it has loaded, if any.
    pub(crate) cairn: Option<ExtensionHandle>,
    /// Its tasks.
    pub(crate) tasks: TaskManager,
}

/// Starts a node.
pub(crate) fn start(config: Configuration, options: &Options) -> Result<Node, NodeError> {
    let (client, backend, keystores, mut tasks) = sc_service::new_full_parts::<
        OpaqueBlock,
        RuntimeApi,
        _,
    >(
        &config, None, executor::shared(), Vec::new()
    )?;
    let client = Arc::new(client);
    let keystore = keystores.keystore();
    let counted = config.prometheus_registry().cloned();
    let pool = Arc::new(
        sc_transaction_pool::Builder::new(
            tasks.spawn_essential_handle(),
            client.clone(),
            config.role.is_authority().into(),
        )
        .with_options(config.transaction_pool.clone())
        .with_prometheus(counted.as_ref())
        .build(),
    );
    let sealer = sealing::start(
        options.sealing,
        &tasks,
        &client,
        &backend,
        &pool,
        counted.as_ref(),
    );
    let registry = counted.clone().unwrap_or_default();
    let import_queue = sc_consensus_manual_seal::import_queue(
        Box::new(client.clone()),
        &tasks.spawn_essential_handle(),
        counted.as_ref(),
    );
    let (network, system_rpc_tx, tx_handler_controller, sync_service, _) =
        sc_service::build_network(BuildNetworkParams {
            net_config: FullNetworkConfiguration::<_, _, Network>::new(
                &config.network,
                counted.clone(),
            ),
            config: &config,
            client: client.clone(),
            transaction_pool: pool.clone(),
            spawn_handle: tasks.spawn_handle(),
            spawn_essential_handle: tasks.spawn_essential_handle(),
            import_queue,
            block_announce_validator_builder: None,
            warp_sync_config: None,
            block_relay: None,
            metrics: Network::register_notification_metrics(counted.as_ref()),
            gap_sync_body_policy: None,
        })?;

    let mut cairn_rpc = RpcModule::new(());
    let mut handle = None;
    // ---- Loading Cairn ----
    if let Some(provider) = &options.provider {
        let keys = provider.keys(&keystore)?;
        let local = LocalNode::new(client.clone(), pool.clone());
        let cairn = Extension::new(
            Arc::new(SubstrateClient::new(local, keys.account)),
            Arc::new(provider.open()?),
            keys.commitments,
            Arc::new(RpcCosigners::new(provider.cosigners())),
            provider.extension.clone(),
        )
        .map_err(NodeError::cairn)?;
        cairn
            .register_metrics(&registry)
            .map_err(NodeError::cairn)?;
        handle = Some(cairn.handle());
        let methods = ProviderRpc::new(cairn.handle(), Limits::default(), node_policy());
        methods
            .register_metrics(&registry)
            .map_err(NodeError::cairn)?;
        cairn_rpc
            .merge(methods.into_rpc().map_err(NodeError::cairn)?)
            .map_err(NodeError::cairn)?;
        tasks.spawn_essential_handle().spawn(
            "cairn",
            Some("storage"),
            cairn.run(std::future::pending()),
        );
    }
    // ---- end ----

    let rpc_builder = {
        let (client, pool, sealer) = (client.clone(), pool.clone(), sealer.clone());
        #[expect(
            clippy::result_large_err,
            reason = "the error that Substrate wants of it"
        )]
        Box::new(move |_| rpc::module(&client, &pool, &sealer, &cairn_rpc))
    };
    let rpc = sc_service::spawn_tasks(SpawnTasksParams {
        config,
        client: client.clone(),
        backend,
        task_manager: &mut tasks,
        keystore: keystore.clone(),
        transaction_pool: pool.clone(),
        rpc_builder,
        network,
        system_rpc_tx,
        tx_handler_controller,
        sync_service,
        telemetry: None,
        tracing_execute_block: None,
    })?;
    Ok(Node {
        client,
        pool,
        keystore,
        registry,
        sealer,
        rpc,
        cairn: handle,
        tasks,
    })
}
