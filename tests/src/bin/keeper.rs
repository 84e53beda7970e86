//! Executes one operation on a provider and reports it; tests kill it on the way.
//!
//! `keeper <base path> <operation> <bucket> [<path>]`, where the operation is one of `create`,
//! `put`, `delete`, `prune`, `release`, `export`, `import` and `start`. It prints signed roots
//! as `signed <root>`, and `done` at the end.

#![forbid(unsafe_code)]

use cairn_bucket::{
    BasePath, BucketConfig, ExportFormat, ImportCheck, ImportSource, Ingested, NewLeaf,
};
use cairn_primitives::{BucketId, Sequence};
use cairn_provider::{BudgetRequest, LeaseRequest, OnCopy, Provider, ProviderOptions};
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The first sequence that a prune of five leaves keeps.
const FIRST_KEPT: Sequence = Sequence(2);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [base, what, bucket, rest @ ..] = &arguments[..] else {
        return Err("the operation is missing".into());
    };
    let id = BucketId(bucket.parse()?);
    let options = ProviderOptions {
        budget: BudgetRequest {
            max_open: Some(4),
            memory_bytes: Some(64 << 20),
            ..BudgetRequest::default()
        },
        // The base path is a copy, and the newest one.
        on_copy: OnCopy::Accept,
        ..ProviderOptions::default()
    };
    let provider = Provider::open(BasePath::create(Path::new(base))?, options)?;
    provider.wait_until_indexed();
    execute(&provider, what, id, rest.first().map(PathBuf::from))?;
    provider.wait_until_trash_is_empty();
    provider.close();
    print_line("done")
}

fn execute(
    provider: &Provider,
    what: &str,
    id: BucketId,
    path: Option<PathBuf>,
) -> Result<(), Box<dyn Error>> {
    match what {
        "start" => {}
        "create" => provider.create_bucket(id, BucketConfig::default())?,
        "delete" => provider.delete_bucket(id)?,
        "put" => {
            let lease = provider.blocking_lease(id, LeaseRequest::write())?;
            let Ingested {
                data_root,
                data_size,
                ..
            } = lease.run(|bucket| bucket.ingest(&b"put by the keeper"[..]))?;
            let leaf = NewLeaf {
                data_root,
                data_size,
            };
            let signer = provider.keys().signer(None)?;
            let (_, signed) = lease.commit_signed(&[leaf], &signer)?;
            let root = hex::encode(signed.payload.commitment.mmr_root);
            print_line(&format!("signed {root}"))?;
        }
        _ => execute_on_trees(provider, what, id, path)?,
    }
    Ok(())
}

fn execute_on_trees(
    provider: &Provider,
    what: &str,
    id: BucketId,
    path: Option<PathBuf>,
) -> Result<(), Box<dyn Error>> {
    let path = path.unwrap_or_default();
    match what {
        "prune" => {
            let lease = provider.blocking_lease(id, LeaseRequest::write())?;
            lease.run(|bucket| bucket.prune(FIRST_KEPT, None))?;
        }
        "release" => {
            let lease = provider.blocking_lease(id, LeaseRequest::write())?;
            lease.run(|bucket| bucket.release(Sequence(0)))?;
        }
        "export" => {
            provider.export_bucket(id, &path, ExportFormat::Folder, &mut |_| {})?;
        }
        "import" => {
            provider.import_bucket(ImportSource::Path(&path), ImportCheck::Full, &mut |_| {})?;
        }
        _ => return Err(format!("unknown operation {what}").into()),
    }
    Ok(())
}

fn print_line(what: &str) -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{what}")?;
    Ok(out.flush()?)
}
