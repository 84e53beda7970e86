//! The RPC methods of this node in addition to Substrate's own: nonces for `subxt` and
//! polkadot-js, blocks on request, and Cairn's methods.

use crate::client::{FullClient, FullPool};
use crate::sealing::Sealer;
use cairn_node_ext::rpc::Policy;
use jsonrpsee::RpcModule;
use sc_consensus_manual_seal::rpc::{ManualSeal, ManualSealApiServer};
use sc_rpc_api::DenyUnsafe;
use std::sync::Arc;
use substrate_frame_rpc_system::{System, SystemApiServer};

/// Decides about calls that change buckets as the node decides about unsafe methods.
pub(crate) fn node_policy() -> Policy {
    Policy::new(|extensions| {
        let denied = extensions.get::<DenyUnsafe>();
        denied.is_some_and(|denied| denied.check_if_safe().is_ok())
    })
}

/// Builds the methods for Substrate's RPC server, which calls this several times: for the
/// network and for this process.
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
        .and_then(|()| module.merge(ManualSeal::new(sealer.command_sender()).into_rpc()))
        .and_then(|()| module.merge(extension.clone()));
    merged.map_err(|e| sc_service::Error::Application(e.into()))?;
    Ok(module)
}
