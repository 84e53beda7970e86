//! Signs extrinsics inside the runtime, and submits them to the node's pool.

use super::SubstrateClient;
use cairn_chain::{ChainError, ExtrinsicStatus, Submission, SubmittedExtrinsic};
use cairn_primitives::H256;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::runtime_api::StorageProviderApi;
use codec::Encode;
use futures::stream::StreamExt;
use sc_transaction_pool_api::error::{Error as PoolError, IntoPoolError};
use sc_transaction_pool_api::{
    InPoolTransaction, TransactionPool, TransactionSource, TransactionStatus,
};
use sp_api::{ApiExt, ProvideRuntimeApi};
use sp_blockchain::HeaderBackend;
use sp_keystore::KeystoreExt;
use sp_runtime::traits::Block as BlockT;

impl<Block, Client, Pool> SubstrateClient<Block, Client, Pool>
where
    Block: BlockT<Hash = H256>,
    Client: ProvideRuntimeApi<Block, Api: StorageProviderApi<Block> + ApiExt<Block>>
        + HeaderBackend<Block>
        + Send
        + Sync
        + 'static,
    Pool: TransactionPool<Block = Block, Hash = H256> + 'static,
{
    /// Signs a submission with the account's key and hands it to the node's pool.
    pub async fn sign_and_submit(
        &self,
        submission: Submission,
    ) -> Result<SubmittedExtrinsic, ChainError> {
        let _one_at_a_time = self.submitting.lock().await;
        let at = self.client.info().best_hash;
        let account = self.account;
        let on_chain = self.query(at, move |api| api.nonce(at, account)).await?;
        let nonce = next_free_nonce(&*self.pool, account, on_chain);
        let extrinsic = self.sign(at, nonce, submission).await?;
        let hash = self.pool.hash_of(&extrinsic);
        let watched = self
            .pool
            .submit_and_watch(at, TransactionSource::Local, extrinsic)
            .await;
        let watched = match watched.map_err(IntoPoolError::into_pool_error) {
            Ok(watched) => watched,
            // It was signed just now, so the pool has this very extrinsic: a block that
            // arrived in between made the pool import it twice. It is there, but without
            // a status stream.
            Err(Ok(PoolError::AlreadyImported(_))) => {
                let statuses = futures::stream::empty().boxed();
                return Ok(SubmittedExtrinsic { hash, statuses });
            }
            Err(Ok(error)) => return Err(ChainError::PoolRejected(error.to_string())),
            Err(Err(error)) => return Err(ChainError::PoolRejected(error.to_string())),
        };
        let statuses = watched.filter_map(|status| async move { status_of(status) });
        // The stream ends after a final status.
        let ended = futures::stream::unfold(Some(Box::pin(statuses)), |statuses| async move {
            let mut statuses = statuses?;
            let step = statuses.next().await?;
            let over = matches!(
                step,
                ExtrinsicStatus::Finalized(_) | ExtrinsicStatus::Dropped(_)
            );
            Some((step, (!over).then_some(statuses)))
        });
        Ok(SubmittedExtrinsic {
            hash,
            statuses: ended.boxed(),
        })
    }

    async fn sign(
        &self,
        at: H256,
        nonce: u32,
        submission: Submission,
    ) -> Result<Block::Extrinsic, ChainError> {
        let account = self.account;
        let keystore = self.keystore.clone();
        let signed = self
            .query(at, move |mut api| {
                api.register_extension(KeystoreExt::from(keystore));
                match submission {
                    Submission::Response { id, response } => {
                        api.sign_response(at, account, nonce, id, *response)
                    }
                    Submission::Checkpoint {
                        bucket,
                        commitment,
                        window,
                        signatures,
                    } => api.sign_checkpoint(
                        at, account, nonce, bucket, commitment, window, signatures,
                    ),
                }
            })
            .await?;
        signed.ok_or_else(|| ChainError::NoKey {
            account: hex::encode(account.0),
        })
    }
}

/// Returns the first nonce from `nonce` on that no extrinsic in the pool has. A dropped
/// extrinsic leaves a gap, which is filled first.
///
/// The pool lists extrinsics by the tag that they provide: `(account, nonce)` in SCALE, as
/// defined by `frame_system::CheckNonce` and used by `system_accountNextIndex`.
fn next_free_nonce<P: TransactionPool>(pool: &P, account: AccountId, nonce: u32) -> u32 {
    pool.ready().fold(nonce, |nonce, extrinsic| {
        if extrinsic.provides().first() == Some(&(account, nonce).encode()) {
            nonce.saturating_add(1)
        } else {
            nonce
        }
    })
}

fn status_of<Hash>(status: TransactionStatus<Hash, H256>) -> Option<ExtrinsicStatus> {
    match status {
        TransactionStatus::Future | TransactionStatus::Ready | TransactionStatus::Broadcast(_) => {
            None
        }
        TransactionStatus::InBlock((block, _)) => Some(ExtrinsicStatus::InBlock(block)),
        TransactionStatus::Retracted(block) => Some(ExtrinsicStatus::Retracted(block)),
        TransactionStatus::Finalized((block, _)) => Some(ExtrinsicStatus::Finalized(block)),
        TransactionStatus::FinalityTimeout(_) => Some(ExtrinsicStatus::Dropped(
            "its block was not finalized in time".into(),
        )),
        TransactionStatus::Usurped(_) => {
            Some(ExtrinsicStatus::Dropped("another took its place".into()))
        }
        TransactionStatus::Dropped => Some(ExtrinsicStatus::Dropped("the pool dropped it".into())),
        TransactionStatus::Invalid => {
            Some(ExtrinsicStatus::Dropped("it is not valid any more".into()))
        }
    }
}
