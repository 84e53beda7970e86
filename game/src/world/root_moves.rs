//! Changes of the state that no call of the storage pallet makes: the chain's operators change a
//! period, a migration drops challenges, a row does not decode for a while, a key is another.

use super::World;
use crate::actors::Actor;
use crate::calls::Call;
use crate::face::{challenge_key, row_key};
use crate::root::RootAction;
use codec::Encode;

/// Anchor blocks that each open challenge must have left for a fault: enough for what is lost,
/// delayed or restored meanwhile.
pub(super) const MIN_TIME_LEFT: u32 = 14;

/// A change that is taken back after a block.
pub(super) struct Reversal {
    due: u64,
    action: RootAction,
}

impl World {
    /// Returns whether each open challenge has that many anchor blocks left.
    pub(super) fn has_time_left(&self, blocks: u32) -> bool {
        let chain = self.chain.lock();
        let until = chain.best().anchor.saturating_add(blocks);
        let open = chain.open_challenges();
        open.iter().all(|challenge| challenge.id.deadline >= until)
    }

    /// Takes back the changes that are due, or all of them.
    pub(super) fn revert_due(&mut self, all: bool) {
        let now = self.blocks;
        let (due, later) = std::mem::take(&mut self.reversals)
            .into_iter()
            .partition(|one| all || one.due <= now);
        self.reversals = later;
        let due: Vec<Reversal> = due;
        for one in due {
            self.log_event("what root had changed is restored");
            self.chain.lock().root(one.action);
        }
    }

    fn change_for(&mut self, blocks: u32, change: RootAction, action: RootAction) {
        self.chain.lock().root(change);
        let due = self.blocks + u64::from(blocks) + 1;
        self.reversals.push(Reversal { due, action });
    }

    /// Sets the challenge period of challenges from now on, without a new runtime.
    pub(super) fn set_period(&mut self, a: u8) {
        // None is too short for an operator to react.
        let choices = [super::PERIOD * 3 / 4, super::PERIOD, super::PERIOD * 2];
        let blocks = choices[usize::from(a) % choices.len()];
        self.log_event(format!("the challenge period is {blocks} from now on"));
        let action = RootAction::set_period("ChallengeTimeout", blocks);
        self.chain.lock().root(action);
    }

    /// Lets the anchor block jump, as after a stall of the chain.
    pub(super) fn jump(&mut self, a: u8) {
        let blocks = 4 + u32::from(a % 40);
        if self.chain.lock().variant.is_deployed() || !self.has_time_left(blocks + MIN_TIME_LEFT) {
            return;
        }
        self.log_event(format!("the anchor block jumps by {blocks}"));
        self.block(blocks);
    }

    /// Drops challenges without an event: all of them, or a bucket with its own.
    pub(super) fn drop_challenges(&mut self, a: u8, b: u8) {
        if b.is_multiple_of(2) {
            self.log_event("a migration drops all challenges");
            return self.chain.lock().root(RootAction::DropChallenges);
        }
        let bucket = self.bucket(a);
        self.log_event(format!("bucket {bucket} is deleted on chain"));
        self.chain.lock().root(RootAction::DropBucket(bucket));
    }

    /// Registers another key for the provider for some blocks.
    pub(super) fn other_key(&mut self, a: u8) {
        let us = Actor::Us.account();
        let blocks = 1 + u32::from(a % 6);
        self.log_event(format!(
            "another key is registered for us, for {blocks} blocks"
        ));
        let change = RootAction::SetKey(us, Actor::Deputy.account().0);
        self.change_for(blocks, change, RootAction::SetKey(us, us.0));
    }

    /// Makes a row undecodable for some blocks, as one that was never migrated.
    pub(super) fn spoil(&mut self, a: u8, b: u8) {
        let us = Actor::Us.account();
        let id = self.bucket(a).0.encode();
        let key = match b % 5 {
            0 => {
                let chain = self.chain.lock();
                let open = chain.open_challenges();
                let Some(challenge) = open.last() else { return };
                match chain.variant.is_deployed() {
                    true => row_key("Challenges", &[&challenge.id.deadline.encode()]),
                    false => challenge_key(challenge.id),
                }
            }
            1 => row_key("Buckets", &[&id]),
            2 => row_key("StorageAgreements", &[&id, &us.0]),
            3 => row_key("Providers", &[&us.0]),
            _ => row_key("Providers", &[&Actor::Accomplice.account().0]),
        };
        let Some(row) = self.chain.lock().raw(&key) else {
            return;
        };
        let Some(blocks) = self.take_fault_budget(1 + u32::from(a % 3)) else {
            return;
        };
        self.log_event(format!(
            "a row does not decode for {blocks} blocks, {}",
            b % 5
        ));
        // Accounts are at the front of most rows, and stay.
        let cut = row[..row.len() * 3 / 4].to_vec();
        let change = RootAction::Set(key.clone(), Some(cut));
        self.change_for(blocks, change, RootAction::Set(key, Some(row)));
    }

    /// Sets or reports the windows of a bucket, where there are windows.
    pub(super) fn windows(&mut self, a: u8, b: u8) {
        let bucket = self.bucket(a);
        let (windows, anchor, has_windows) = {
            let chain = self.chain.lock();
            let windows = chain.rows().window(bucket);
            (windows, chain.best().anchor, chain.variant.has_windows())
        };
        if !has_windows {
            return;
        }
        let (who, call) = match b % 3 {
            0 => (Actor::Admin, Call::ConfigureWindow(bucket, Some((4, 1)))),
            1 => (Actor::Admin, Call::ConfigureWindow(bucket, None)),
            _ => {
                let window = windows.and_then(|windows| windows.window_of(anchor));
                let Some(before) = window.and_then(|window| window.checked_sub(1)) else {
                    return;
                };
                (Actor::Stranger, Call::ReportMissed(bucket, before))
            }
        };
        self.log_event(format!("bucket {bucket}: {call:?}"));
        self.call(who, call);
    }
}
