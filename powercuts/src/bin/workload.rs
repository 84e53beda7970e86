//! Works on a provider's buckets as clients and an operator do, and prints one line for each call
//! that has returned; before a removal it announces it as well.
//!
//! `workload <folder> <number> <step> ..`: the base path is `<folder>/base`, and exports go into
//! `<folder>`. Work continues on the state of earlier runs. Steps are those of [`Step`]; contents,
//! exports and windows are numbered from the given number. A failing step is reported on standard
//! error, and the next one follows.

#![forbid(unsafe_code)]

use cairn_bucket::{BasePath, Bucket, BucketConfig, Check, Form, NewLeaf, Source};
use cairn_engine::Durability;
use cairn_keys::Signer;
use cairn_powercuts::desk::Desk;
use cairn_powercuts::work::{Content, Line, Step, options};
use cairn_primitives::{BucketId, Commitment, Sequence};
use cairn_provider::{Provider, Wanted};
use std::error::Error;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

type Done = Result<(), Box<dyn Error>>;

fn main() -> Done {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().ok_or("the folder is missing")?);
    let first: u64 = arguments.next().ok_or("the number is missing")?.parse()?;
    let steps: Vec<Step> = arguments
        .map(|step| step.parse())
        .collect::<Result<_, _>>()?;
    let base = BasePath::create(folder.join("base"))?;
    if base.keys().list()?.is_empty() {
        base.keys().insert("//Alice")?;
        say(Line::Key)?;
    }
    let provider = Arc::new(Provider::open(base, options())?);
    provider.wait_until_known();
    let signer = provider.keys().signer(None)?;
    let work = Work {
        desk: Desk::new(provider.clone(), signer.clone())?,
        provider,
        signer,
        folder,
    };
    for (number, step) in (first..).zip(steps) {
        say(Line::Began(number))?;
        if let Err(error) = work.step(step, number) {
            eprintln!("{number} {step}: {error}");
            say(Line::Failed(number))?;
        }
    }
    work.provider.wait_until_trash_is_empty();
    drop(work);
    say(Line::Done)
}

fn say(line: Line) -> Done {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

struct Work {
    provider: Arc<Provider>,
    signer: Signer,
    desk: Desk,
    folder: PathBuf,
}

/// A reader that fails at its end.
struct Cut;

impl Read for Cut {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the client is gone"))
    }
}

impl Work {
    fn step(&self, step: Step, number: u64) -> Done {
        match step {
            Step::Create(id) => self.create(id),
            Step::Sign(id) => self.sign(id, number),
            Step::Commit(id) => self.commit(id, number),
            Step::Buffer(id) => self.buffer(id, number),
            Step::Upload(id) => self.leaves(id, number).map(drop),
            Step::Fail(id) => self.fail_to_upload(id, number),
            Step::SignAgain(id) => self.sign_again(id),
            Step::Window(id) => self.window(id, number),
            Step::Prune(id) => self.prune(id, number),
            Step::Release(id) => self.release(id),
            Step::Export(id) => self.export(id, number),
            Step::Move(id) => self.export_and_move(id, number),
            Step::Delete(id) => self.delete(id),
            Step::Nonce => self.nonce(number),
            Step::WriteIndex => {
                self.provider.write_index();
                Ok(())
            }
        }
    }

    fn create(&self, id: BucketId) -> Done {
        if self.provider.summary(id).is_ok() {
            return Ok(());
        }
        say(Line::Creating(id))?;
        self.provider.create_bucket(id, BucketConfig::default())?;
        say(Line::Created(id))
    }

    fn leaves(&self, id: BucketId, number: u64) -> Result<Vec<NewLeaf>, Box<dyn Error>> {
        let lease = self.provider.lease(id, Wanted::write())?;
        let count = 1 + number % 3;
        (0..count)
            .map(|of| {
                let content = Content::of(number * 8 + of);
                let stored = lease.run(|bucket| bucket.ingest(&content.bytes()[..]))?;
                Ok(NewLeaf {
                    data_root: stored.data_root,
                    data_size: stored.data_size,
                })
            })
            .collect()
    }

    fn sign(&self, id: BucketId, number: u64) -> Done {
        let leaves = self.leaves(id, number)?;
        let (_, signed) = self.provider.commit_signed(id, &leaves, &self.signer)?;
        say(Line::Signed(id, signed.payload.commitment))
    }

    fn commit(&self, id: BucketId, number: u64) -> Done {
        let leaves = self.leaves(id, number)?;
        let lease = self.provider.lease(id, Wanted::write())?;
        let committed = lease.run(|bucket| bucket.commit(&leaves, Durability::Synced))?;
        say(Line::Committed(id, committed.commitment))
    }

    fn buffer(&self, id: BucketId, number: u64) -> Done {
        let leaves = self.leaves(id, number)?;
        let lease = self.provider.lease(id, Wanted::write())?;
        lease.run(|bucket| bucket.commit(&leaves, Durability::Buffered))?;
        Ok(())
    }

    /// Requests the newest commitment again, as anybody may: it is signed if it was signed before.
    fn sign_again(&self, id: BucketId) -> Done {
        match self.provider.sign_again(id, &self.signer)? {
            Some(signed) => say(Line::Signed(id, signed.payload.commitment)),
            None => Ok(()),
        }
    }

    fn fail_to_upload(&self, id: BucketId, number: u64) -> Done {
        let lease = self.provider.lease(id, Wanted::write())?;
        let content = Content::of(number * 8 + 7).bytes();
        let cut = lease.run(|bucket| bucket.ingest(content.chain(Cut)));
        if cut.is_ok() {
            return Err("a truncated upload was accepted".into());
        }
        Ok(())
    }

    /// Signs for a checkpoint window, at the request of another primary provider.
    fn window(&self, id: BucketId, number: u64) -> Done {
        let commitment = self.provider.summary(id)?.commitment;
        if commitment.leaf_count.get() == 0 {
            return Ok(());
        }
        if self.desk.sign(id, commitment, number) {
            say(Line::Window(id, number, commitment))?;
        }
        Ok(())
    }

    fn prune(&self, id: BucketId, number: u64) -> Done {
        let Commitment {
            start_seq,
            leaf_count,
            ..
        } = self.provider.summary(id)?.commitment;
        if leaf_count.get() < 2 {
            return Ok(());
        }
        let before = start_seq.0 + 1 + number % (leaf_count.get() - 1);
        let lease = self.provider.lease(id, Wanted::write())?;
        let pruned = lease.run(|bucket| bucket.prune(Sequence(before), None))?;
        say(Line::Pruned(id, pruned.commitment.start_seq))
    }

    fn release(&self, id: BucketId) -> Done {
        let lease = self.provider.lease(id, Wanted::write())?;
        let retired = lease.run(Bucket::retired)?;
        let Some(tree) = retired.first().map(|tree| tree.commitment.start_seq) else {
            return Ok(());
        };
        say(Line::Releasing(id, tree))?;
        lease.run(|bucket| bucket.release(tree))?;
        say(Line::Released(id, tree))
    }

    fn export(&self, id: BucketId, number: u64) -> Done {
        let name = format!("export-{number}");
        let form = if number.is_multiple_of(2) {
            Form::Folder
        } else {
            Form::Archive
        };
        let to = self.folder.join(&name);
        self.provider.export_bucket(id, &to, form, &mut |_| {})?;
        say(Line::Exported(id, name))
    }

    /// Exports, deletes and imports a bucket.
    fn export_and_move(&self, id: BucketId, number: u64) -> Done {
        self.export(id, number)?;
        self.delete(id)?;
        let name = format!("export-{number}");
        say(Line::Importing(id, name.clone()))?;
        let source = self.folder.join(&name);
        let source = Source::Path(&source);
        self.provider
            .import_bucket(source, Check::Full, &mut |_| {})?;
        say(Line::Imported(id, name))
    }

    fn delete(&self, id: BucketId) -> Done {
        say(Line::Deleting(id))?;
        self.provider.delete_bucket(id)?;
        say(Line::Deleted(id))
    }

    fn nonce(&self, number: u64) -> Done {
        self.provider.raise_nonce(number)?;
        say(Line::Nonce(number))
    }
}
