//! Moves on the process and its disk.

use super::{UnmountedDisk, World};
use crate::copies::{self, BasePathCopy, Damage, INDEX_DIR, bucket_folder};
use cairn_primitives::BucketId;
use std::sync::atomic::Ordering;

impl World {
    /// Copies the base path as it is now, as a killed process leaves it: the index is flushed
    /// first, which is the most that could be written.
    fn copy_base_path(&mut self, what: &str) -> BasePathCopy {
        self.note_signatures();
        if let Some(process) = &self.process {
            process.provider().write_index();
        }
        let path = self.scratch(what);
        copies::copy(&self.base, &path);
        BasePathCopy {
            path,
            contents: self.contents.clone(),
        }
    }

    /// Kills the process after up to 11 rounds of its work.
    pub(super) fn crash(&mut self, a: u8) {
        if !self.can_add_faults() {
            return;
        }
        let steps = u32::from(a % 12);
        // Its work is the block that it hears of now.
        self.blocks += 1;
        self.advance_time(1);
        {
            let mut chain = self.chain.lock();
            chain.block(1, Vec::new());
            for challenge in chain.open_challenges() {
                self.challenges.insert(challenge.id, challenge);
            }
            chain.finalize(super::FINALITY_LAG);
        }
        if let Some(process) = &self.process {
            process.run_until_idle(&self.runtime, Some(steps));
        }
        // Before the copy: what is signed while the files are copied may be missing in them, and
        // reaches nobody.
        self.is_killed.store(true, Ordering::SeqCst);
        let image = self.copy_base_path("crash");
        if let Some(process) = self.process.take() {
            process.abort(&self.runtime);
        }
        self.chain.lock().drop_subscriptions();
        copies::replace(&self.base, &image.path);
        copies::remove(&image.path);
        if self.copied_since.is_none() {
            copies::make_original(&self.base);
        }
        self.log_event(format!("the process is killed after {steps} rounds"));
        self.start();
        self.check();
    }

    pub(super) fn restart(&mut self) {
        if !self.can_add_faults() {
            return;
        }
        self.stop();
        self.start();
    }

    pub(super) fn backup(&mut self) {
        if self.backups.len() >= 3 {
            let oldest = self.backups.remove(0);
            copies::remove(&oldest.path);
        }
        let image = self.copy_base_path("backup");
        self.backups.push(image);
        self.log_event("a backup is made");
    }

    /// Selects a backup; small numbers select the newest.
    fn select_backup(&self, number: u8) -> Option<BasePathCopy> {
        let count = self.backups.len();
        (count > 0).then(|| self.backups[count - 1 - usize::from(number) % count].clone())
    }

    pub(super) fn restore(&mut self, a: u8) {
        let Some(image) = self.select_backup(a).filter(|_| self.can_add_faults()) else {
            return;
        };
        self.stop();
        copies::replace(&self.base, &image.path);
        self.contents = image.contents;
        self.copied_since = Some(self.blocks);
        self.unmounted = None;
        self.log_event("a backup replaces the base path");
        self.start();
    }

    pub(super) fn restore_bucket(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        let Some(image) = self.select_backup(b).filter(|_| self.can_add_faults()) else {
            return;
        };
        let Some(shelf) = image.contents.buckets.get(&id).cloned() else {
            return;
        };
        self.stop();
        copies::replace(
            &bucket_folder(&self.base, id),
            &bucket_folder(&image.path, id),
        );
        self.contents.buckets.insert(id, shelf);
        self.log_event(format!("a backup of bucket {id} replaces its folder"));
        self.start();
    }

    pub(super) fn restore_index(&mut self, a: u8) {
        if !self.can_add_faults() {
            return;
        }
        let image = self.select_backup(a);
        self.stop();
        match image {
            Some(image) => {
                copies::replace(&self.base.join(INDEX_DIR), &image.path.join(INDEX_DIR));
                self.contents.newest_signed = image.contents.newest_signed;
                self.contents.windows = image.contents.windows;
                self.copied_since = Some(self.blocks);
                self.log_event("the index of a backup replaces the index");
            }
            None => {
                copies::remove(&self.base.join(INDEX_DIR));
                self.contents.forget_index();
                self.log_event("the index is lost");
            }
        }
        self.start();
    }

    /// Unmounts a disk before the provider restarts.
    pub(super) fn unmount_disk(&mut self, a: u8, b: u8) {
        if !self.can_add_faults() || self.unmounted.is_some() {
            return;
        }
        let id = self.bucket(a);
        let is_all = b.is_multiple_of(2);
        let path = self.scratch("away");
        let from = match is_all {
            true => self.base.clone(),
            false => bucket_folder(&self.base, id),
        };
        if !from.exists() {
            return;
        }
        self.stop();
        std::fs::rename(&from, &path).unwrap();
        let held = self.contents.clone();
        let mut copied_since = None;
        if is_all {
            copied_since = self.copied_since.take();
            self.contents = Default::default();
            self.log_event("the base path's disk is not mounted");
        } else {
            self.contents.buckets.remove(&id);
            self.log_event(format!("the disk of bucket {id} is not mounted"));
        }
        let bucket = (!is_all).then_some(id);
        self.unmounted = Some(UnmountedDisk {
            path,
            bucket,
            contents: held,
            copied_since,
        });
        self.start();
    }

    /// Mounts the missing disk again.
    pub(super) fn mount_disk(&mut self) {
        let Some(UnmountedDisk {
            path,
            bucket,
            contents: held,
            copied_since,
        }) = self.unmounted.take()
        else {
            return;
        };
        self.stop();
        match bucket {
            None => {
                copies::remove(&self.base);
                std::fs::rename(&path, &self.base).unwrap();
                self.contents = held;
                self.copied_since = copied_since;
                self.log_event("the operator mounts the base path's disk");
            }
            Some(id) => {
                let place = bucket_folder(&self.base, id);
                copies::remove(&place);
                std::fs::rename(&path, &place).unwrap();
                let shelf = held.buckets.get(&id).cloned().unwrap_or_default();
                self.contents.buckets.insert(id, shelf);
                self.log_event(format!("the operator mounts the disk of bucket {id}"));
            }
        }
        self.start();
    }

    pub(super) fn damage(&mut self, a: u8, b: u8) {
        if !self.can_add_faults() {
            return;
        }
        let how = [
            Damage::Lost,
            Damage::Emptied,
            Damage::Truncated,
            Damage::Corrupted,
        ][usize::from(b % 4)];
        self.stop();
        let bucket = (a % 4 != 3).then(|| self.bucket(a));
        let target = match bucket {
            Some(id) => bucket_folder(&self.base, id),
            None => self.base.join(INDEX_DIR),
        };
        if let Some(what) = copies::damage(&target, b / 4, how) {
            match bucket {
                Some(id) => {
                    self.contents.buckets.entry(id).or_default().damaged = true;
                    self.log_event(format!("bucket {id}: {what}"));
                }
                None => {
                    self.contents.forget_index();
                    self.log_event(format!("the index: {what}"));
                }
            }
        }
        self.start();
    }

    /// Replaces a bucket's folder by another copy, and keeps the previous one.
    pub(super) fn replace_bucket(
        &mut self,
        id: BucketId,
        from: &std::path::Path,
        shelf: copies::BucketContents,
    ) {
        self.stop();
        let place = bucket_folder(&self.base, id);
        if place.exists() {
            let path = self.scratch("aside");
            std::fs::rename(&place, &path).unwrap();
            let kept = self.contents.buckets.get(&id).cloned().unwrap_or_default();
            self.moved_buckets
                .entry(id)
                .or_default()
                .push(copies::MovedBucket {
                    path,
                    contents: kept,
                });
        }
        copies::copy(from, &place);
        self.contents.buckets.insert(id, shelf);
        self.start();
    }
}
