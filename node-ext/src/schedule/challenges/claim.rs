//! The two answers that are no proof, and when they may be given. Pure: all
//! that is looked at is handed in.
//!
//! A proof stands on bytes that nobody can change. `Deleted` and `Superseded`
//! stand on the bucket's state in the very block that includes the answer, and
//! anyone who sees the answer in the pool may change that state first, with a
//! higher tip. What no longer holds then costs the whole stake at once. So:
//!
//! 1. A proof is tried first, and again at each block until the deadline.
//! 2. A claim is made in the last blocks only: before that it could lose what a
//!    disk that is mounted, or a backup, still saves.
//! 3. It is made only where the chain itself judged it beforehand and would
//!    take it; a chain that does not judge gets none.
//! 4. It is made only where nobody can undo it, as far as the chain's rules say:
//!
//! | claim | is undone by | and is given without being told to |
//! |-------|--------------|-------------|
//! | `Deleted` | another admin, who takes the signer off the members | where the signer is the only admin: nobody else can, and one who signed a deletion rarely turns on it |
//! | `Superseded` | a checkpoint of the challenged commitment, or of any other that does not hold the leaf | where no checkpoint can be brought: fewer primary providers have a key than must sign |
//!
//! An only admin can still undo its own deletion: it makes a second admin, who
//! takes the first off, both in front of the answer. Only the signer can do
//! that, in the last blocks alone, when silence loses as well.
//!
//! For a checkpoint `min_providers` signatures of primary providers are enough,
//! old ones as well as new ones, sent by anybody. Ours over the challenged
//! commitment exists, or there would be no challenge; those of the others have
//! to be assumed, since clients collect them all, and since a provider may sign
//! whatever it likes. A frozen bucket keeps out what starts before it is frozen,
//! and so perhaps the challenged commitment, but not a shorter one of the frozen
//! tree, which does not hold the leaf. `extend_checkpoint` adds signers, and
//! changes neither root nor range. What admins and new primary providers do
//! together is beyond any rule: they can always bring another checkpoint. That
//! leaves next to nothing for `Superseded`.
//!
//! 5. Where they can undo it, the claim is a gamble: lost if the challenger
//!    watches the pool, won if not. Silence loses in any case, but only at the
//!    deadline, and a proof may come until then. So the gamble is the operator's
//!    ([`ChallengeConfig::claim_at_risk`](super::ChallengeConfig::claim_at_risk)).
//!    Where no proof can ever come, as for a slot that only pads a tree, there
//!    is nothing to wait for, and it is taken without asking.

use super::answer::NoProof;
use crate::bucket::AuthorisedDeletion;
use crate::layout::Deletion;
use cairn_primitives::challenge::{ChallengeResponse, MultiSignature, Role};
use cairn_primitives::onchain::{BucketInfo, OpenChallenge};
use cairn_primitives::{BucketId, Commitment, CommitmentPayload, H256, Sequence};
use codec::Encode;
use sp_core::{Pair, sr25519};

/// How others can undo what a claim stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Risk {
    #[error("another admin can take the one who signed the deletion off the bucket's members")]
    OtherAdmin,
    #[error(
        "anyone who holds {needed} signatures of primary providers can bring a checkpoint under which \
         it does not hold"
    )]
    OtherCheckpoint { needed: u32 },
}

/// An answer that holds by a bucket's state, and by nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) response: ChallengeResponse,
    pub(super) risk: Option<Risk>,
}

impl Claim {
    /// As operators read it.
    pub(super) const fn name(&self) -> &'static str {
        match self.response {
            ChallengeResponse::Superseded => "a newer snapshot (`Superseded`)",
            _ => "an admin's deletion (`Deleted`)",
        }
    }
}

/// When claims may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// Whether the last blocks have begun.
    pub(super) is_time: bool,
    /// Whether the operator takes the risk that others undo one.
    pub(super) at_risk: bool,
}

/// What is to be done without a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing yet.
    Wait,
    /// There is no answer.
    Nothing,
    /// There is one, and others can undo it.
    Held(Claim),
    /// To be given, if the chain would take it.
    Give(Claim),
}

/// What is to be done without a proof, with what holds by the chain's state.
pub(super) fn step(no_proof: &NoProof, terms: Terms, claims: Vec<Claim>) -> Step {
    if !terms.is_time {
        return Step::Wait;
    }
    let takes_risk = terms.at_risk || matches!(no_proof, NoProof::Never(_));
    // One that stands before one that does not, and else the admin's word: a
    // snapshot is easier to replace.
    match claims.into_iter().min_by_key(|claim| claim.risk.is_some()) {
        None => Step::Nothing,
        Some(claim) if claim.risk.is_none() || takes_risk => Step::Give(claim),
        Some(claim) => Step::Held(claim),
    }
}

/// All claims that hold by a bucket's state.
pub(super) fn all(
    challenge: &OpenChallenge,
    bucket: &BucketInfo,
    deletions: Vec<AuthorisedDeletion>,
) -> Vec<Claim> {
    let Some(sequence) = challenge.sequence() else {
        return Vec::new();
    };
    let holds =
        |deletion: &AuthorisedDeletion| holds(deletion, challenge.bucket_id, bucket, sequence);
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
            risk: (admins(bucket) > 1).then_some(Risk::OtherAdmin),
        }
    });
    let superseded = bucket.supersedes(&challenge.mmr_root, sequence);
    let superseded = superseded.then(|| Claim {
        response: ChallengeResponse::Superseded,
        risk: another_checkpoint(bucket),
    });
    deleted.chain(superseded).collect()
}

fn admins(bucket: &BucketInfo) -> usize {
    let is_admin = |role: &Role| *role == Role::Admin;
    bucket
        .members
        .iter()
        .filter(|(_, role)| is_admin(role))
        .count()
}

/// Whether any checkpoint of the bucket can be brought.
fn another_checkpoint(bucket: &BucketInfo) -> Option<Risk> {
    let primaries = bucket.primary_providers.iter();
    let able = primaries.filter(|primary| primary.key.is_some()).count();
    let needed = bucket.min_providers;
    let can = usize::try_from(needed).is_ok_and(|needed| able >= needed);
    can.then_some(Risk::OtherCheckpoint { needed })
}

/// Whether the chain would take a deletion for an answer about a sequence.
fn holds(
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
        && is_signed(deletion, id, *new_root, *new_start_seq)
}

/// Whether an admin's signature is theirs over this deletion. Only sr25519 is
/// checked, as where deletions are taken.
fn is_signed(deletion: &Deletion, id: BucketId, root: H256, start: Sequence) -> bool {
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
