//! The anchor block of a block: the runtime tells it, or rows tell by which clock it counts.

use super::ChainState;
use crate::anchor::{Anchor, Clocks, Evidence};
use crate::blocks::{self, Block};
use crate::features::AnchorSource;
use crate::names::ANCHOR_FUNCTION;
use crate::node::NodeState;
use crate::rows;
use crate::storage::StorageItem;
use cairn_chain::ChainError;
use std::sync::atomic::Ordering;

/// The most rows of an item that are read for the clock.
const MAX_EVIDENCE: u32 = 256;

impl<S: NodeState> ChainState<S> {
    /// Returns the anchor block.
    pub(crate) async fn anchor(&self, block: &Block) -> Result<Anchor, ChainError> {
        let read = block.anchor.get_or_try_init(|| self.read_anchor(block));
        read.await.copied()
    }

    /// Returns the anchor block if something depends on the pallet's clock, and it cannot be told.
    pub(super) async fn undecided(&self, block: &Block) -> Result<Option<Anchor>, ChainError> {
        match block.layout.features()?.anchor {
            AnchorSource::RuntimeApi => Ok(None),
            AnchorSource::State => {
                let anchor = self.anchor(block).await?;
                Ok(anchor.is_undecided.then_some(anchor))
            }
        }
    }

    /// Returns by how many blocks agreements may end later than their rows and the anchor block
    /// say.
    pub(super) async fn uncertainty(&self, block: &Block) -> Result<u32, ChainError> {
        let undecided = self.undecided(block).await?;
        Ok(undecided.map_or(0, |anchor| anchor.uncertainty()))
    }

    async fn read_anchor(&self, block: &Block) -> Result<Anchor, ChainError> {
        let layout = &block.layout;
        if layout.features()?.anchor == AnchorSource::RuntimeApi {
            if block.is_being_upgraded() {
                // The new code may count in another clock than the rows that it finds. The
                // anchor block before is behind by a block at most.
                let parent = self.within(self.node.header(block.hash)).await?.parent;
                let parent = self.block(parent).await?;
                return Box::pin(self.anchor(&parent)).await;
            }
            let told = blocks::call(&self.node, block.hash, ANCHOR_FUNCTION, Vec::new());
            return self.within(told).await.map(Anchor::known);
        }
        let own_item = layout.storage("System", "Number")?;
        let relay_item = layout
            .storage("ParachainSystem", "LastRelayChainBlockNumber")
            .ok();
        let own = self.number(block, own_item).await?.unwrap_or(0);
        let relay = match relay_item {
            Some(item) => self.number(block, item).await?,
            None => None,
        };
        // A chain without a relay chain has one clock.
        let Some(relay) = relay else {
            return Ok(Anchor::known(own));
        };
        let clocks = Clocks { own, relay };
        let known = *layout.clock.lock();
        if let Some(clock) = known {
            return Ok(Anchor::known(clocks.by(clock)));
        }
        let period = self.challenge_period(block).await?;
        let deadlines = self.first_deadlines(block).await?;
        if clocks.are_near(period) {
            return Ok(clocks.unknown(&deadlines, false));
        }
        let evidence = self.evidence(block, deadlines).await?;
        // Before there is a row, nothing depends on the clock.
        if !evidence.has_rows {
            return Ok(clocks.unknown(&[], false));
        }
        let Some(clock) = clocks.tell(&evidence, period) else {
            if !layout.has_logged_clock.swap(true, Ordering::Relaxed) {
                tracing::error!(
                    own,
                    relay,
                    "THE PALLET DOES NOT TELL WHETHER IT COUNTS IN ITS OWN BLOCKS OR IN THE RELAY \
                     CHAIN'S, and its rows fit both: challenges are answered by the nearer \
                     deadline, and nothing is signed until rows tell"
                );
            }
            return Ok(clocks.unknown(&evidence.deadlines, true));
        };
        *layout.clock.lock() = Some(clock);
        Ok(Anchor::known(clocks.by(clock)))
    }

    /// Reads the first rows of each item that says when something happened.
    async fn evidence(&self, block: &Block, deadlines: Vec<u32>) -> Result<Evidence, ChainError> {
        let mut evidence = Evidence {
            has_rows: !deadlines.is_empty(),
            latest: None,
            deadlines,
        };
        for name in ["Providers", "StorageAgreements", "Buckets"] {
            let Ok(item) = block.layout.item(name) else {
                continue;
            };
            let keys = self.first_keys(block, &item).await?;
            evidence.has_rows |= !keys.is_empty();
            // A row that does not decode shows nothing.
            let rows = self.values(block, keys).await?;
            let happened = rows.into_iter().flatten().filter_map(|bytes| {
                let value = item.decode(&bytes).ok()?;
                rows::happened_at(name, &value)
            });
            evidence.latest = evidence.latest.max(happened.max());
        }
        Ok(evidence)
    }

    /// Reads the deadlines of the first challenges that are not removed.
    async fn first_deadlines(&self, block: &Block) -> Result<Vec<u32>, ChainError> {
        let Ok(item) = block.layout.item("Challenges") else {
            return Ok(Vec::new());
        };
        let keys = self.first_keys(block, &item).await?;
        let mut deadlines = Vec::new();
        for key in keys {
            // The deadline is the first part of the key in each layout.
            let parts = item.parts_of(&key).unwrap_or_default();
            let deadline = parts.first().and_then(|first| first.number::<u32>().ok());
            deadlines.extend(deadline);
        }
        Ok(deadlines)
    }

    async fn first_keys(
        &self,
        block: &Block,
        item: &StorageItem<'_>,
    ) -> Result<Vec<Vec<u8>>, ChainError> {
        let page = self
            .node
            .keys(block.hash, item.prefix(), None, MAX_EVIDENCE);
        self.within(page).await
    }
}
