//! Moves on the node: it never misbehaves long enough to keep an answer from the chain until the
//! deadline.

use super::World;
use super::root_moves::MIN_TIME_LEFT;
use crate::chain::Query;

/// The age in anchor blocks at which an open challenge stops further faults until it is answered or
/// lost.
const MAX_CALM_AGE: u32 = 3;

impl World {
    /// Returns true if no open challenge is old, so that there is time for faults.
    pub(super) fn can_add_faults(&self) -> bool {
        let chain = self.chain.lock();
        let now = chain.best().anchor;
        chain.open_challenges().iter().all(|challenge| {
            now.saturating_sub(challenge.asked_at) <= MAX_CALM_AGE
                && challenge.id.deadline >= now + MIN_TIME_LEFT
        })
    }

    /// Takes N blocks of faults from the budget, if there is time and budget for them.
    pub(super) fn take_fault_budget(&mut self, blocks: u32) -> Option<u32> {
        if !self.can_add_faults() || self.fault_budget < blocks {
            return None;
        }
        self.fault_budget -= blocks;
        Some(blocks)
    }

    pub(super) fn reorg(&mut self, a: u8) {
        let taken = self.chain.lock().reorg(1 + usize::from(a % 3));
        if taken > 0 {
            self.log_event(format!("{taken} blocks are retracted"));
        }
        self.run_until_idle();
    }

    pub(super) fn stall(&mut self, a: u8) {
        if let Some(blocks) = self.take_fault_budget(1 + u32::from(a % 3)) {
            self.log_event(format!("nothing is finalized for {blocks} blocks"));
            self.chain.lock().node.stall_blocks += blocks;
        }
    }

    pub(super) fn lag(&mut self, a: u8) {
        if let Some(blocks) = self.take_fault_budget(1 + u32::from(a % 3)) {
            self.log_event(format!("the node reports no head for {blocks} blocks"));
            self.chain.lock().node.lag_blocks += blocks;
        }
    }

    pub(super) fn fail_query(&mut self, a: u8, b: u8) {
        let parts = [
            Query::Provider,
            Query::Outcomes,
            Query::Judge,
            Query::Bucket,
            Query::Buckets,
            Query::OpenChallenges,
            Query::Limits,
            Query::Submit,
        ];
        let part = parts[usize::from(a) % parts.len()];
        if let Some(blocks) = self.take_fault_budget(1 + u32::from(b % 3)) {
            self.log_event(format!("the node fails with {part:?} for {blocks} blocks"));
            self.chain.lock().node.failing.push((part, blocks));
        }
    }

    pub(super) fn remove_query(&mut self, a: u8) {
        let parts = [Query::Provider, Query::Outcomes, Query::Judge];
        let part = parts[usize::from(a) % parts.len()];
        self.log_event(format!("an upgrade removes {part:?}"));
        self.chain.lock().node.unsupported.push(part);
    }

    pub(super) fn delay(&mut self, a: u8) {
        let blocks = u32::from(a % 3);
        self.log_event(format!(
            "our extrinsics wait for {blocks} blocks from now on"
        ));
        self.chain.lock().node.delay = blocks;
    }

    pub(super) fn drop_pool(&mut self) {
        if self.take_fault_budget(2).is_some() {
            self.log_event("the pool drops our extrinsics");
            self.chain.lock().drop_pool();
            self.run_until_idle();
        }
    }
}
