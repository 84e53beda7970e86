//! Kills a process at 200 random moments while it commits to a bucket. After each kill, the
//! bucket opens, its leaves are a prefix of the submitted ones, no acknowledged leaf is gone, and
//! every root that was ever signed can be proven.

use cairn_bucket::{BasePath, Bucket, StateRef, fsck};
use cairn_engine::{Access, SharedResources};
use cairn_primitives::chunk_tree::{CHUNK_BYTES, ContentHasher};
use cairn_primitives::{H256, HashingProfile, LeafCount, LeafIndex};
use cairn_tests::content_of_leaf;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

const KILLS: u64 = 200;

/// The output of the killed processes.
#[derive(Default)]
struct Acknowledged {
    leaves: u64,
    signed: Vec<(H256, LeafCount)>,
}

impl Acknowledged {
    fn take(&mut self, line: &str) {
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            ["committed", count] => self.leaves = count.parse().unwrap(),
            ["signed", root, count] => {
                self.leaves = count.parse().unwrap();
                let root = H256::from_slice(&hex::decode(root).unwrap());
                self.signed
                    .push((root, LeafCount::new(self.leaves).unwrap()));
            }
            _ => panic!("{line}"),
        }
    }
}

/// Runs the committer until it has acknowledged some commits, and kills it a moment later.
fn run_and_kill(folder: &Path, seed: u64, random: &mut ChaCha8Rng, said: &mut Acknowledged) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_committer"))
        .arg(folder)
        .arg(seed.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    // Sometimes while it creates or opens the bucket, before any commit.
    for _ in 0..random.gen_range(0..12) {
        line.clear();
        assert_ne!(
            lines.read_line(&mut line).unwrap(),
            0,
            "the committer ended by itself"
        );
        said.take(&line);
    }
    for _ in 0..random.gen_range(0..3_000_000u32) {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    // A torn last line is not an acknowledgement.
    let whole = rest.rfind('\n').map_or("", |end| &rest[..end]);
    whole.lines().for_each(|line| said.take(line));
}

fn data_root(content: &[u8]) -> H256 {
    let mut hasher = ContentHasher::new(HashingProfile::Plain);
    content
        .chunks(CHUNK_BYTES)
        .for_each(|chunk| hasher.push(chunk).unwrap());
    hasher.finish().root
}

#[test]
fn acknowledged_and_signed_leaves_survive_kills() {
    let folder = tempfile::tempdir().unwrap();
    BasePath::keys_in(folder.path()).generate().unwrap();
    let path = folder.path().join("buckets/0000000000000007");
    let mut random = ChaCha8Rng::seed_from_u64(13371337);
    let mut said = Acknowledged::default();
    let mut seen = 0;
    for kill in 0..KILLS {
        run_and_kill(folder.path(), kill, &mut random, &mut said);
        if !path.exists() {
            assert_eq!(said.leaves, 0);
            continue;
        }
        let bucket = Bucket::open(&path, Access::ReadWrite, &SharedResources::default()).unwrap();
        let leaves = bucket.commitment().leaf_count.get();
        assert!(
            leaves >= said.leaves,
            "{leaves} leaves, of {} submitted",
            said.leaves
        );
        assert!(leaves >= seen, "leaves from before the kill are gone");
        let view = bucket.view(StateRef::Newest).unwrap();
        for k in seen..leaves {
            let content = content_of_leaf(k);
            let leaf = view.leaf(LeafIndex(k)).unwrap();
            assert_eq!(leaf.data_size, content.len() as u64);
            assert_eq!(leaf.data_root, data_root(&content));
            view.mmr_proof(LeafIndex(k)).unwrap();
        }
        for (root, count) in &said.signed {
            let view = bucket.view(StateRef::Root(*root)).unwrap();
            assert_eq!(view.count(), *count);
            let leaf = LeafIndex(random.gen_range(0..count.get()));
            assert_eq!(view.mmr_proof(leaf).unwrap().commitment().mmr_root, *root);
        }
        seen = leaves;
    }
    assert!(
        said.signed.len() > 100 && seen > 500,
        "the kills came too early to mean anything"
    );
    let bucket = Bucket::open(&path, Access::ReadOnly, &SharedResources::default()).unwrap();
    let report = fsck(&bucket, |_| {}).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
    assert!(report.signed_roots >= said.signed.len() as u64);
}
