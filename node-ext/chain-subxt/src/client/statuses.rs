//! Maps a node's status stream of an extrinsic to [`Progress`].

use super::nonces::HeldNonce;
use cairn_chain::ExtrinsicStatus;
use cairn_primitives::H256;
use futures::stream::{BoxStream, StreamExt, unfold};
use subxt::rpcs::client::RpcSubscription;
use subxt::rpcs::methods::legacy::TransactionStatus;

/// A node's status stream of a submitted extrinsic.
pub(super) type Statuses = RpcSubscription<TransactionStatus<H256>>;

/// Follows an extrinsic to its final status, and holds its nonce until then.
pub(super) fn follow(statuses: Statuses, nonce: HeldNonce) -> BoxStream<'static, ExtrinsicStatus> {
    unfold(Some((statuses, nonce)), |following| async move {
        let (mut statuses, nonce) = following?;
        loop {
            match interpret(statuses.next().await?.ok()?) {
                StreamItem::Ignored => {}
                StreamItem::StreamEnd => return None,
                StreamItem::Status(progress) => return Some((progress, Some((statuses, nonce)))),
                StreamItem::FinalStatus(progress) => return Some((progress, None)),
            }
        }
    })
    .boxed()
}

/// The meaning of one status.
#[derive(Debug, PartialEq, Eq)]
enum StreamItem {
    /// It has no meaning here.
    Ignored,
    /// No more statuses will follow.
    StreamEnd,
    Status(ExtrinsicStatus),
    FinalStatus(ExtrinsicStatus),
}

fn interpret(status: TransactionStatus<H256>) -> StreamItem {
    use TransactionStatus as Status;
    let gone = |why: &str| StreamItem::FinalStatus(ExtrinsicStatus::Dropped(why.to_owned()));
    match status {
        Status::Future | Status::Ready | Status::Broadcast(_) => StreamItem::Ignored,
        Status::InBlock(block) => StreamItem::Status(ExtrinsicStatus::InBlock(block)),
        Status::Retracted(block) => StreamItem::Status(ExtrinsicStatus::Retracted(block)),
        Status::Finalized(block) => StreamItem::FinalStatus(ExtrinsicStatus::Finalized(block)),
        // It is in a block, but the pool has stopped waiting for finality.
        Status::FinalityTimeout(_) => StreamItem::StreamEnd,
        Status::Usurped(by) => gone(&format!("extrinsic {by:?} replaced it")),
        Status::Dropped => gone("the pool was full and dropped it"),
        Status::Invalid => gone("it is no longer valid"),
    }
}
