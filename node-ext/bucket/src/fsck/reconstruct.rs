//! Reconstructs a tree from its leaves, where some leaves and nodes are lost or wrong.
//!
//! Each subtree carries the candidates for its root: the hash computed from its leaves,
//! and the stored one. Nearly everywhere the two are equal, and there is one candidate.
//! Where they differ, a known root above decides which one was right, since no two nodes
//! have the same hash; then the lost nodes below it are known too. Pure: reads nothing,
//! and invents no leaf (I7).

use cairn_primitives::mmr::{self, leaf_position};
use cairn_primitives::{H256, HashingProfile, LeafIndex, Position};

/// Upper bound on the candidates for a subtree's root. With more, too much is lost to
/// tell them apart.
const MAX_CANDIDATES: usize = 8;

/// Upper bound on the combinations of peaks that are tried.
const MAX_COMBINATIONS: u32 = 4096;

/// A defect of a node's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NodeDefect {
    /// There is no record.
    Missing,
    /// The record is not 32 bytes long.
    Unreadable,
    /// The database cannot read the record.
    Database(String),
    /// The record differs from the hash of what is under it.
    Differs,
}

/// A conclusion from the known root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Discovery {
    /// A lost or wrong node, with its right hash.
    Node {
        position: Position,
        hash: H256,
        fault: NodeDefect,
    },
    /// A lost or wrong node whose right hash is unknown.
    LostNode {
        position: Position,
        fault: NodeDefect,
    },
    /// A leaf that is not the one that the tree was built over.
    ChangedLeaf { index: LeafIndex },
    /// A right node, with something lost or changed under it.
    Unexplained { position: Position },
}

#[derive(Clone)]
struct Candidate {
    hash: H256,
    /// The conclusions if this candidate is right.
    discoveries: Vec<Discovery>,
}

struct SubtreeCandidates {
    position: Position,
    candidates: Vec<Candidate>,
    /// The conclusions if no candidate is right.
    if_none_right: Vec<Discovery>,
}

/// A node as its record holds it.
pub(crate) type StoredNode = Result<H256, NodeDefect>;

/// The reconstruction of a tree: its peaks so far, with the candidates for each.
pub(crate) struct TreeReconstruction {
    profile: HashingProfile,
    leaves: u64,
    peaks: Vec<SubtreeCandidates>,
}

/// The result of a reconstruction.
pub(crate) struct Reconstructed {
    /// Set if the root was reached.
    pub(crate) is_root_reached: bool,
    pub(crate) discoveries: Vec<Discovery>,
}

impl TreeReconstruction {
    pub(crate) const fn new(profile: HashingProfile) -> Self {
        Self {
            profile,
            leaves: 0,
            peaks: Vec::new(),
        }
    }

    /// Returns the positions of the nodes that the next leaf after `leaves` completes.
    pub(crate) fn positions_completed_by(leaves: u64) -> impl Iterator<Item = Position> {
        let first = leaf_position(LeafIndex(leaves)).0;
        let merges = leaves.trailing_ones();
        (0..=u64::from(merges)).map(move |height| Position(first.saturating_add(height)))
    }

    /// Appends the next leaf, by the hash of its record if there is one, with the stored
    /// nodes at the positions that it completes.
    pub(crate) fn append(
        &mut self,
        leaf: Option<H256>,
        stored: impl IntoIterator<Item = (Position, StoredNode)>,
    ) {
        let index = LeafIndex(self.leaves);
        let mut stored = stored.into_iter();
        let missing = (leaf_position(index), Err(NodeDefect::Missing));
        let mut subtree = leaf_subtree(index, leaf, stored.next().unwrap_or(missing));
        for at in stored {
            let Some(left) = self.peaks.pop() else { break };
            subtree = self.join(left, subtree, at);
        }
        self.peaks.push(subtree);
        self.leaves = self.leaves.saturating_add(1);
    }

    fn join(
        &self,
        left: SubtreeCandidates,
        right: SubtreeCandidates,
        (position, stored): (Position, StoredNode),
    ) -> SubtreeCandidates {
        let mut if_none_right = left.if_none_right;
        if_none_right.extend(right.if_none_right);
        let mut candidates = self.parents(left.candidates, right.candidates);
        match stored {
            Ok(hash) => {
                if let Some(explained) = candidates
                    .iter()
                    .position(|candidate| candidate.hash == hash)
                {
                    candidates = vec![candidates.swap_remove(explained)];
                } else {
                    let mut discoveries = if_none_right.clone();
                    discoveries.push(Discovery::Unexplained { position });
                    candidates.truncate(MAX_CANDIDATES.saturating_sub(1));
                    add_wrong_node(&mut candidates, position, &NodeDefect::Differs);
                    candidates.push(Candidate { hash, discoveries });
                    let fault = NodeDefect::Differs;
                    if_none_right.push(Discovery::LostNode { position, fault });
                }
            }
            Err(fault) => {
                candidates.truncate(MAX_CANDIDATES);
                add_wrong_node(&mut candidates, position, &fault);
                if_none_right.push(Discovery::LostNode { position, fault });
            }
        }
        SubtreeCandidates {
            position,
            candidates,
            if_none_right,
        }
    }

    /// Returns the candidates for the parent of two subtrees.
    fn parents(&self, lefts: Vec<Candidate>, rights: Vec<Candidate>) -> Vec<Candidate> {
        let over = |left: Candidate, right: Candidate| {
            let mut discoveries = left.discoveries;
            discoveries.extend(right.discoveries);
            Candidate {
                hash: self.profile.node(&left.hash, &right.hash),
                discoveries,
            }
        };
        if lefts.len() == 1 && rights.len() == 1 {
            // The usual case, without a copy.
            let pairs = lefts.into_iter().zip(rights);
            return pairs.map(|(left, right)| over(left, right)).collect();
        }
        lefts
            .iter()
            .flat_map(|left| rights.iter().map(|right| over(left.clone(), right.clone())))
            .collect()
    }

    /// Returns the peaks that bag to this root, if any combination does.
    pub(crate) fn peaks_for(&self, root: &H256) -> Option<Vec<H256>> {
        let choices: Vec<_> = self
            .peaks
            .iter()
            .map(|peak| peak.candidates.len())
            .collect();
        if choices.contains(&0) {
            return None;
        }
        let mut chosen = vec![0; choices.len()];
        for _ in 0..MAX_COMBINATIONS {
            let candidates = self.peaks.iter().zip(&chosen);
            let peaks = candidates.map(|(peak, choice)| peak.candidates.get(*choice));
            let peaks: Vec<_> = peaks.flatten().map(|candidate| candidate.hash).collect();
            if mmr::bag(self.profile, &peaks) == *root {
                return Some(peaks);
            }
            if !next_combination(&mut chosen, &choices) {
                break;
            }
        }
        None
    }

    /// Returns the defects of the tree, given its root and, if known, its peaks.
    pub(crate) fn resolve(self, root: &H256, known: Option<&[H256]>) -> Reconstructed {
        let peaks = known.map(<[H256]>::to_vec).or_else(|| self.peaks_for(root));
        let peaks = peaks.filter(|peaks| peaks.len() == self.peaks.len());
        let Some(peaks) = peaks else {
            let if_none_right = self.peaks.into_iter().flat_map(|peak| peak.if_none_right);
            return Reconstructed {
                is_root_reached: false,
                discoveries: if_none_right.collect(),
            };
        };
        let mut result = Reconstructed {
            is_root_reached: true,
            discoveries: Vec::new(),
        };
        for (subtree, hash) in self.peaks.into_iter().zip(peaks) {
            let position = subtree.position;
            let mut candidates = subtree.candidates.into_iter();
            if let Some(right) = candidates.find(|candidate| candidate.hash == hash) {
                result.discoveries.extend(right.discoveries);
                continue;
            }
            // The peak is known, but nothing under it is.
            result.is_root_reached = false;
            let mut fault = NodeDefect::Differs;
            for discovery in subtree.if_none_right {
                match discovery {
                    Discovery::LostNode {
                        position: at,
                        fault: of_peak,
                    } if at == position => {
                        fault = of_peak;
                    }
                    other => result.discoveries.push(other),
                }
            }
            let unexplained = Discovery::Unexplained { position };
            result.discoveries.push(unexplained);
            result.discoveries.push(Discovery::Node {
                position,
                hash,
                fault,
            });
        }
        result
    }
}

fn leaf_subtree(
    index: LeafIndex,
    leaf: Option<H256>,
    (position, stored): (Position, StoredNode),
) -> SubtreeCandidates {
    let mut candidates = Vec::with_capacity(1);
    let mut if_none_right = Vec::new();
    match (leaf, stored) {
        (Some(hash), Ok(node)) if hash == node => candidates.push(Candidate {
            hash,
            discoveries: Vec::new(),
        }),
        (leaf, stored) => {
            let fault = stored.clone().err().unwrap_or(NodeDefect::Differs);
            candidates.extend(leaf.map(|hash| Candidate {
                hash,
                discoveries: vec![Discovery::Node {
                    position,
                    hash,
                    fault: fault.clone(),
                }],
            }));
            // Without its leaf, whose loss is reported separately, any node is
            // acceptable.
            let changed = leaf.map(|_| Discovery::ChangedLeaf { index });
            if leaf.is_some() || stored.is_err() {
                if_none_right.push(Discovery::LostNode { position, fault });
            }
            candidates.extend(stored.ok().map(|hash| Candidate {
                hash,
                discoveries: changed.into_iter().collect(),
            }));
        }
    }
    SubtreeCandidates {
        position,
        candidates,
        if_none_right,
    }
}

/// Adds to each candidate the conclusion that the stored node is wrong.
fn add_wrong_node(candidates: &mut [Candidate], position: Position, fault: &NodeDefect) {
    for candidate in candidates {
        candidate.discoveries.push(Discovery::Node {
            position,
            hash: candidate.hash,
            fault: fault.clone(),
        });
    }
}

/// Advances to the next combination, like an odometer; `false` after the last.
fn next_combination(chosen: &mut [usize], choices: &[usize]) -> bool {
    for (digit, choices) in chosen.iter_mut().zip(choices) {
        *digit = digit.saturating_add(1);
        if *digit < *choices {
            return true;
        }
        *digit = 0;
    }
    false
}
