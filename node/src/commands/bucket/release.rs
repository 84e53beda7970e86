//! `cairn bucket release`: frees the space of a pruned tree that nobody can challenge
//! any more.

use crate::bucket_args::parse_bucket_id;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::hex_text::to_hex;
use crate::provider_args::open_provider;
use crate::quantity;
use cairn_bucket::{Released, RetiredTree};
use cairn_engine::Access;
use cairn_primitives::{BucketId, Sequence};
use cairn_provider::LeaseRequest;
use clap::Args;
use serde::Serialize;
use std::fmt;

/// The arguments.
#[derive(Args, Debug)]
pub(crate) struct ReleaseArgs {
    /// Its id on chain
    #[arg(value_name = "BUCKET", value_parser = parse_bucket_id)]
    id: BucketId,
    /// The retired tree, by the sequence of its first leaf
    #[arg(long, value_name = "SEQ")]
    tree: u64,
    /// Release it even if it was signed for: anyone who can still challenge it takes the stake
    #[arg(long)]
    even_signed: bool,
}

/// The output of the command.
#[derive(Serialize)]
struct ReleaseSummary {
    bucket: u64,
    tree: u64,
    leaves: u64,
    chunks: u64,
    bytes: u64,
}

impl fmt::Display for ReleaseSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "bucket {}: released the tree of sequence {}: {}, and {} in {} that no other tree has",
            self.bucket,
            self.tree,
            quantity::format_count_as(self.leaves, "leaf", "leaves"),
            quantity::format_bytes(self.bytes),
            quantity::format_count(self.chunks, "chunk"),
        )
    }
}

pub(super) fn run(args: &ReleaseArgs, globals: &Globals) -> Result<(), Failure> {
    let provider = open_provider(globals.open(Access::ReadWrite)?)?;
    let bucket = provider.blocking_lease(args.id, LeaseRequest::write())?;
    let tree = Sequence(args.tree);
    if !args.even_signed && bucket.run(|bucket| bucket.has_signed_roots(tree))? {
        return Err(Failure::Failed(format!(
            "roots of the tree of sequence {tree} were signed, and only the chain knows whether \
             they can still be challenged: `cairn run` asks the chain, and releases the tree when \
             it is safe. --even-signed releases it now; anyone who can challenge it then takes \
             the whole stake"
        )));
    }
    let Released {
        tree: released,
        leaves,
        content,
    } = bucket.run(|bucket| bucket.release(tree))?;
    drop(bucket);
    provider.close();
    globals.output().answer(&ReleaseSummary {
        bucket: args.id.0,
        tree: released.commitment.start_seq.0,
        leaves,
        chunks: content.chunks,
        bytes: content.bytes,
    })
}

/// A retired tree, as `cairn bucket info` shows it.
#[derive(Serialize)]
pub(super) struct RetiredTreeInfo {
    start_seq: u64,
    leaf_count: u64,
    mmr_root: String,
    new_start_seq: u64,
    new_root: String,
    /// The admin who authorised the deletion.
    admin: Option<String>,
    releasing: bool,
}

impl From<&RetiredTree> for RetiredTreeInfo {
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

impl fmt::Display for RetiredTreeInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} from sequence {}, pruned to {} {}{}",
            quantity::format_count_as(self.leaf_count, "leaf", "leaves"),
            self.start_seq,
            self.new_start_seq,
            match &self.admin {
                Some(admin) => format!("by {admin}"),
                None => "without an admin".into(),
            },
            if self.releasing {
                "; its release has begun and is not complete"
            } else {
                ""
            },
        )
    }
}
