//! All that the provider has ever signed, as the opponent keeps it, and whether
//! any of it is false.

use crate::runtime::Who;
use cairn_node_ext::schedule::CheckpointRequest;
use cairn_primitives::challenge::{MultiSignature, SlashReason};
use cairn_primitives::{BucketId, Commitment, H256};
use sp_core::{Pair, sr25519};
use std::collections::BTreeSet;

/// What names a promise of a bucket: its root and its tree.
pub(crate) type Key = (H256, u64);

pub(crate) fn key(commitment: &Commitment) -> Key {
    (commitment.mmr_root, commitment.start_seq.0)
}

/// A signature of the provider's, in the opponent's hands.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) bucket: BucketId,
    pub(crate) commitment: Commitment,
    pub(crate) window: Option<u64>,
    pub(crate) signature: MultiSignature,
}

/// The signatures, in the order in which they were first seen.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) all: Vec<Signed>,
    /// How many of them were looked at.
    looked_at: usize,
    /// Why an answer that was handed in would cost the stake.
    pub(crate) false_submission: Option<SlashReason>,
}

impl Book {
    /// Takes a signature that somebody was given, if it is the provider's.
    pub(crate) fn seen(
        &mut self,
        bucket: BucketId,
        commitment: Commitment,
        window: Option<u64>,
        signature: &MultiSignature,
    ) {
        let is_same =
            |one: &Signed| (one.bucket, one.commitment, one.window) == (bucket, commitment, window);
        if self.all.iter().any(is_same) {
            return;
        }
        let MultiSignature::Sr25519(raw) = signature else {
            return;
        };
        let bytes = CheckpointRequest::new(bucket, commitment, window).signed_bytes();
        let is_ours = sr25519::Pair::verify(
            &sr25519::Signature::from_raw(*raw),
            bytes,
            &sr25519::Public::from_raw(Who::Us.account().0),
        );
        if is_ours {
            self.all.push(Signed {
                bucket,
                commitment,
                window,
                signature: signature.clone(),
            });
        }
    }

    /// An answer was handed in that the chain would slash for.
    pub(crate) fn submitted_falsely(&mut self, reason: SlashReason) {
        self.false_submission.get_or_insert(reason);
    }

    /// Those that came since it was last asked.
    pub(crate) fn take_new(&mut self) -> Vec<Signed> {
        let new = self.all[self.looked_at..].to_vec();
        self.looked_at = self.all.len();
        new
    }

    /// An earlier signature that contradicts this one: of another root for the
    /// same leaves, or of another commitment for the same window. Of those whose
    /// promise is `known` to the provider.
    pub(crate) fn contradiction(
        &self,
        new: &Signed,
        known: impl Fn(&Signed) -> bool,
    ) -> Option<&Signed> {
        self.all.iter().find(|before| {
            let leaves = |one: &Signed| {
                let of = &one.commitment;
                (one.bucket, of.start_seq, of.leaf_count)
            };
            let is_fork = leaves(before) == leaves(new)
                && before.commitment.mmr_root != new.commitment.mmr_root;
            let is_second = new.window.is_some()
                && (before.bucket, before.window) == (new.bucket, new.window)
                && before.commitment != new.commitment;
            (is_fork || is_second) && known(before)
        })
    }

    /// The plain commitments of a bucket that were signed, each once.
    pub(crate) fn commitments(&self) -> Vec<Signed> {
        let mut seen = BTreeSet::new();
        let plain = self.all.iter().filter(|one| one.window.is_none());
        plain
            .filter(|one| seen.insert((one.bucket, key(&one.commitment))))
            .cloned()
            .collect()
    }
}
