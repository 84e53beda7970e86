//! Peers as a source of lost content for a repair, which works on a thread of its own.

use crate::peer::{ClaimedContent, ContentQuery, Peer, PeerError};
use cairn_bucket::{ContentSource, ContentSourceError, FoundContent, WantedContent};
use cairn_primitives::{BucketId, H256};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Peers that a repair of one bucket takes lost content from. It must not be used on a thread of
/// the runtime, since it blocks.
pub struct HealingPeers {
    runtime: Handle,
    bucket: BucketId,
    peers: Vec<Arc<dyn Peer>>,
}

impl HealingPeers {
    /// Creates the source for a bucket.
    pub fn new(runtime: Handle, bucket: BucketId, peers: Vec<Arc<dyn Peer>>) -> Self {
        Self {
            runtime,
            bucket,
            peers,
        }
    }

    /// Asks one peer for what it has.
    async fn ask(
        &self,
        peer: &dyn Peer,
        wanted: &mut Vec<ContentQuery>,
        take: &mut dyn FnMut(H256, FoundContent) -> bool,
    ) -> Result<(), PeerError> {
        while !wanted.is_empty() {
            let before = wanted.len();
            for (hash, content) in peer.content(self.bucket, wanted).await? {
                let Some(at) = wanted.iter().position(|one| one.hash == hash) else {
                    continue;
                };
                let content = match content {
                    ClaimedContent::Chunk(bytes) => FoundContent::Chunk(bytes),
                    ClaimedContent::Node(left, right) => FoundContent::Node(left, right),
                };
                if !take(hash, content) {
                    let reason = format!("it returned other content than {hash:?}");
                    return Err(PeerError::Wrong(reason));
                }
                wanted.swap_remove(at);
            }
            if wanted.len() == before {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl ContentSource for HealingPeers {
    fn fetch(
        &mut self,
        wanted: &[WantedContent],
        take: &mut dyn FnMut(H256, FoundContent) -> bool,
    ) -> Result<(), ContentSourceError> {
        let all: Vec<_> = wanted
            .iter()
            .map(|one| {
                let is_chunk = one.shape.height() == 0;
                let length = usize::try_from(one.shape.bytes()).ok();
                ContentQuery {
                    hash: one.hash,
                    chunk_bytes: length.filter(|_| is_chunk),
                }
            })
            .collect();
        let (mut failed, mut is_any_of_use) = (Vec::new(), false);
        let mut left = all;
        for peer in &self.peers {
            let asked = self.ask(&**peer, &mut left, take);
            match self.runtime.block_on(asked) {
                Ok(()) => is_any_of_use = true,
                Err(error) => failed.push(format!("{}: {error}", peer.name())),
            }
            if left.is_empty() {
                return Ok(());
            }
        }
        match is_any_of_use {
            true => Ok(()),
            false => Err(ContentSourceError(format!(
                "no provider could be asked: {}",
                failed.join("; ")
            ))),
        }
    }
}
