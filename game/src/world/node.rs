//! Moves on the node: it never misbehaves long enough to keep an answer from the chain until the
//! deadline.

use super::World;
use crate::chain::Part;

/// The age in anchor blocks at which an open challenge stops further faults until it is answered or
/// lost.
const OLD: u32 = 3;

impl World {
    /// Returns true if no open challenge is old, so that there is time for faults.
    pub(super) fn is_calm(&self) -> bool {
        let chain = self.chain.lock();
        let now = chain.best().anchor;
        chain
            .open()
            .iter()
            .all(|challenge| now.saturating_sub(challenge.asked_at) <= OLD)
    }

    /// Takes N blocks of faults from the budget, if there is time and budget for them.
    fn some_trouble(&mut self, blocks: u32) -> Option<u32> {
        if !self.is_calm() || self.trouble < blocks {
            return None;
        }
        self.trouble -= blocks;
        Some(blocks)
    }

    pub(super) fn reorg(&mut self, a: u8) {
        let taken = self.chain.lock().reorg(1 + usize::from(a % 3));
        if taken > 0 {
            self.tell(format!("{taken} blocks are retracted"));
        }
        self.settle();
    }

    pub(super) fn stall(&mut self, a: u8) {
        if let Some(blocks) = self.some_trouble(1 + u32::from(a % 3)) {
            self.tell(format!("nothing is finalized for {blocks} blocks"));
            self.chain.lock().node.stalling += blocks;
        }
    }

    pub(super) fn lag(&mut self, a: u8) {
        if let Some(blocks) = self.some_trouble(1 + u32::from(a % 3)) {
            self.tell(format!("the node reports no head for {blocks} blocks"));
            self.chain.lock().node.lagging += blocks;
        }
    }

    pub(super) fn fail_to_tell(&mut self, a: u8, b: u8) {
        let parts = [
            Part::Provider,
            Part::Outcomes,
            Part::Judge,
            Part::Bucket,
            Part::Buckets,
            Part::OpenChallenges,
            Part::Limits,
            Part::Submit,
        ];
        let part = parts[usize::from(a) % parts.len()];
        if let Some(blocks) = self.some_trouble(1 + u32::from(b % 3)) {
            self.tell(format!("the node fails with {part:?} for {blocks} blocks"));
            self.chain.lock().node.failing.push((part, blocks));
        }
    }

    pub(super) fn remove_part(&mut self, a: u8) {
        let parts = [Part::Provider, Part::Outcomes, Part::Judge];
        let part = parts[usize::from(a) % parts.len()];
        self.tell(format!("an upgrade removes {part:?}"));
        self.chain.lock().node.unsupported.push(part);
    }

    pub(super) fn delay(&mut self, a: u8) {
        let blocks = u32::from(a % 3);
        self.tell(format!(
            "our extrinsics wait for {blocks} blocks from now on"
        ));
        self.chain.lock().node.delay = blocks;
    }

    pub(super) fn drop_pool(&mut self) {
        if self.some_trouble(2).is_some() {
            self.tell("the pool drops our extrinsics");
            self.chain.lock().drop_pool();
            self.settle();
        }
    }
}
