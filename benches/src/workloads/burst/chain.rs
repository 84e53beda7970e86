//! The chain of the burst: a node in this process that has loaded the provider.

use crate::Fallible;
use cairn_devnode::{InMemoryConfig, InMemoryNode, ProviderOptions, Sealing, Variant};
use cairn_devnode_user::{Chain as User, ChallengeId, Key, Location, Signed};
use cairn_keys::SignedCommitment;
use cairn_provider::Provider;
use codec::Encode;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The provider's stake: a thousand coins, as the chain wants.
const STAKE: u128 = 1_000_000_000_000_000;
/// The quota of an agreement, in bytes.
const QUOTA: u64 = 1 << 30;
/// Anchor blocks of an agreement.
const DURATION: u32 = 1_000_000;

pub(super) struct Chain {
    node: InMemoryNode,
    user: User,
    admin: Key,
    provider: Key,
}

impl Chain {
    /// Starts a node on a base path, with agreements for all buckets.
    pub(super) async fn open(
        folder: &Path,
        suri: &str,
        buckets: usize,
        block_time: Duration,
    ) -> Fallible<Self> {
        let provider = ProviderOptions {
            base_path: folder.to_owned(),
            suri: Some(suri.into()),
            ..Default::default()
        };
        let node = InMemoryNode::start(InMemoryConfig {
            variant: Variant::Current,
            sealing: Sealing::Interval(block_time),
            provider: Some(provider),
            ..Default::default()
        })
        .await?;
        let chain = Self {
            user: User::connect(&node.rpc_url()).await?,
            node,
            admin: Key::new("//Alice")?,
            provider: Key::new(suri)?,
        };
        chain.node.seal_during(chain.agree(buckets)).await??;
        Ok(chain)
    }

    async fn agree(&self, buckets: usize) -> Fallible<()> {
        let (user, provider) = (&self.user, &self.provider);
        user.register_provider(provider, &provider.public(), "/ip4/127.0.0.1/tcp/9", STAKE)
            .await?;
        user.update_settings(provider, &Default::default()).await?;
        for _ in 0..buckets {
            let account = provider.account();
            user.agree(&self.admin, account, provider, QUOTA, DURATION)
                .await?;
        }
        Ok(())
    }

    /// Returns the provider in the node.
    pub(super) fn provider(&self) -> Fallible<Arc<Provider>> {
        let cairn = self.node.cairn().ok_or("the node has not loaded Cairn")?;
        Ok(cairn.provider.clone())
    }

    /// Submits challenges, all at once. Returns the first and the last block with any of them.
    pub(super) async fn submit_challenges(
        &self,
        signed_roots: &[SignedCommitment],
        places: Vec<(usize, u64)>,
    ) -> Fallible<(u32, u32)> {
        let mut sent = Vec::new();
        for (bucket, leaf_index) in places {
            let signed = signed_roots.get(bucket).ok_or("no such bucket")?;
            let signed = Signed::decode(&signed.payload.encode(), &signed.signature.encode())?;
            let challenge = self.user.challenge_offchain(
                &self.admin,
                signed.bucket,
                self.provider.account(),
                &signed.commitment,
                signed.nonce,
                &signed.signature,
                Location {
                    leaf_index,
                    chunk_index: 0,
                },
            );
            sent.push(challenge.await?);
        }
        let mut blocks = (u32::MAX, 0);
        for sent in sent {
            let included = self.user.included(&sent).await?;
            blocks = (blocks.0.min(included.number), blocks.1.max(included.number));
        }
        Ok(blocks)
    }

    /// Waits until no challenge is open.
    pub(super) async fn await_answers(&self) -> Fallible<()> {
        let mut last = 0;
        while self.user.open_challenges(self.provider.account()).await? > 0 {
            last = self.user.finalized_after(last).await?;
        }
        Ok(())
    }

    /// Returns the number of challenges that were lost.
    pub(super) async fn lost(&self) -> Fallible<u64> {
        let lost = self.user.storage_events(1, "ChallengeSlashed").await?;
        Ok(lost.len().try_into()?)
    }

    /// Returns, for each answer since a block, in the order on chain: the blocks since then, and
    /// its deadline.
    pub(super) async fn answered(&self, since: u32) -> Fallible<Vec<(u32, u32)>> {
        let mut answered = Vec::new();
        for (number, event) in self.user.storage_events(since, "ChallengeDefended").await? {
            let id = ChallengeId::of_event(&event)?;
            answered.push((number.saturating_sub(since), id.deadline));
        }
        Ok(answered)
    }

    pub(super) async fn close(self) -> Fallible<()> {
        Ok(self.node.stop().await?)
    }
}
