//! The rules for providers' records, and calls for signing elsewhere.

use super::ChainState;
use crate::extrinsic;
use crate::node::NodeState;
use crate::runtime::unsupported;
use cairn_chain::{ChainError, RegistrationRules, Submission};
use cairn_primitives::H256;

impl<S: NodeState> ChainState<S> {
    /// Returns the chain's rules for providers' records.
    pub async fn registration_rules(&self, at: H256) -> Result<RegistrationRules, ChainError> {
        let block = self.block(at).await?;
        let constant = |name| self.constant::<u32>(&block, name);
        Ok(RegistrationRules {
            min_stake: self.constant(&block, "MinProviderStake").await?,
            min_stake_per_byte: self.constant(&block, "MinStakePerByte").await?,
            max_multiaddr_bytes: constant("MaxMultiaddrLength").await?,
            deregister_notice: constant("DeregisterAnnouncementPeriod").await?,
            settlement_period: constant("SettlementTimeout").await?,
            // Older chains do not tell it, and nothing is decided by it.
            anchor_block_millis: self.constant(&block, "AnchorBlockTimeMillis").await.ok(),
        })
    }

    /// Returns the call of a submission, as the runtime at a block decodes it.
    pub async fn call_data(
        &self,
        at: H256,
        submission: &Submission,
    ) -> Result<Vec<u8>, ChainError> {
        let block = self.block(at).await?;
        extrinsic::encode_submission(&block.code, submission).map_err(unsupported)
    }
}
