//! `cairn bucket release`: giving back what a pruned tree takes, once no
//! challenge against it can stand.

use crate::amount;
use crate::args::Globals;
use crate::bucket_args::bucket_id;
use crate::failure::Failure;
use crate::hex_text::to_hex;
use crate::provider_args::start_on;
use cairn_node_ext::{Access, Released, RetiredTree, Wanted};
use cairn_primitives::{BucketId, Sequence};
use clap::Args;
use serde::Serialize;
use std::fmt;

/// What to release.
#[derive(Args, Debug)]
pub(crate) struct ReleaseArgs {
    /// Its id on chain
    #[arg(value_name = "BUCKET", value_parser = bucket_id)]
    id: BucketId,
    /// The retired tree, by the sequence of its first leaf
    #[arg(long, value_name = "SEQ")]
    tree: u64,
    /// Also what was signed, whether or not it can be challenged: who does takes the stake
    #[arg(long)]
    even_signed: bool,
}

/// What is gone.
#[derive(Serialize)]
struct Gone {
    bucket: u64,
    tree: u64,
    leaves: u64,
    chunks: u64,
    bytes: u64,
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "bucket {}: the tree of sequence {} is gone, and {} with {} in {} that nothing else has",
            self.bucket,
            self.tree,
            amount::counted_as(self.leaves, "leaf", "leaves"),
            amount::human(self.bytes),
            amount::counted(self.chunks, "chunk"),
        )
    }
}

pub(super) fn run(args: &ReleaseArgs, globals: &Globals) -> Result<(), Failure> {
    let provider = start_on(globals.open(Access::ReadWrite)?)?;
    let bucket = provider.lease(args.id, Wanted::write())?;
    let tree = Sequence(args.tree);
    if !args.even_signed && bucket.run(|bucket| bucket.was_signed_of(tree))? {
        return Err(Failure::Failed(format!(
            "something was signed of the tree of sequence {tree}, and only the chain can tell \
             whether it can be asked for: `cairn run` asks the chain and releases the tree by \
             itself when it may go. --even-signed releases it now, and anyone who can challenge it \
             then takes the whole stake"
        )));
    }
    let Released {
        tree: released,
        leaves,
        content,
    } = bucket.run(|bucket| bucket.release(tree))?;
    drop(bucket);
    provider.close();
    globals.output().answer(&Gone {
        bucket: args.id.0,
        tree: released.commitment.start_seq.0,
        leaves,
        chunks: content.chunks,
        bytes: content.bytes,
    })
}

/// A retired tree, as `cairn bucket info` shows it.
#[derive(Serialize)]
pub(super) struct Retired {
    start_seq: u64,
    leaf_count: u64,
    mmr_root: String,
    new_start_seq: u64,
    new_root: String,
    /// The admin who authorised the deletion.
    admin: Option<String>,
    releasing: bool,
}

impl From<&RetiredTree> for Retired {
    fn from(tree: &RetiredTree) -> Self {
        let commitment = tree.commitment;
        Self {
            start_seq: commitment.start_seq.0,
            leaf_count: commitment.leaf_count.get(),
            mmr_root: to_hex(commitment.mmr_root),
            new_start_seq: tree.new_start_seq.0,
            new_root: to_hex(tree.new_root),
            admin: tree
                .deletion
                .as_ref()
                .map(|deletion| to_hex(deletion.admin.0)),
            releasing: tree.releasing,
        }
    }
}

impl fmt::Display for Retired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} from sequence {}, pruned to {} {}{}",
            amount::counted_as(self.leaf_count, "leaf", "leaves"),
            self.start_seq,
            self.new_start_seq,
            match &self.admin {
                Some(admin) => format!("by {admin}"),
                None => "without an admin".into(),
            },
            if self.releasing {
                "; its release was begun and has not ended"
            } else {
                ""
            },
        )
    }
}
