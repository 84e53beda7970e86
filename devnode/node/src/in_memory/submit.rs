//! Signs and submits extrinsics of development accounts, and follows them into a block.

use super::InMemoryNode;
use crate::NodeError;
use crate::sealing::Sealing;
use cairn_devnode_runtime::frame_system::{self, Phase};
use cairn_devnode_runtime::{
    AccountId, Address, BlockNumber, Hash, Nonce, RuntimeCall, RuntimeError, RuntimeEvent,
    Signature, SignedPayload, UncheckedExtrinsic, VERSION, transaction_extension,
};
use codec::{Decode, Encode};
use futures::StreamExt;
use sc_client_api::{BlockBackend, BlockchainEvents};
use sc_transaction_pool_api::error::{Error as PoolError, IntoPoolError};
use sc_transaction_pool_api::{TransactionPool, TransactionSource};
use sp_api::ProvideRuntimeApi;
use sp_blockchain::HeaderBackend;
use sp_core::{Pair, sr25519};
use sp_runtime::OpaqueExtrinsic;
use sp_runtime::generic::Era;
use sp_runtime::traits::{BlakeTwo256, Hash as _};
use substrate_frame_rpc_system::AccountNonceApi;

/// The number of blocks within which an extrinsic in the pool must be included: many, since
/// with a short interval blocks are sealed faster than a busy machine's pool follows.
const MAX_INCLUSION_BLOCKS: u32 = 200;

/// The number of blocks after which an extrinsic that is not included is submitted again:
/// the pool may drop one that arrives together with a block.
const RESUBMIT_AFTER_BLOCKS: u32 = 25;

/// An extrinsic that the pool has accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingExtrinsic {
    /// Its hash.
    pub extrinsic: Hash,
    /// The number of the last block when it was submitted: no block up to there includes it.
    pub after: BlockNumber,
}

/// An extrinsic in a finalized block.
#[derive(Clone, Debug)]
pub struct IncludedExtrinsic {
    /// The block.
    pub block: Hash,
    /// The block's number.
    pub number: BlockNumber,
    /// The extrinsic's events, in order.
    pub events: Vec<RuntimeEvent>,
}

impl IncludedExtrinsic {
    /// Returns the reason why the call failed, if it did.
    pub fn failure(&self) -> Option<String> {
        self.events.iter().find_map(|event| match event {
            RuntimeEvent::System(frame_system::Event::ExtrinsicFailed {
                dispatch_error, ..
            }) => Some(match RuntimeError::from_dispatch_error(*dispatch_error) {
                Some(error) => format!("{error:?}"),
                None => format!("{dispatch_error:?}"),
            }),
            _ => None,
        })
    }
}

impl InMemoryNode {
    /// Signs and submits a call, and waits until a finalized block includes it. Seals
    /// blocks for it unless they are sealed at an interval. A failed call is an error.
    pub async fn submit_and_wait(
        &self,
        pair: &sr25519::Pair,
        call: impl Into<RuntimeCall>,
    ) -> Result<IncludedExtrinsic, NodeError> {
        let handed_in = self.submit(pair, call).await?;
        let included = self.wait_for_inclusion(handed_in).await?;
        match included.failure() {
            None => Ok(included),
            Some(reason) => Err(NodeError::Dispatch {
                block: included.block,
                reason,
            }),
        }
    }

    /// Signs a call and submits it to the pool.
    pub async fn submit(
        &self,
        pair: &sr25519::Pair,
        call: impl Into<RuntimeCall>,
    ) -> Result<PendingExtrinsic, NodeError> {
        let account = AccountId::from(pair.public());
        let nonce = self.take_nonce(&account)?;
        let extrinsic = self.sign(pair, nonce, call.into())?;
        let taken = self.submit_extrinsic(extrinsic).await;
        if taken.is_err() {
            // The nonce was not used: read it from the chain again.
            self.nonces.lock().remove(&account);
        }
        taken
    }

    /// Submits a signed extrinsic to the pool.
    pub async fn submit_extrinsic(
        &self,
        extrinsic: OpaqueExtrinsic,
    ) -> Result<PendingExtrinsic, NodeError> {
        let best = self.client().info();
        let hash = self.pool().hash_of(&extrinsic);
        let source = TransactionSource::Local;
        let taken = self
            .pool()
            .submit_one(best.best_hash, source, extrinsic.clone())
            .await;
        let taken = match taken.map_err(IntoPoolError::into_pool_error) {
            Ok(_) => Ok(()),
            // The pool has it already, because a block arrived in between.
            Err(Ok(PoolError::AlreadyImported(_))) => Ok(()),
            Err(Ok(error)) => Err(error.to_string()),
            Err(Err(error)) => Err(error.to_string()),
        };
        taken.map_err(NodeError::Pool)?;
        self.under_way.lock().insert(hash, extrinsic);
        Ok(PendingExtrinsic {
            extrinsic: hash,
            after: best.best_number,
        })
    }

    /// Waits until a finalized block includes an extrinsic. Seals blocks for it unless they
    /// are sealed at an interval.
    pub async fn wait_for_inclusion(
        &self,
        handed_in: PendingExtrinsic,
    ) -> Result<IncludedExtrinsic, NodeError> {
        let mut notices = self.client().finality_notification_stream();
        let mut searched = handed_in.after;
        let last = searched.saturating_add(MAX_INCLUSION_BLOCKS);
        let mut again_at = searched.saturating_add(RESUBMIT_AFTER_BLOCKS);
        loop {
            let finalized = self.client().info().finalized_number;
            while searched < finalized {
                searched = searched.saturating_add(1);
                if let Some(included) = self.find(searched, handed_in.extrinsic)? {
                    self.under_way.lock().remove(&handed_in.extrinsic);
                    return Ok(included);
                }
            }
            if searched >= again_at {
                again_at = searched.saturating_add(RESUBMIT_AFTER_BLOCKS);
                let lost = self.under_way.lock().get(&handed_in.extrinsic).cloned();
                if let Some(extrinsic) = lost {
                    // If the pool still has it, nothing changes.
                    let _ = self.submit_extrinsic(extrinsic).await;
                }
            }
            if searched >= last {
                return Err(NodeError::NotIncluded {
                    extrinsic: handed_in.extrinsic,
                    blocks: MAX_INCLUSION_BLOCKS,
                });
            }
            match self.sealing {
                Sealing::OnRequest => drop(self.seal(1).await?),
                Sealing::Interval(_) => drop(notices.next().await.ok_or(NodeError::SealerGone)?),
            }
        }
    }

    /// Returns an extrinsic in a block of the best chain, if the block includes it.
    fn find(
        &self,
        number: BlockNumber,
        extrinsic: Hash,
    ) -> Result<Option<IncludedExtrinsic>, NodeError> {
        let Some(block) = self.client().hash(number)? else {
            return Ok(None);
        };
        let body = self.client().block_body(block)?.unwrap_or_default();
        let place = body
            .iter()
            .position(|included| BlakeTwo256::hash_of(included) == extrinsic)
            .and_then(|place| u32::try_from(place).ok());
        let Some(place) = place else { return Ok(None) };
        let events = self.events(block)?.into_iter();
        let caused = events.filter(|record| record.phase == Phase::ApplyExtrinsic(place));
        Ok(Some(IncludedExtrinsic {
            block,
            number,
            events: caused.map(|record| record.event).collect(),
        }))
    }

    /// Takes the next nonce of an account, counting extrinsics submitted from here.
    fn take_nonce(&self, account: &AccountId) -> Result<Nonce, NodeError> {
        let best = self.client().info().best_hash;
        let on_chain = self
            .client()
            .runtime_api()
            .account_nonce(best, account.clone())?;
        let mut nonces = self.nonces.lock();
        let next = nonces.entry(account.clone()).or_default();
        let nonce = on_chain.max(*next);
        *next = nonce.saturating_add(1);
        Ok(nonce)
    }

    /// Signs a call as an immortal extrinsic.
    fn sign(
        &self,
        pair: &sr25519::Pair,
        nonce: Nonce,
        call: RuntimeCall,
    ) -> Result<OpaqueExtrinsic, NodeError> {
        let genesis = self.client().info().genesis_hash;
        let implicit = (
            (),
            VERSION.spec_version,
            VERSION.transaction_version,
            genesis,
            genesis,
            (),
            (),
            (),
        );
        let extension = transaction_extension(Era::Immortal, nonce);
        let payload = SignedPayload::from_raw(call, extension, implicit);
        let signature = payload.using_encoded(|bytes| pair.sign(bytes));
        let (call, extension, _) = payload.deconstruct();
        let extrinsic = UncheckedExtrinsic::new_signed(
            call,
            Address::Id(pair.public().into()),
            Signature::Sr25519(signature),
            extension,
        );
        OpaqueExtrinsic::decode(&mut extrinsic.encode().as_slice()).map_err(|e| NodeError::Decode {
            what: "the extrinsic that was just made, on top",
            block: genesis,
            reason: e.to_string(),
        })
    }
}
