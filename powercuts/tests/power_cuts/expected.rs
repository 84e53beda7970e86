//! The state that must hold after the printed lines, and its check.

use cairn_bucket::{At, BasePath, Check, NewLeaf, Source, fsck};
use cairn_engine::Shared;
use cairn_powercuts::desk::Desk;
use cairn_powercuts::work::{Line, options};
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::{BucketId, ChunkIndex, Commitment, LeafIndex, Sequence};
use cairn_provider::{Lease, Provider, Standing, Wanted};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// A description of a broken guarantee.
pub type Fault = String;

/// The expected state of a bucket.
#[derive(Clone, Debug, Default)]
struct Bucket {
    /// It was reported to exist.
    is_there: bool,
    /// It may exist or not: an operation was begun.
    is_open: bool,
    promised: Vec<Commitment>,
    /// Durable, but not signed.
    committed: Vec<Commitment>,
    tree: Sequence,
}

/// The expected state of a provider.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    has_key: bool,
    nonce: Option<u64>,
    buckets: BTreeMap<BucketId, Bucket>,
    /// Buckets that were deleted and neither created nor imported since.
    gone: BTreeSet<BucketId>,
    windows: BTreeMap<(BucketId, u64), Commitment>,
    exports: BTreeMap<String, (BucketId, Bucket)>,
}

impl Expected {
    pub fn after<'l>(lines: impl Iterator<Item = &'l str>) -> Self {
        let mut expected = Self::default();
        for line in lines {
            let line = line.parse().unwrap_or_else(|error| panic!("{error:?}"));
            expected.hear(line);
        }
        expected
    }

    fn hear(&mut self, line: Line) {
        match line {
            Line::Key => self.has_key = true,
            Line::Nonce(nonce) => self.nonce = self.nonce.max(Some(nonce)),
            Line::Creating(id) => {
                self.gone.remove(&id);
                let is_open = true;
                let bucket = Bucket {
                    is_open,
                    ..Bucket::default()
                };
                self.buckets.insert(id, bucket);
            }
            Line::Created(id) => {
                let is_there = true;
                let bucket = Bucket {
                    is_there,
                    ..Bucket::default()
                };
                self.buckets.insert(id, bucket);
            }
            Line::Signed(id, commitment) => self.of(id).promised.push(commitment),
            Line::Committed(id, commitment) => self.of(id).committed.push(commitment),
            Line::Window(id, window, commitment) => {
                self.windows.insert((id, window), commitment);
                self.of(id).promised.push(commitment);
            }
            Line::Pruned(id, tree) => self.of(id).tree = tree,
            Line::Releasing(id, tree) => {
                let is_kept = |commitment: &Commitment| commitment.start_seq != tree;
                self.of(id).promised.retain(is_kept);
                self.of(id).committed.retain(is_kept);
            }
            Line::Exported(id, name) => {
                let bucket = self.of(id).clone();
                self.exports.insert(name, (id, bucket));
            }
            Line::Deleting(id) => self.of(id).is_open = true,
            Line::Deleted(id) => {
                self.buckets.remove(&id);
                self.gone.insert(id);
            }
            Line::Importing(id, name) => {
                self.gone.remove(&id);
                let (_, exported) = self.exports[&name].clone();
                let (is_there, is_open) = (false, true);
                let bucket = Bucket {
                    is_there,
                    is_open,
                    ..exported
                };
                self.buckets.insert(id, bucket);
            }
            Line::Imported(id, _) => {
                let bucket = self.of(id);
                (bucket.is_there, bucket.is_open) = (true, false);
            }
            Line::Began(_) | Line::Released(..) | Line::Failed(_) | Line::Done => {}
        }
    }

    fn of(&mut self, id: BucketId) -> &mut Bucket {
        self.buckets.entry(id).or_default()
    }

    /// Returns true if nothing was reported yet.
    fn is_nothing(&self) -> bool {
        !self.has_key && self.buckets.is_empty()
    }

    /// Starts a provider on a disk and compares. Returns how many buckets an operator had to repair
    /// first, each with one command.
    pub fn check(&self, folder: &Path) -> Result<usize, Fault> {
        let base = folder.join("base");
        if !base.exists() {
            return if self.is_nothing() {
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
            mend(&base, id).map_err(|error| format!("bucket {id}: {reason}; then {error}"))?;
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
            self.go_on(&provider)?;
            self.compare(&provider)?;
        }
        drop(provider);
        self.check_exports(folder)?;
        Ok(mended)
    }

    fn compare(&self, provider: &Provider) -> Result<(), Fault> {
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
            if !there.contains_key(id) && bucket.is_there && !bucket.is_open {
                return Err(format!("bucket {id} is gone"));
            }
        }
        if let Some(id) = self.gone.iter().find(|id| there.contains_key(id)) {
            return Err(format!("bucket {id} is there again"));
        }
        for (id, record) in &there {
            let nothing = Bucket::default();
            let bucket = self.buckets.get(id).unwrap_or(&nothing);
            if record.standing == Standing::Lost && bucket.is_open {
                continue;
            }
            let context = |fault: Fault| format!("bucket {id}: {fault}");
            let lease = provider.lease(*id, Wanted::read());
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
    fn go_on(&self, provider: &Arc<Provider>) -> Result<(), Fault> {
        let signer = provider
            .keys()
            .signer(None)
            .map_err(|error| error.to_string())?;
        let desk = Desk::new(provider.clone(), signer.clone());
        let desk = desk.map_err(|error| error.to_string())?;
        let there = provider
            .page(None, usize::MAX)
            .map_err(|error| error.to_string())?;
        for (id, record) in there {
            if record.standing == Standing::Lost {
                continue;
            }
            let lease = provider.lease(id, Wanted::write());
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
            proves(&lease, &signed.payload.commitment)?;
            drop(lease);
            for ((of, window), commitment) in &self.windows {
                let newest = signed.payload.commitment;
                if *of == id && *commitment != newest && desk.sign(id, newest, *window) {
                    return Err(format!("bucket {id}: window {window} was signed for twice"));
                }
            }
        }
        Ok(())
    }

    /// Checks that exports can be imported, with all that they promise.
    fn check_exports(&self, folder: &Path) -> Result<(), Fault> {
        for (name, (id, bucket)) in self.exports.iter().rev().take(2) {
            let other = folder.join("other").join(name);
            let provider = start(&other)?;
            let context = |error: &dyn std::fmt::Display| format!("{name}: {error}");
            let source = folder.join(name);
            let source = Source::Path(&source);
            let imported = provider.import_bucket(source, Check::Full, &mut |_| {});
            imported.map_err(|error| context(&error))?;
            let lease = provider.lease(*id, Wanted::read());
            let lease = lease.map_err(|error| context(&error))?;
            bucket.compare(&lease).map_err(|fault| context(&fault))?;
        }
        Ok(())
    }
}

impl Bucket {
    fn compare(&self, lease: &Lease) -> Result<(), Fault> {
        let newest = lease.commitment();
        for commitment in &self.promised {
            proves(lease, commitment)?;
        }
        for commitment in &self.committed {
            if commitment.start_seq == newest.start_seq {
                let at = At::LeafCount(commitment.leaf_count);
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
fn proves(lease: &Lease, commitment: &Commitment) -> Result<(), Fault> {
    let at = At::RootOf {
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

pub fn start(base: &Path) -> Result<Provider, Fault> {
    let taken = BasePath::create(base).map_err(|error| error.to_string())?;
    let provider = Provider::open(taken, options());
    let provider = provider.map_err(|error| format!("the provider does not start: {error}"))?;
    provider.wait_until_known();
    provider.wait_until_trash_is_empty();
    Ok(provider)
}

/// Does what the error of a bucket that does not open tells an operator to do.
fn mend(base: &Path, id: BucketId) -> Result<(), Fault> {
    let base = BasePath::create(base).map_err(|error| error.to_string())?;
    let shared = Shared::default();
    let repaired = base.repair_bucket(id, &[], &shared, |_| {});
    if repaired.is_ok_and(|repaired| repaired.after.is_clean() && repaired.written > 0) {
        return Ok(());
    }
    let salvaged = base.salvage_bucket(id, &shared);
    salvaged.map(drop).map_err(|error| error.to_string())
}
