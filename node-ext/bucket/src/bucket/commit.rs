//! Commits leaves: the one place where leaves, nodes, leaf count, peaks and root
//! change, all in one batch (I2, I3).
//!
//! Concurrent commits share a batch (`group_commit`). Each still gets the commitment at
//! its own leaf count, as if it had been alone.

use super::additions::Additions;
use super::charge::{self, OverQuota};
use super::clock::now_ms;
use super::group_commit::Ticket;
use super::signed_root::durable_commitment;
use super::{Bucket, SignedRoot, Tip};
use crate::error::CommitError;
use cairn_engine::layout::{self, InteriorValue};
use cairn_engine::{Durability, EngineError, Family};
use cairn_keys::DurableCommitment;
#[cfg(test)]
use cairn_keys::{SignedCommitment, Signer};
use cairn_primitives::chunk_tree::{CHUNK_BYTES, Subtree};
use cairn_primitives::{Commitment, H256, LeafCount, LeafIndex, MmrLeaf};
use codec::Encode;
use std::sync::Arc;

/// One leaf may use 2^-20 of the remaining range of `total_size`: 16 TiB in a new bucket.
/// Clients cannot exhaust the range: to reduce the limit below 1 GiB takes ten million
/// leaves, which are charged 4.5 GB.
const LEAF_LIMIT_SHIFT: u32 = 20;

/// Content to commit. All of it must be in the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewLeaf {
    /// Root of its chunk tree.
    pub data_root: H256,
    /// The content's length, in bytes.
    pub data_size: u64,
}

/// The result of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Index of the first of the new leaves in the commitment's tree.
    pub first_leaf: LeafIndex,
    /// The commitment right after the new leaves.
    pub commitment: Commitment,
}

/// A caller's request to the next write.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) leaves: Vec<NewLeaf>,
    /// The leaf count that the tree must have then, if the leaves are meant for one.
    pub(super) expected: Option<LeafCount>,
    pub(super) durability: Durability,
    /// The time to record the commitment as signed, in milliseconds since the Unix epoch.
    pub(super) signed_ms: Option<u64>,
}

/// The outcome of a write for one of its requests.
pub(super) type Outcome = Result<Committed, GroupError>;

/// A failure of a request, or of the write of its whole group.
#[derive(Clone)]
pub(super) enum GroupError {
    Exhausted,
    NothingToSign,
    OtherCount { asked: LeafCount, have: LeafCount },
    Quota(OverQuota),
    Engine(EngineError),
    Poisoned(String),
}

impl Bucket {
    /// Commits content as leaves, in the given order, all or none.
    ///
    /// # Errors
    ///
    /// [`CommitError`]; nothing is changed then. The complete tree of each data root must be
    /// in the bucket, in a shape and size that the chain can verify (I1).
    pub fn commit(
        &self,
        leaves: &[NewLeaf],
        durability: Durability,
    ) -> Result<Committed, CommitError> {
        if leaves.is_empty() {
            return Err(CommitError::NoLeaves { bucket: self.id });
        }
        self.enqueue(leaves, None, durability, None)
    }

    /// Commits content as leaves that follow the first `expected` ones. The leaf count is compared
    /// where nothing can come in between, so that of two such commits at once only one succeeds.
    ///
    /// # Errors
    ///
    /// As [`Bucket::commit`]; [`CommitError::OtherCount`] if the tree has another leaf count.
    pub fn commit_after(
        &self,
        expected: LeafCount,
        leaves: &[NewLeaf],
        durability: Durability,
    ) -> Result<Committed, CommitError> {
        if leaves.is_empty() {
            return Err(CommitError::NoLeaves { bucket: self.id });
        }
        self.enqueue(leaves, Some(expected), durability, None)
    }

    /// Commits content as leaves and records the resulting commitment durably as signed, so
    /// that it may be signed (I4). Without leaves, records the newest commitment.
    ///
    /// # Errors
    ///
    /// As [`Bucket::commit`]; [`CommitError::NothingToSign`] in an empty bucket.
    pub fn commit_for_signing(
        &self,
        leaves: &[NewLeaf],
    ) -> Result<(Committed, DurableCommitment), CommitError> {
        let committed = self.enqueue(leaves, None, Durability::Synced, Some(now_ms()))?;
        // The batch with the record is durable, so the signature may exist.
        Ok((committed, durable_commitment(committed.commitment)))
    }

    /// Commits and signs without a gate, for tests of the bucket by itself.
    #[cfg(test)]
    pub(crate) fn commit_signed(
        &self,
        leaves: &[NewLeaf],
        signer: &Signer,
    ) -> Result<(Committed, SignedCommitment), CommitError> {
        let (committed, newest_signed) = self.commit_for_signing(leaves)?;
        let signed = super::tests::permit(self.id, signer).sign(&newest_signed);
        let signed = signed.map_err(|reason| CommitError::Sign {
            bucket: self.id,
            reason,
        })?;
        Ok((committed, signed))
    }

    fn enqueue(
        &self,
        leaves: &[NewLeaf],
        expected: Option<LeafCount>,
        durability: Durability,
        signed_ms: Option<u64>,
    ) -> Result<Committed, CommitError> {
        self.check_writable()?;
        // The content found now must still be stored when the leaves are written.
        let _committing = self.commit_lock.read();
        let most = self.max_leaf_bytes();
        leaves.iter().try_for_each(|leaf| {
            self.check_content(leaf)?;
            self.check_size(leaf, most)
        })?;
        if !leaves.is_empty() {
            // A record without leaves needs a negligible amount of space.
            let number = u64::try_from(leaves.len()).unwrap_or(u64::MAX);
            self.engine.shared().admit(charge::of_leaves(number))?;
        }
        self.flush_unlogged()?;
        let request = Request {
            leaves: leaves.to_vec(),
            expected,
            durability,
            signed_ms,
        };
        self.write_with_others(request)
            .map_err(|error| match error {
                GroupError::Exhausted => CommitError::Exhausted { bucket: self.id },
                GroupError::NothingToSign => CommitError::NothingToSign { bucket: self.id },
                GroupError::OtherCount { asked, have } => CommitError::OtherCount {
                    bucket: self.id,
                    asked,
                    have,
                },
                GroupError::Quota(OverQuota { used, needed }) => CommitError::Quota {
                    bucket: self.id,
                    needed,
                    used,
                    max: self.quota(),
                },
                GroupError::Engine(error) => CommitError::Engine(error),
                GroupError::Poisoned(reason) => crate::error::NotWritable::Poisoned {
                    bucket: self.id,
                    reason,
                }
                .into(),
            })
    }

    /// Waits until the request is written, together with others that arrive meanwhile.
    pub(super) fn write_with_others(&self, request: Request) -> Outcome {
        let write = |group: &[_]| self.write_group(group);
        self.commits.run(request, write, || self.abandoned())
    }

    /// Returns the outcome after a panic of the writer, which poisons the bucket: its last
    /// write may or may not have succeeded.
    pub(super) fn abandoned(&self) -> Outcome {
        let reason = self.poison_with("the writer panicked");
        Err(GroupError::Poisoned(reason.into()))
    }

    /// Writes the requests of a group in one batch, and advances the tip.
    fn write_group(&self, group: &[Arc<Ticket<Request, Outcome>>]) {
        let settle = |error: GroupError| {
            for ticket in group {
                ticket.settle(|| Err(error.clone()));
            }
        };
        // A group that was waiting while another failed must not be written.
        if let Some(reason) = self.poison.get() {
            return settle(GroupError::Poisoned(reason.clone()));
        }
        let mut tip = Tip::clone(&self.tip());
        let mut batch = self.engine.batch();
        let mut durability = Durability::Buffered;
        let mut done = Vec::with_capacity(group.len());
        let mut advanced = false;
        let mut nodes = Vec::new();
        for ticket in group {
            match self.advance(&tip, ticket.request()) {
                Ok((next, additions)) => {
                    let commitment = next.commitment();
                    let first_leaf = tip.frontier.count().next_index();
                    additions.write(&mut batch);
                    nodes.extend(additions.nodes);
                    advanced |= !ticket.request().leaves.is_empty();
                    if ticket.request().durability == Durability::Synced {
                        durability = Durability::Synced;
                    }
                    tip = next;
                    done.push((
                        ticket,
                        Committed {
                            first_leaf,
                            commitment,
                        },
                    ));
                }
                Err(error) => ticket.settle(|| Err(error)),
            }
        }
        if done.is_empty() {
            return;
        }
        if advanced {
            let record = tip.record(self.id, self.config());
            batch.put(Family::Tree, layout::STATE_KEY, &record.encode());
        }
        if let Err(error) = self.engine.write(batch, durability) {
            return settle(GroupError::Engine(self.poison_with(error)));
        }
        self.upper_nodes.insert(tip.tree, nodes.into_iter());
        *self.tip.write() = Arc::new(tip);
        self.note_signed_roots(&done);
        for (ticket, committed) in done {
            ticket.settle(|| Ok(committed));
        }
    }

    /// Returns the tip after a request, and the records that it adds. Checks the quota;
    /// reads nothing from disk.
    fn advance(&self, tip: &Tip, request: &Request) -> Result<(Tip, Additions), GroupError> {
        let have = tip.frontier.count();
        if let Some(asked) = request.expected.filter(|asked| *asked != have) {
            return Err(GroupError::OtherCount { asked, have });
        }
        let (next, additions) = advance(tip, request)?;
        let leaves = u64::try_from(request.leaves.len()).unwrap_or(u64::MAX);
        match self
            .quota_excess_of_leaves(&next, leaves)
            .filter(|_| leaves > 0)
        {
            Some(over) => Err(GroupError::Quota(over)),
            None => Ok((next, additions)),
        }
    }

    fn note_signed_roots(&self, done: &[(&Arc<Ticket<Request, Outcome>>, Committed)]) {
        let newest_signed = done.iter().rev().find_map(|(ticket, committed)| {
            ticket.request().signed_ms.map(|signed_ms| SignedRoot {
                commitment: committed.commitment,
                signed_ms,
            })
        });
        if let Some(signed_root) = newest_signed {
            self.note_signed_root(signed_root);
        }
    }

    /// Checks that the complete tree under a data root is stored, in a shape and size that
    /// can be proven (I1). It takes one read: a node is stored only after its children, with
    /// the shape of its subtree.
    pub(super) fn check_content(&self, leaf: &NewLeaf) -> Result<(), CommitError> {
        let NewLeaf {
            data_root,
            data_size,
        } = *leaf;
        // Under the plain profile a chunk of 64 bytes and an interior node can share a
        // hash; the size decides.
        let found = if usize::try_from(data_size).is_ok_and(|size| size <= CHUNK_BYTES) {
            match self.stored_chunk(&data_root)? {
                None => self.stored_interior(&data_root)?,
                chunk => chunk,
            }
        } else {
            match self.stored_interior(&data_root)? {
                None => self.stored_chunk(&data_root)?,
                interior => interior,
            }
        };
        let subtree = found.ok_or(CommitError::UnknownDataRoot {
            bucket: self.id,
            data_root,
        })?;
        if subtree.bytes() != data_size {
            return Err(CommitError::SizeMismatch {
                data_root,
                claimed: data_size,
                found: subtree.bytes(),
            });
        }
        if !subtree.can_be_data_root() {
            return Err(CommitError::NotADataRoot {
                data_root,
                height: subtree.height(),
                chunks: subtree.chunks(),
            });
        }
        Ok(())
    }

    /// Returns the largest size of one leaf, in bytes. Repeated content costs next to
    /// nothing: without a bound 64 leaves could exhaust `total_size`, and the bucket would
    /// take no more.
    fn max_leaf_bytes(&self) -> u64 {
        let left = u64::MAX.saturating_sub(self.tip().total_size);
        (left >> LEAF_LIMIT_SHIFT).min(self.quota())
    }

    fn check_size(&self, leaf: &NewLeaf, most: u64) -> Result<(), CommitError> {
        if leaf.data_size <= most {
            return Ok(());
        }
        Err(CommitError::LeafTooLarge {
            bucket: self.id,
            data_root: leaf.data_root,
            data_size: leaf.data_size,
            most,
        })
    }

    fn stored_chunk(&self, hash: &H256) -> Result<Option<Subtree>, CommitError> {
        let key = layout::chunk_length_key(hash);
        self.read_unclaimed(&key)?
            .map(|value| {
                layout::parse_chunk_length(&value)
                    .and_then(|length| usize::try_from(length).ok())
                    .and_then(|length| Subtree::chunk(length).ok())
                    .ok_or(CommitError::Damaged {
                        bucket: self.id,
                        data_root: *hash,
                    })
            })
            .transpose()
    }

    fn stored_interior(&self, hash: &H256) -> Result<Option<Subtree>, CommitError> {
        let key = layout::interior_key(hash);
        self.read_unclaimed(&key)?
            .map(|value| {
                InteriorValue::parse(&value)
                    .map(|value| value.subtree)
                    .ok_or(CommitError::Damaged {
                        bucket: self.id,
                        data_root: *hash,
                    })
            })
            .transpose()
    }
}

/// Returns the tip after a request, and the records that it adds. Reads nothing.
fn advance(tip: &Tip, request: &Request) -> Result<(Tip, Additions), GroupError> {
    let mut next = tip.clone();
    let mut additions = Additions::new(tip);
    for new in &request.leaves {
        let total_size = next
            .total_size
            .checked_add(new.data_size)
            .ok_or(GroupError::Exhausted)?;
        let leaf = MmrLeaf {
            data_root: new.data_root,
            data_size: new.data_size,
            total_size,
        };
        next.append(&leaf, &mut additions)
            .ok_or(GroupError::Exhausted)?;
    }
    next.root = next.frontier.root();
    if let Some(signed_ms) = request.signed_ms {
        if next.frontier.count().get() == 0 {
            return Err(GroupError::NothingToSign);
        }
        additions.record_signed_root(&next, signed_ms);
    }
    Ok((next, additions))
}
