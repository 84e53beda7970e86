//! Records everything that the provider has ever signed, and finds contradictions in it.

use crate::actors::Actor;
use cairn_gadget::CheckpointRequest;
use cairn_primitives::challenge::{MultiSignature, SlashReason};
use cairn_primitives::{BucketId, Commitment, H256};
use sp_core::{Pair, sr25519};
use std::collections::BTreeSet;

/// Identifies a signed root of a bucket: its root and its tree.
pub(crate) type RootKey = (H256, u64);

pub(crate) fn root_key(commitment: &Commitment) -> RootKey {
    (commitment.mmr_root, commitment.start_seq.0)
}

/// A signature of the provider, known to the opponent.
#[derive(Clone, Debug)]
pub(crate) struct KnownSignature {
    pub(crate) bucket: BucketId,
    pub(crate) commitment: Commitment,
    pub(crate) window: Option<u64>,
    /// The nonce of the payload, where payloads have one.
    pub(crate) nonce: Option<u64>,
    pub(crate) signature: MultiSignature,
}

impl KnownSignature {
    /// Returns what was signed.
    pub(crate) fn request(&self) -> CheckpointRequest {
        CheckpointRequest::new(self.bucket, self.commitment, self.window).with_nonce(self.nonce)
    }
}

/// The signatures, in order of appearance.
#[derive(Default)]
pub(crate) struct SignatureLog {
    pub(crate) all: Vec<KnownSignature>,
    /// The number of signatures that [`SignatureLog::take_new`] has returned.
    taken: usize,
    /// The reason why a submitted answer would be slashed, if one was.
    pub(crate) false_submission: Option<Option<SlashReason>>,
}

impl SignatureLog {
    /// Records a signature if it is the provider's.
    pub(crate) fn record(&mut self, request: &CheckpointRequest, signature: &MultiSignature) {
        if self.all.iter().any(|one| one.request() == *request) {
            return;
        }
        let MultiSignature::Sr25519(raw) = signature else {
            return;
        };
        let is_ours = sr25519::Pair::verify(
            &sr25519::Signature::from_raw(*raw),
            request.signed_bytes(),
            &sr25519::Public::from_raw(Actor::Us.account().0),
        );
        if is_ours {
            self.all.push(KnownSignature {
                bucket: request.bucket(),
                commitment: request.commitment(),
                window: request.window(),
                nonce: request.nonce(),
                signature: signature.clone(),
            });
        }
    }

    /// Records that an answer was submitted that the chain would slash for.
    pub(crate) fn record_false_submission(&mut self, reason: Option<SlashReason>) {
        self.false_submission.get_or_insert(reason);
    }

    /// Returns the signatures since the last call.
    pub(crate) fn take_new(&mut self) -> Vec<KnownSignature> {
        let new = self.all[self.taken..].to_vec();
        self.taken = self.all.len();
        new
    }

    /// Returns an earlier signature that contradicts this one: of another root for the same leaves,
    /// or of another commitment for the same window. Considers only signatures that the provider
    /// can know of, by `known`.
    pub(crate) fn contradiction(
        &self,
        new: &KnownSignature,
        known: impl Fn(&KnownSignature) -> bool,
    ) -> Option<&KnownSignature> {
        self.all.iter().find(|before| {
            let leaves = |one: &KnownSignature| {
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
    pub(crate) fn commitments(&self) -> Vec<KnownSignature> {
        let mut seen = BTreeSet::new();
        let mut plain: Vec<_> = self.all.iter().filter(|one| one.window.is_none()).collect();
        // Of those with a nonce the newest is the one that the chain takes for longest.
        plain.sort_by_key(|one| std::cmp::Reverse(one.nonce));
        plain.retain(|one| seen.insert((one.bucket, root_key(&one.commitment))));
        plain.sort_by_key(|one| one.nonce);
        plain.into_iter().cloned().collect()
    }
}
