//! What this node's RPC has beside Substrate's own: nonces for `subxt` and
//! polkadot-js, blocks on demand, and what extensions bring.

use crate::sealing::Sealer;
use crate::service::{FullClient, FullPool};
use cairn_rpc::Policy;
use jsonrpsee::RpcModule;
use sc_consensus_manual_seal::rpc::{ManualSeal, ManualSealApiServer};
use sc_rpc_api::DenyUnsafe;
use std::sync::Arc;
use substrate_frame_rpc_system::{System, SystemApiServer};

/// Who may call what changes buckets: as the node itself says of each request.
pub(crate) fn node_policy() -> Policy {
    Policy::of(|extensions| {
        let denied = extensions.get::<DenyUnsafe>();
        denied.is_some_and(|denied| denied.check_if_safe().is_ok())
    })
}

/// What the RPC server is given. It asks more than once: for the network, and for
/// this process.
#[expect(
    clippy::result_large_err,
    reason = "the error that Substrate wants of it"
)]
pub(crate) fn module(
    client: &Arc<FullClient>,
    pool: &Arc<FullPool>,
    sealer: &Sealer,
    extension: &RpcModule<()>,
) -> Result<RpcModule<()>, sc_service::Error> {
    let mut module = RpcModule::new(());
    let merged = module
        .merge(System::new(client.clone(), pool.clone()).into_rpc())
        .and_then(|()| module.merge(ManualSeal::new(sealer.orders()).into_rpc()))
        .and_then(|()| module.merge(extension.clone()));
    merged.map_err(|e| sc_service::Error::Application(e.into()))?;
    Ok(module)
}
