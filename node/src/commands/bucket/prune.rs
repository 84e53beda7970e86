//! `cairn bucket prune`: drops the leaves before a sequence, authorised by an admin's
//! signature or by the operator alone.

use crate::backend::Backend;
use crate::bucket_args::parse_bucket_id;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::hex_text::{bytes32, bytes64, to_hex};
use crate::provider_args::open_provider;
use crate::quantity;
use crate::remote::Client;
use cairn_bucket::{Authorisation, BasePath, Pruned};
use cairn_engine::layout::Deletion;
use cairn_engine::{Access, SharedResources};
use cairn_primitives::challenge::{AccountId, MultiSignature};
use cairn_primitives::{BucketId, Commitment, CommitmentPayload, H256, LeafCount, Sequence};
use cairn_provider::{Lease, LeaseRequest};
use cairn_rpc_api::{Bytes, PruneAuthorisation, U64OrHex, WriteApiClient};
use clap::Args;
use codec::Encode;
use serde::Serialize;
use std::fmt;

/// The arguments.
#[derive(Args, Debug)]
pub(crate) struct PruneArgs {
    /// Its id on chain
    #[arg(value_name = "BUCKET", value_parser = parse_bucket_id)]
    id: BucketId,
    /// Sequence of the first leaf to keep
    #[arg(long, value_name = "SEQ")]
    before: u64,
    /// Admin who authorises the prune: an sr25519 public key
    #[arg(long, value_name = "HEX", value_parser = bytes32, requires = "signature")]
    #[arg(conflicts_with_all = ["unsigned", "dry_run"])]
    admin: Option<[u8; 32]>,
    /// The admin's sr25519 signature over the payload that --dry-run prints
    #[arg(long, value_name = "HEX", value_parser = bytes64, requires = "admin")]
    signature: Option<[u8; 64]>,
    /// Leaf count of the new tree, as --dry-run printed it [default: the current one]
    #[arg(long, value_name = "LEAVES", requires = "signature")]
    leaf_count: Option<u64>,
    /// Prune without an admin's authorisation. Challenges of the dropped leaves then cannot be
    /// answered with a deletion
    #[arg(long, conflicts_with = "dry_run", required_unless_present_any = ["admin", "dry_run"])]
    unsigned: bool,
    /// Change nothing; print the new root, and the payload for an admin to sign
    #[arg(long)]
    dry_run: bool,
}

/// The tree after the prune.
#[derive(Serialize)]
struct PruneSummary {
    bucket: u64,
    start_seq: u64,
    leaf_count: u64,
    mmr_root: String,
    /// In a dry run: the payload for an admin to sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    /// Otherwise: the tree that was replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    retired_tree: Option<u64>,
}

impl PruneSummary {
    fn new(bucket: BucketId, commitment: Commitment) -> Self {
        Self {
            bucket: bucket.0,
            start_seq: commitment.start_seq.0,
            leaf_count: commitment.leaf_count.get(),
            mmr_root: to_hex(commitment.mmr_root),
            payload: None,
            retired_tree: None,
        }
    }
}

impl fmt::Display for PruneSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let leaves = quantity::format_count_as(self.leaf_count, "leaf", "leaves");
        let (bucket, from, root) = (self.bucket, self.start_seq, &self.mmr_root);
        if let Some(payload) = &self.payload {
            write!(
                f,
                "bucket {bucket} would have {leaves} from sequence {from}, and the root {root}\n\
                 to authorise it, an admin signs exactly these bytes: {payload}\n\
                 pass the signature with --leaf-count {}, even if more was committed since",
                self.leaf_count
            )?;
        }
        if let Some(retired) = self.retired_tree {
            write!(
                f,
                "bucket {bucket} has {leaves} from sequence {from}, and the root {root}\n\
                 older signed roots are proven from the tree of sequence {retired}, until \
                 `cairn bucket release {bucket} --tree {retired}`"
            )?;
        }
        Ok(())
    }
}

pub(super) fn run(args: &PruneArgs, globals: &Globals) -> Result<(), Failure> {
    let access = match args.dry_run {
        true => Access::ReadOnly,
        false => Access::ReadWrite,
    };
    let tree = match globals.backend(access)? {
        Backend::Local(base) => prune_local(args, base)?,
        Backend::Remote(remote) => prune_remote(args, &remote.client)?,
    };
    globals.output().answer(&tree)
}

fn prune_local(args: &PruneArgs, base: BasePath) -> Result<PruneSummary, Failure> {
    let (id, before) = (args.id, Sequence(args.before));
    if args.dry_run {
        let bucket = base.open_bucket(id, &SharedResources::default())?;
        let commitment = bucket.preview_prune(before)?;
        let deletion = Commitment::deletion(commitment.mmr_root, before);
        let payload = CommitmentPayload::new(id, deletion).encode();
        return Ok(PruneSummary {
            payload: Some(to_hex(payload)),
            ..PruneSummary::new(id, commitment)
        });
    }
    let provider = open_provider(base)?;
    let bucket = provider.blocking_lease(id, LeaseRequest::write())?;
    let authorisation = authorisation(args, &bucket)?;
    let Pruned {
        retired,
        commitment,
    } = bucket.run(|bucket| bucket.prune(before, authorisation))?;
    drop(bucket);
    provider.close();
    Ok(PruneSummary {
        retired_tree: Some(retired.commitment.start_seq.0),
        ..PruneSummary::new(id, commitment)
    })
}

fn prune_remote(args: &PruneArgs, client: &Client) -> Result<PruneSummary, Failure> {
    let (id, before) = (args.id, Sequence(args.before));
    if args.dry_run {
        let deletion = client.deletion_payload(id, before)?;
        return Ok(PruneSummary {
            payload: Some(to_hex(deletion.bytes)),
            ..PruneSummary::new(id, deletion.commitment)
        });
    }
    let Some((admin, signature)) = args.admin.zip(args.signature) else {
        return Err(Failure::Usage(
            "a running provider prunes only with an admin's signature: stop it first to prune \
             with --unsigned"
                .into(),
        ));
    };
    let leaf_count = match args.leaf_count {
        Some(leaf_count) => leaf_count,
        None => {
            let deletion = client.deletion_payload(id, before)?;
            deletion.commitment.leaf_count.get()
        }
    };
    let authorisation = PruneAuthorisation {
        admin: H256(admin),
        signature: Bytes(MultiSignature::Sr25519(signature).encode()),
        leaf_count: U64OrHex(leaf_count),
    };
    let pruned = client.request_bucket_work(|rpc| {
        let authorisation = authorisation.clone();
        async move {
            rpc.prune_bucket(U64OrHex(id.0), U64OrHex(before.0), authorisation)
                .await
        }
    })?;
    Ok(PruneSummary {
        retired_tree: Some(pruned.retired.start_seq.0),
        ..PruneSummary::new(id, client.decode_commitment(&pruned.commitment)?)
    })
}

fn authorisation(args: &PruneArgs, bucket: &Lease) -> Result<Option<Authorisation>, Failure> {
    let Some((admin, signature)) = args.admin.zip(args.signature) else {
        return Ok(None);
    };
    let deletion = Deletion {
        admin: AccountId(admin),
        signature: MultiSignature::Sr25519(signature),
    };
    let leaf_count = match args.leaf_count {
        Some(leaf_count) => LeafCount::new(leaf_count)
            .ok_or_else(|| Failure::Refused(format!("no tree has {leaf_count} leaves")))?,
        None => {
            let pruned = bucket.run(|bucket| bucket.preview_prune(Sequence(args.before)));
            pruned?.leaf_count
        }
    };
    Ok(Some(Authorisation {
        deletion,
        leaf_count,
    }))
}
