//! `cairn bucket delete` and `accept`: decisions of the operator about a whole bucket.

use crate::backend::Backend;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::hex_text::to_hex;
use crate::provider_args::open_provider;
use crate::remote::Client;
use cairn_bucket::BasePath;
use cairn_engine::Access;
use cairn_primitives::BucketId;
use cairn_rpc_api::{U64OrHex, WriteApiClient};
use serde::Serialize;
use std::fmt;

#[derive(Serialize)]
struct Deleted {
    deleted: u64,
}

impl fmt::Display for Deleted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "deleted bucket {}", self.deleted)
    }
}

/// Deletes a bucket, unless something was signed of it that might still be challenged.
pub(super) fn delete(id: BucketId, even_signed: bool, globals: &Globals) -> Result<(), Failure> {
    match globals.backend(Access::ReadWrite)? {
        Backend::Local(base) => delete_local(id, even_signed, base)?,
        Backend::Remote(_) if even_signed => {
            return Err(Failure::Usage(
                "a running provider keeps what it has signed for as long as it can be challenged: \
                 stop it first to delete with --even-signed"
                    .into(),
            ));
        }
        Backend::Remote(remote) => delete_remote(id, &remote.client)?,
    }
    globals.output().answer(&Deleted { deleted: id.0 })
}

fn delete_remote(id: BucketId, client: &Client) -> Result<(), Failure> {
    Ok(client.request_bucket_work(|rpc| async move { rpc.delete_bucket(U64OrHex(id.0)).await })?)
}

fn delete_local(id: BucketId, even_signed: bool, base: BasePath) -> Result<(), Failure> {
    let provider = open_provider(base)?;
    if !even_signed && provider.may_be_signed(id)? {
        return Err(Failure::Failed(format!(
            "bucket {id} was signed for, or cannot be read, and only the chain knows whether it can \
             still be challenged: start `cairn run`, and delete it through that provider, which asks \
             the chain. --even-signed deletes it now; anyone who can challenge it then takes the \
             whole stake"
        )));
    }
    provider.delete_bucket(id)?;
    // Deletion continues in the background, and would otherwise wait for the next start.
    provider.wait_until_trash_is_empty();
    Ok(())
}

#[derive(Serialize)]
struct Accepted {
    accepted: u64,
    leaf_count: u64,
    mmr_root: String,
}

impl fmt::Display for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "accepted bucket {} as it is: {} leaves, root {}",
            self.accepted, self.leaf_count, self.mmr_root
        )
    }
}

/// Ends a bucket's quarantine, if it opens and has everything that is known to have been
/// signed, or if `even_behind` accepts it without.
pub(super) fn accept(id: BucketId, even_behind: bool, globals: &Globals) -> Result<(), Failure> {
    let record = open_provider(globals.open(Access::ReadWrite)?)?.accept(id, even_behind)?;
    globals.output().answer(&Accepted {
        accepted: id.0,
        leaf_count: record.commitment.leaf_count.get(),
        mmr_root: to_hex(record.commitment.mmr_root),
    })
}
