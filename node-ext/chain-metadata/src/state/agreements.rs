//! The agreements of an account. Their map is by bucket first, so its keys are read, in
//! pages; only the account's own rows are.

use super::ChainState;
use crate::capability::Capability;
use crate::node::NodeState;
use crate::rows;
use crate::value::{Mismatch, Value};
use cairn_chain::ChainError;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::Agreement;
use cairn_primitives::{BucketId, H256};

impl<S: NodeState> ChainState<S> {
    /// Returns the buckets for which an account has an agreement.
    pub async fn buckets(&self, at: H256, account: AccountId) -> Result<Vec<BucketId>, ChainError> {
        let block = self.block(at).await?;
        block.layout.require(Capability::Buckets)?;
        let keys = self.agreement_keys(&block, account).await?;
        Ok(keys.into_iter().map(|(bucket, _)| bucket).collect())
    }

    /// Returns an account's agreements with their buckets.
    pub async fn agreements(
        &self,
        at: H256,
        account: AccountId,
    ) -> Result<Vec<(BucketId, Agreement)>, ChainError> {
        let rows = self.own_agreements(at, account, rows::agreement).await?;
        let block = self.block(at).await?;
        let uncertainty = self.uncertainty(&block).await?;
        let agreements = rows
            .into_iter()
            .map(|(bucket, agreement)| (bucket, prolonged(agreement, uncertainty)));
        Ok(agreements.collect())
    }

    /// Reads the rows of an account's agreements.
    pub(crate) async fn own_agreements<T>(
        &self,
        at: H256,
        account: AccountId,
        read: impl Fn(&Value<'_>) -> Result<T, Mismatch>,
    ) -> Result<Vec<(BucketId, T)>, ChainError> {
        let block = self.block(at).await?;
        block.layout.require(Capability::Buckets)?;
        let item = block.layout.item("StorageAgreements")?;
        let keys = self.agreement_keys(&block, account).await?;
        let rows = self
            .values(&block, keys.iter().map(|(_, key)| key.clone()).collect())
            .await?;
        let mut agreements = Vec::new();
        for ((bucket, key), row) in keys.into_iter().zip(rows) {
            if let Some(row) = row {
                agreements.push((bucket, item.read(&key, &row, &read)?));
            }
        }
        Ok(agreements)
    }
}

/// Lets an agreement end later by the blocks by which the anchor block may be too late: nothing is
/// released before it has ended by any clock.
pub(super) fn prolonged(agreement: Agreement, uncertainty: u32) -> Agreement {
    Agreement {
        expires_at: agreement.expires_at.saturating_add(uncertainty),
        ..agreement
    }
}
