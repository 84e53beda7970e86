//! Records everything that the provider has ever signed, and finds contradictions in it.

use crate::runtime::Who;
use cairn_gadget::CheckpointRequest;
use cairn_primitives::challenge::{MultiSignature, SlashReason};
use cairn_primitives::{BucketId, Commitment, H256};
use sp_core::{Pair, sr25519};
use std::collections::BTreeSet;

/// Identifies a signed root of a bucket: its root and its tree.
pub(crate) type Key = (H256, u64);

pub(crate) fn key(commitment: &Commitment) -> Key {
    (commitment.mmr_root, commitment.start_seq.0)
}

/// A signature of the provider, known to the opponent.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) bucket: BucketId,
    pub(crate) commitment: Commitment,
    pub(crate) window: Option<u64>,
    pub(crate) signature: MultiSignature,
}

/// The signatures, in order of appearance.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) all: Vec<Signed>,
    /// The number of signatures that [`Book::take_new`] has returned.
    looked_at: usize,
    /// The reason why a submitted answer would be slashed, if one was.
    pub(crate) false_submission: Option<SlashReason>,
}

impl Book {
    /// Records a signature if it is the provider's.
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

    /// Records that an answer was submitted that the chain would slash for.
    pub(crate) fn submitted_falsely(&mut self, reason: SlashReason) {
        self.false_submission.get_or_insert(reason);
    }

    /// Returns the signatures since the last call.
    pub(crate) fn take_new(&mut self) -> Vec<Signed> {
        let new = self.all[self.looked_at..].to_vec();
        self.looked_at = self.all.len();
        new
    }

    /// Returns an earlier signature that contradicts this one: of another root for the same leaves,
    /// or of another commitment for the same window. Considers only signatures that the provider
    /// can know of, by `known`.
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

    /// Returns the signed commitments without a window, each once.
    pub(crate) fn commitments(&self) -> Vec<Signed> {
        let mut seen = BTreeSet::new();
        let plain = self.all.iter().filter(|one| one.window.is_none());
        plain
            .filter(|one| seen.insert((one.bucket, key(&one.commitment))))
            .cloned()
            .collect()
    }
}
