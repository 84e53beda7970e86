//! The other primary provider: it claims to hold whatever this one holds, signs anything, and keeps
//! what it receives.

use crate::actors::Actor;
use crate::signature_log::SignatureLog;
use async_trait::async_trait;
use cairn_gadget::{CheckpointRequest, CosignError, CosignRequest, Cosigners, HeldState};
use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::onchain::PrimaryProvider;
use cairn_primitives::{BucketId, Commitment};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The accomplice, as a cosigner of the provider.
pub(crate) struct Accomplice {
    pub(crate) signature_log: Arc<Mutex<SignatureLog>>,
    /// The provider's newest commitments.
    pub(crate) mirror: Arc<Mutex<BTreeMap<BucketId, Commitment>>>,
    /// Set when the process that asks is killed: nothing of it arrives any more.
    pub(crate) is_killed: Arc<AtomicBool>,
}

/// Returns the accomplice's request for a signature.
pub(crate) fn ask(request: CheckpointRequest) -> CosignRequest {
    CosignRequest {
        request,
        requester: Actor::Accomplice.account(),
        signature: Actor::Accomplice.sign_bytes(&request.signed_bytes()),
    }
}

#[async_trait]
impl Cosigners for Accomplice {
    async fn held_state(
        &self,
        _from: &PrimaryProvider,
        bucket: BucketId,
        _window: Option<u64>,
    ) -> Result<HeldState, CosignError> {
        let mirror = self.mirror.lock();
        let newest = mirror.get(&bucket);
        let newest = newest.ok_or_else(|| CosignError::Malformed("it does not answer".into()))?;
        Ok(HeldState {
            start_seq: newest.start_seq,
            leaf_count: newest.leaf_count,
            signed: None,
        })
    }

    async fn cosign(
        &self,
        _from: &PrimaryProvider,
        ask: &CosignRequest,
    ) -> Result<MultiSignature, CosignError> {
        if self.is_killed.load(Ordering::SeqCst) {
            return Err(CosignError::Malformed("the process is killed".into()));
        }
        let request = &ask.request;
        self.signature_log.lock().record(request, &ask.signature);
        Ok(Actor::Accomplice.sign_bytes(&request.signed_bytes()))
    }
}
