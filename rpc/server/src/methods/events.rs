//! Subscriptions. Nothing is queued for a slow subscriber: each message has the changes since the
//! one before, as of the moment when there is room for it.

use crate::convert::{challenge_info, commitment_event};
use cairn_bucket::SignedRoot;
use cairn_gadget::ChallengeStatus;
use cairn_primitives::BucketId;
use cairn_provider::Provider;
use cairn_rpc_api::{ChallengeChange, ChallengeEvent, ChallengeInfo};
use jsonrpsee::core::SubscriptionResult;
use jsonrpsee::{PendingSubscriptionSink, SubscriptionMessage, SubscriptionSink};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// How long a message waits for room. A subscriber that reads nothing for this long is gone, and
/// its subscription ends.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// The least time between two copies of all challenges: in a burst of a thousand, each subscriber
/// would otherwise copy all of them a thousand times.
const MIN_POLL_INTERVAL: Duration = Duration::from_millis(100);

async fn send(sink: &SubscriptionSink, event: &impl Serialize) -> bool {
    let Ok(message) = SubscriptionMessage::from_json(event) else {
        return false;
    };
    sink.send_timeout(message, SEND_TIMEOUT).await.is_ok()
}

/// Sends commitments as they are signed, of one bucket or of all.
pub(super) async fn stream_commitments(
    pending: PendingSubscriptionSink,
    provider: Arc<Provider>,
    bucket: Option<BucketId>,
) -> SubscriptionResult {
    // Before the subscription is accepted, so that no later commitment is missed.
    let mut signed_roots = provider.signed_roots();
    let sink = pending.accept().await?;
    loop {
        let mut newest = BTreeMap::new();
        let first = tokio::select! {
            () = sink.closed() => return Ok(()),
            signed_root = signed_roots.recv() => signed_root,
        };
        match first {
            Ok((id, signed_root)) => keep_newest(&mut newest, bucket, id, signed_root),
            // The newest commitments come after those that were missed.
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Ok(()),
        }
        drain(&mut signed_roots, |id, signed_root| {
            keep_newest(&mut newest, bucket, id, signed_root)
        });
        for (id, signed_root) in newest {
            if !send(&sink, &commitment_event(id, &signed_root)).await {
                return Ok(());
            }
        }
    }
}

fn keep_newest(
    newest: &mut BTreeMap<BucketId, SignedRoot>,
    wanted: Option<BucketId>,
    id: BucketId,
    signed_root: SignedRoot,
) {
    if wanted.is_none_or(|wanted| wanted == id) {
        // A signature for a checkpoint may cover fewer leaves than one before it.
        let known = newest.remove(&id);
        newest.extend(
            SignedRoot::most_advanced(known, Some(signed_root)).map(|greater| (id, greater)),
        );
    }
}

fn drain(
    signed_roots: &mut broadcast::Receiver<(BucketId, SignedRoot)>,
    mut each: impl FnMut(BucketId, SignedRoot),
) {
    loop {
        match signed_roots.try_recv() {
            Ok((id, signed_root)) => each(id, signed_root),
            Err(broadcast::error::TryRecvError::Lagged(_)) => {}
            Err(_) => return,
        }
    }
}

/// Sends challenges as they open, progress and close.
pub(super) async fn stream_challenges(
    pending: PendingSubscriptionSink,
    board: ChallengeStatus,
) -> SubscriptionResult {
    let sink = pending.accept().await?;
    let mut events = board.events();
    let mut known: BTreeMap<(u32, u16), ChallengeInfo> = BTreeMap::new();
    loop {
        events.mark_unchanged();
        let now: BTreeMap<_, _> = board
            .duties()
            .into_iter()
            .map(challenge_info)
            .map(|info| ((info.deadline, info.index), info))
            .collect();
        for event in changes(&known, &now) {
            if !send(&sink, &event).await {
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
        tokio::time::sleep(MIN_POLL_INTERVAL).await;
    }
}

/// Returns the changes between two polls. A block that passes is no change.
fn changes<K: Ord + Copy>(
    before: &BTreeMap<K, ChallengeInfo>,
    now: &BTreeMap<K, ChallengeInfo>,
) -> Vec<ChallengeEvent> {
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
        .map(|(change, challenge)| ChallengeEvent {
            change,
            challenge: challenge.clone(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cairn_primitives::{Commitment, H256, LeafCount, Sequence};
    use cairn_rpc_api::{ChallengeStage, U64OrHex};

    #[test]
    fn the_newest_commitment_stays_when_an_older_one_follows() {
        let signed_root = |start_seq, count| SignedRoot {
            commitment: Commitment {
                mmr_root: H256::repeat_byte(9),
                start_seq: Sequence(start_seq),
                leaf_count: LeafCount::new(count).unwrap(),
            },
            signed_ms: 1,
        };
        let (one, two, other) = (BucketId(1), BucketId(2), BucketId(3));
        let mut newest = BTreeMap::new();
        for (id, signed_root) in [
            (one, signed_root(0, 5)),
            (one, signed_root(0, 7)),
            (one, signed_root(0, 6)),
            (two, signed_root(0, 9)),
            (two, signed_root(4, 2)),
            (other, signed_root(0, 99)),
        ] {
            keep_newest(&mut newest, (id == other).then_some(one), id, signed_root);
        }
        let expected = [(one, signed_root(0, 7)), (two, signed_root(4, 2))];
        assert_eq!(newest, BTreeMap::from(expected));
    }

    fn challenge(index: u16, stage: ChallengeStage, blocks_left: u32) -> ChallengeInfo {
        ChallengeInfo {
            deadline: 100,
            index,
            bucket: U64OrHex(7),
            mmr_root: H256::zero(),
            leaf_index: U64OrHex(0),
            chunk_index: U64OrHex(0),
            blocks_left: Some(blocks_left),
            stage,
            extrinsic: None,
            attempts: 0,
            needs_operator: false,
            is_unprovable: false,
        }
    }

    #[test]
    fn each_change_is_one_event_and_a_block_is_none() {
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
        let events: Vec<_> = changes(&before, &now)
            .into_iter()
            .map(|event| (event.change, event.challenge.index))
            .collect();
        let expected = [
            (ChallengeChange::Closed, 1),
            (ChallengeChange::Progress, 3),
            (ChallengeChange::Open, 4),
        ];
        assert_eq!(events, expected);
        assert_eq!(changes(&now, &now), []);
    }
}
