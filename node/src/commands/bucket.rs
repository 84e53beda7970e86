//! `cairn bucket`: creates, inspects and maintains buckets.

mod export;
mod import;
mod info;
mod list;
mod prune;
mod release;
mod remove;
mod summary;
mod unprovable;

use crate::backend::Backend;
use crate::bucket_args::parse_bucket_id;
use crate::escaped_path::escaped;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::hashing::Hashing;
use crate::provider_args::open_provider;
use crate::quantity;
use crate::remote::Client;
use cairn_bucket::{BasePath, BucketConfig};
use cairn_engine::{Access, SharedResources};
use cairn_primitives::{BucketId, HashingProfile};
use cairn_provider::LeaseRequest;
use cairn_rpc_api::{NewBucket, U64OrHex, WriteApiClient};
use clap::Subcommand;
use std::convert::Infallible;
use summary::Summary;

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum BucketCommand {
    /// Create an empty bucket
    Create {
        /// Its id on chain
        #[arg(value_name = "BUCKET", value_parser = parse_bucket_id)]
        id: BucketId,
        /// Hashing profile of the bucket; it cannot be changed later
        #[arg(long, value_enum, default_value_t = Hashing::Plain)]
        hashing: Hashing,
        /// Hashing profile of this base path's chain, until the chain itself is seen. Without it,
        /// nothing is signed before then for buckets with tagged hashing
        #[arg(long, value_name = "HASHING", value_enum)]
        chain_hashing: Option<Hashing>,
        /// Bytes that may be charged, at most: for content, each chunk once, and for the records
        /// that keep it: 4096, 10GiB [default: no limit]
        #[arg(long, value_name = "SIZE", value_parser = quantity::parse_bytes)]
        quota: Option<u64>,
    },
    /// List the buckets as the index has them, without opening any. The index is written a little
    /// later than the buckets: a line says so if a bucket's files changed since it was indexed,
    /// or if a running provider has not read the bucket since its start. `cairn status` reads
    /// those, and all that are not in the index
    List,
    /// Open a bucket whose log is damaged, up to the damage, and restore what the journal has of
    /// the rest. Backs up the bucket's files first
    Salvage {
        /// Its id on chain
        #[arg(value_name = "BUCKET", value_parser = parse_bucket_id)]
        id: BucketId,
    },
    /// Delete a bucket with all its content. A running provider asks the chain first
    Delete {
        /// Its id on chain
        #[arg(value_name = "BUCKET", value_parser = parse_bucket_id)]
        id: BucketId,
        /// Delete it even if it was signed for: anyone who can still challenge it takes the stake
        #[arg(long)]
        even_signed: bool,
    },
    /// End a bucket's quarantine, after checking that it has everything that is known to have been
    /// signed of it
    Accept {
        /// Its id on chain
        #[arg(value_name = "BUCKET", value_parser = parse_bucket_id)]
        id: BucketId,
        /// Accept it even if something is missing: anyone who challenges that takes the stake
        #[arg(long)]
        even_behind: bool,
    },
    /// Sign for a bucket although it has leaves that cannot be proven. A challenge of any of them
    /// costs the stake
    SignUnprovable {
        /// Its id on chain
        #[arg(value_name = "BUCKET", value_parser = parse_bucket_id)]
        id: BucketId,
        /// Stop signing for it
        #[arg(long)]
        no_more: bool,
    },
    /// Copy a bucket to a folder or an archive, for another provider to import
    Export(export::ExportArgs),
    /// Check and import a bucket, from an export or from the folder of a closed bucket
    Import(import::ImportArgs),
    /// Drop the leaves before a sequence. Signed roots stay provable until their tree is released
    Prune(prune::PruneArgs),
    /// Free the space of a pruned tree, when nobody can challenge it any more
    Release(release::ReleaseArgs),
    /// Show the details of one bucket
    Info {
        /// Its id on chain
        #[arg(value_name = "BUCKET", value_parser = parse_bucket_id)]
        id: BucketId,
    },
}

impl BucketCommand {
    /// Returns true if a running provider can execute the command.
    pub(crate) const fn supports_rpc(&self) -> bool {
        match self {
            Self::Create { .. }
            | Self::List
            | Self::Delete { .. }
            | Self::Export(_)
            | Self::Prune(_)
            | Self::Info { .. } => true,
            Self::Salvage { .. }
            | Self::Accept { .. }
            | Self::SignUnprovable { .. }
            | Self::Import(_)
            | Self::Release(_) => false,
        }
    }
}

pub(crate) fn run(command: &BucketCommand, globals: &Globals) -> Result<(), Failure> {
    match command {
        BucketCommand::Create {
            id,
            hashing,
            chain_hashing,
            quota,
        } => create(*id, (*hashing, *chain_hashing), *quota, globals),
        BucketCommand::List => list::run(globals),
        BucketCommand::Delete { id, even_signed } => remove::delete(*id, *even_signed, globals),
        BucketCommand::Accept { id, even_behind } => remove::accept(*id, *even_behind, globals),
        BucketCommand::SignUnprovable { id, no_more } => unprovable::run(*id, *no_more, globals),
        BucketCommand::Info { id } => info::run(*id, globals),
        BucketCommand::Salvage { id } => salvage(*id, globals),
        BucketCommand::Export(args) => export::run(args, globals),
        BucketCommand::Import(args) => import::run(args, globals),
        BucketCommand::Prune(args) => prune::run(args, globals),
        BucketCommand::Release(args) => release::run(args, globals),
    }
}

fn create(
    id: BucketId,
    (hashing, chain_hashing): (Hashing, Option<Hashing>),
    quota: Option<u64>,
    globals: &Globals,
) -> Result<(), Failure> {
    let config = BucketConfig {
        profile: hashing.into(),
        max_bytes: quota.unwrap_or(BucketConfig::default().max_bytes),
    };
    let (summary, place) = match globals.backend_to_create()? {
        Backend::Local(base) => create_local(id, config, chain_hashing, base)?,
        Backend::Remote(_) if chain_hashing.is_some() => {
            return Err(Failure::Usage(
                "a running provider asks its chain: leave out --chain-hashing".into(),
            ));
        }
        Backend::Remote(remote) => create_remote(id, config, &remote.client)?,
    };
    let output = globals.output();
    if output.is_json() {
        return output.answer(&summary);
    }
    output.text(format_args!(
        "created bucket {id} ({} hashing, {}) in {place}",
        config.profile,
        summary.quota_text(),
    ))
}

/// Creates a bucket, and returns its place.
fn create_local(
    id: BucketId,
    config: BucketConfig,
    chain_hashing: Option<Hashing>,
    base: BasePath,
) -> Result<(Summary, String), Failure> {
    let provider = open_provider(base)?;
    if let Some(said) = chain_hashing.map(HashingProfile::from) {
        provider.assume_chain_hashing(said)?;
    }
    provider.create_bucket(id, config)?;
    let lease = provider.blocking_lease(id, LeaseRequest::read())?;
    let Ok(made) = lease.run(|bucket| {
        let place = escaped(bucket.path()).to_string();
        Ok::<_, Infallible>((Summary::from_bucket(bucket), place))
    });
    Ok(made)
}

fn create_remote(
    id: BucketId,
    config: BucketConfig,
    client: &Client,
) -> Result<(Summary, String), Failure> {
    let new = NewBucket {
        hashing: Some(config.profile.into()),
        max_bytes: Some(U64OrHex(config.max_bytes)),
    };
    let made = client.request_bucket_work(|rpc| async move {
        rpc.create_bucket(U64OrHex(id.0), Some(new)).await
    })?;
    let place = format!("the provider at {}", client.url());
    Ok(((&made).into(), place))
}

fn salvage(id: BucketId, globals: &Globals) -> Result<(), Failure> {
    let base = globals.open(Access::ReadWrite)?;
    let salvaged = base.salvage_bucket(id, &SharedResources::default())?;
    let summary = Summary::from_bucket(&salvaged.bucket);
    salvaged.bucket.close()?;
    // The provider knows what was signed: it quarantines a bucket that has lost some of
    // it, which then signs nothing.
    let provider = open_provider(base)?;
    let apart = match provider.blocking_lease(id, LeaseRequest::write()) {
        Ok(_) => String::new(),
        Err(error) => format!("\n{error}"),
    };
    let output = globals.output();
    if output.is_json() {
        return output.answer(&summary);
    }
    output.text(format_args!(
        "{summary}\nthis is what is left; the original files are in {}.\nCompare it with what was \
         signed before you sign anything more, and run `cairn fsck {id}`{apart}",
        escaped(&salvaged.backup)
    ))
}
