//! Which state of a bucket a command means: its newest, or an earlier one.

use crate::failure::Failure;
use crate::hex_text;
use cairn_node_ext::At;
use cairn_primitives::{H256, LeafCount, Sequence};
use clap::Args;

/// Options that choose a state.
#[derive(Args, Debug)]
pub(crate) struct StateArgs {
    /// The state with this root: any that was signed, or the newest
    #[arg(long, value_name = "HEX", value_parser = hex_text::hash)]
    root: Option<H256>,
    /// With --root: the tree that it is of, by the sequence of its first leaf
    #[arg(long, value_name = "SEQ", requires = "root")]
    start_seq: Option<u64>,
    /// The state with so many leaves: any that the tree has had
    #[arg(long, value_name = "N", conflicts_with = "root")]
    leaf_count: Option<u64>,
}

impl StateArgs {
    pub(crate) fn at(&self) -> Result<At, Failure> {
        Ok(match (self.root, self.start_seq, self.leaf_count) {
            (Some(root), Some(tree), _) => At::RootOf {
                root,
                tree: Sequence(tree),
            },
            (Some(root), None, _) => At::Root(root),
            (None, _, Some(count)) => At::LeafCount(leaf_count(count)?),
            (None, _, None) => At::Newest,
        })
    }
}

/// A leaf count within its range.
pub(crate) fn leaf_count(count: u64) -> Result<LeafCount, Failure> {
    LeafCount::new(count)
        .ok_or_else(|| Failure::Usage(format!("no tree has {count} leaves: 2^62 is the most")))
}
