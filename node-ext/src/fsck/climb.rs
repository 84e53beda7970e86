//! A tree from its leaves up, where some leaves and nodes are lost or wrong.
//!
//! Each subtree is carried with what its root may have been: what its leaves
//! give, and what is stored. Where both are one, as nearly everywhere, there is
//! nothing else to carry. Where they differ, a root that is known from above
//! tells which was right, since no two nodes have one hash; and then what was
//! lost below it is known too. Pure: reads nothing, and invents no leaf (I7).

use cairn_primitives::mmr::{self, leaf_position};
use cairn_primitives::{H256, HashingProfile, LeafIndex, Position};

/// What a subtree's root may have been. More would say that so much is lost
/// that the rest cannot be told apart.
const MAX_GUESSES: usize = 8;

/// Ways to put peaks together that are tried.
const MAX_COMBINATIONS: u32 = 4096;

/// What is wrong with the record of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NodeFault {
    /// It is not there.
    Missing,
    /// It is not 32 bytes long.
    Unreadable,
    /// The database cannot read it.
    Database(String),
    /// It is another than what is under it gives.
    Other,
}

/// What comes of knowing the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Discovery {
    /// A node that is lost or wrong, and what belongs there.
    Node {
        position: Position,
        hash: H256,
        fault: NodeFault,
    },
    /// A node that is lost or wrong, and nothing says what belongs there.
    LostNode {
        position: Position,
        fault: NodeFault,
    },
    /// A leaf that is not the one over which the tree was built.
    ChangedLeaf { index: LeafIndex },
    /// A node that is right over others of which one is not.
    Unexplained { position: Position },
}

#[derive(Clone)]
struct Guess {
    hash: H256,
    /// What follows if it is right.
    discoveries: Vec<Discovery>,
}

struct Subtree {
    position: Position,
    guesses: Vec<Guess>,
    /// What there is to say if no guess is right.
    otherwise: Vec<Discovery>,
}

/// What a node's record holds.
pub(crate) type Stored = Result<H256, NodeFault>;

/// The right edge of a tree, with what its peaks may have been.
pub(crate) struct Climb {
    profile: HashingProfile,
    leaves: u64,
    peaks: Vec<Subtree>,
}

/// What a climb came to.
pub(crate) struct Summit {
    /// Whether the root was reached.
    pub(crate) reached: bool,
    pub(crate) discoveries: Vec<Discovery>,
}

impl Climb {
    pub(crate) const fn new(profile: HashingProfile) -> Self {
        Self {
            profile,
            leaves: 0,
            peaks: Vec::new(),
        }
    }

    /// The positions of the nodes that arise with the next leaf after `leaves`.
    pub(crate) fn positions_with(leaves: u64) -> impl Iterator<Item = Position> {
        let first = leaf_position(LeafIndex(leaves)).0;
        let merges = leaves.trailing_ones();
        (0..=u64::from(merges)).map(move |height| Position(first.saturating_add(height)))
    }

    /// Adds the next leaf, by the hash of its record where there is one, with
    /// what is stored at [`Climb::positions_with`].
    pub(crate) fn append(
        &mut self,
        leaf: Option<H256>,
        stored: impl IntoIterator<Item = (Position, Stored)>,
    ) {
        let index = LeafIndex(self.leaves);
        let mut stored = stored.into_iter();
        let missing = (leaf_position(index), Err(NodeFault::Missing));
        let mut subtree = over_leaf(index, leaf, stored.next().unwrap_or(missing));
        for at in stored {
            let Some(left) = self.peaks.pop() else { break };
            subtree = self.join(left, subtree, at);
        }
        self.peaks.push(subtree);
        self.leaves = self.leaves.saturating_add(1);
    }

    fn join(
        &self,
        left: Subtree,
        right: Subtree,
        (position, stored): (Position, Stored),
    ) -> Subtree {
        let mut otherwise = left.otherwise;
        otherwise.extend(right.otherwise);
        let mut guesses = self.pairs(left.guesses, right.guesses);
        match stored {
            Ok(hash) => {
                if let Some(explained) = guesses.iter().position(|guess| guess.hash == hash) {
                    guesses = vec![guesses.swap_remove(explained)];
                } else {
                    let mut discoveries = otherwise.clone();
                    discoveries.push(Discovery::Unexplained { position });
                    guesses.truncate(MAX_GUESSES.saturating_sub(1));
                    replace(&mut guesses, position, &NodeFault::Other);
                    guesses.push(Guess { hash, discoveries });
                    let fault = NodeFault::Other;
                    otherwise.push(Discovery::LostNode { position, fault });
                }
            }
            Err(fault) => {
                guesses.truncate(MAX_GUESSES);
                replace(&mut guesses, position, &fault);
                otherwise.push(Discovery::LostNode { position, fault });
            }
        }
        Subtree {
            position,
            guesses,
            otherwise,
        }
    }

    /// What the node over two subtrees may have been.
    fn pairs(&self, lefts: Vec<Guess>, rights: Vec<Guess>) -> Vec<Guess> {
        let over = |left: Guess, right: Guess| {
            let mut discoveries = left.discoveries;
            discoveries.extend(right.discoveries);
            Guess {
                hash: self.profile.node(&left.hash, &right.hash),
                discoveries,
            }
        };
        if lefts.len() == 1 && rights.len() == 1 {
            // As nearly everywhere: nothing is copied.
            let pairs = lefts.into_iter().zip(rights);
            return pairs.map(|(left, right)| over(left, right)).collect();
        }
        lefts
            .iter()
            .flat_map(|left| rights.iter().map(|right| over(left.clone(), right.clone())))
            .collect()
    }

    /// The peaks, if they can have come to this root.
    pub(crate) fn peaks_of(&self, root: &H256) -> Option<Vec<H256>> {
        let choices: Vec<_> = self.peaks.iter().map(|peak| peak.guesses.len()).collect();
        if choices.contains(&0) {
            return None;
        }
        let mut chosen = vec![0; choices.len()];
        for _ in 0..MAX_COMBINATIONS {
            let guesses = self.peaks.iter().zip(&chosen);
            let peaks = guesses.map(|(peak, choice)| peak.guesses.get(*choice));
            let peaks: Vec<_> = peaks.flatten().map(|guess| guess.hash).collect();
            if mmr::bag(self.profile, &peaks) == *root {
                return Some(peaks);
            }
            if !advance(&mut chosen, &choices) {
                break;
            }
        }
        None
    }

    /// What is wrong in the tree, whose root is known, and perhaps its peaks.
    pub(crate) fn settle(self, root: &H256, known: Option<&[H256]>) -> Summit {
        let peaks = known.map(<[H256]>::to_vec).or_else(|| self.peaks_of(root));
        let peaks = peaks.filter(|peaks| peaks.len() == self.peaks.len());
        let Some(peaks) = peaks else {
            let otherwise = self.peaks.into_iter().flat_map(|peak| peak.otherwise);
            return Summit {
                reached: false,
                discoveries: otherwise.collect(),
            };
        };
        let mut summit = Summit {
            reached: true,
            discoveries: Vec::new(),
        };
        for (subtree, hash) in self.peaks.into_iter().zip(peaks) {
            let position = subtree.position;
            let mut guesses = subtree.guesses.into_iter();
            if let Some(right) = guesses.find(|guess| guess.hash == hash) {
                summit.discoveries.extend(right.discoveries);
                continue;
            }
            // The peak is known, and nothing that is under it.
            summit.reached = false;
            let mut fault = NodeFault::Other;
            for discovery in subtree.otherwise {
                match discovery {
                    Discovery::LostNode {
                        position: at,
                        fault: of_peak,
                    } if at == position => {
                        fault = of_peak;
                    }
                    other => summit.discoveries.push(other),
                }
            }
            let unexplained = Discovery::Unexplained { position };
            summit.discoveries.push(unexplained);
            summit.discoveries.push(Discovery::Node {
                position,
                hash,
                fault,
            });
        }
        summit
    }
}

fn over_leaf(
    index: LeafIndex,
    leaf: Option<H256>,
    (position, stored): (Position, Stored),
) -> Subtree {
    let mut guesses = Vec::with_capacity(1);
    let mut otherwise = Vec::new();
    match (leaf, stored) {
        (Some(hash), Ok(node)) if hash == node => guesses.push(Guess {
            hash,
            discoveries: Vec::new(),
        }),
        (leaf, stored) => {
            let fault = stored.clone().err().unwrap_or(NodeFault::Other);
            guesses.extend(leaf.map(|hash| Guess {
                hash,
                discoveries: vec![Discovery::Node {
                    position,
                    hash,
                    fault: fault.clone(),
                }],
            }));
            // Without its leaf, which is reported by itself, a node is as good
            // as any.
            let changed = leaf.map(|_| Discovery::ChangedLeaf { index });
            if leaf.is_some() || stored.is_err() {
                otherwise.push(Discovery::LostNode { position, fault });
            }
            guesses.extend(stored.ok().map(|hash| Guess {
                hash,
                discoveries: changed.into_iter().collect(),
            }));
        }
    }
    Subtree {
        position,
        guesses,
        otherwise,
    }
}

/// Adds to each guess that what is stored in its place is not it.
fn replace(guesses: &mut [Guess], position: Position, fault: &NodeFault) {
    for guess in guesses {
        guess.discoveries.push(Discovery::Node {
            position,
            hash: guess.hash,
            fault: fault.clone(),
        });
    }
}

/// The next combination, counting like an odometer; `false` after the last.
fn advance(chosen: &mut [usize], choices: &[usize]) -> bool {
    for (digit, choices) in chosen.iter_mut().zip(choices) {
        *digit = digit.saturating_add(1);
        if *digit < *choices {
            return true;
        }
        *digit = 0;
    }
    false
}
