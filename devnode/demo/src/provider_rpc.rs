//! A provider's RPC, as a client uses it that submits checkpoints.

use crate::error::DemoError;
use cairn_devnode_user::Signed;
use jsonrpsee::core::client::ClientT;
use jsonrpsee::rpc_params;
use jsonrpsee::ws_client::{WsClient, WsClientBuilder};
use serde::Deserialize;

/// A connection to a provider.
pub(crate) struct ProviderRpc(WsClient);

#[derive(Deserialize)]
struct SignedCommitment {
    payload: String,
    signature: String,
}

impl ProviderRpc {
    pub(crate) async fn connect(url: &str) -> Result<Self, DemoError> {
        Ok(Self(WsClientBuilder::default().build(url).await?))
    }

    /// Returns the provider's signature for a checkpoint of a bucket at a leaf count.
    pub(crate) async fn checkpoint_signature(
        &self,
        bucket: u64,
        leaf_count: u64,
    ) -> Result<Signed, DemoError> {
        let signed: SignedCommitment = self
            .0
            .request(
                "cairnBucket_v1_checkpointSignature",
                rpc_params![bucket, leaf_count],
            )
            .await?;
        let bytes = |text: &str| {
            hex::decode(text.trim_start_matches("0x"))
                .map_err(|error| DemoError::Unreadable(error.to_string()))
        };
        Ok(Signed::decode(
            &bytes(&signed.payload)?,
            &bytes(&signed.signature)?,
        )?)
    }
}
