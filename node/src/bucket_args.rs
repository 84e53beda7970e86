//! The arguments that select buckets: by id, or all of them.

use crate::failure::Failure;
use cairn_bucket::BasePath;
use cairn_primitives::BucketId;
use clap::Args;

/// Selects buckets.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct BucketArgs {
    /// Ids of the buckets
    #[arg(value_parser = parse_bucket_id, value_name = "BUCKETS")]
    ids: Vec<BucketId>,
    /// All buckets
    #[arg(long)]
    pub(crate) all: bool,
}

impl BucketArgs {
    /// Returns the selected buckets, each once, in the order of their ids.
    pub(crate) fn bucket_ids(&self, base: &BasePath) -> Result<Vec<BucketId>, Failure> {
        if self.all {
            return Ok(base.buckets()?);
        }
        let mut ids = self.ids.clone();
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }
}

/// Parses a bucket's id.
pub(crate) fn parse_bucket_id(text: &str) -> Result<BucketId, String> {
    text.parse()
        .map(BucketId)
        .map_err(|_| "a bucket's id is its number on chain: 0, 1, 2 and so on".into())
}
