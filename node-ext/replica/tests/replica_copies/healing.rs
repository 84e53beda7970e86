//! A damaged bucket, repaired with content from peers.

use crate::fixture::{FAULTS, FaultKind, ID, Source};
use cairn_bucket::{
    Bucket, CommitError, ContentSource, ContentSourceError, FoundContent, NewLeaf, RepairError,
    RepairReport, RepairSources, StateRef, WantedContent, child_shapes, fsck, repair_from,
    shape_of_content,
};
use cairn_engine::{
    Access, DamagedLog, Durability, Engine, Family, JOURNAL_FILE, SharedResources, layout,
};
use cairn_primitives::chunk_tree::{CHUNK_BYTES, Subtree};
use cairn_primitives::{H256, LeafIndex};
use cairn_replica::{HealingPeers, Peer};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::Runtime;

const SIZES: [usize; 4] = [5_000, 3 * CHUNK_BYTES - 7, 9 * CHUNK_BYTES, 100];

/// A copy of a source's folder, with the damage of a bad disk and no second copies.
struct Damaged {
    source: Source,
    path: PathBuf,
}

/// Returns everything under a root: its nodes, and its chunks.
fn under(bucket: &Bucket, root: H256, shape: Subtree) -> (Vec<H256>, Vec<H256>) {
    let (mut nodes, mut chunks) = (vec![], vec![]);
    let mut to_visit = vec![(root, shape)];
    while let Some((hash, shape)) = to_visit.pop() {
        let Some((left, right)) = child_shapes(shape) else {
            chunks.push(hash);
            continue;
        };
        nodes.push(hash);
        let (left_hash, right_hash) = bucket.children_of(&hash).unwrap().unwrap();
        to_visit.push((left_hash, left));
        to_visit.extend(right.map(|right| (right_hash, right)));
    }
    (nodes, chunks)
}

impl Damaged {
    fn new(damage: impl FnOnce(&[(Vec<H256>, Vec<H256>)], &mut cairn_engine::Batch<'_>)) -> Self {
        let source = Source::new(&SIZES);
        source.bucket.flush().unwrap();
        let path = source.folder.path().join("damaged");
        std::fs::create_dir(&path).unwrap();
        for entry in std::fs::read_dir(source.bucket.path()).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name() != JOURNAL_FILE && entry.file_name() != "LOCK" {
                std::fs::copy(entry.path(), path.join(entry.file_name())).unwrap();
            }
        }
        let view = source.bucket.view(StateRef::Newest).unwrap();
        let trees: Vec<_> = (0..SIZES.len() as u64)
            .map(|index| {
                let leaf = view.leaf(LeafIndex(index)).unwrap();
                let shape = shape_of_content(leaf.data_size).unwrap();
                under(&source.bucket, leaf.data_root, shape)
            })
            .collect();
        let shared = SharedResources::default();
        let engine = Engine::open(&path, Access::ReadWrite, &shared, DamagedLog::Refuse).unwrap();
        let mut batch = engine.batch();
        damage(&trees, &mut batch);
        engine.write(batch, Durability::Synced).unwrap();
        engine.flush(Family::Content).unwrap();
        engine.compact(Family::Content).unwrap();
        drop(engine);
        Self { source, path }
    }

    fn repair(&self, runtime: &Runtime, peers: Vec<Arc<dyn Peer>>) -> RepairReport {
        self.try_repair(runtime, peers).unwrap()
    }

    fn try_repair(
        &self,
        runtime: &Runtime,
        peers: Vec<Arc<dyn Peer>>,
    ) -> Result<RepairReport, RepairError> {
        let mut peers = HealingPeers::new(runtime.handle().clone(), ID, peers);
        let sources = RepairSources {
            files: &[],
            source: Some(&mut peers),
        };
        let shared = SharedResources::default();
        repair_from(&self.path, ID, sources, &shared, &mut |_| {})
    }

    fn check_is_whole(&self) {
        let shared = SharedResources::default();
        let healed = Bucket::open(&self.path, Access::ReadOnly, &shared).unwrap();
        assert_eq!(healed.commitment(), self.source.commitment());
        let report = fsck(&healed, |_| {}).unwrap();
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(healed.usage(), self.source.bucket.usage());
    }
}

fn remove_chunk(batch: &mut cairn_engine::Batch<'_>, hash: &H256) {
    batch.delete(Family::Content, layout::chunk_key(hash));
    batch.delete(Family::Content, layout::chunk_length_key(hash));
}

/// Removes chunks, changes one, and removes all nodes of a tree with most of its chunks.
fn damage(trees: &[(Vec<H256>, Vec<H256>)], batch: &mut cairn_engine::Batch<'_>) {
    remove_chunk(batch, &trees[0].1[0]);
    batch.put(
        Family::Content,
        layout::chunk_key(&trees[1].1[1]),
        &[7; CHUNK_BYTES],
    );
    for node in &trees[2].0 {
        batch.delete(Family::Content, layout::interior_key(node));
    }
    for chunk in &trees[2].1[..6] {
        remove_chunk(batch, chunk);
    }
}

#[test]
fn a_damaged_bucket_is_healed_from_a_peer() {
    let runtime = Runtime::new().unwrap();
    let damaged = Damaged::new(damage);
    let alone = damaged.repair(
        &runtime,
        vec![damaged.source.peer(Some((FaultKind::Nothing, 0)))],
    );
    assert!(!alone.after.is_clean());
    let healed = damaged.repair(&runtime, vec![damaged.source.peer(None)]);
    assert!(healed.after.is_clean(), "{:?}", healed.after);
    assert!(healed.backup.is_some() && healed.records_written > 0);
    damaged.check_is_whole();
}

#[test]
fn peers_that_lie_heal_nothing_and_harm_nothing() {
    let runtime = Runtime::new().unwrap();
    for fault in FAULTS {
        if fault == FaultKind::Stall {
            continue;
        }
        let damaged = Damaged::new(damage);
        let found = damaged.try_repair(&runtime, vec![damaged.source.peer(Some((fault, 0)))]);
        // Faults about leaves do not concern a repair.
        let concerns = !matches!(
            fault,
            FaultKind::OtherLeaf | FaultKind::OtherSibling | FaultKind::NoSiblings
        );
        let is_healed = found.is_ok_and(|found| found.after.is_clean());
        assert_eq!(is_healed, !concerns, "{fault:?}");
        // After a liar, an honest peer is asked.
        let peers: Vec<Arc<dyn Peer>> = vec![
            damaged.source.peer(Some((fault, 1))),
            damaged.source.peer(None),
        ];
        let healed = damaged.repair(&runtime, peers);
        assert!(healed.after.is_clean(), "{fault:?}: {:?}", healed.after);
        damaged.check_is_whole();
    }
}

/// A source that has lost all chunks itself.
struct NodesAlone<'b>(&'b Bucket);

impl ContentSource for NodesAlone<'_> {
    fn fetch(
        &mut self,
        wanted: &[WantedContent],
        take: &mut dyn FnMut(H256, FoundContent) -> bool,
    ) -> Result<(), ContentSourceError> {
        for one in wanted.iter().filter(|one| one.shape.height() > 0) {
            let (left, right) = self.0.children_of(&one.hash).unwrap().unwrap();
            assert!(take(one.hash, FoundContent::Node(left, right)));
        }
        Ok(())
    }
}

#[test]
fn a_node_is_not_restored_over_chunks_that_are_missing() {
    let runtime = Runtime::new().unwrap();
    let damaged = Damaged::new(damage);
    let source = damaged.source.bucket.clone();
    let mut nodes = NodesAlone(&source);
    let sources = RepairSources {
        files: &[],
        source: Some(&mut nodes),
    };
    let shared = SharedResources::default();
    repair_from(&damaged.path, ID, sources, &shared, &mut |_| {}).unwrap();
    // A commit of the same content is refused, since it is not all here.
    let leaf = source.view(StateRef::Newest).unwrap().leaf(LeafIndex(2));
    let leaf = leaf.unwrap();
    let half = Bucket::open(&damaged.path, Access::ReadWrite, &shared).unwrap();
    let again = NewLeaf {
        data_root: leaf.data_root,
        data_size: leaf.data_size,
    };
    let refused = half.commit(&[again], Durability::Synced).unwrap_err();
    assert!(
        matches!(refused, CommitError::UnknownDataRoot { .. }),
        "{refused}"
    );
    drop(half);
    let healed = damaged.repair(&runtime, vec![damaged.source.peer(None)]);
    assert!(healed.after.is_clean(), "{:?}", healed.after);
    damaged.check_is_whole();
}

#[test]
fn a_repair_says_that_no_peer_answers() {
    let runtime = Runtime::new().unwrap();
    let damaged = Damaged::new(damage);
    let stalled = damaged.source.peer(Some((FaultKind::Stall, 0)));
    let failed = damaged.try_repair(&runtime, vec![stalled]).unwrap_err();
    assert!(failed.to_string().contains("in time"), "{failed}");
}
