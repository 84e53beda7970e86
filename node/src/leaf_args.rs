//! Which leaf a command means, in which state of its bucket, and where what it
//! makes of it goes.

use crate::bucket_args::bucket_id;
use crate::state_args::StateArgs;
use cairn_primitives::BucketId;
use clap::Args;
use std::path::PathBuf;

/// A leaf, and a file for what is made of it.
#[derive(Args, Debug)]
pub(crate) struct LeafArgs {
    /// The bucket's id
    #[arg(value_parser = bucket_id)]
    pub(crate) bucket: BucketId,
    /// The leaf, counted from the first of its tree
    #[arg(long, value_name = "N")]
    pub(crate) leaf: u64,
    #[command(flatten)]
    pub(crate) state: StateArgs,
    /// File to write, whole or not at all [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
