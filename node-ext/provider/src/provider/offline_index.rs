//! Reads the Global Index of a base path without opening any bucket, for commands that
//! list buckets while no provider runs.

use super::fingerprint::fingerprint;
use super::{IndexedBucket, ProviderError, trash};
use crate::index::{BucketRecord, BucketStatus, Index};
use cairn_bucket::BasePath;
use cairn_engine::layout::{INDEX_DIR, TRASH_DIR, bucket_dir_name};
use cairn_primitives::BucketId;
use std::collections::BTreeSet;

/// The number of records in one read of the index.
const PAGE_RECORDS: usize = 1024;

/// A bucket as listed by [`list_buckets`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListedBucket {
    /// The index has a record of it.
    Indexed(Box<IndexedBucket>),
    /// It has a folder, and the index has no record of it.
    NotIndexed(BucketId),
}

impl ListedBucket {
    const fn id(&self) -> BucketId {
        match self {
            Self::Indexed(indexed) => indexed.id,
            Self::NotIndexed(id) => *id,
        }
    }
}

/// Lists the buckets of a base path in ascending order of their ids, from the index and
/// the names of the folders. Opens no bucket and writes nothing.
///
/// The index is written behind the buckets: a record whose bucket's files changed since is
/// returned as not current. [`Provider::open`](super::Provider::open) brings it up to date.
///
/// # Errors
///
/// [`ProviderError::Index`] if the index is absent, damaged or of another format;
/// [`ProviderError::BasePath`] or [`ProviderError::Io`] if a folder cannot be read.
pub fn list_buckets(base: &BasePath) -> Result<Vec<ListedBucket>, ProviderError> {
    let index = Index::open_read_only(&base.path().join(INDEX_DIR))?;
    let mut folders: BTreeSet<_> = base.buckets()?.into_iter().collect();
    let trash_path = base.path().join(TRASH_DIR);
    let trash = match trash_path.is_dir() {
        true => trash::list(&trash_path)?,
        false => Vec::new(),
    };
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = index.page(after, PAGE_RECORDS)?;
        let Some((last, _)) = page.last() else {
            break;
        };
        after = Some(*last);
        for (id, record) in page {
            let has_folder = folders.remove(&id);
            // The next start of a provider finishes the deletion.
            if has_folder || !trash.iter().any(|discarded| discarded.id == id) {
                listed.push(ListedBucket::Indexed(Box::new(compare(
                    base, id, record, has_folder,
                ))));
            }
        }
    }
    listed.extend(folders.into_iter().map(ListedBucket::NotIndexed));
    listed.sort_unstable_by_key(ListedBucket::id);
    Ok(listed)
}

/// Compares a record with the bucket's folder.
fn compare(
    base: &BasePath,
    id: BucketId,
    mut record: BucketRecord,
    has_folder: bool,
) -> IndexedBucket {
    let folder = base.buckets_path().join(bucket_dir_name(id));
    let is_current = match (has_folder, &record.status) {
        (false, _) => {
            record.status = BucketStatus::Lost;
            true
        }
        // Its folder is back.
        (true, BucketStatus::Lost) => {
            record.status = BucketStatus::Sound;
            false
        }
        // As long as it is in quarantine, its old record is the best there is.
        (true, BucketStatus::Quarantined(_)) => true,
        (true, BucketStatus::Sound) => {
            record.fingerprint.is_some() && record.fingerprint == fingerprint(&folder).ok()
        }
    };
    IndexedBucket {
        id,
        record,
        is_current,
    }
}
