//! A provider on disk, and a chain that knows its one bucket: what the tests of
//! this crate are played on.

use crate::{Limits, Policy, ProviderRpc};
use async_trait::async_trait;
use cairn_node_ext::chain::{ChainClient, ChainError, Head, Submission, Ticket, Verdict};
use cairn_node_ext::{
    BasePath, BucketConfig, ExtensionHandle, NewLeaf, Provider, ProviderOptions, SignedCommitment,
    Signer, Wanted,
};
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::{
    Agreement, BucketInfo, MultiSigner, OpenChallenge, Outcome, PrimaryProvider, ProviderInfo,
};
use cairn_primitives::{BucketId, Commitment, H256};
use futures::stream::BoxStream;
use jsonrpsee::RpcModule;
use std::sync::Arc;
use tempfile::TempDir;

/// The bucket.
pub(crate) const BUCKET: BucketId = BucketId(7);

/// A chain that knows one bucket, and is asked for nothing else.
pub(crate) struct OneBucket {
    pub(crate) account: AccountId,
    pub(crate) info: BucketInfo,
}

fn elsewhere<T>() -> Result<T, ChainError> {
    Err(ChainError::Unreachable(
        "this test asks for a bucket".into(),
    ))
}

#[async_trait]
impl ChainClient for OneBucket {
    fn account(&self) -> AccountId {
        self.account
    }
    async fn finalized_heads(&self) -> Result<BoxStream<'static, Head>, ChainError> {
        elsewhere()
    }
    async fn limits(&self, _at: H256) -> Result<cairn_primitives::onchain::Limits, ChainError> {
        elsewhere()
    }
    async fn provider(&self, _at: H256) -> Result<Option<ProviderInfo>, ChainError> {
        elsewhere()
    }
    async fn open_challenges(&self, _at: H256) -> Result<Vec<OpenChallenge>, ChainError> {
        elsewhere()
    }
    async fn bucket(&self, _at: H256, id: BucketId) -> Result<Option<BucketInfo>, ChainError> {
        Ok((id == BUCKET).then(|| self.info.clone()))
    }
    async fn buckets(&self, _at: H256) -> Result<Vec<BucketId>, ChainError> {
        elsewhere()
    }
    async fn outcomes(&self, _at: H256) -> Result<Vec<Outcome>, ChainError> {
        elsewhere()
    }
    async fn judge(
        &self,
        _id: ChallengeId,
        _response: &ChallengeResponse,
    ) -> Result<Verdict, ChainError> {
        elsewhere()
    }
    async fn submit(&self, _submission: Submission) -> Result<Ticket, ChainError> {
        elsewhere()
    }
}

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
