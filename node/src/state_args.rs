//! The arguments that select a state of a bucket: its newest, or an earlier one.

use crate::failure::Failure;
use crate::hex_text;
use cairn_bucket::StateRef;
use cairn_primitives::{H256, LeafCount, Sequence};
use clap::Args;

/// Selects a state of a bucket.
#[derive(Args, Debug)]
pub(crate) struct StateArgs {
    /// State with this root: the newest, or any signed root
    #[arg(long, value_name = "HEX", value_parser = hex_text::parse_hash)]
    root: Option<H256>,
    /// Tree of that root, by the sequence of its first leaf
    #[arg(long, value_name = "SEQ", requires = "root")]
    start_seq: Option<u64>,
    /// State with this many leaves: any count that the tree has had
    #[arg(long, value_name = "N", conflicts_with = "root")]
    leaf_count: Option<u64>,
}

impl StateArgs {
    pub(crate) fn at(&self) -> Result<StateRef, Failure> {
        Ok(match (self.root, self.start_seq, self.leaf_count) {
            (Some(root), Some(tree), _) => StateRef::RootOf {
                root,
                tree: Sequence(tree),
            },
            (Some(root), None, _) => StateRef::Root(root),
            (None, _, Some(count)) => StateRef::LeafCount(leaf_count(count)?),
            (None, _, None) => StateRef::Newest,
        })
    }
}

/// Checks that a leaf count is within its range.
pub(crate) fn leaf_count(count: u64) -> Result<LeafCount, Failure> {
    LeafCount::new(count)
        .ok_or_else(|| Failure::Usage(format!("no tree has {count} leaves: 2^62 is the most")))
}
