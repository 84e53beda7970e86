//! Works on a provider's buckets as clients and an operator do, and prints one line for each call
//! that has returned; before a removal it announces it as well.
//!
//! `workload <folder> <number> <step> ..`: the base path is `<folder>/base`, and exports go into
//! `<folder>`. Work continues on the state of earlier runs. Steps are those of [`Step`]; contents,
//! exports and windows are numbered from the given number. A failing step is reported on standard
//! error, and the next one follows.

#![forbid(unsafe_code)]

use cairn_bucket::{
    BasePath, Bucket, BucketConfig, ExportFormat, ImportCheck, ImportSource, NewLeaf,
};
use cairn_engine::Durability;
use cairn_keys::Signer;
use cairn_powercuts::window_signer::WindowSigner;
use cairn_powercuts::workload::{Content, Report, Step, options};
use cairn_primitives::{BucketId, Commitment, Sequence};
use cairn_provider::{LeaseRequest, Provider};
use std::error::Error;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

type StepResult = Result<(), Box<dyn Error>>;

fn main() -> StepResult {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("the folder is missing")?);
    let first: u64 = arguments.next().ok_or("the number is missing")?.parse()?;
    let steps: Vec<Step> = arguments
        .map(|step| step.parse())
        .collect::<Result<_, _>>()?;
    let base = BasePath::create(folder.join("base"))?;
    if base.keys().list()?.is_empty() {
        base.keys().insert("//Alice")?;
        report(Report::Key)?;
    }
    let provider = Arc::new(Provider::open(base, options())?);
    provider.wait_until_indexed();
    let signer = provider.keys().signer(None)?;
    let work = Workload {
        window_signer: WindowSigner::new(provider.clone(), signer.clone())?,
        provider,
        signer,
        folder,
    };
    for (number, step) in (first..).zip(steps) {
        report(Report::Began(number))?;
        if let Err(error) = work.step(step, number) {
            eprintln!("{number} {step}: {error}");
            report(Report::Failed(number))?;
        }
    }
    work.provider.wait_until_trash_is_empty();
    drop(work);
    report(Report::Done)
}

fn report(line: Report) -> StepResult {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

struct Workload {
    provider: Arc<Provider>,
    signer: Signer,
    window_signer: WindowSigner,
    folder: PathBuf,
}

/// A reader that fails at its end.
struct FailingReader;

impl Read for FailingReader {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the client is gone"))
    }
}

impl Workload {
    fn step(&self, step: Step, number: u64) -> StepResult {
        match step {
            Step::Create(id) => self.create(id),
            Step::Sign(id) => self.sign(id, number),
            Step::Commit(id) => self.commit(id, number),
            Step::CommitBuffered(id) => self.buffer(id, number),
            Step::Upload(id) => self.leaves(id, number).map(drop),
            Step::FailUpload(id) => self.fail_to_upload(id, number),
            Step::SignAgain(id) => self.sign_again(id),
            Step::Window(id) => self.window(id, number),
            Step::Prune(id) => self.prune(id, number),
            Step::Release(id) => self.release(id),
            Step::Export(id) => self.export(id, number),
            Step::Reimport(id) => self.export_and_move(id, number),
            Step::Delete(id) => self.delete(id),
            Step::Nonce => self.nonce(number),
            Step::WriteIndex => {
                self.provider.write_index();
                Ok(())
            }
        }
    }

    fn create(&self, id: BucketId) -> StepResult {
        if self.provider.summary(id).is_ok() {
            return Ok(());
        }
        report(Report::Creating(id))?;
        self.provider.create_bucket(id, BucketConfig::default())?;
        report(Report::Created(id))
    }

    fn leaves(&self, id: BucketId, number: u64) -> Result<Vec<NewLeaf>, Box<dyn Error>> {
        let lease = self.provider.blocking_lease(id, LeaseRequest::write())?;
        let count = 1 + number % 3;
        (0..count)
            .map(|of| {
                let content = Content::new(number * 8 + of);
                let stored = lease.run(|bucket| bucket.ingest(&content.bytes()[..]))?;
                Ok(NewLeaf {
                    data_root: stored.data_root,
                    data_size: stored.data_size,
                })
            })
            .collect()
    }

    fn sign(&self, id: BucketId, number: u64) -> StepResult {
        let leaves = self.leaves(id, number)?;
        let (_, signed) = self.provider.commit_signed(id, &leaves, &self.signer)?;
        report(Report::Signed(id, signed.payload.commitment))
    }

    fn commit(&self, id: BucketId, number: u64) -> StepResult {
        let leaves = self.leaves(id, number)?;
        let lease = self.provider.blocking_lease(id, LeaseRequest::write())?;
        let committed = lease.run(|bucket| bucket.commit(&leaves, Durability::Synced))?;
        report(Report::Committed(id, committed.commitment))
    }

    fn buffer(&self, id: BucketId, number: u64) -> StepResult {
        let leaves = self.leaves(id, number)?;
        let lease = self.provider.blocking_lease(id, LeaseRequest::write())?;
        lease.run(|bucket| bucket.commit(&leaves, Durability::Buffered))?;
        Ok(())
    }

    /// Requests the newest commitment again, as anybody may: it is signed if it was signed before.
    fn sign_again(&self, id: BucketId) -> StepResult {
        match self.provider.sign_again(id, &self.signer)? {
            Some(signed) => report(Report::Signed(id, signed.payload.commitment)),
            None => Ok(()),
        }
    }

    fn fail_to_upload(&self, id: BucketId, number: u64) -> StepResult {
        let lease = self.provider.blocking_lease(id, LeaseRequest::write())?;
        let content = Content::new(number * 8 + 7).bytes();
        let cut = lease.run(|bucket| bucket.ingest(content.chain(FailingReader)));
        if cut.is_ok() {
            return Err("a truncated upload was accepted".into());
        }
        Ok(())
    }

    /// Signs for a checkpoint window, at the request of another primary provider.
    fn window(&self, id: BucketId, number: u64) -> StepResult {
        let commitment = self.provider.summary(id)?.commitment;
        if commitment.leaf_count.get() == 0 {
            return Ok(());
        }
        if self.window_signer.sign(id, commitment, number) {
            report(Report::Window(id, number, commitment))?;
        }
        Ok(())
    }

    fn prune(&self, id: BucketId, number: u64) -> StepResult {
        let Commitment {
            start_seq,
            leaf_count,
            ..
        } = self.provider.summary(id)?.commitment;
        if leaf_count.get() < 2 {
            return Ok(());
        }
        let before = start_seq.0 + 1 + number % (leaf_count.get() - 1);
        let lease = self.provider.blocking_lease(id, LeaseRequest::write())?;
        let pruned = lease.run(|bucket| bucket.prune(Sequence(before), None))?;
        report(Report::Pruned(id, pruned.commitment.start_seq))
    }

    fn release(&self, id: BucketId) -> StepResult {
        let lease = self.provider.blocking_lease(id, LeaseRequest::write())?;
        let retired = lease.run(Bucket::retired_trees)?;
        let Some(tree) = retired.first().map(|tree| tree.commitment.start_seq) else {
            return Ok(());
        };
        report(Report::Releasing(id, tree))?;
        lease.run(|bucket| bucket.release(tree))?;
        report(Report::Released(id, tree))
    }

    fn export(&self, id: BucketId, number: u64) -> StepResult {
        let name = format!("export-{number}");
        let form = if number.is_multiple_of(2) {
            ExportFormat::Folder
        } else {
            ExportFormat::Archive
        };
        let to = self.folder.join(&name);
        self.provider.export_bucket(id, &to, form, &mut |_| {})?;
        report(Report::Exported(id, name))
    }

    /// Exports, deletes and imports a bucket.
    fn export_and_move(&self, id: BucketId, number: u64) -> StepResult {
        self.export(id, number)?;
        self.delete(id)?;
        let name = format!("export-{number}");
        report(Report::Importing(id, name.clone()))?;
        let source = self.folder.join(&name);
        let source = ImportSource::Path(&source);
        self.provider
            .import_bucket(source, ImportCheck::Full, &mut |_| {})?;
        report(Report::Imported(id, name))
    }

    fn delete(&self, id: BucketId) -> StepResult {
        report(Report::Deleting(id))?;
        self.provider.delete_bucket(id)?;
        report(Report::Deleted(id))
    }

    fn nonce(&self, number: u64) -> StepResult {
        self.provider.advance_nonce(number)?;
        report(Report::Nonce(number))
    }
}
