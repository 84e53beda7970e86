//! The node's transaction pool: nonces, submissions and their statuses.

use cairn_chain::{ChainError, ExtrinsicStatus};
use cairn_chain_metadata::SubmitError;
use cairn_primitives::H256;
use cairn_primitives::challenge::AccountId;
use codec::{DecodeAll, Encode};
use futures::stream::{BoxStream, StreamExt, unfold};
use sc_transaction_pool_api::error::{Error as PoolError, IntoPoolError};
use sc_transaction_pool_api::{
    InPoolTransaction, TransactionPool, TransactionSource, TransactionStatus,
};
use sp_runtime::traits::Block as BlockT;

/// Hands a signed extrinsic to the pool.
pub(crate) async fn submit<P>(
    pool: &P,
    best: H256,
    extrinsic: &[u8],
) -> Result<BoxStream<'static, ExtrinsicStatus>, SubmitError>
where
    P: TransactionPool<Hash = H256>,
    P::Block: BlockT<Hash = H256>,
{
    let extrinsic = <P::Block as BlockT>::Extrinsic::decode_all(&mut &*extrinsic);
    let extrinsic = extrinsic.map_err(|error| {
        ChainError::Unsupported(format!("the node does not take this extrinsic: {error}"))
    })?;
    let watched = pool.submit_and_watch(best, TransactionSource::Local, extrinsic);
    let watched = match watched.await.map_err(IntoPoolError::into_pool_error) {
        Ok(watched) => watched,
        // It was signed just now, so the pool has this very extrinsic: a block that arrived in
        // between made the pool import it twice. It is there, but without a status stream.
        Err(Ok(PoolError::AlreadyImported(_))) => return Ok(futures::stream::empty().boxed()),
        Err(Ok(error @ PoolError::TooLowPriority { .. })) => {
            return Err(SubmitError::NonceTaken(error.to_string()));
        }
        Err(Ok(error)) => return Err(ChainError::PoolRejected(error.to_string()).into()),
        Err(Err(error)) => return Err(ChainError::PoolRejected(error.to_string()).into()),
    };
    let statuses = watched.filter_map(|status| async move { status_of(status) });
    // The stream ends after a final status.
    let ended = unfold(Some(Box::pin(statuses)), |statuses| async move {
        let mut statuses = statuses?;
        let status = statuses.next().await?;
        let is_final = matches!(
            status,
            ExtrinsicStatus::Finalized(_) | ExtrinsicStatus::Dropped(_)
        );
        Some((status, (!is_final).then_some(statuses)))
    });
    Ok(ended.boxed())
}

/// Returns the first nonce from `nonce` on that no extrinsic in the pool has. A dropped
/// extrinsic leaves a gap, which is filled first.
///
/// The pool lists extrinsics by the tag that they provide: `(account, nonce)` in SCALE, as
/// defined by `frame_system::CheckNonce` and used by `system_accountNextIndex`.
pub(crate) fn next_free_nonce<P: TransactionPool>(pool: &P, account: AccountId, nonce: u32) -> u32 {
    pool.ready().fold(nonce, |nonce, extrinsic| {
        if extrinsic.provides().first() == Some(&(account, nonce).encode()) {
            nonce.saturating_add(1)
        } else {
            nonce
        }
    })
}

fn status_of<Hash>(status: TransactionStatus<Hash, H256>) -> Option<ExtrinsicStatus> {
    let dropped = |why: &str| Some(ExtrinsicStatus::Dropped(why.to_owned()));
    match status {
        TransactionStatus::Future | TransactionStatus::Ready | TransactionStatus::Broadcast(_) => {
            None
        }
        TransactionStatus::InBlock((block, _)) => Some(ExtrinsicStatus::InBlock(block)),
        TransactionStatus::Retracted(block) => Some(ExtrinsicStatus::Retracted(block)),
        TransactionStatus::Finalized((block, _)) => Some(ExtrinsicStatus::Finalized(block)),
        TransactionStatus::FinalityTimeout(_) => dropped("its block was not finalized in time"),
        TransactionStatus::Usurped(_) => dropped("another took its place"),
        TransactionStatus::Dropped => dropped("the pool dropped it"),
        TransactionStatus::Invalid => dropped("it is not valid any more"),
    }
}
