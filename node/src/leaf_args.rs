//! The arguments that select a leaf in a state of its bucket, and an output file.

use crate::bucket_args::parse_bucket_id;
use crate::state_args::StateArgs;
use cairn_primitives::BucketId;
use clap::Args;
use std::path::PathBuf;

/// Selects a leaf, and a file for the output.
#[derive(Args, Debug)]
pub(crate) struct LeafArgs {
    /// The bucket's id
    #[arg(value_parser = parse_bucket_id)]
    pub(crate) bucket: BucketId,
    /// The leaf's index in its tree, from 0
    #[arg(long, value_name = "N")]
    pub(crate) leaf: u64,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// File to write, completely or not at all [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
