//! Type aliases for the node's client, database and transaction pool.

use cairn_devnode_runtime::{OpaqueBlock, RuntimeApi};

/// The executor of the runtime's WASM.
pub type Executor = sc_executor::WasmExecutor<sp_io::SubstrateHostFunctions>;
/// The chain's client.
pub type FullClient = sc_service::TFullClient<OpaqueBlock, RuntimeApi, Executor>;
/// The chain's database.
pub type FullBackend = sc_service::TFullBackend<OpaqueBlock>;
/// The transaction pool.
pub type FullPool = sc_transaction_pool::TransactionPoolHandle<OpaqueBlock, FullClient>;
