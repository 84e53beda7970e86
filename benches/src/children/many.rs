//! Measures the resource usage of many open buckets, in a process of its own.

use crate::Fallible;
use crate::data::Pieces;
use crate::process::ResourceUsage;
use crate::stores::Kind;
use cairn_engine::Durability;
use cairn_primitives::LeafIndex;
use cairn_provider::ProcessLimits;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Warm-up buckets, which are not counted: the first bucket of a process mostly loads code into
/// memory.
pub(crate) const WARM_UP_BUCKETS: u64 = 8;

/// The operation on each bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BucketOperation {
    /// Created, and left empty.
    Create,
    /// Filled with a content, committed as `leaves` leaves.
    Write,
    /// Opened for a proof.
    Prove,
}

/// Opens many buckets.
#[derive(Args)]
pub(crate) struct Many {
    #[arg(long)]
    kind: Kind,
    #[arg(long)]
    folder: PathBuf,
    #[arg(long)]
    buckets: u64,
    #[arg(long)]
    deed: BucketOperation,
    /// Leaves that each bucket is given.
    #[arg(long)]
    leaves: usize,
}

/// The resources of the open buckets, without those of the process itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ResourceCost {
    pub(crate) descriptors: f64,
    pub(crate) resident: f64,
    pub(crate) threads: f64,
    pub(crate) seconds: f64,
}

impl Many {
    pub(super) fn run(&self) -> Fallible<()> {
        // Raises the descriptor limit for the other stores too, as Cairn does for itself.
        let _ = ProcessLimits::of_this_process();
        let pieces = Pieces::new()?;
        let piece = pieces.all().first().ok_or("no content to commit")?;
        let all = WARM_UP_BUCKETS.saturating_add(self.buckets);
        let store = self.kind.open(&self.folder, u32::try_from(all)?)?;
        let work = |id: u64| -> Fallible<()> {
            match self.deed {
                BucketOperation::Create => store.create(id)?,
                BucketOperation::Write => {
                    let leaf = store.put(id, &piece.bytes)?;
                    let leaves = vec![leaf; self.leaves];
                    store.commit(id, &leaves, Durability::Synced)?;
                }
                BucketOperation::Prove => drop(store.prove(id, LeafIndex(0))?),
            }
            Ok(())
        };
        (0..WARM_UP_BUCKETS).try_for_each(&work)?;
        let before = ResourceUsage::now()?;
        let start = Instant::now();
        (WARM_UP_BUCKETS..all).try_for_each(&work)?;
        let seconds = start.elapsed().as_secs_f64();
        let after = ResourceUsage::now()?;
        let more = |after: u64, before: u64| after as f64 - before as f64;
        println!(
            "{} {} {} {seconds}",
            more(after.descriptors, before.descriptors),
            more(after.resident, before.resident),
            more(after.threads, before.threads),
        );
        Ok(())
    }

    /// Measures in a process of its own.
    pub(crate) fn run_in_child(
        kind: Kind,
        folder: &Path,
        buckets: u64,
        deed: BucketOperation,
        leaves: usize,
    ) -> Fallible<ResourceCost> {
        let deed = deed.to_possible_value().ok_or("no such deed")?;
        let output = super::command("many")?
            .args(["--kind", kind.name(), "--deed", deed.get_name()])
            .args(["--buckets", &buckets.to_string()])
            .args(["--leaves", &leaves.to_string()])
            .arg("--folder")
            .arg(folder)
            .output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{} with {buckets} buckets: {said}", kind.name()).into());
        }
        let printed = String::from_utf8(output.stdout)?;
        let numbers: Vec<f64> = printed
            .split_whitespace()
            .map(|number| Ok(number.parse()?))
            .collect::<Fallible<_>>()?;
        let [descriptors, resident, threads, seconds] = *numbers else {
            return Err(format!("{} printed something else: {printed}", kind.name()).into());
        };
        Ok(ResourceCost {
            descriptors,
            resident,
            threads,
            seconds,
        })
    }
}
