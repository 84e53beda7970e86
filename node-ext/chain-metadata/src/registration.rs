//! The chain client of an operator's tools, over any node.

use crate::client::MetadataClient;
use crate::node::Node;
use async_trait::async_trait;
use cairn_chain::{ChainError, RegistrationClient, RegistrationRules, Submission};
use cairn_primitives::H256;

#[async_trait]
impl<N: Node> RegistrationClient for MetadataClient<N> {
    async fn registration_rules(&self, at: H256) -> Result<RegistrationRules, ChainError> {
        self.timed(self.state().registration_rules(at)).await
    }

    async fn call_data(&self, submission: &Submission) -> Result<Vec<u8>, ChainError> {
        self.timed(async {
            let best = self.node().best().await?;
            self.state().call_data(best, submission).await
        })
        .await
    }
}
