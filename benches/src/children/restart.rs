//! A process that signs until it is killed.

use crate::Fallible;
use crate::data::{Pieces, random, random_below};
use crate::stores::CairnStore;
use cairn_primitives::{BucketId, H256, LeafCount};
use clap::Args;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Buckets in use at once.
const THREADS: u64 = 2;

/// Commits leaves to random buckets from 1 to `buckets`, and prints each signed commitment.
#[derive(Args)]
pub(crate) struct Restart {
    #[arg(long)]
    folder: PathBuf,
    #[arg(long)]
    buckets: u64,
    #[arg(long)]
    max_open: u32,
    /// The seed of the random choices.
    #[arg(long)]
    stream: u64,
}

/// A signed commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) bucket: BucketId,
    pub(crate) root: H256,
    pub(crate) count: LeafCount,
}

impl Restart {
    pub(super) fn run(&self) -> Fallible<()> {
        let store = CairnStore::open(&self.folder, self.max_open)?;
        let leaf = Pieces::new()?.leaf(0)?;
        let one = |thread: u64| -> Fallible<()> {
            let stream = self.stream.saturating_mul(THREADS).saturating_add(thread);
            let mut rng = random(stream);
            loop {
                let id = BucketId(random_below(&mut rng, self.buckets).saturating_add(1));
                let committed = store.provider.commit_signed(id, &[leaf], store.signer())?;
                let commitment = committed.0.commitment;
                // In one write, so that lines of different threads do not mix.
                println!(
                    "{} {} {:?}",
                    id.0,
                    commitment.leaf_count.get(),
                    commitment.mmr_root
                );
            }
        };
        std::thread::scope(|scope| {
            let one = &one;
            let running: Vec<_> = (0..THREADS)
                .map(|thread| scope.spawn(move || one(thread)))
                .collect();
            running.into_iter().try_for_each(|thread| {
                let ended = thread.join();
                ended.map_err(|_| "a thread of the workload ended")?
            })
        })
    }

    /// Runs a process of its own, and kills it after `signatures`. Returns all commitments that
    /// it printed.
    pub(crate) fn run_and_kill(
        folder: &Path,
        buckets: u64,
        max_open: u32,
        stream: u64,
        signatures: usize,
    ) -> Fallible<Vec<Signed>> {
        let mut child = super::command("restart")?
            .args(["--buckets", &buckets.to_string()])
            .args(["--max-open", &max_open.to_string()])
            .args(["--stream", &stream.to_string()])
            .arg("--folder")
            .arg(folder)
            .spawn()?;
        let printed = child.stdout.take().ok_or("its output is not piped")?;
        let mut signed = Vec::new();
        for line in BufReader::new(printed).lines() {
            // The kill may have torn the last line.
            signed.extend(parse(&line?));
            if signed.len() == signatures {
                child.kill()?;
            }
        }
        child.wait()?;
        if signed.len() < signatures {
            return Err("the process that signs ended by itself".into());
        }
        Ok(signed)
    }
}

fn parse(line: &str) -> Option<Signed> {
    let mut parts = line.split(' ');
    let bucket = BucketId(parts.next()?.parse().ok()?);
    let count = LeafCount::new(parts.next()?.parse().ok()?)?;
    let root = parts.next()?.parse().ok()?;
    Some(Signed {
        bucket,
        root,
        count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_last_line_is_ignored() {
        let root = H256([7; 32]);
        let line = format!("3 12 {root:?}");
        let signed = parse(&line).unwrap();
        assert_eq!((signed.bucket, signed.root), (BucketId(3), root));
        assert_eq!(signed.count.get(), 12);
        for end in 0..line.len() {
            assert_eq!(parse(&line[..end]), None);
        }
    }
}
