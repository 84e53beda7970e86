//! Maps a node's status stream of an extrinsic to [`Progress`].

use super::nonces::HeldNonce;
use cairn_chain::Progress;
use cairn_primitives::H256;
use futures::stream::{BoxStream, StreamExt, unfold};
use subxt::rpcs::client::RpcSubscription;
use subxt::rpcs::methods::legacy::TransactionStatus;

/// A node's status stream of a submitted extrinsic.
pub(super) type Statuses = RpcSubscription<TransactionStatus<H256>>;

/// Follows an extrinsic to its final status, and holds its nonce until then.
pub(super) fn follow(statuses: Statuses, nonce: HeldNonce) -> BoxStream<'static, Progress> {
    unfold(Some((statuses, nonce)), |following| async move {
        let (mut statuses, nonce) = following?;
        loop {
            match told(statuses.next().await?.ok()?) {
                Told::Nothing => {}
                Told::Lost => return None,
                Told::Progress(progress) => return Some((progress, Some((statuses, nonce)))),
                Told::Last(progress) => return Some((progress, None)),
            }
        }
    })
    .boxed()
}

/// The meaning of one status.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// It has no meaning here.
    Nothing,
    /// No more statuses will follow.
    Lost,
    Progress(Progress),
    Last(Progress),
}

fn told(status: TransactionStatus<H256>) -> Told {
    use TransactionStatus as Status;
    let gone = |why: &str| Told::Last(Progress::Gone(why.to_owned()));
    match status {
        Status::Future | Status::Ready | Status::Broadcast(_) => Told::Nothing,
        Status::InBlock(block) => Told::Progress(Progress::InBlock(block)),
        Status::Retracted(block) => Told::Progress(Progress::Retracted(block)),
        Status::Finalized(block) => Told::Last(Progress::Finalized(block)),
        // It is in a block, but the pool has stopped waiting for finality.
        Status::FinalityTimeout(_) => Told::Lost,
        Status::Usurped(by) => gone(&format!("extrinsic {by:?} replaced it")),
        Status::Dropped => gone("the pool was full and dropped it"),
        Status::Invalid => gone("it is no longer valid"),
    }
}
