//! The fixture of this crate's unit tests: a provider on disk with one bucket.

use crate::{Limits, Policy, ProviderRpc};
use cairn_bucket::{BasePath, BucketConfig, NewLeaf};
use cairn_gadget::ExtensionHandle;
use cairn_keys::{SignedCommitment, Signer};
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::{Agreement, PrimaryProvider, RegisteredKey};
use cairn_primitives::{BucketId, Commitment};
use cairn_provider::{LeaseRequest, Provider, ProviderOptions};
use jsonrpsee::RpcModule;
use std::sync::Arc;
use tempfile::TempDir;

/// The bucket.
pub(crate) const BUCKET: BucketId = BucketId(7);

/// The content of the leaf that is damaged where one is.
const DAMAGED: &[u8] = b"the content of a leaf that is damaged on disk later on";

/// The RPC module of a provider.
pub(crate) fn module(handle: ExtensionHandle) -> RpcModule<()> {
    ProviderRpc::new(handle, Limits::default(), Policy::default())
        .into_rpc()
        .unwrap()
}

/// A provider on disk, with three leaves in its bucket.
pub(crate) struct Fixture {
    pub(crate) provider: Arc<Provider>,
    pub(crate) signer: Signer,
    pub(crate) signed: SignedCommitment,
    folder: TempDir,
}

impl Fixture {
    pub(crate) fn new(suri: &str) -> Self {
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
            let lease = provider
                .blocking_lease(BUCKET, LeaseRequest::write())
                .unwrap();
            let content = lease
                .run(|bucket| bucket.ingest(content.as_bytes()))
                .unwrap();
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
            folder,
        }
    }

    /// Damages a leaf in the middle of the bucket, in a file, with all else in it whole.
    pub(crate) fn with_a_damaged_leaf(self) -> Self {
        let Self {
            provider, signer, ..
        } = self;
        let commit = |content: &[u8], times: usize| {
            let lease = provider
                .blocking_lease(BUCKET, LeaseRequest::write())
                .unwrap();
            let content = lease.run(|bucket| bucket.ingest(content)).unwrap();
            drop(lease);
            let leaf = NewLeaf {
                data_root: content.data_root,
                data_size: content.data_size,
            };
            let signed = provider.commit_signed(BUCKET, &vec![leaf; times], &signer);
            (content.data_root, signed.unwrap().1)
        };
        commit(b"before it", 500);
        let (damaged, _) = commit(DAMAGED, 1);
        let (_, signed) = commit(b"behind it", 500);
        drop(provider);
        let buckets = self.folder.path().join("base/buckets");
        let bucket = std::fs::read_dir(buckets).unwrap().next().unwrap();
        let mut flipped = 0;
        for file in std::fs::read_dir(bucket.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let mut bytes = std::fs::read(&path).unwrap();
            let find = |sought: &[u8]| bytes.windows(sought.len()).position(|part| part == sought);
            // Not where its content is kept, but where the tree is.
            let is_table = path.extension().is_some_and(|end| end == "sst");
            if let Some(at) = find(damaged.as_bytes())
                && is_table
                && find(DAMAGED).is_none()
            {
                bytes[at] ^= 1;
                std::fs::write(&path, bytes).unwrap();
                flipped += 1;
            }
        }
        assert_eq!(flipped, 1);
        let base = BasePath::create(self.folder.path().join("base")).unwrap();
        let provider = Provider::open(base, ProviderOptions::default()).unwrap();
        provider.wait_until_indexed();
        assert_eq!(provider.quarantined(), []);
        Self {
            provider: Arc::new(provider),
            signer,
            signed,
            folder: self.folder,
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
            key: Some(RegisteredKey::from(self.signer.public())),
            endpoint: endpoint.as_bytes().to_vec(),
            agreement: Some(Agreement::primary(AccountId([8; 32]), 1 << 30, 1000)),
        }
    }
}
