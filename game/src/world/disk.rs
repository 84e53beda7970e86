//! Moves on the process and its disk.

use super::{Detached, World};
use crate::images::{self, Damage, INDEX, Image, folder};
use cairn_primitives::BucketId;

impl World {
    /// Copies the base path as it is now, as a killed process leaves it: the index is flushed
    /// first, which is the most that could be written.
    fn image(&mut self, what: &str) -> Image {
        self.note_signatures();
        if let Some(house) = &self.house {
            house.provider().write_index();
        }
        let path = self.scratch(what);
        images::copy(&self.base, &path);
        Image {
            path,
            held: self.held.clone(),
        }
    }

    /// Kills the process after up to 11 rounds of its work.
    pub(super) fn crash(&mut self, a: u8) {
        if !self.is_calm() {
            return;
        }
        let steps = u32::from(a % 12);
        // Its work is the block that it hears of now.
        self.blocks += 1;
        self.pass(1);
        {
            let mut chain = self.chain.lock();
            chain.block(1, Vec::new());
            for challenge in chain.open() {
                self.asked.insert(challenge.id, challenge);
            }
            chain.finalize(super::BEHIND);
        }
        if let Some(house) = &self.house {
            house.settle(&self.runtime, Some(steps));
        }
        let image = self.image("crash");
        if let Some(house) = self.house.take() {
            house.abort(&self.runtime);
        }
        self.chain.lock().forget_listeners();
        images::replace(&self.base, &image.path);
        images::remove(&image.path);
        if self.copied.is_none() {
            images::make_original(&self.base);
        }
        self.tell(format!("the process is killed after {steps} rounds"));
        self.start();
        self.look();
    }

    pub(super) fn restart(&mut self) {
        if !self.is_calm() {
            return;
        }
        self.stop();
        self.start();
    }

    pub(super) fn backup(&mut self) {
        if self.backups.len() >= 3 {
            let oldest = self.backups.remove(0);
            images::remove(&oldest.path);
        }
        let image = self.image("backup");
        self.backups.push(image);
        self.tell("a backup is made");
    }

    /// Selects a backup; small numbers select the newest.
    fn some_backup(&self, number: u8) -> Option<Image> {
        let count = self.backups.len();
        (count > 0).then(|| self.backups[count - 1 - usize::from(number) % count].clone())
    }

    pub(super) fn restore(&mut self, a: u8) {
        let Some(image) = self.some_backup(a).filter(|_| self.is_calm()) else {
            return;
        };
        self.stop();
        images::replace(&self.base, &image.path);
        self.held = image.held;
        self.copied = Some(self.blocks);
        self.detached = None;
        self.tell("a backup replaces the base path");
        self.start();
    }

    pub(super) fn restore_bucket(&mut self, a: u8, b: u8) {
        let id = self.bucket(a);
        let Some(image) = self.some_backup(b).filter(|_| self.is_calm()) else {
            return;
        };
        let Some(shelf) = image.held.buckets.get(&id).cloned() else {
            return;
        };
        self.stop();
        images::replace(&folder(&self.base, id), &folder(&image.path, id));
        self.held.buckets.insert(id, shelf);
        self.tell(format!("a backup of bucket {id} replaces its folder"));
        self.start();
    }

    pub(super) fn restore_index(&mut self, a: u8) {
        if !self.is_calm() {
            return;
        }
        let image = self.some_backup(a);
        self.stop();
        match image {
            Some(image) => {
                images::replace(&self.base.join(INDEX), &image.path.join(INDEX));
                self.held.newest = image.held.newest;
                self.held.windows = image.held.windows;
                self.copied = Some(self.blocks);
                self.tell("the index of a backup replaces the index");
            }
            None => {
                images::remove(&self.base.join(INDEX));
                self.held.forget_index();
                self.tell("the index is lost");
            }
        }
        self.start();
    }

    /// Unmounts a disk before the provider restarts.
    pub(super) fn detach(&mut self, a: u8, b: u8) {
        if !self.is_calm() || self.detached.is_some() {
            return;
        }
        let id = self.bucket(a);
        let is_all = b.is_multiple_of(2);
        let path = self.scratch("away");
        let from = match is_all {
            true => self.base.clone(),
            false => folder(&self.base, id),
        };
        if !from.exists() {
            return;
        }
        self.stop();
        std::fs::rename(&from, &path).unwrap();
        let held = self.held.clone();
        let mut copied = None;
        if is_all {
            copied = self.copied.take();
            self.held = Default::default();
            self.tell("the base path's disk is not mounted");
        } else {
            self.held.buckets.remove(&id);
            self.tell(format!("the disk of bucket {id} is not mounted"));
        }
        let bucket = (!is_all).then_some(id);
        self.detached = Some(Detached {
            path,
            bucket,
            held,
            copied,
        });
        self.start();
    }

    /// Mounts the missing disk again.
    pub(super) fn attach(&mut self) {
        let Some(Detached {
            path,
            bucket,
            held,
            copied,
        }) = self.detached.take()
        else {
            return;
        };
        self.stop();
        match bucket {
            None => {
                images::remove(&self.base);
                std::fs::rename(&path, &self.base).unwrap();
                self.held = held;
                self.copied = copied;
                self.tell("the operator mounts the base path's disk");
            }
            Some(id) => {
                let place = folder(&self.base, id);
                images::remove(&place);
                std::fs::rename(&path, &place).unwrap();
                let shelf = held.buckets.get(&id).cloned().unwrap_or_default();
                self.held.buckets.insert(id, shelf);
                self.tell(format!("the operator mounts the disk of bucket {id}"));
            }
        }
        self.start();
    }

    pub(super) fn damage(&mut self, a: u8, b: u8) {
        if !self.is_calm() {
            return;
        }
        let how = [
            Damage::Lost,
            Damage::Emptied,
            Damage::CutShort,
            Damage::Garbled,
        ][usize::from(b % 4)];
        self.stop();
        let bucket = (a % 4 != 3).then(|| self.bucket(a));
        let target = match bucket {
            Some(id) => folder(&self.base, id),
            None => self.base.join(INDEX),
        };
        if let Some(what) = images::damage(&target, b / 4, how) {
            match bucket {
                Some(id) => {
                    self.held.buckets.entry(id).or_default().damaged = true;
                    self.tell(format!("bucket {id}: {what}"));
                }
                None => {
                    self.held.forget_index();
                    self.tell(format!("the index: {what}"));
                }
            }
        }
        self.start();
    }

    /// Replaces a bucket's folder by another copy, and keeps the previous one.
    pub(super) fn swap_in(&mut self, id: BucketId, from: &std::path::Path, shelf: images::Shelf) {
        self.stop();
        let place = folder(&self.base, id);
        if place.exists() {
            let path = self.scratch("aside");
            std::fs::rename(&place, &path).unwrap();
            let kept = self.held.buckets.get(&id).cloned().unwrap_or_default();
            self.aside
                .entry(id)
                .or_default()
                .push(images::Aside { path, shelf: kept });
        }
        images::copy(from, &place);
        self.held.buckets.insert(id, shelf);
        self.start();
    }
}
