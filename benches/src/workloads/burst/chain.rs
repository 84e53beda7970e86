//! The chain of the burst: a light node that has loaded Cairn, and the calls on it.

use crate::Fallible;
use cairn_devnode::{InMemoryConfig, InMemoryNode, PendingExtrinsic, ProviderOptions, Sealing};
use cairn_devnode_runtime::{Runtime, RuntimeCall, RuntimeEvent};
use cairn_keys::SignedCommitment;
use cairn_primitives::challenge::{AccountId, ChunkLocation};
use cairn_primitives::onchain::RegisteredKey;
use cairn_primitives::runtime_api::StorageProviderApi;
use cairn_primitives::{BucketId, ChunkIndex, LeafIndex};
use cairn_provider::Provider;
use pallet_storage_provider::{Call, Event};
use sp_api::ProvideRuntimeApi;
use sp_blockchain::HeaderBackend;
use sp_core::{Pair, sr25519};
use std::path::Path;
use std::sync::Arc;

/// The provider's stake.
const STAKE: u128 = 1_000_000_000_000;

pub(super) struct Chain {
    node: InMemoryNode,
    admin: sr25519::Pair,
    provider: sr25519::Pair,
}

fn pair(suri: &str) -> Fallible<sr25519::Pair> {
    Ok(sr25519::Pair::from_string(suri, None)?)
}

impl Chain {
    /// Starts a node on a base path, with agreements for all buckets.
    pub(super) async fn open(folder: &Path, suri: &str, buckets: usize) -> Fallible<Self> {
        let provider = ProviderOptions {
            base_path: folder.to_owned(),
            suri: Some(suri.into()),
            ..Default::default()
        };
        let node = InMemoryNode::start(InMemoryConfig {
            sealing: Sealing::OnRequest,
            provider: Some(provider),
            ..Default::default()
        })
        .await?;
        let chain = Self {
            node,
            admin: pair("//Alice")?,
            provider: pair(suri)?,
        };
        let account = chain.account();
        let register = Call::register_provider {
            key: RegisteredKey::from(account.0),
            endpoint: b"ws://127.0.0.1:9".to_vec(),
            stake: STAKE,
        };
        let mut handed_in = vec![chain.submit(&chain.provider, register).await?];
        for _ in 0..buckets {
            let create = Call::create_bucket {
                min_providers: 1,
                window: None,
            };
            handed_in.push(chain.submit(&chain.admin, create).await?);
        }
        chain
            .await_inclusion(std::mem::take(&mut handed_in))
            .await?;
        for bucket in (0..).map(BucketId).take(buckets) {
            let request = Call::request_agreement {
                bucket,
                provider: chain.provider.public().into(),
                max_bytes: u64::MAX,
                expires_at: u32::MAX,
            };
            handed_in.push(chain.submit(&chain.admin, request).await?);
        }
        chain
            .await_inclusion(std::mem::take(&mut handed_in))
            .await?;
        for bucket in (0..).map(BucketId).take(buckets) {
            let accept = Call::accept_agreement { bucket };
            handed_in.push(chain.submit(&chain.provider, accept).await?);
        }
        chain.await_inclusion(handed_in).await?;
        Ok(chain)
    }

    fn account(&self) -> AccountId {
        AccountId(self.provider.public().0)
    }

    async fn submit(&self, who: &sr25519::Pair, call: Call<Runtime>) -> Fallible<PendingExtrinsic> {
        Ok(self.node.submit(who, RuntimeCall::from(call)).await?)
    }

    /// Seals blocks until all extrinsics are included. Returns the first and the last block.
    async fn await_inclusion(&self, handed_in: Vec<PendingExtrinsic>) -> Fallible<(u32, u32)> {
        let mut blocks = (u32::MAX, 0);
        for handed_in in handed_in {
            let included = self.node.wait_for_inclusion(handed_in).await?;
            if let Some(reason) = included.failure() {
                return Err(reason.into());
            }
            blocks = (blocks.0.min(included.number), blocks.1.max(included.number));
        }
        Ok(blocks)
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
        let mut handed_in = Vec::new();
        for (bucket, leaf) in places {
            let signed = signed_roots.get(bucket).ok_or("no such bucket")?;
            let challenge = Call::challenge_offchain {
                bucket: signed.payload.bucket_id,
                provider: self.provider.public().into(),
                commitment: signed.payload.commitment,
                location: ChunkLocation {
                    leaf_index: LeafIndex(leaf),
                    chunk_index: ChunkIndex(0),
                },
                signature: signed.signature.clone(),
            };
            handed_in.push(self.submit(&self.admin, challenge).await?);
        }
        self.await_inclusion(handed_in).await
    }

    pub(super) async fn seal(&self) -> Fallible<()> {
        self.node.seal(1).await?;
        Ok(())
    }

    pub(super) fn open_challenges(&self) -> Fallible<usize> {
        let api = self.node.client().runtime_api();
        Ok(api
            .open_challenges(self.node.finalized(), self.account())?
            .len())
    }

    /// Returns the number of challenges that the chain counts as lost.
    pub(super) fn lost(&self) -> Fallible<u64> {
        let api = self.node.client().runtime_api();
        let info = api.provider(self.node.finalized(), self.account())?;
        Ok(info.ok_or("the chain does not know the provider")?.lost)
    }

    /// Returns, for each answer since a block, in the order on chain: the blocks since then, and
    /// its deadline.
    pub(super) fn answered(&self, since: u32) -> Fallible<Vec<(u32, u32)>> {
        let client = self.node.client();
        let mut answered = Vec::new();
        for number in since..=client.info().finalized_number {
            let block = client.hash(number)?.ok_or("a block is gone")?;
            for record in self.node.events(block)? {
                if let RuntimeEvent::StorageProvider(Event::ChallengeDefended { id, .. }) =
                    record.event
                {
                    answered.push((number.saturating_sub(since), id.deadline));
                }
            }
        }
        Ok(answered)
    }

    pub(super) async fn close(self) -> Fallible<()> {
        Ok(self.node.stop().await?)
    }
}
