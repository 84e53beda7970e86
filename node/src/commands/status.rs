//! `cairn status`: what a provider may take here, how its buckets stand, and
//! what their isolation costs.

use crate::amount;
use crate::args::Globals;
use crate::failure::Failure;
use crate::provider_args::ProviderArgs;
use cairn_node_ext::{BucketRecord, Provider, Standing};
use cairn_primitives::BucketId;
use clap::Args;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// Buckets that are asked about at once.
const PAGE: usize = 1000;

/// What to work with.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    provider: ProviderArgs,
}

/// A bucket that needs its operator.
#[derive(Serialize)]
struct Trouble {
    bucket: u64,
    trouble: String,
}

#[derive(Serialize)]
struct Status {
    base_path: PathBuf,
    max_open: u32,
    descriptors: u64,
    descriptors_per_bucket: u64,
    memory_bytes: u64,
    buckets: u64,
    leaves: u64,
    chunks: u64,
    bytes: u64,
    distinct_chunks: u64,
    distinct_bytes: u64,
    nonce: Option<u64>,
    troubles: Vec<Trouble>,
}

impl Status {
    fn of(provider: &Provider) -> Result<Self, Failure> {
        let budget = provider.budget();
        let dedup = provider.dedup();
        let mut status = Self {
            base_path: provider.path().to_owned(),
            max_open: budget.max_open,
            descriptors: budget.descriptors,
            descriptors_per_bucket: budget.descriptors_per_bucket,
            memory_bytes: budget.memory_bytes,
            buckets: 0,
            leaves: 0,
            chunks: dedup.chunks,
            bytes: dedup.bytes,
            distinct_chunks: dedup.distinct_chunks,
            distinct_bytes: dedup.distinct_bytes,
            nonce: provider.nonce()?,
            troubles: Vec::new(),
        };
        let mut after = None;
        loop {
            let page = provider.page(after, PAGE)?;
            let Some((last, _)) = page.last() else {
                return Ok(status);
            };
            after = Some(*last);
            page.iter().for_each(|(id, record)| status.add(*id, record));
        }
    }

    fn add(&mut self, id: BucketId, record: &BucketRecord) {
        self.buckets = self.buckets.saturating_add(1);
        let leaves = record.commitment.leaf_count.get();
        self.leaves = self.leaves.saturating_add(leaves);
        let trouble = match &record.standing {
            Standing::Sound => return,
            Standing::Quarantined(reason) => reason.clone(),
            Standing::Lost => {
                "its folder is gone: put it back, or delete the bucket if that was meant".into()
            }
        };
        let bucket = id.0;
        self.troubles.push(Trouble { bucket, trouble });
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, distinct) = (self.bytes, self.distinct_bytes);
        writeln!(f, "base path     {}", self.base_path.display())?;
        writeln!(
            f,
            "open at once  {} of {}, at {} descriptors each of {} allowed",
            self.max_open,
            amount::counted(self.buckets, "bucket"),
            self.descriptors_per_bucket,
            self.descriptors
        )?;
        writeln!(f, "memory        {}", amount::human(self.memory_bytes))?;
        writeln!(
            f,
            "stored        {} in {}, {}",
            amount::human(bytes),
            amount::counted(self.chunks, "chunk"),
            amount::counted_as(self.leaves, "leaf", "leaves")
        )?;
        write!(
            f,
            "shared        {} of it would be stored once by buckets that share",
            amount::human(bytes.saturating_sub(distinct))
        )?;
        if let Some(nonce) = self.nonce {
            write!(f, "\nnonce         {nonce}")?;
        }
        self.troubles
            .iter()
            .try_for_each(|Trouble { bucket, trouble }| write!(f, "\nbucket {bucket}: {trouble}"))
    }
}

pub(crate) fn run(args: &StatusArgs, globals: &Globals) -> Result<(), Failure> {
    let provider = args.provider.start(globals)?;
    let status = Status::of(&provider)?;
    globals.output().answer(&status)?;
    match status.troubles.len() {
        0 => Ok(()),
        troubled => Err(Failure::Refused(format!(
            "buckets that need their operator: {troubled} of {}",
            status.buckets
        ))),
    }
}
