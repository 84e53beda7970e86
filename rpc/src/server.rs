//! The methods, over what a running provider can be asked.

use crate::api::ProviderApiServer;
use crate::error::Error;
use crate::types::{ChallengeInfo, HoldingInfo, ProviderStatus};
use cairn_node_ext::ExtensionHandle;
use cairn_node_ext::schedule::Ask;
use cairn_primitives::{BucketId, H256};
use codec::{DecodeAll, Encode};
use jsonrpsee::RpcModule;
use jsonrpsee::core::async_trait;
use sp_core::Bytes;

/// Serves a provider that runs. [`ProviderApiServer::into_rpc`] gives the module
/// that a node merges.
#[derive(Clone)]
pub struct ProviderRpc {
    provider: ExtensionHandle,
}

impl ProviderRpc {
    /// Serves what a running provider can be asked.
    pub const fn new(provider: ExtensionHandle) -> Self {
        Self { provider }
    }

    /// The module that a node merges, whatever its context.
    pub fn into_module(self) -> RpcModule<()> {
        self.into_rpc().remove_context()
    }
}

impl std::fmt::Debug for ProviderRpc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProviderRpc")
            .field("account", &self.provider.account)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ProviderApiServer for ProviderRpc {
    async fn status(&self) -> Result<ProviderStatus, Error> {
        // Reasons of quarantine name files, which are nobody else's business.
        let quarantined = self.provider.provider.quarantined();
        Ok(ProviderStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            account: H256(self.provider.account.0),
            open_buckets: self.provider.provider.statistics().open,
            quarantined: quarantined.iter().map(|(bucket, _)| bucket.0).collect(),
        })
    }

    async fn challenges(&self) -> Result<Vec<ChallengeInfo>, Error> {
        let duties = self.provider.challenges.duties();
        Ok(duties.into_iter().map(Into::into).collect())
    }

    async fn holding(&self, bucket: u64, window: Option<u64>) -> Result<HoldingInfo, Error> {
        let holding = self.provider.desk.holding(BucketId(bucket), window).await?;
        Ok(holding.into())
    }

    async fn sign_checkpoint(&self, ask: Bytes) -> Result<Bytes, Error> {
        let ask = Ask::decode_all(&mut ask.0.as_slice()).map_err(|_| Error::Undecodable {
            parameter: "ask",
            ty: "Ask",
        })?;
        let signature = self.provider.desk.countersign(&ask).await?;
        Ok(Bytes(signature.encode()))
    }
}
