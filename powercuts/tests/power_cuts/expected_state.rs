//! The state that must hold after the printed lines, and its check.

use cairn_bucket::{BasePath, ImportCheck, ImportSource, NewLeaf, StateRef, fsck};
use cairn_engine::SharedResources;
use cairn_powercuts::window_signer::WindowSigner;
use cairn_powercuts::workload::{Report, options};
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::{BucketId, ChunkIndex, Commitment, LeafIndex, Sequence};
use cairn_provider::{BucketStatus, Lease, LeaseRequest, Provider};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// A description of a broken guarantee.
pub type BrokenGuarantee = String;

/// The expected state of a bucket.
#[derive(Clone, Debug, Default)]
struct ExpectedBucket {
    /// It was reported to exist.
    exists: bool,
    /// It may exist or not: an operation was begun.
    is_uncertain: bool,
    signed: Vec<Commitment>,
    /// Durable, but not signed.
    committed: Vec<Commitment>,
    tree: Sequence,
}

/// The expected state of a provider.
#[derive(Clone, Debug, Default)]
pub struct ExpectedState {
    has_key: bool,
    nonce: Option<u64>,
    buckets: BTreeMap<BucketId, ExpectedBucket>,
    /// Buckets that were deleted and neither created nor imported since.
    deleted: BTreeSet<BucketId>,
    windows: BTreeMap<(BucketId, u64), Commitment>,
    exports: BTreeMap<String, (BucketId, ExpectedBucket)>,
}

impl ExpectedState {
    pub fn from_reports<'l>(lines: impl Iterator<Item = &'l str>) -> Self {
        let mut expected = Self::default();
        for line in lines {
            let line = line.parse().unwrap_or_else(|error| panic!("{error:?}"));
            expected.apply(line);
        }
        expected
    }

    fn apply(&mut self, line: Report) {
        match line {
            Report::Key => self.has_key = true,
            Report::Nonce(nonce) => self.nonce = self.nonce.max(Some(nonce)),
            Report::Creating(id) => {
                self.deleted.remove(&id);
                let is_open = true;
                let bucket = ExpectedBucket {
                    is_uncertain: is_open,
                    ..ExpectedBucket::default()
                };
                self.buckets.insert(id, bucket);
            }
            Report::Created(id) => {
                let exists = true;
                let bucket = ExpectedBucket {
                    exists,
                    ..ExpectedBucket::default()
                };
                self.buckets.insert(id, bucket);
            }
            Report::Signed(id, commitment) => self.bucket(id).signed.push(commitment),
            Report::Committed(id, commitment) => self.bucket(id).committed.push(commitment),
            Report::Window(id, window, commitment) => {
                self.windows.insert((id, window), commitment);
                self.bucket(id).signed.push(commitment);
            }
            Report::Pruned(id, tree) => self.bucket(id).tree = tree,
            Report::Releasing(id, tree) => {
                let is_kept = |commitment: &Commitment| commitment.start_seq != tree;
                self.bucket(id).signed.retain(is_kept);
                self.bucket(id).committed.retain(is_kept);
            }
            Report::Exported(id, name) => {
                let bucket = self.bucket(id).clone();
                self.exports.insert(name, (id, bucket));
            }
            Report::Deleting(id) => self.bucket(id).is_uncertain = true,
            Report::Deleted(id) => {
                self.buckets.remove(&id);
                self.deleted.insert(id);
            }
            Report::Importing(id, name) => {
                self.deleted.remove(&id);
                let (_, exported) = self.exports[&name].clone();
                let (exists, is_open) = (false, true);
                let bucket = ExpectedBucket {
                    exists,
                    is_uncertain: is_open,
                    ..exported
                };
                self.buckets.insert(id, bucket);
            }
            Report::Imported(id, _) => {
                let bucket = self.bucket(id);
                (bucket.exists, bucket.is_uncertain) = (true, false);
            }
            Report::Began(_) | Report::Released(..) | Report::Failed(_) | Report::Done => {}
        }
    }

    fn bucket(&mut self, id: BucketId) -> &mut ExpectedBucket {
        self.buckets.entry(id).or_default()
    }

    /// Returns true if nothing was reported yet.
    fn is_empty(&self) -> bool {
        !self.has_key && self.buckets.is_empty()
    }

    /// Starts a provider on a disk and compares. Returns how many buckets an operator had to repair
    /// first, each with one command.
    pub fn check(&self, folder: &Path) -> Result<usize, BrokenGuarantee> {
        let base = folder.join("base");
        if !base.exists() {
            return if self.is_empty() {
                Ok(0)
            } else {
                Err("the base path is gone".into())
            };
        }
        let mut mended = 0;
        let mut provider = start(&base)?;
        for (id, reason) in provider.quarantined() {
            // Nothing that was reported is missing.
            let taken_for_another = ["newest writes are missing", "a copy that has diverged"];
            if taken_for_another.iter().any(|text| reason.contains(text)) {
                return Err(format!(
                    "bucket {id} is mistaken for an older copy: {reason}"
                ));
            }
            drop(provider);
            repair(&base, id).map_err(|error| format!("bucket {id}: {reason}; then {error}"))?;
            println!("bucket {id} of {} was repaired: {reason}", folder.display());
            mended += 1;
            provider = start(&base)?;
            provider
                .accept(id, false)
                .map_err(|error| format!("accepting {id}: {error}"))?;
        }
        self.compare(&provider)?;
        let provider = Arc::new(provider);
        if self.has_key {
            self.continue_work(&provider)?;
            self.compare(&provider)?;
        }
        drop(provider);
        self.check_exports(folder)?;
        Ok(mended)
    }

    fn compare(&self, provider: &Provider) -> Result<(), BrokenGuarantee> {
        let keys = provider.keys().list().map_err(|error| error.to_string())?;
        if self.has_key && keys.is_empty() {
            return Err("the key is gone".into());
        }
        if self.has_key {
            provider
                .keys()
                .signer(None)
                .map_err(|error| error.to_string())?;
        }
        let nonce = provider.nonce().map_err(|error| error.to_string())?;
        if nonce < self.nonce {
            return Err(format!("the nonce is {nonce:?} and was {:?}", self.nonce));
        }
        let there = provider
            .page(None, usize::MAX)
            .map_err(|error| error.to_string())?;
        let there: BTreeMap<_, _> = there.into_iter().collect();
        for (id, bucket) in &self.buckets {
            if !there.contains_key(id) && bucket.exists && !bucket.is_uncertain {
                return Err(format!("bucket {id} is gone"));
            }
        }
        if let Some(id) = self.deleted.iter().find(|id| there.contains_key(id)) {
            return Err(format!("bucket {id} is there again"));
        }
        for (id, record) in &there {
            let nothing = ExpectedBucket::default();
            let bucket = self.buckets.get(id).unwrap_or(&nothing);
            if record.status == BucketStatus::Lost && bucket.is_uncertain {
                continue;
            }
            let context = |fault: BrokenGuarantee| format!("bucket {id}: {fault}");
            let lease = provider.blocking_lease(*id, LeaseRequest::read());
            let lease = lease.map_err(|error| context(error.to_string()))?;
            bucket.compare(&lease).map_err(context)?;
            if record.commitment != lease.commitment() {
                return Err(format!(
                    "bucket {id} is recorded as {:?}",
                    record.commitment
                ));
            }
        }
        Ok(())
    }

    /// Continues the work after the cut, and checks that nothing else is signed for a window.
    fn continue_work(&self, provider: &Arc<Provider>) -> Result<(), BrokenGuarantee> {
        let signer = provider
            .keys()
            .signer(None)
            .map_err(|error| error.to_string())?;
        let window_signer = WindowSigner::new(provider.clone(), signer.clone());
        let window_signer = window_signer.map_err(|error| error.to_string())?;
        let there = provider
            .page(None, usize::MAX)
            .map_err(|error| error.to_string())?;
        for (id, record) in there {
            if record.status == BucketStatus::Lost {
                continue;
            }
            let lease = provider.blocking_lease(id, LeaseRequest::write());
            let lease = lease.map_err(|error| format!("bucket {id}, after the cut: {error}"))?;
            let stored = lease.run(|bucket| bucket.ingest(&b"after the cut"[..]));
            let stored = stored.map_err(|error| format!("bucket {id}, after the cut: {error}"))?;
            let leaf = NewLeaf {
                data_root: stored.data_root,
                data_size: stored.data_size,
            };
            let signed = lease.commit_signed(&[leaf], &signer);
            let (_, signed) = signed.map_err(|error| {
                format!(
                    "bucket {id}, after the cut: \
                {error}"
                )
            })?;
            check_provable(&lease, &signed.payload.commitment)?;
            drop(lease);
            for ((of, window), commitment) in &self.windows {
                let newest = signed.payload.commitment;
                if *of == id && *commitment != newest && window_signer.sign(id, newest, *window) {
                    return Err(format!("bucket {id}: window {window} was signed for twice"));
                }
            }
        }
        Ok(())
    }

    /// Checks that exports can be imported, with all that they promise.
    fn check_exports(&self, folder: &Path) -> Result<(), BrokenGuarantee> {
        for (name, (id, bucket)) in self.exports.iter().rev().take(2) {
            let other = folder.join("other").join(name);
            let provider = start(&other)?;
            let context = |error: &dyn std::fmt::Display| format!("{name}: {error}");
            let source = folder.join(name);
            let source = ImportSource::Path(&source);
            let imported = provider.import_bucket(source, ImportCheck::Full, &mut |_| {});
            imported.map_err(|error| context(&error))?;
            let lease = provider.blocking_lease(*id, LeaseRequest::read());
            let lease = lease.map_err(|error| context(&error))?;
            bucket.compare(&lease).map_err(|fault| context(&fault))?;
        }
        Ok(())
    }
}

impl ExpectedBucket {
    fn compare(&self, lease: &Lease) -> Result<(), BrokenGuarantee> {
        let newest = lease.commitment();
        for commitment in &self.signed {
            check_provable(lease, commitment)?;
        }
        for commitment in &self.committed {
            if commitment.start_seq == newest.start_seq {
                let at = StateRef::LeafCount(commitment.leaf_count);
                let found = lease.run(|bucket| bucket.view(at)?.commitment());
                let found = found.map_err(|error| format!("{commitment:?}: {error}"))?;
                if found != *commitment {
                    return Err(format!(
                        "{commitment:?} was committed, but {found:?} was found"
                    ));
                }
            } else if commitment.start_seq > newest.start_seq {
                return Err(format!(
                    "{commitment:?} was committed, but {newest:?} was found"
                ));
            }
        }
        if newest.start_seq < self.tree {
            return Err(format!(
                "it was pruned at {}, but starts at {}",
                self.tree, newest.start_seq
            ));
        }
        let report = lease.run(|bucket| fsck(bucket, |_| {}));
        let report = report.map_err(|error| error.to_string())?;
        if report.is_clean() {
            Ok(())
        } else {
            Err(format!("{:?}", report.findings))
        }
    }
}

/// Checks that a commitment can be proven, at its first and its last leaf.
fn check_provable(lease: &Lease, commitment: &Commitment) -> Result<(), BrokenGuarantee> {
    let at = StateRef::RootOf {
        root: commitment.mmr_root,
        tree: commitment.start_seq,
    };
    let context = |error: &dyn std::fmt::Display| format!("{commitment:?} was signed: {error}");
    for leaf in [0, commitment.leaf_count.get() - 1] {
        let location = ChunkLocation {
            leaf_index: LeafIndex(leaf),
            chunk_index: ChunkIndex(0),
        };
        let answer = lease.run(|bucket| bucket.view(at)?.answer(location));
        let answer = answer.map_err(|error| context(&error))?;
        if answer.commitment() != *commitment {
            return Err(context(&format!("{:?} is proven", answer.commitment())));
        }
    }
    Ok(())
}

pub fn start(base: &Path) -> Result<Provider, BrokenGuarantee> {
    let taken = BasePath::create(base).map_err(|error| error.to_string())?;
    let provider = Provider::open(taken, options());
    let provider = provider.map_err(|error| format!("the provider does not start: {error}"))?;
    provider.wait_until_indexed();
    provider.wait_until_trash_is_empty();
    Ok(provider)
}

/// Does what the error of a bucket that does not open tells an operator to do.
fn repair(base: &Path, id: BucketId) -> Result<(), BrokenGuarantee> {
    let base = BasePath::create(base).map_err(|error| error.to_string())?;
    let shared = SharedResources::default();
    let repaired = base.repair_bucket(id, &[], &shared, |_| {});
    if repaired.is_ok_and(|repaired| repaired.after.is_clean() && repaired.records_written > 0) {
        return Ok(());
    }
    let salvaged = base.salvage_bucket(id, &shared);
    salvaged.map(drop).map_err(|error| error.to_string())
}
