//! `cairn bucket`: making buckets, and what there is to know of them.

mod export;
mod import;
mod info;
mod list;
mod prune;
mod release;
mod remove;
mod summary;
mod unprovable;

use crate::amount;
use crate::args::Globals;
use crate::backend::Backend;
use crate::bucket_args::bucket_id;
use crate::failure::Failure;
use crate::hashing::Hashing;
use crate::provider_args::start_on;
use crate::remote::Client;
use crate::shown::shown;
use cairn_node_ext::{Access, BasePath, BucketConfig, Shared, Wanted};
use cairn_primitives::{BucketId, HashingProfile};
use cairn_rpc::{BucketStoreApiClient, NewBucket, Uint};
use clap::Subcommand;
use std::convert::Infallible;
use summary::Summary;

/// What to do with buckets.
#[derive(Debug, Subcommand)]
pub(crate) enum BucketCommand {
    /// Make an empty bucket
    Create {
        /// Its id on chain
        #[arg(value_name = "BUCKET", value_parser = bucket_id)]
        id: BucketId,
        /// How it hashes, for its whole life
        #[arg(long, value_enum, default_value_t = Hashing::Plain)]
        hashing: Hashing,
        /// How the chain of this base path hashes, until it is seen: without this, only buckets
        /// that hash plain are made and signed for before then
        #[arg(long, value_name = "HASHING", value_enum)]
        chain_hashing: Option<Hashing>,
        /// The most bytes that it may be charged, for content, each chunk once, and for the records
        /// that keep it: 4096, 10GiB [default: no limit]
        #[arg(long, value_name = "SIZE", value_parser = amount::bytes)]
        quota: Option<u64>,
    },
    /// List the buckets
    List,
    /// Open a bucket whose log is damaged, and lose what is behind the damage. Its files are kept
    /// aside first
    Salvage {
        /// Its id on chain
        #[arg(value_name = "BUCKET", value_parser = bucket_id)]
        id: BucketId,
    },
    /// Remove a bucket with all that it holds. A provider that runs asks the chain first
    Delete {
        /// Its id on chain
        #[arg(value_name = "BUCKET", value_parser = bucket_id)]
        id: BucketId,
        /// Also what was signed, whether or not it can be challenged: who does takes the stake
        #[arg(long)]
        even_signed: bool,
    },
    /// Take a bucket out of quarantine as it is, repaired or another copy, if it has all that is
    /// known to have been signed of it
    Accept {
        /// Its id on chain
        #[arg(value_name = "BUCKET", value_parser = bucket_id)]
        id: BucketId,
        /// Also if it has not: anyone who challenges what is missing takes the stake
        #[arg(long)]
        even_behind: bool,
    },
    /// Sign for a bucket although it has leaves that cannot be proven, each of which may cost the
    /// stake when it is challenged
    SignUnprovable {
        /// Its id on chain
        #[arg(value_name = "BUCKET", value_parser = bucket_id)]
        id: BucketId,
        /// Take it back: sign for it no more
        #[arg(long)]
        no_more: bool,
    },
    /// Copy a bucket as it is now to a folder or an archive, for another provider to import
    Export(export::ExportArgs),
    /// Take over a bucket that was exported, or the folder of a closed one, once it has been checked
    Import(import::ImportArgs),
    /// Drop the leaves before a sequence. What was signed is proven as before, until it is released
    Prune(prune::PruneArgs),
    /// Give back what a pruned tree takes, when no challenge against it can stand any more
    Release(release::ReleaseArgs),
    /// Tell all there is to know of one bucket
    Info {
        /// Its id on chain
        #[arg(value_name = "BUCKET", value_parser = bucket_id)]
        id: BucketId,
    },
}

impl BucketCommand {
    /// Whether a provider that runs can do it.
    pub(crate) const fn takes_rpc(&self) -> bool {
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
        Backend::Local(base) => create_here(id, config, chain_hashing, base)?,
        Backend::Remote(_) if chain_hashing.is_some() => {
            return Err(Failure::Usage(
                "a provider that runs asks its chain: leave --chain-hashing out".into(),
            ));
        }
        Backend::Remote(remote) => create_there(id, config, &remote.client)?,
    };
    let output = globals.output();
    if output.is_json() {
        return output.answer(&summary);
    }
    output.text(format_args!(
        "made bucket {id} ({} hashing, {}) in {place}",
        config.profile,
        summary.quota_text(),
    ))
}

/// Makes a bucket, and says where.
fn create_here(
    id: BucketId,
    config: BucketConfig,
    chain_hashing: Option<Hashing>,
    base: BasePath,
) -> Result<(Summary, String), Failure> {
    let provider = start_on(base)?;
    if let Some(said) = chain_hashing.map(HashingProfile::from) {
        let holds = provider.assume_chain_hashing(said)?;
        if holds != said {
            return Err(Failure::Refused(format!(
                "the chain of this base path has been seen, and hashes {holds}: leave \
                 --chain-hashing out"
            )));
        }
    }
    provider.create_bucket(id, config)?;
    let lease = provider.lease(id, Wanted::read())?;
    let Ok(made) = lease.run(|bucket| {
        let place = shown(bucket.path()).to_string();
        Ok::<_, Infallible>((Summary::of(bucket), place))
    });
    Ok(made)
}

fn create_there(
    id: BucketId,
    config: BucketConfig,
    client: &Client,
) -> Result<(Summary, String), Failure> {
    let new = NewBucket {
        hashing: Some(config.profile.into()),
        max_bytes: Some(Uint(config.max_bytes)),
    };
    let made = client.order(|rpc| async move { rpc.create(Uint(id.0), Some(new)).await })?;
    let place = format!("the provider at {}", client.url());
    Ok(((&made).into(), place))
}

fn salvage(id: BucketId, globals: &Globals) -> Result<(), Failure> {
    let base = globals.open(Access::ReadWrite)?;
    let salvaged = base.salvage_bucket(id, &Shared::default())?;
    let summary = Summary::of(&salvaged.bucket);
    salvaged.bucket.close()?;
    // By the front door, which knows what was signed: a bucket that has lost some
    // of it is set apart, and signs nothing.
    let provider = start_on(base)?;
    let apart = match provider.lease(id, Wanted::write()) {
        Ok(_) => String::new(),
        Err(error) => format!("\n{error}"),
    };
    let output = globals.output();
    if output.is_json() {
        return output.answer(&summary);
    }
    output.text(format_args!(
        "{summary}\nthis is what is left; the files as they were are in {}.\nCompare it with what was \
         signed before you sign anything more, and run `cairn fsck {id}`{apart}",
        shown(&salvaged.kept_aside)
    ))
}
