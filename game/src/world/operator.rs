//! The operator: reacts to alarms after a delay, does what they say, and forces nothing.

use super::{REACTION, World};
use crate::book::Key;
use crate::images::folder;
use crate::tool;
use cairn_primitives::BucketId;
use cairn_provider::OnCopy;

/// The maximum number of blocks that the provider runs on the other chain.
const MOST_ELSEWHERE: u8 = 24;

impl World {
    /// Reacts to the current alarms.
    pub(super) fn react(&mut self) {
        if self.is_over() {
            return;
        }
        if self.house.is_none() {
            self.tell("the operator starts the provider again");
            self.start();
            if self.house.is_none() {
                self.not_to_be_started();
            }
        }
        // A damaged file may make it look like a copy, too.
        if let Some(house) = &self.house
            && tool::looks_copied(house)
        {
            self.copied.get_or_insert(self.blocks);
        }
        if self
            .copied
            .is_some_and(|since| self.blocks >= since + REACTION)
        {
            self.accept_copy();
        }
        let buckets = self.chain.lock().buckets();
        for id in (0..buckets).map(BucketId) {
            let Some(house) = &self.house else { return };
            if tool::alarm_about(house, id).is_none() {
                self.alarmed.remove(&id);
                continue;
            }
            let since = *self.alarmed.entry(id).or_insert(self.blocks);
            if self.blocks.saturating_sub(since) >= REACTION {
                self.alarmed.remove(&id);
                self.see_to(id);
            }
        }
    }

    /// Replaces a base path that does not open at all by the newest backup.
    fn not_to_be_started(&mut self) {
        let Some(image) = self.backups.last().cloned() else {
            self.tell("the provider does not start, and there is no backup");
            self.void = true;
            return;
        };
        crate::images::replace(&self.base, &image.path);
        self.held = image.held;
        self.copied = Some(self.blocks);
        self.tell("the operator restores the newest backup");
        self.start();
        if self.house.is_none() {
            self.void = true;
        }
    }

    /// Accepts the copy: there is no newer one, and no other provider runs.
    fn accept_copy(&mut self) {
        self.stop();
        self.copied = None;
        self.tell("the operator accepts the copy");
        self.start_on(self.chain.clone(), OnCopy::Accept);
    }

    /// Returns the roots that open challenges of a bucket name.
    fn asked_of(&self, id: BucketId) -> Vec<Key> {
        let open = self.chain.lock().open();
        let of_it = open
            .into_iter()
            .filter(|challenge| challenge.bucket_id == id);
        of_it
            .map(|challenge| (challenge.mmr_root, challenge.start_seq.0))
            .collect()
    }

    /// Resolves an alarm about a bucket.
    fn see_to(&mut self, id: BucketId) {
        let is_away = |away: &super::Detached| away.bucket.is_none_or(|bucket| bucket == id);
        if self.detached.as_ref().is_some_and(is_away) {
            return self.attach();
        }
        let asked = self.asked_of(id);
        let here = self.held.buckets.get(&id).cloned().unwrap_or_default();
        let answers = |shelf: &crate::images::Shelf, key: &Key| {
            !shelf.damaged && shelf.promises.contains(key)
        };
        // A challenged root that is missing decides; without one, a copy that has everything here
        // and more is better.
        let missing: Vec<_> = asked.iter().filter(|key| !answers(&here, key)).collect();
        let is_better = |shelf: &crate::images::Shelf| {
            if shelf.damaged {
                return false;
            }
            if !missing.is_empty() {
                return missing.iter().any(|key| answers(shelf, key));
            }
            asked.is_empty()
                && shelf.promises.is_superset(&here.promises)
                && (here.damaged || shelf.promises.len() > here.promises.len())
        };
        let backup = self.backups.last().cloned();
        let from_backup = backup.and_then(|image| {
            let shelf = image
                .held
                .buckets
                .get(&id)
                .filter(|shelf| is_better(shelf))?;
            Some((folder(&image.path, id), shelf.clone(), "the newest backup"))
        });
        let aside = self.aside.get(&id).into_iter().flatten().rev();
        let from_aside = aside.into_iter().find(|one| is_better(&one.shelf));
        let from_aside = from_aside.map(|one| {
            (
                one.path.clone(),
                one.shelf.clone(),
                "a folder that was moved \
                away",
            )
        });
        if let Some((path, shelf, what)) = from_backup.or(from_aside) {
            self.tell(format!("the operator restores bucket {id} from {what}"));
            return self.swap_in(id, &path, shelf);
        }
        if here.damaged {
            self.repair_now(id);
        }
        // The alarm says what `accept` is for; no force is used.
        let Some(house) = &self.house else { return };
        let is_apart = house
            .provider()
            .quarantined()
            .iter()
            .any(|(bucket, _)| *bucket == id);
        if is_apart {
            self.accept_now(id);
        }
    }

    fn accept_now(&mut self, id: BucketId) {
        let Some(house) = &self.house else { return };
        match tool::accept(house, id) {
            Ok(()) => self.tell(format!("bucket {id} is accepted as it is, without force")),
            Err(refused) => self.tell(format!("bucket {id} is not accepted: {refused}")),
        }
        self.settle();
    }

    fn repair_now(&mut self, id: BucketId) {
        self.stop();
        match tool::repair(&self.base, id) {
            Ok(true) => self.tell(format!("bucket {id} is repaired")),
            Ok(false) => self.tell(format!("bucket {id} is not wholly repaired")),
            Err(refused) => self.tell(format!("bucket {id} is not repaired: {refused}")),
        }
        self.start();
    }

    pub(super) fn accept(&mut self, a: u8) {
        let id = self.bucket(a);
        let Some(house) = &self.house else { return };
        // Only if the provider has reported it.
        if house
            .provider()
            .quarantined()
            .iter()
            .any(|(bucket, _)| *bucket == id)
        {
            self.accept_now(id);
        }
    }

    pub(super) fn repair(&mut self, a: u8) {
        let id = self.bucket(a);
        if self.is_calm() {
            self.repair_now(id);
        }
    }

    /// Runs the provider on another chain, where its account is unknown.
    pub(super) fn other_chain(&mut self, a: u8) {
        if !self.is_calm() {
            return;
        }
        self.stop();
        let blocks = 1 + a % MOST_ELSEWHERE;
        self.tell(format!(
            "the provider runs on another chain for {blocks} blocks"
        ));
        self.start_on(self.other.clone(), OnCopy::Refuse);
        for _ in 0..blocks {
            self.pass(1);
            {
                let mut other = self.other.lock();
                other.block(1, Vec::new());
                other.finalize(0);
            }
            self.settle();
        }
        self.stop();
        self.start();
    }
}
