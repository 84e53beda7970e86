//! Prunes a bucket: starts a new tree over the leaves from a sequence on, as the
//! chain re-roots its MMR. The old tree stays with its signed roots (I10) until it
//! is released.
//!
//! The nodes of the new tree are written first, while commits continue; nothing
//! refers to them yet. Then, with commits blocked, one batch makes the new tree the
//! current one. The next prune overwrites the nodes that an interrupted one left.

mod tree_rebuild;

use super::{Bucket, RetiredTree, Tip, charge};
use crate::error::PruneError;
use cairn_engine::layout::{self, Deletion, RetiredRecord};
use cairn_engine::{Durability, Family};
use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::{Commitment, CommitmentPayload, H256, LeafCount, Position, Sequence};
use codec::Encode;
use sp_core::{Pair, sr25519};
use std::sync::Arc;
use tree_rebuild::TreeRebuild;

/// The most leaves that may be left to add before commits are blocked.
const MAX_BLOCKED_LEAVES: u64 = 4096;

/// An admin's authorisation of a prune.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorisation {
    /// The admin, and the signature over the deletion.
    pub deletion: Deletion,
    /// The new tree's leaf count at the signed root, as [`Bucket::preview_prune`] returned it.
    /// The new tree also has the leaves committed since: the chain asks for any of its
    /// roots, not for the newest.
    pub leaf_count: LeafCount,
}

/// The result of a prune.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// The old tree.
    pub retired: RetiredTree,
    /// The commitment to the new tree.
    pub commitment: Commitment,
}

impl Tip {
    /// The sequence of the next leaf.
    pub(super) fn end(&self) -> Sequence {
        // Commits leave room for the sequence after the last leaf.
        let end = self.tree.checked_add(self.frontier.count().next_index());
        end.unwrap_or(Sequence(u64::MAX))
    }
}

impl Bucket {
    /// Computes the commitment to the tree that [`Bucket::prune`] would start now. An
    /// admin signs its root to authorise the prune; see [`Authorisation`].
    ///
    /// # Errors
    ///
    /// [`PruneError`] if no leaf is before the sequence, the sequence is past the end,
    /// or a leaf cannot be read.
    pub fn preview_prune(&self, before: Sequence) -> Result<Commitment, PruneError> {
        let tip = self.tip();
        self.check_prune_range(&tip, before)?;
        let mut rebuild = TreeRebuild::new(self, before, None);
        rebuild.extend_to(tip.end(), |_| Ok(()))?;
        Ok(rebuild.commitment())
    }

    /// Drops the leaves before a sequence: a new tree starts there. Signed roots of
    /// the old tree can be proven until it is released.
    ///
    /// With an authorisation, the new tree must have had the root that the admin
    /// signed. Without one, only a proof answers a challenge of a dropped leaf.
    ///
    /// # Errors
    ///
    /// [`PruneError`]; nothing is changed, except after a failure of the database.
    pub fn prune(
        &self,
        before: Sequence,
        authorisation: Option<Authorisation>,
    ) -> Result<Pruned, PruneError> {
        self.check_writable()?;
        let _alone = self.prune_lock.lock();
        let tip = self.tip();
        self.check_prune_range(&tip, before)?;
        // A prune needs room before its release frees any, and a client may request
        // one after another.
        let survivors = tip.end().0.saturating_sub(before.0);
        self.check_tree_quota(survivors)?;
        let nodes = survivors.saturating_mul(charge::TREE_LEAF_CHARGE);
        self.engine.shared().admit_into_reserve(nodes)?;
        if let Some(authorisation) = &authorisation {
            self.sr25519_signature(&authorisation.deletion.signature)?;
        }
        let pruned = self.prune_locked(before, authorisation);
        if pruned.is_err() && self.check_writable().is_ok() {
            self.remove_nodes(before)?;
        }
        pruned
    }

    fn check_prune_range(&self, tip: &Tip, before: Sequence) -> Result<(), PruneError> {
        let (bucket, start, end) = (self.id, tip.tree, tip.end());
        if before <= start {
            return Err(PruneError::NothingBefore {
                bucket,
                before,
                start,
            });
        }
        if before > end {
            return Err(PruneError::PastTheEnd {
                bucket,
                before,
                end,
            });
        }
        Ok(())
    }

    fn prune_locked(
        &self,
        before: Sequence,
        authorisation: Option<Authorisation>,
    ) -> Result<Pruned, PruneError> {
        let signed_at = authorisation.as_ref().map(|given| given.leaf_count);
        let mut rebuild = TreeRebuild::new(self, before, signed_at);
        let mut end = self.tip().end();
        let mut signed_root = None;
        loop {
            rebuild.extend_to(end, |nodes| self.write_unreferenced(before, nodes))?;
            if let Some(authorisation) = authorisation.as_ref().filter(|_| signed_root.is_none()) {
                // Checked as soon as it can be: without it the rest is wasted work.
                signed_root = Some(self.verify_authorisation(authorisation, before, &rebuild)?);
            }
            let now = self.tip().end();
            if now.0.saturating_sub(end.0) <= MAX_BLOCKED_LEAVES {
                break;
            }
            end = now;
        }

        let _commits_blocked = self.commit_lock.write();
        // A commit may have failed meanwhile.
        self.check_writable()?;
        let tip = self.tip();
        let mut batch = self.engine.batch();
        rebuild.extend_to(tip.end(), |nodes| {
            put_nodes(&mut batch, before, nodes);
            Ok(())
        })?;
        let commitment = rebuild.commitment();
        if rebuild
            .total_size()
            .is_some_and(|size| size != tip.total_size)
        {
            let fault = "its last leaf does not have its state's total size";
            return Err(PruneError::Leaf(self.unsound(fault)));
        }
        let retired = RetiredRecord {
            count: tip.frontier.count(),
            root: tip.root,
            new_start_seq: before,
            new_root: signed_root.unwrap_or(commitment.mmr_root),
            deletion: authorisation.map(|given| given.deletion),
            is_releasing: false,
        };
        let next = Tip {
            tree: before,
            frontier: rebuild.frontier().clone(),
            root: commitment.mmr_root,
            total_size: tip.total_size,
        };
        let state = next.record(self.id, self.config()).encode();
        batch.put(Family::Tree, layout::STATE_KEY, &state);
        let key = layout::retired_key(tip.tree);
        batch.put(Family::Tree, key, &retired.encode());
        self.engine
            .write(batch, Durability::Synced)
            .map_err(|error| self.poison_with(error))?;
        self.upper_nodes.reset(before);
        *self.tip.write() = Arc::new(next);
        self.recount_retired();
        Ok(Pruned {
            retired: RetiredTree::new(tip.tree, retired),
            commitment,
        })
    }

    fn sr25519_signature(
        &self,
        signature: &MultiSignature,
    ) -> Result<sr25519::Signature, PruneError> {
        match signature {
            MultiSignature::Sr25519(raw) => Ok(sr25519::Signature::from_raw(*raw)),
            _ => Err(PruneError::SignatureKind { bucket: self.id }),
        }
    }

    /// Verifies the authorisation, and returns the root that the admin signed.
    fn verify_authorisation(
        &self,
        authorisation: &Authorisation,
        before: Sequence,
        rebuild: &TreeRebuild<'_>,
    ) -> Result<H256, PruneError> {
        let Deletion { admin, signature } = &authorisation.deletion;
        let signed_root = rebuild.requested_root().ok_or(PruneError::NotGrown {
            bucket: self.id,
            before,
            leaf_count: rebuild.frontier().count(),
            signed_at: authorisation.leaf_count,
        })?;
        let signature = self.sr25519_signature(signature)?;
        let deletion = Commitment::deletion(signed_root, before);
        let payload = CommitmentPayload::new(self.id, deletion).encode();
        if sr25519::Pair::verify(&signature, payload, &sr25519::Public::from_raw(admin.0)) {
            return Ok(signed_root);
        }
        Err(PruneError::Unauthorised {
            bucket: self.id,
            before,
            leaf_count: authorisation.leaf_count,
            new_root: signed_root,
        })
    }

    /// Writes nodes of a tree that is not the current tree yet.
    fn write_unreferenced(
        &self,
        tree: Sequence,
        nodes: &[(Position, H256)],
    ) -> Result<(), PruneError> {
        self.check_writable()?;
        let mut batch = self.engine.batch();
        put_nodes(&mut batch, tree, nodes);
        self.engine
            .write(batch, Durability::Buffered)
            .map_err(|error| self.poison_with(error).into())
    }

    /// Removes the nodes of a tree that did not become the current tree.
    fn remove_nodes(&self, tree: Sequence) -> Result<(), PruneError> {
        let Some((from, to)) = layout::nodes_of(tree) else {
            return Ok(());
        };
        let mut batch = self.engine.batch();
        batch.delete_range(Family::Tree, from, to);
        self.engine
            .write(batch, Durability::Buffered)
            .map_err(|error| self.poison_with(error).into())
    }
}

fn put_nodes(batch: &mut cairn_engine::Batch<'_>, tree: Sequence, nodes: &[(Position, H256)]) {
    for (position, hash) in nodes {
        let key = layout::node_key(tree, *position);
        batch.put(Family::Tree, key, hash.as_bytes());
    }
}
