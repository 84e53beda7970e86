//! The Substrate configuration of a node in memory.

use sc_network::config::{NetworkBackendType, NetworkConfiguration, TransportConfig};
use sc_service::config::{
    ExecutorConfiguration, KeystoreConfig, OffchainWorkerConfig, RpcBatchRequestConfig,
    RpcConfiguration,
};
use sc_service::{
    BasePath, BlocksPruning, ChainSpec, Configuration, DatabaseSource, PruningMode, Role,
    RpcMethods, TransactionPoolOptions,
};
use sc_transaction_pool::TransactionPoolType;
use std::sync::Arc;
use tokio::runtime::Handle;

/// The base path; nothing is written to it.
const BASE_PATH: &str = "/nonexistent/cairn-light";
/// The most extrinsics in the pool: answers to a thousand challenges, twice.
const MAX_POOL_EXTRINSICS: usize = 2_000;
/// The most bytes in the pool: a thousand full chunks.
const MAX_POOL_BYTES: usize = 512 * 1024 * 1024;
/// The default of sc-cli.
const TRIE_CACHE_BYTES: usize = 64 * 1024 * 1024;

pub(super) fn configuration(
    tokio_handle: Handle,
    chain_spec: Box<dyn ChainSpec>,
    rpc_port: u16,
) -> Configuration {
    let base_path = BasePath::new(BASE_PATH);
    Configuration {
        impl_name: env!("CARGO_PKG_NAME").into(),
        impl_version: env!("CARGO_PKG_VERSION").into(),
        role: Role::Full,
        tokio_handle,
        transaction_pool: TransactionPoolOptions::new_with_params(
            MAX_POOL_EXTRINSICS,
            MAX_POOL_BYTES,
            // An extrinsic that was rejected may be valid in the next block.
            Some(0),
            TransactionPoolType::ForkAware,
            true,
            false,
        ),
        network: network(),
        keystore: KeystoreConfig::InMemory,
        database: DatabaseSource::Custom {
            db: Arc::new(sp_database::MemDb::default()),
            // A new one for each node.
            require_create_flag: true,
        },
        trie_cache_maximum_size: Some(TRIE_CACHE_BYTES),
        warm_up_trie_cache: None,
        // Tests query any past block.
        state_pruning: Some(PruningMode::ArchiveAll),
        blocks_pruning: BlocksPruning::KeepAll,
        chain_spec,
        executor: ExecutorConfiguration::default(),
        wasm_runtime_overrides: None,
        rpc: rpc(rpc_port),
        prometheus_config: None,
        telemetry_endpoints: None,
        offchain_worker: OffchainWorkerConfig::default(),
        force_authoring: false,
        disable_grandpa: true,
        dev_key_seed: None,
        tracing_targets: None,
        tracing_receiver: Default::default(),
        announce_block: false,
        data_path: base_path.path().to_owned(),
        base_path,
    }
}

/// Configures no listening address and no outgoing connections.
fn network() -> NetworkConfiguration {
    let mut network =
        NetworkConfiguration::new("light", env!("CARGO_PKG_NAME"), Default::default(), None);
    network.transport = TransportConfig::MemoryOnly;
    network.network_backend = NetworkBackendType::Libp2p;
    network.enable_dht_random_walk = false;
    network
}

/// Configures the RPC with Substrate's defaults, on loopback.
fn rpc(port: u16) -> RpcConfiguration {
    RpcConfiguration {
        addr: None,
        max_connections: 100,
        cors: None,
        methods: RpcMethods::Auto,
        max_request_size: 15,
        max_response_size: 15,
        id_provider: None,
        max_subs_per_conn: 1_024,
        port,
        message_buffer_capacity: 64,
        batch_config: RpcBatchRequestConfig::Unlimited,
        rate_limit: None,
        rate_limit_whitelisted_ips: Vec::new(),
        rate_limit_trust_proxy_headers: false,
        request_logger_limit: 1_024,
    }
}
