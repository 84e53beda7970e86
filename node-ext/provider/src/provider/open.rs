//! Opens a base path: recovers what an earlier process left, and starts the threads.

use super::bucket_folders::BucketFolders;
use super::counts::BucketCounts;
use super::index_writer::IndexWriter;
use super::scrubbing::ScrubState;
use super::workers::{BackgroundWork, Inner};
use super::{Provider, ProviderError, ProviderOptions, io, location, own_chain, reindex, trash};
use crate::index::{Index, IndexError};
use crate::pool::{Budget, Pool, ProcessLimits};
use cairn_bucket::{BasePath, remove_unfinished};
use cairn_engine::SharedResources;
use cairn_engine::layout::{BUCKETS_DIR, INDEX_DIR, TRASH_DIR};
use cairn_fs::create_dir_durably;
use cairn_keys::Gate;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;

/// Creates the signing gate with its state from the index. If that cannot be read, less is
/// signed, but challenges are answered all the same.
fn load_gate(index: &Index) -> Gate {
    fn read<T: Default>(read: Result<T, IndexError>) -> T {
        read.unwrap_or_else(|error| {
            tracing::error!(%error, "the signing gate's state cannot be read");
            T::default()
        })
    }
    Gate::new(read(index.chain_rules()), read(index.allowed_unprovable()))
}

impl Provider {
    /// Opens a base path: finishes interrupted operations of an earlier process, and
    /// reindexes in the background the buckets that differ from the index.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Budget`] if the limits of the process are too low;
    /// [`ProviderError::BasePath`] unless the base path was opened for writing.
    pub fn open(base: BasePath, options: ProviderOptions) -> Result<Self, ProviderError> {
        let budget = Budget::plan(options.budget, ProcessLimits::of_this_process())?;
        Self::open_with_budget(base, budget, options)
    }

    pub(super) fn open_with_budget(
        base: BasePath,
        budget: Budget,
        options: ProviderOptions,
    ) -> Result<Self, ProviderError> {
        base.check_writable()?;
        if base.is_accessible_to_others() {
            let path = base.path().display();
            tracing::warn!(
                %path,
                "other users of this machine may read the base path with the clients' content: set \
                 its mode to 700"
            );
        }
        let (index, trash, read_only_reason) = match Self::index_and_trash(&base) {
            Ok((index, trash)) => (index, trash, None),
            Err(error) if options.allow_read_only => {
                let reason = error.to_string();
                tracing::error!(
                    reason,
                    "NOTHING IS WRITTEN OR SIGNED, because the base path cannot be written to: free \
                     disk space and restart the provider. Challenges are answered meanwhile"
                );
                let index = Index::in_memory(base.path(), &base.path().join(INDEX_DIR))?;
                (index, Vec::new(), Some(reason))
            }
            Err(error) => return Err(error),
        };
        let own_chain = own_chain::ChainBinding::load(base.path(), &index)?;
        let gate = load_gate(&index);
        if read_only_reason.is_some() {
            let reason =
                "the base path cannot be written to: free disk space and restart the provider";
            gate.turn_off("disk", reason.into());
        } else if let Some(reason) = location::check(base.path(), &index, options.on_copy)? {
            tracing::error!(path = %base.path().display(), reason, "NOTHING IS SIGNED");
            gate.turn_off("copy", reason.into());
        }
        let index_writer = Arc::new(IndexWriter::new(index));
        let counts = Arc::new(BucketCounts::default());
        let store = BucketFolders {
            folder: base.path().join(BUCKETS_DIR),
            resources: base.with_disk_guard(SharedResources::new(budget.resources)),
            index_writer: index_writer.clone(),
            gate,
            being_created: Mutex::default(),
            listener: Arc::new({
                let counts = counts.clone();
                move |id, event| counts.on_event(id, event)
            }),
        };
        let write_buffer = u64::try_from(budget.resources.write_buffer_bytes).unwrap_or(u64::MAX);
        let to_reindex = reindex::find_stale(&base, &index_writer, &trash)?;
        let completes_places = !index_writer.index().has_all_places()?;
        let reindexes_all = !options.reindex_on_demand && read_only_reason.is_none();
        let to_reindex = match reindexes_all {
            true => to_reindex,
            false => Vec::new(),
        };
        let inner = Arc::new(Inner {
            read_only_reason,
            budget,
            pool: Arc::new(Pool::new(store, budget.max_open, write_buffer)),
            index_writer,
            own_chain: Mutex::new(own_chain),
            terms: Mutex::default(),
            base,
            scrubbing: Arc::new(ScrubState {
                plan: options.scrub,
                ..ScrubState::default()
            }),
            counts,
            work: Mutex::new(BackgroundWork {
                to_reindex,
                completes_places: completes_places && reindexes_all,
                trash,
                ..BackgroundWork::default()
            }),
            work_changed: Condvar::new(),
        });
        let threads = Inner::start_threads(&inner)?;
        Ok(Self { inner, threads })
    }

    /// Finishes interrupted operations of an earlier process, and opens the index.
    fn index_and_trash(
        base: &BasePath,
    ) -> Result<(Index, Vec<trash::TrashedBucket>), ProviderError> {
        let trash_path = base.path().join(TRASH_DIR);
        create_dir_durably(&trash_path).map_err(io("make", &trash_path))?;
        remove_unfinished(&base.buckets_path())?;
        let trash = trash::list(&trash_path)?;
        let index = Index::open(&base.path().join(INDEX_DIR))?;
        Ok((index, trash))
    }
}
