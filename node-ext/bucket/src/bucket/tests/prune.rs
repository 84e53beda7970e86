//! Prunes and releases, compared with a model of the bucket's history. Signed roots stay
//! provable until their release.

use super::*;
use crate::error::{OpenError, PruneError, ReleaseError};
use crate::fsck::fsck;
use cairn_engine::layout::Deletion;
use cairn_primitives::challenge::{AccountId, MultiSignature};
use cairn_primitives::chunk_tree::{InteriorNode, TreeBuilder};
use cairn_primitives::{CommitmentPayload, chain_rule};
use sp_core::{Pair, sr25519};
use std::collections::{BTreeMap, BTreeSet};

mod content;
mod faults;
mod history;
mod object_content;
mod racing;
mod trees;

/// A bucket with the history of its commits and signatures.
struct ModelledBucket {
    fixture: Fixture,
    /// The content of each leaf, by the fill bytes of its chunks; the last one is short.
    contents: Vec<Vec<u8>>,
    /// The leaf counts of the trees that can be proven, by start.
    trees: BTreeMap<u64, u64>,
    current: u64,
    /// Leaves before this one were released, with their content.
    released_to: u64,
    signed: Vec<Commitment>,
    /// Chunks and nodes that should be stored.
    stored: BTreeSet<Stored>,
}

/// A chunk or an interior node of a chunk tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stored {
    Chunk(H256),
    Node(H256),
}

/// Content by the fill bytes of its chunks, of which the last is short.
fn bytes_of(content: &[u8]) -> Vec<u8> {
    let (last, full) = content.split_last().unwrap();
    let mut bytes: Vec<u8> = full
        .iter()
        .flat_map(|filling| vec![*filling; CHUNK_BYTES])
        .collect();
    bytes.extend([*last; 5]);
    bytes
}

/// The tree of content: its chunks and nodes, and the interior nodes in full.
fn tree_of(profile: HashingProfile, content: &[u8]) -> (BTreeSet<Stored>, Vec<InteriorNode>) {
    let (mut stored, mut nodes) = (BTreeSet::new(), vec![]);
    let mut builder = TreeBuilder::new(profile);
    let bytes = bytes_of(content);
    for chunk in bytes.chunks(CHUNK_BYTES) {
        let hash = profile.chunk(chunk);
        stored.insert(Stored::Chunk(hash));
        builder
            .push(hash, chunk.len(), |node| nodes.push(node))
            .unwrap();
    }
    builder.finish(|node| nodes.push(node)).unwrap();
    stored.extend(nodes.iter().map(|node| Stored::Node(node.hash)));
    (stored, nodes)
}

impl ModelledBucket {
    fn new(profile: HashingProfile) -> Self {
        Self {
            fixture: Fixture::with_profile(profile),
            contents: vec![],
            trees: BTreeMap::from([(0, 0)]),
            current: 0,
            released_to: 0,
            signed: vec![],
            stored: BTreeSet::new(),
        }
    }

    fn bucket(&self) -> &Bucket {
        self.fixture.bucket()
    }

    fn profile(&self) -> HashingProfile {
        self.fixture.profile
    }

    fn end(&self) -> u64 {
        self.contents.len() as u64
    }

    /// The commitment to the first leaves of a tree, by replaying them.
    fn replayed(&self, tree: u64, leaves: u64) -> Commitment {
        let mut frontier = Frontier::empty(self.profile());
        for leaf in &self.fixture.leaves[tree as usize..(tree + leaves) as usize] {
            frontier
                .append(self.profile().leaf(leaf), |_, _| {})
                .unwrap();
        }
        Commitment {
            mmr_root: frontier.root(),
            start_seq: Sequence(tree),
            leaf_count: count(leaves),
        }
    }

    fn upload(&mut self, content: &[u8]) -> NewLeaf {
        let leaf = self.fixture.ingest(&bytes_of(content));
        self.stored.extend(tree_of(self.profile(), content).0);
        leaf
    }

    fn commit(&mut self, contents: &[&[u8]], signed: bool) {
        let new: Vec<_> = contents
            .iter()
            .map(|content| self.upload(content))
            .collect();
        let committed = if signed {
            let (committed, signed) = self.bucket().commit_signed(&new, &signer()).unwrap();
            self.signed.push(signed.payload.commitment);
            committed
        } else {
            self.bucket().commit(&new, Durability::Buffered).unwrap()
        };
        self.fixture.expect(&new);
        self.contents
            .extend(contents.iter().map(|content| content.to_vec()));
        let leaves = self.end() - self.current;
        self.trees.insert(self.current, leaves);
        assert_eq!(committed.commitment, self.replayed(self.current, leaves));
    }

    /// Commits and signs leaves one by one.
    fn sign_each(&mut self, contents: &[&[u8]]) {
        for content in contents {
            self.commit(&[content], true);
        }
    }

    fn note_pruned(&mut self, before: u64) {
        self.current = before;
        self.trees.insert(before, self.end() - before);
    }

    fn prune(&mut self, before: u64) -> Pruned {
        let expected = self.bucket().preview_prune(Sequence(before)).unwrap();
        let pruned = self.bucket().prune(Sequence(before), None).unwrap();
        assert_eq!(pruned.commitment, expected);
        let old = self.replayed(self.current, self.end() - self.current);
        assert_eq!(pruned.retired.commitment, old);
        self.note_pruned(before);
        assert_eq!(expected, self.replayed(before, self.end() - before));
        pruned
    }

    fn forget_tree(&mut self, tree: u64) {
        self.trees.remove(&tree);
        self.signed.retain(|signed| signed.start_seq.0 != tree);
    }

    /// Updates the model by a release of a tree.
    fn note_released(&mut self, tree: u64) {
        self.forget_tree(tree);
        let first_kept = *self.trees.keys().next().unwrap() as usize;
        let reached = |contents: &[Vec<u8>]| -> BTreeSet<Stored> {
            let trees = contents
                .iter()
                .map(|content| tree_of(self.profile(), content));
            trees.flat_map(|(stored, _)| stored).collect()
        };
        let dropped = reached(&self.contents[self.released_to as usize..first_kept]);
        let mut needed = reached(&self.contents[first_kept..]);
        self.released_to = first_kept as u64;
        // Uncommitted uploads keep the content under nodes that are not removed.
        for (hash, node) in self.bucket().interior_nodes().unwrap().map(Result::unwrap) {
            if !dropped.contains(&Stored::Node(hash)) {
                self.add_all_under(node.unwrap(), &mut needed);
            }
        }
        self.stored
            .retain(|stored| needed.contains(stored) || !dropped.contains(stored));
    }

    fn add_all_under(&self, node: layout::InteriorValue, needed: &mut BTreeSet<Stored>) {
        let mut to_visit = vec![node];
        while let Some(node) = to_visit.pop() {
            for child in [node.left, node.right] {
                if node.subtree.height() == 1 {
                    needed.insert(Stored::Chunk(child));
                } else if needed.insert(Stored::Node(child)) {
                    to_visit.extend(self.bucket().interior(&child));
                }
            }
        }
    }

    fn release(&mut self, tree: u64) -> Released {
        let mut after = self.stored.clone();
        self.note_released(tree);
        std::mem::swap(&mut after, &mut self.stored);
        let before = self.bucket().usage();
        let released = self.bucket().release(Sequence(tree)).unwrap();
        self.stored = after;
        let now = self.bucket().usage();
        assert_eq!(released.content.bytes, before.bytes - now.bytes);
        assert_eq!(released.content.chunks, before.chunks - now.chunks);
        released
    }

    /// Compares the bucket with the model.
    fn check(&self) {
        self.check_proofs();
        let mut found = BTreeSet::new();
        let mut bytes = 0;
        for chunk in self.bucket().chunks_after(None).unwrap() {
            let (hash, length) = chunk.unwrap();
            found.insert(Stored::Chunk(hash));
            bytes += u64::from(length.unwrap());
        }
        let chunks = found.len() as u64;
        for node in self.bucket().interior_nodes().unwrap() {
            found.insert(Stored::Node(node.unwrap().0));
        }
        assert_eq!(found, self.stored);
        let usage = StorageUsage {
            bytes,
            chunks,
            interior_nodes: found.len() as u64 - chunks,
        };
        assert_eq!(self.bucket().usage(), usage);
        let report = fsck(self.bucket(), |_| {}).unwrap();
        assert!(report.is_clean(), "{:?}", report.findings);
    }

    /// Checks that all signed roots that are not released are proven, and the newest state.
    fn check_proofs(&self) {
        let bucket = self.bucket();
        let leaves = self.end() - self.current;
        let current = self.replayed(self.current, leaves);
        assert_eq!(bucket.commitment(), current);
        let before = self.fixture.leaves.last();
        assert_eq!(
            bucket.total_size(),
            before.map_or(0, |leaf| leaf.total_size)
        );
        let mut retired: Vec<_> = bucket.retired_trees().unwrap();
        retired.retain(|tree| !tree.releasing);
        let retired: Vec<_> = retired.iter().map(|tree| tree.commitment).collect();
        let expected: Vec<_> = self
            .trees
            .iter()
            .filter(|(tree, _)| **tree != self.current)
            .map(|(tree, leaves)| self.replayed(*tree, *leaves))
            .collect();
        assert_eq!(retired, expected);
        for signed in self.signed.iter().chain([&current]) {
            self.check_answers(signed);
        }
    }

    fn check_answers(&self, signed: &Commitment) {
        let (root, tree) = (signed.mmr_root, signed.start_seq);
        assert_eq!(*signed, self.replayed(tree.0, signed.leaf_count.get()));
        let view = self.bucket().view(StateRef::RootOf { root, tree }).unwrap();
        for index in 0..signed.leaf_count.get() {
            let content = &self.contents[(tree.0 + index) as usize];
            let chunk = content.len() as u64 - 1;
            let answer = view.answer(at(index, chunk)).unwrap();
            assert_eq!(answer.commitment(), *signed);
            assert_eq!(answer.chunk_data(), vec![content[content.len() - 1]; 5]);
            let (profile, proof) = (self.profile(), answer.mmr_proof());
            let leaf = self.fixture.leaves[(tree.0 + index) as usize];
            assert_eq!(proof.leaf, leaf);
            verify::mmr_proof(profile, proof, LeafIndex(index), signed.leaf_count, &root).unwrap();
            chain_rule::mmr_proof(profile, proof, &root).unwrap();
            let hash = profile.chunk(answer.chunk_data());
            let path = answer.chunk_proof();
            chain_rule::chunk(profile, hash, ChunkIndex(chunk), path, &leaf.data_root).unwrap();
        }
        let by_root = self.bucket().view(StateRef::Root(root)).unwrap();
        assert_eq!(by_root.commitment().unwrap().mmr_root, root);
    }
}

fn admin() -> sr25519::Pair {
    sr25519::Pair::from_seed(&[7; 32])
}

/// An admin's signed deletion of the leaves before the start of the tree `new`.
fn sign_deletion(new: Commitment) -> Authorisation {
    let commitment = Commitment::deletion(new.mmr_root, new.start_seq);
    let payload = CommitmentPayload::new(BucketId(7), commitment).encode();
    let deletion = Deletion {
        admin: AccountId(admin().public().0),
        signature: MultiSignature::Sr25519(admin().sign(&payload).0),
    };
    Authorisation {
        deletion,
        leaf_count: new.leaf_count,
    }
}
