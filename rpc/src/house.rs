//! A provider on disk with one bucket: what the tests of this crate are played on.

use crate::{Limits, Policy, ProviderRpc};
use cairn_node_ext::{
    BasePath, BucketConfig, ExtensionHandle, NewLeaf, Provider, ProviderOptions, SignedCommitment,
    Signer, Wanted,
};
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::{Agreement, MultiSigner, PrimaryProvider};
use cairn_primitives::{BucketId, Commitment};
use jsonrpsee::RpcModule;
use std::sync::Arc;
use tempfile::TempDir;

/// The bucket.
pub(crate) const BUCKET: BucketId = BucketId(7);

/// What is served of a provider.
pub(crate) fn module(handle: ExtensionHandle) -> RpcModule<()> {
    ProviderRpc::new(handle, Limits::default(), Policy::default())
        .into_rpc()
        .unwrap()
}

/// A provider on disk, with three leaves in its bucket.
pub(crate) struct House {
    pub(crate) provider: Arc<Provider>,
    pub(crate) signer: Signer,
    pub(crate) signed: SignedCommitment,
    _folder: TempDir,
}

impl House {
    pub(crate) fn of(suri: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let base = BasePath::create(folder.path().join("base")).unwrap();
        base.keys().insert(suri).unwrap();
        let signer = base.keys().signer(None).unwrap();
        let provider = Provider::open(base, ProviderOptions::default()).unwrap();
        provider
            .create_bucket(BUCKET, BucketConfig::default())
            .unwrap();
        let mut signed = None;
        for content in ["one", "two", "three"] {
            let lease = provider.lease(BUCKET, Wanted::write()).unwrap();
            let content = lease.ingest(content.as_bytes()).unwrap();
            drop(lease);
            let leaf = NewLeaf {
                data_root: content.data_root,
                data_size: content.data_size,
            };
            signed = Some(provider.commit_signed(BUCKET, &[leaf], &signer).unwrap().1);
        }
        Self {
            provider: Arc::new(provider),
            signer,
            signed: signed.unwrap(),
            _folder: folder,
        }
    }

    pub(crate) fn account(&self) -> AccountId {
        AccountId(self.signer.public())
    }

    pub(crate) fn commitment(&self) -> Commitment {
        self.signed.payload.commitment
    }

    pub(crate) fn primary(&self, endpoint: &str) -> PrimaryProvider {
        PrimaryProvider {
            account: self.account(),
            key: Some(MultiSigner::Sr25519(self.signer.public())),
            endpoint: endpoint.as_bytes().to_vec(),
            agreement: Some(Agreement {
                max_bytes: 1 << 30,
                expires_at: 1000,
            }),
        }
    }
}
