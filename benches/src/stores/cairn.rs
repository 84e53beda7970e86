//! Cairn, through `Provider`.

use super::store::Store;
use crate::Fallible;
use cairn_bucket::{BasePath, BucketConfig, NewLeaf, StateRef};
use cairn_engine::Durability;
use cairn_keys::Signer;
use cairn_primitives::{BucketId, Commitment, LeafIndex, MmrProof};
use cairn_provider::{BudgetRequest, LeaseRequest, Provider, ProviderOptions};
use sp_core::sr25519;
use std::path::Path;

/// The signing key, the same for all stores.
pub(crate) const KEY: &str = "//Alice";

/// A provider.
pub(crate) struct CairnStore {
    pub(crate) provider: Provider,
    signer: Signer,
}

impl CairnStore {
    pub(crate) fn open(folder: &Path, max_open: u32) -> Fallible<Self> {
        let base = BasePath::create(folder)?;
        if base.keys().list()?.is_empty() {
            base.keys().insert(KEY)?;
        }
        let signer = base.keys().signer(None)?;
        let budget = BudgetRequest {
            max_open: Some(max_open),
            ..BudgetRequest::default()
        };
        let options = ProviderOptions {
            budget,
            ..ProviderOptions::default()
        };
        let provider = Provider::open(base, options)?;
        Ok(Self { provider, signer })
    }

    /// Returns the base path's key.
    pub(crate) fn signer(&self) -> &Signer {
        &self.signer
    }
}

impl Store for CairnStore {
    fn create(&self, id: u64) -> Fallible<()> {
        let config = BucketConfig::default();
        Ok(self.provider.create_bucket(BucketId(id), config)?)
    }

    fn put(&self, id: u64, content: &[u8]) -> Fallible<NewLeaf> {
        let lease = self
            .provider
            .blocking_lease(BucketId(id), LeaseRequest::write())?;
        let stored = lease.run(|bucket| bucket.ingest(content))?;
        Ok(NewLeaf {
            data_root: stored.data_root,
            data_size: stored.data_size,
        })
    }

    fn commit(&self, id: u64, leaves: &[NewLeaf], durability: Durability) -> Fallible<Commitment> {
        let lease = self
            .provider
            .blocking_lease(BucketId(id), LeaseRequest::write())?;
        let committed = lease.run(|bucket| bucket.commit(leaves, durability))?;
        Ok(committed.commitment)
    }

    fn prove(&self, id: u64, leaf: LeafIndex) -> Fallible<MmrProof> {
        let lease = self
            .provider
            .blocking_lease(BucketId(id), LeaseRequest::challenge())?;
        let proven = lease.run(|bucket| bucket.view(StateRef::Newest)?.mmr_proof(leaf));
        Ok(proven?.into_proof())
    }

    fn sign(&self, id: u64, leaves: &[NewLeaf], _: &sr25519::Pair) -> Fallible<()> {
        let id = BucketId(id);
        self.provider.commit_signed(id, leaves, &self.signer)?;
        Ok(())
    }

    fn delete(&self, id: u64) -> Fallible<()> {
        Ok(self.provider.delete_bucket(BucketId(id))?)
    }

    fn reclaim(&self) -> Fallible<()> {
        self.provider.wait_until_trash_is_empty();
        Ok(())
    }

    fn flush(&self) -> Fallible<()> {
        self.provider.write_index();
        Ok(())
    }
}
