//! Replicas: the rows of their agreements, and the dry run of a confirmation.

use crate::capability::Capability;
use crate::client::MetadataClient;
use crate::dry_run;
use crate::node::{Node, NodeState};
use crate::rows;
use crate::runtime::unsupported;
use crate::state::ChainState;
use async_trait::async_trait;
use cairn_chain::{ChainError, ReplicaAgreement, ReplicaClient, SyncConfirmation, SyncVerdict};
use cairn_primitives::challenge::AccountId;
use cairn_primitives::{BucketId, H256};

impl<S: NodeState> ChainState<S> {
    /// Returns an account's agreements as a replica.
    pub async fn replica_agreements(
        &self,
        at: H256,
        account: AccountId,
    ) -> Result<Vec<(BucketId, ReplicaAgreement)>, ChainError> {
        let rows = self.own_agreements(at, account, rows::replica_agreement);
        let rows = rows.await?.into_iter();
        Ok(rows
            .filter_map(|(bucket, row)| Some((bucket, row?)))
            .collect())
    }

    /// Makes a dry run of a replica's confirmation at a block.
    pub async fn judge_sync(
        &self,
        at: H256,
        account: AccountId,
        confirmation: &SyncConfirmation,
    ) -> Result<SyncVerdict, ChainError> {
        let block = self.block(at).await?;
        block.require_settled()?;
        let runtime = &block.code;
        let call = crate::calls::confirm_sync(confirmation);
        // A chain without the call is refused by its name.
        crate::extrinsic::encode_call(runtime, &call).map_err(unsupported)?;
        if runtime.require(Capability::DryRun).is_err() {
            return Ok(SyncVerdict::NotOffered);
        }
        let arguments = dry_run::arguments_of(runtime, account, &call).map_err(unsupported)?;
        let result = self.node().call(at, dry_run::FUNCTION, arguments).await?;
        Ok(match dry_run::execution(runtime, &result) {
            Ok(Ok(())) => SyncVerdict::Accepted,
            Ok(Err(name)) => SyncVerdict::Refused(name),
            Err(error) => {
                tracing::warn!(%error, "the chain's dry run of a confirmation is not understood");
                SyncVerdict::NotOffered
            }
        })
    }
}

#[async_trait]
impl<N: Node> ReplicaClient for MetadataClient<N> {
    async fn replica_agreements(
        &self,
        at: H256,
    ) -> Result<Vec<(BucketId, ReplicaAgreement)>, ChainError> {
        self.state()
            .replica_agreements(at, cairn_chain::ChainClient::account(self))
            .await
    }

    async fn judge_sync(&self, confirmation: &SyncConfirmation) -> Result<SyncVerdict, ChainError> {
        self.timed(async {
            let best = self.node().best().await?;
            let account = cairn_chain::ChainClient::account(self);
            self.state().judge_sync(best, account, confirmation).await
        })
        .await
    }
}
