//! How the node behaves: never so badly for so long that an answer could not
//! reach its chain in time.

use super::World;
use crate::chain::Part;

/// Anchor blocks after which an open challenge is an old one: from then on
/// nothing more goes wrong until it is answered or lost.
const OLD: u32 = 3;

impl World {
    /// Whether no open challenge is old, so that there is time for trouble.
    pub(super) fn is_calm(&self) -> bool {
        let chain = self.chain.lock();
        let now = chain.best().anchor;
        chain
            .open()
            .iter()
            .all(|challenge| now.saturating_sub(challenge.asked_at) <= OLD)
    }

    /// So many blocks of trouble, if there is room for as many.
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
            self.tell(format!("{taken} blocks are taken back"));
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
            self.tell(format!("the node tells of nothing for {blocks} blocks"));
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
        self.tell(format!("an upgrade: {part:?} is not offered any more"));
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
            self.tell("the pool drops what is ours");
            self.chain.lock().drop_pool();
            self.settle();
        }
    }
}
