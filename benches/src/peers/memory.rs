//! The MMR library over a vector: the cost of hashing alone.

use super::{Peer, Proof};
use crate::Fallible;
use crate::data::{Pieces, next_leaf};
use cairn_bucket::NewLeaf;
use cairn_primitives::mmr::{self, leaf_position};
use cairn_primitives::{H256, HashingProfile, LeafCount, LeafIndex, MmrLeaf};
use mmr_lib::{MMR, MMRStoreReadOps, MMRStoreWriteOps, Merge};

const PROFILE: HashingProfile = HashingProfile::Plain;

struct PlainHashing;

impl Merge for PlainHashing {
    type Item = H256;

    fn merge(left: &H256, right: &H256) -> mmr_lib::Result<H256> {
        Ok(PROFILE.node(left, right))
    }

    /// The library passes the bagged right peaks first.
    fn merge_peaks(rest: &H256, peak: &H256) -> mmr_lib::Result<H256> {
        Ok(PROFILE.bag(peak, rest))
    }
}

#[derive(Default)]
struct Nodes(Vec<H256>);

impl MMRStoreReadOps<H256> for &Nodes {
    fn get_elem(&self, position: u64) -> mmr_lib::Result<Option<H256>> {
        let place = usize::try_from(position).ok();
        Ok(place.and_then(|place| self.0.get(place)).copied())
    }
}

impl MMRStoreReadOps<H256> for &mut Nodes {
    fn get_elem(&self, position: u64) -> mmr_lib::Result<Option<H256>> {
        (&**self).get_elem(position)
    }
}

impl MMRStoreWriteOps<H256> for &mut Nodes {
    fn append(&mut self, _position: u64, nodes: Vec<H256>) -> mmr_lib::Result<()> {
        self.0.extend(nodes);
        Ok(())
    }
}

/// A tree in memory, and its leaves.
pub(crate) struct Memory {
    nodes: Nodes,
    leaves: Vec<MmrLeaf>,
    verifies: bool,
}

impl Memory {
    /// Creates a tree. With `verified`, its proofs are verified before they are returned, as
    /// Cairn's are.
    pub(crate) fn new(verifies: bool) -> Self {
        Self {
            nodes: Nodes::default(),
            leaves: Vec::new(),
            verifies,
        }
    }

    /// Returns the same tree with or without verification.
    pub(crate) fn verifying(&mut self, verifies: bool) -> &mut Self {
        self.verifies = verifies;
        self
    }

    fn count(&self) -> LeafCount {
        u64::try_from(self.leaves.len())
            .ok()
            .and_then(LeafCount::new)
            .unwrap_or_default()
    }
}

fn describe(error: mmr_lib::Error) -> String {
    format!("the MMR library: {error}")
}

impl Peer for Memory {
    fn name(&self) -> &'static str {
        if self.verifies {
            "memory"
        } else {
            "memory, unverified"
        }
    }

    fn leaves(&self) -> u64 {
        self.count().get()
    }

    fn root(&self) -> Fallible<H256> {
        let size = mmr::node_count(self.count());
        let tree = MMR::<H256, PlainHashing, _>::new(size, &self.nodes);
        Ok(tree.get_root().map_err(describe)?)
    }

    fn fill(&mut self, pieces: &Pieces, leaves: u64) -> Fallible<()> {
        while self.leaves() < leaves {
            self.commit(pieces.leaf(self.leaves())?)?;
        }
        Ok(())
    }

    fn commit(&mut self, new: NewLeaf) -> Fallible<()> {
        let total = self.leaves.last().map_or(0, |leaf| leaf.total_size);
        let leaf = next_leaf(total, new);
        let size = mmr::node_count(self.count());
        let mut tree = MMR::<H256, PlainHashing, _>::new(size, &mut self.nodes);
        tree.push(PROFILE.leaf(&leaf)).map_err(describe)?;
        tree.commit().map_err(describe)?;
        self.leaves.push(leaf);
        Ok(())
    }

    fn prove(&mut self, index: LeafIndex, count: LeafCount) -> Fallible<Option<Proof>> {
        let position = leaf_position(index).0;
        let tree = MMR::<H256, PlainHashing, _>::new(mmr::node_count(count), &self.nodes);
        let proof = tree.gen_proof(vec![position]).map_err(describe)?;
        if self.verifies {
            let leaf = self.leaves.get(usize::try_from(index.0)?);
            let hash = PROFILE.leaf(leaf.ok_or("no such leaf")?);
            let root = tree.get_root().map_err(describe)?;
            let leaves = vec![(position, hash)];
            if !proof.verify(root, leaves).map_err(describe)? {
                return Err("a proof of the MMR library does not verify".into());
            }
        }
        std::hint::black_box(proof);
        Ok(Some(Proof::Own))
    }
}
