//! Subscriptions. Nothing is queued for a reader that is slow: each message is
//! what has changed since the one before, as it is when there is room for it.

use crate::types::{ChallengeChange, ChallengeInfo, ChallengeNews, CommitmentNews};
use cairn_bucket::Promise;
use cairn_gadget::ChallengeBoard;
use cairn_primitives::BucketId;
use cairn_provider::Provider;
use jsonrpsee::core::SubscriptionResult;
use jsonrpsee::{PendingSubscriptionSink, SubscriptionMessage, SubscriptionSink};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// How long one message may take to find room. Who reads nothing for so long is
/// gone, and its subscription ends.
const PATIENCE: Duration = Duration::from_secs(30);
/// Least time between two looks at the challenges: a burst of a thousand would
/// have each reader copy all of them a thousand times.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

async fn send(sink: &SubscriptionSink, news: &impl Serialize) -> bool {
    let Ok(message) = SubscriptionMessage::from_json(news) else {
        return false;
    };
    sink.send_timeout(message, PATIENCE).await.is_ok()
}

/// Commitments as they are signed, of one bucket or of all.
pub(super) async fn of_commitments(
    pending: PendingSubscriptionSink,
    provider: Arc<Provider>,
    bucket: Option<BucketId>,
) -> SubscriptionResult {
    // Before it is accepted: what is signed from then on is told.
    let mut promises = provider.promises();
    let sink = pending.accept().await?;
    loop {
        let mut newest = BTreeMap::new();
        let first = tokio::select! {
            () = sink.closed() => return Ok(()),
            promise = promises.recv() => promise,
        };
        match first {
            Ok((id, promise)) => keep(&mut newest, bucket, id, promise),
            // The newest are behind those that were missed.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Ok(()),
        }
        take_waiting(&mut promises, |id, promise| {
            keep(&mut newest, bucket, id, promise)
        });
        for (id, promise) in newest {
            if !send(&sink, &CommitmentNews::new(id, &promise)).await {
                return Ok(());
            }
        }
    }
}

fn keep(
    newest: &mut BTreeMap<BucketId, Promise>,
    wanted: Option<BucketId>,
    id: BucketId,
    promise: Promise,
) {
    if wanted.is_none_or(|wanted| wanted == id) {
        // What is signed for a checkpoint may have fewer leaves than what was
        // signed before it.
        let known = newest.remove(&id);
        newest.extend(Promise::greater(known, Some(promise)).map(|greater| (id, greater)));
    }
}

fn take_waiting(
    promises: &mut broadcast::Receiver<(BucketId, Promise)>,
    mut each: impl FnMut(BucketId, Promise),
) {
    loop {
        match promises.try_recv() {
            Ok((id, promise)) => each(id, promise),
            Err(broadcast::error::TryRecvError::Lagged(_)) => {}
            Err(_) => return,
        }
    }
}

/// Challenges as they come, get on and go.
pub(super) async fn of_challenges(
    pending: PendingSubscriptionSink,
    board: ChallengeBoard,
) -> SubscriptionResult {
    let sink = pending.accept().await?;
    let mut events = board.events();
    let mut known: BTreeMap<(u32, u16), ChallengeInfo> = BTreeMap::new();
    loop {
        events.mark_unchanged();
        let now: BTreeMap<_, _> = board
            .duties()
            .into_iter()
            .map(ChallengeInfo::from)
            .map(|info| ((info.deadline, info.index), info))
            .collect();
        for news in changes(&known, &now) {
            if !send(&sink, &news).await {
                return Ok(());
            }
        }
        known = now;
        tokio::select! {
            () = sink.closed() => return Ok(()),
            changed = events.changed() => if changed.is_err() {
                return Ok(());
            },
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// What has changed between two looks. Blocks that pass are no change.
fn changes<K: Ord + Copy>(
    before: &BTreeMap<K, ChallengeInfo>,
    now: &BTreeMap<K, ChallengeInfo>,
) -> Vec<ChallengeNews> {
    let closed = before.iter().filter(|(id, _)| !now.contains_key(id));
    let closed = closed.map(|(_, challenge)| (ChallengeChange::Closed, challenge));
    let open = now
        .iter()
        .filter_map(|(id, challenge)| match before.get(id) {
            None => Some((ChallengeChange::Open, challenge)),
            Some(known) => {
                let known = ChallengeInfo {
                    blocks_left: challenge.blocks_left,
                    ..known.clone()
                };
                (known != *challenge).then_some((ChallengeChange::Progress, challenge))
            }
        });
    closed
        .chain(open)
        .map(|(change, challenge)| ChallengeNews {
            change,
            challenge: challenge.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{ChallengeStage, Uint};
    use cairn_primitives::{Commitment, H256, LeafCount, Sequence};

    #[test]
    fn of_what_is_waiting_the_newest_stays_also_when_older_is_signed_after_it() {
        let promise = |start_seq, count| Promise {
            commitment: Commitment {
                mmr_root: H256::repeat_byte(9),
                start_seq: Sequence(start_seq),
                leaf_count: LeafCount::new(count).unwrap(),
            },
            signed_ms: 1,
        };
        let (one, two, other) = (BucketId(1), BucketId(2), BucketId(3));
        let mut newest = BTreeMap::new();
        for (id, promise) in [
            (one, promise(0, 5)),
            (one, promise(0, 7)),
            (one, promise(0, 6)),
            (two, promise(0, 9)),
            (two, promise(4, 2)),
            (other, promise(0, 99)),
        ] {
            keep(&mut newest, (id == other).then_some(one), id, promise);
        }
        let expected = [(one, promise(0, 7)), (two, promise(4, 2))];
        assert_eq!(newest, BTreeMap::from(expected));
    }

    fn challenge(index: u16, stage: ChallengeStage, blocks_left: u32) -> ChallengeInfo {
        ChallengeInfo {
            deadline: 100,
            index,
            bucket: Uint(7),
            mmr_root: H256::zero(),
            leaf_index: Uint(0),
            chunk_index: Uint(0),
            blocks_left: Some(blocks_left),
            stage,
            extrinsic: None,
            attempts: 0,
            needs_operator: false,
            is_unprovable: false,
        }
    }

    #[test]
    fn each_change_is_told_once_and_a_block_that_passes_is_none() {
        use ChallengeStage::{AtWork, Waiting};
        let before = BTreeMap::from([
            (1, challenge(1, Waiting, 9)),
            (2, challenge(2, Waiting, 9)),
            (3, challenge(3, Waiting, 9)),
        ]);
        let now = BTreeMap::from([
            (2, challenge(2, Waiting, 8)),
            (3, challenge(3, AtWork, 8)),
            (4, challenge(4, Waiting, 8)),
        ]);
        let told: Vec<_> = changes(&before, &now)
            .into_iter()
            .map(|news| (news.change, news.challenge.index))
            .collect();
        let expected = [
            (ChallengeChange::Closed, 1),
            (ChallengeChange::Progress, 3),
            (ChallengeChange::Open, 4),
        ];
        assert_eq!(told, expected);
        assert_eq!(changes(&now, &now), []);
    }
}
