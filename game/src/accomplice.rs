//! The other primary provider: it claims to hold whatever this one holds, signs anything, and keeps
//! what it receives.

use crate::book::Book;
use crate::runtime::Who;
use async_trait::async_trait;
use cairn_gadget::{Ask, CheckpointRequest, CosignError, Cosigners, Holding};
use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::onchain::PrimaryProvider;
use cairn_primitives::{BucketId, Commitment};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The accomplice, as a cosigner of the provider.
pub(crate) struct Accomplice {
    pub(crate) book: Arc<Mutex<Book>>,
    /// The provider's newest commitments.
    pub(crate) mirror: Arc<Mutex<BTreeMap<BucketId, Commitment>>>,
}

/// Returns the accomplice's request for a signature.
pub(crate) fn ask(request: CheckpointRequest) -> Ask {
    Ask {
        request,
        asker: Who::Accomplice.account(),
        signature: Who::Accomplice.sign_bytes(&request.signed_bytes()),
    }
}

#[async_trait]
impl Cosigners for Accomplice {
    async fn holding(
        &self,
        _from: &PrimaryProvider,
        bucket: BucketId,
        _window: Option<u64>,
    ) -> Result<Holding, CosignError> {
        let mirror = self.mirror.lock();
        let newest = mirror.get(&bucket);
        let newest = newest.ok_or_else(|| CosignError::Malformed("it does not answer".into()))?;
        Ok(Holding {
            start_seq: newest.start_seq,
            leaf_count: newest.leaf_count,
            signed: None,
        })
    }

    async fn cosign(
        &self,
        _from: &PrimaryProvider,
        ask: &Ask,
    ) -> Result<MultiSignature, CosignError> {
        let request = &ask.request;
        self.book.lock().seen(
            request.bucket(),
            request.commitment(),
            request.window(),
            &ask.signature,
        );
        Ok(Who::Accomplice.sign_bytes(&request.signed_bytes()))
    }
}
