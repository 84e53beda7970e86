//! Removes the records of content that a release has removed: whole objects whose first leaf is
//! gone, and content to release.
//!
//! They come after the content is gone, and before the tree's own record goes: a release that is
//! interrupted in between lists the content of those that are left again.

use crate::bucket::Bucket;
use crate::bucket::object_content::{FORGOTTEN, WHOLES, change_of};
use crate::error::ReleaseError;
use cairn_engine::{Durability, Family, layout};
use cairn_primitives::Sequence;

/// Records that are read, and removed, while no object changes; in tests few, so that they can
/// interrupt a release anywhere.
const RECORD_BATCH: usize = if cfg!(test) { 2 } else { 1024 };

impl Bucket {
    /// Removes the records of whole objects before `first_kept`, and of content to release that
    /// changes up to `last_change` have recorded.
    pub(in crate::bucket) fn remove_content_records(
        &self,
        first_kept: Sequence,
        last_change: u64,
    ) -> Result<(), ReleaseError> {
        let end = first_kept.0.to_be_bytes();
        self.remove_records(WHOLES, |name, _| match name < &end[..] {
            true => Some(true),
            false => None,
        })?;
        // What was recorded later was not listed.
        self.remove_records(FORGOTTEN, |_, value| {
            Some(change_of(value).is_some_and(|change| change <= last_change))
        })
    }

    /// Removes the records of a space for which `is_going` says so, up to the first one for which
    /// it says nothing.
    fn remove_records(
        &self,
        space: u8,
        is_going: impl Fn(&[u8], &[u8]) -> Option<bool>,
    ) -> Result<(), ReleaseError> {
        let mut from = Vec::new();
        loop {
            let _alone = self.objects.lock();
            let mut batch = self.engine.batch();
            let (mut read, mut removed) = (0usize, 0u64);
            for record in self.object_records_from(space, &from)?.take(RECORD_BATCH) {
                let (name, value) = record?;
                let Some(goes) = is_going(&name, &value) else {
                    break;
                };
                read = read.saturating_add(1);
                if goes {
                    batch.delete(Family::Tree, layout::object_key(space, &name));
                    removed = removed.saturating_add(1);
                }
                from = [&name[..], &[0]].concat();
            }
            if removed > 0 {
                let (key, value) = self.content_counts()?.without(removed).entry();
                batch.put(Family::Tree, key, &value);
                self.write_release_step(batch, Durability::Buffered)?;
            }
            if read < RECORD_BATCH {
                return Ok(());
            }
        }
    }
}
