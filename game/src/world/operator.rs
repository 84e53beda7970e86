//! The operator: reacts to alarms after a delay, does what they say, and forces nothing.

use super::{OPERATOR_DELAY_BLOCKS, World};
use crate::copies::bucket_folder;
use crate::operations;
use crate::signature_log::RootKey;
use cairn_primitives::BucketId;
use cairn_provider::OnCopy;

/// The maximum number of blocks that the provider runs on the other chain.
const MAX_OTHER_CHAIN_BLOCKS: u8 = 24;

impl World {
    /// Reacts to the current alarms.
    pub(super) fn handle_alarms(&mut self) {
        if self.is_over() {
            return;
        }
        if self.process.is_none() {
            self.log_event("the operator starts the provider again");
            self.start();
            if self.process.is_none() {
                self.restore_base_path();
            }
        }
        // A damaged file may make it look like a copy, too.
        if let Some(process) = &self.process
            && operations::is_unaccepted_copy(process)
        {
            self.copied_since.get_or_insert(self.blocks);
        }
        if self
            .copied_since
            .is_some_and(|since| self.blocks >= since + OPERATOR_DELAY_BLOCKS)
        {
            self.accept_copy();
        }
        let buckets = self.chain.lock().bucket_count();
        for id in (0..buckets).map(BucketId) {
            let Some(process) = &self.process else { return };
            if operations::alarm_about(process, id).is_none() {
                self.alarmed_since.remove(&id);
                continue;
            }
            let since = *self.alarmed_since.entry(id).or_insert(self.blocks);
            if self.blocks.saturating_sub(since) >= OPERATOR_DELAY_BLOCKS {
                self.alarmed_since.remove(&id);
                self.resolve_alarm(id);
            }
        }
    }

    /// Replaces a base path that does not open at all by the newest backup.
    fn restore_base_path(&mut self) {
        let Some(image) = self.backups.last().cloned() else {
            self.log_event("the provider does not start, and there is no backup");
            self.is_void = true;
            return;
        };
        crate::copies::replace(&self.base, &image.path);
        self.contents = image.contents;
        self.copied_since = Some(self.blocks);
        self.log_event("the operator restores the newest backup");
        self.start();
        if self.process.is_none() {
            self.is_void = true;
        }
    }

    /// Accepts the copy: there is no newer one, and no other provider runs.
    fn accept_copy(&mut self) {
        self.stop();
        self.copied_since = None;
        self.log_event("the operator accepts the copy");
        self.start_on(self.chain.clone(), OnCopy::Accept);
    }

    /// Returns the roots that open challenges of a bucket name.
    fn challenged_roots(&self, id: BucketId) -> Vec<RootKey> {
        let open = self.chain.lock().open_challenges();
        let of_it = open
            .into_iter()
            .filter(|challenge| challenge.bucket_id == id);
        of_it
            .map(|challenge| (challenge.mmr_root, challenge.start_seq.0))
            .collect()
    }

    /// Resolves an alarm about a bucket.
    fn resolve_alarm(&mut self, id: BucketId) {
        let is_away = |away: &super::UnmountedDisk| away.bucket.is_none_or(|bucket| bucket == id);
        if self.unmounted.as_ref().is_some_and(is_away) {
            return self.mount_disk();
        }
        let asked = self.challenged_roots(id);
        let here = self.contents.buckets.get(&id).cloned().unwrap_or_default();
        let answers = |shelf: &crate::copies::BucketContents, key: &RootKey| {
            !shelf.damaged && shelf.signed_roots.contains(key)
        };
        // A challenged root that is missing decides; without one, a copy that has everything here
        // and more is better.
        let missing: Vec<_> = asked.iter().filter(|key| !answers(&here, key)).collect();
        let is_better = |shelf: &crate::copies::BucketContents| {
            if shelf.damaged {
                return false;
            }
            if !missing.is_empty() {
                return missing.iter().any(|key| answers(shelf, key));
            }
            asked.is_empty()
                && shelf.signed_roots.is_superset(&here.signed_roots)
                && (here.damaged || shelf.signed_roots.len() > here.signed_roots.len())
        };
        let backup = self.backups.last().cloned();
        let from_backup = backup.and_then(|image| {
            let shelf = image
                .contents
                .buckets
                .get(&id)
                .filter(|shelf| is_better(shelf))?;
            Some((
                bucket_folder(&image.path, id),
                shelf.clone(),
                "the newest backup",
            ))
        });
        let moved = self.moved_buckets.get(&id).into_iter().flatten().rev();
        let from_moved = moved.into_iter().find(|one| is_better(&one.contents));
        let from_moved = from_moved.map(|one| {
            (
                one.path.clone(),
                one.contents.clone(),
                "a folder that was moved \
                away",
            )
        });
        if let Some((path, shelf, what)) = from_backup.or(from_moved) {
            self.log_event(format!("the operator restores bucket {id} from {what}"));
            return self.replace_bucket(id, &path, shelf);
        }
        if here.damaged {
            self.repair_now(id);
        }
        // The alarm says what `accept` is for; no force is used.
        let Some(process) = &self.process else { return };
        let is_apart = process
            .provider()
            .quarantined()
            .iter()
            .any(|(bucket, _)| *bucket == id);
        if is_apart {
            self.accept_now(id);
        }
    }

    fn accept_now(&mut self, id: BucketId) {
        let Some(process) = &self.process else { return };
        match operations::accept(process, id) {
            Ok(()) => self.log_event(format!("bucket {id} is accepted as it is, without force")),
            Err(refused) => self.log_event(format!("bucket {id} is not accepted: {refused}")),
        }
        self.run_until_idle();
    }

    fn repair_now(&mut self, id: BucketId) {
        self.stop();
        match operations::repair(&self.base, id) {
            Ok(true) => self.log_event(format!("bucket {id} is repaired")),
            Ok(false) => self.log_event(format!("bucket {id} is not wholly repaired")),
            Err(refused) => self.log_event(format!("bucket {id} is not repaired: {refused}")),
        }
        self.start();
    }

    pub(super) fn accept(&mut self, a: u8) {
        let id = self.bucket(a);
        let Some(process) = &self.process else { return };
        // Only if the provider has reported it.
        if process
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
        if self.can_add_faults() {
            self.repair_now(id);
        }
    }

    /// Runs the provider on another chain, where its account is unknown.
    pub(super) fn other_chain(&mut self, a: u8) {
        if !self.can_add_faults() {
            return;
        }
        self.stop();
        let blocks = 1 + a % MAX_OTHER_CHAIN_BLOCKS;
        self.log_event(format!(
            "the provider runs on another chain for {blocks} blocks"
        ));
        self.start_on(self.other.clone(), OnCopy::Refuse);
        for _ in 0..blocks {
            self.advance_time(1);
            {
                let mut other = self.other.lock();
                other.block(1, Vec::new());
                other.finalize(0);
            }
            self.run_until_idle();
        }
        self.stop();
        self.start();
    }
}
