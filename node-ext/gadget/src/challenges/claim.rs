//! The rules for claims: the two answers that are no proof, and when they may be submitted. Pure.
//!
//! A proof depends on bytes that nobody can change. `Deleted` and `Superseded` depend on the
//! bucket's state in the very block that includes the answer, and anyone who sees the answer in the
//! pool may change that state first, with a higher tip. A claim that no longer holds costs the
//! whole stake at once. So:
//!
//! 1. A proof is tried first, and again at each block until the deadline.
//! 2. A claim is submitted in the last blocks only: an earlier one could lose what mounting a disk
//!    or restoring a backup would still save.
//! 3. It is submitted only if the chain itself judged it beforehand and would accept it; a chain
//!    that does not judge gets none.
//! 4. It is submitted only if nobody can undo it under the chain's rules:
//!
//! | claim | is undone by | and is submitted without the operator's consent |
//! |-------|--------------|-------------|
//! | `Deleted` | another admin, who takes the signer off the members | if the signer is the only admin: nobody else can, and a signer of a deletion rarely revokes it |
//! | `Superseded` | a checkpoint of the challenged commitment, or of any other that does not hold the leaf | if no checkpoint can be submitted: fewer primary providers have a key than must sign |
//!
//! A sole admin can still undo its own deletion: it makes a second admin, who removes the first,
//! both in front of the answer. Only the signer can do that, and only in the last blocks, when
//! silence loses as well.
//!
//! A checkpoint needs `min_providers` signatures of primary providers; old ones count as well as
//! new ones, and anybody may send them. Ours over the challenged commitment exists, or there would
//! be no challenge. Those of the others have to be assumed, since clients collect them all, and
//! since a provider may sign whatever it likes. A frozen bucket rejects commitments that start
//! before the freeze, and so perhaps the challenged one, but not a shorter one of the frozen tree,
//! which does not hold the leaf. `extend_checkpoint` adds signers and changes neither root nor
//! range. No rule covers admins who conspire with new primary providers: they can always submit
//! another checkpoint. That leaves next to nothing for `Superseded`.
//!
//! 5. If they can undo it, the claim is a gamble: lost if the challenger watches the pool, won if
//!    not. Silence loses in any case, but only at the deadline, and a proof may come until then. So
//!    the gamble is the operator's
//!    ([`ChallengeConfig::claim_at_risk`](super::ChallengeConfig::claim_at_risk)). If no proof can
//!    ever come, as for a padding slot, there is nothing to wait for, and the claim is submitted
//!    without consent.

use super::no_proof::NoProof;
use cairn_bucket::AuthorisedDeletion;
use cairn_engine::layout::Deletion;
use cairn_primitives::challenge::{ChallengeResponse, MultiSignature, Role};
use cairn_primitives::onchain::{BucketInfo, OpenChallenge};
use cairn_primitives::{BucketId, Commitment, CommitmentPayload, H256, Sequence};
use codec::Encode;
use sp_core::{Pair, sr25519};

/// How others can undo the state that a claim depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Risk {
    #[error("another admin can remove the signer of the deletion from the bucket's members")]
    OtherAdmin,
    #[error(
        "anyone with {needed} signatures of primary providers can submit a checkpoint under which \
         it does not hold"
    )]
    OtherCheckpoint { needed: u32 },
}

/// An answer whose validity depends on the bucket's on-chain state alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) response: ChallengeResponse,
    pub(super) risk: Option<Risk>,
}

impl Claim {
    /// Returns the name for log messages.
    pub(super) const fn name(&self) -> &'static str {
        match self.response {
            ChallengeResponse::Superseded => "a newer snapshot (`Superseded`)",
            _ => "an admin's deletion (`Deleted`)",
        }
    }
}

/// The conditions for submitting claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClaimTerms {
    /// True in the last blocks before the deadline.
    pub(super) in_last_blocks: bool,
    /// True if the operator accepts that others may undo a claim.
    pub(super) accepts_risk: bool,
}

/// The decision when there is no proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ClaimDecision {
    /// Wait: the last blocks have not begun.
    Wait,
    /// No claim is valid.
    NoClaim,
    /// A claim is valid, but held back because others can undo it.
    HeldBack(Claim),
    /// Submit the claim if the chain would accept it.
    Submit(Claim),
}

/// Decides what to do without a proof, given the claims that are valid on chain.
pub(super) fn decide(no_proof: &NoProof, terms: ClaimTerms, claims: Vec<Claim>) -> ClaimDecision {
    if !terms.in_last_blocks {
        return ClaimDecision::Wait;
    }
    let takes_risk = terms.accepts_risk || matches!(no_proof, NoProof::Unprovable(_));
    // Prefer a claim without risk; among equals the deletion, since a snapshot is easier to
    // replace.
    match claims.into_iter().min_by_key(|claim| claim.risk.is_some()) {
        None => ClaimDecision::NoClaim,
        Some(claim) if claim.risk.is_none() || takes_risk => ClaimDecision::Submit(claim),
        Some(claim) => ClaimDecision::HeldBack(claim),
    }
}

/// Returns all claims that are valid under a bucket's on-chain state.
pub(super) fn valid_claims(
    challenge: &OpenChallenge,
    bucket: &BucketInfo,
    deletions: Vec<AuthorisedDeletion>,
) -> Vec<Claim> {
    let Some(sequence) = challenge.sequence() else {
        return Vec::new();
    };
    let holds = |deletion: &AuthorisedDeletion| {
        is_valid_deletion(deletion, challenge.bucket_id, bucket, sequence)
    };
    let deleted = deletions.into_iter().filter(holds).map(|found| {
        let AuthorisedDeletion {
            new_start_seq,
            new_root,
            deletion,
        } = found;
        Claim {
            response: ChallengeResponse::Deleted {
                new_mmr_root: new_root,
                new_start_seq,
                admin: deletion.admin,
                admin_signature: deletion.signature,
            },
            risk: (admin_count(bucket) > 1).then_some(Risk::OtherAdmin),
        }
    });
    let superseded = bucket.supersedes(&challenge.mmr_root, sequence);
    let superseded = superseded.then(|| Claim {
        response: ChallengeResponse::Superseded,
        risk: checkpoint_risk(bucket),
    });
    deleted.chain(superseded).collect()
}

fn admin_count(bucket: &BucketInfo) -> usize {
    let is_admin = |role: &Role| *role == Role::Admin;
    bucket
        .members
        .iter()
        .filter(|(_, role)| is_admin(role))
        .count()
}

/// Returns the risk of another checkpoint, if enough primary providers have a key to sign one.
fn checkpoint_risk(bucket: &BucketInfo) -> Option<Risk> {
    let primaries = bucket.primary_providers.iter();
    let able = primaries.filter(|primary| primary.key.is_some()).count();
    let needed = bucket.min_providers;
    let can = usize::try_from(needed).is_ok_and(|needed| able >= needed);
    can.then_some(Risk::OtherCheckpoint { needed })
}

/// Returns true if the chain would accept a deletion as the answer about a sequence.
fn is_valid_deletion(
    deletion: &AuthorisedDeletion,
    id: BucketId,
    bucket: &BucketInfo,
    sequence: Sequence,
) -> bool {
    let AuthorisedDeletion {
        new_start_seq,
        new_root,
        deletion,
    } = deletion;
    sequence < *new_start_seq
        && bucket.is_admin(&deletion.admin)
        && is_signature_valid(deletion, id, *new_root, *new_start_seq)
}

/// Returns true if the admin's signature over this deletion is valid. Only sr25519 is checked, as
/// it is when deletions are accepted.
fn is_signature_valid(deletion: &Deletion, id: BucketId, root: H256, start: Sequence) -> bool {
    let MultiSignature::Sr25519(signature) = &deletion.signature else {
        return false;
    };
    let payload = CommitmentPayload::new(id, Commitment::deletion(root, start)).encode();
    sr25519::Pair::verify(
        &sr25519::Signature::from_raw(*signature),
        payload,
        &sr25519::Public::from_raw(deletion.admin.0),
    )
}
