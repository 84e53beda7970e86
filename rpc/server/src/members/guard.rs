//! The guard over a member's deletions and repeated signatures.
//!
//! A member who drops leaves, or has a tree signed that others have left, must not lead the provider
//! to sign a commitment under which it could not answer a challenge: a state without leaves, or one
//! in which no leaf answers for a padding slot.

use crate::error::MethodError;
use cairn_bucket::{Authorisation, ProveError, PruneError, Pruned, StateRef};
use cairn_primitives::{LeafIndex, Sequence};
use cairn_provider::Lease;
use cairn_rpc_api::{Code, Error};

/// The reason why leaves are not dropped, or nothing is signed, for a member.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// No leaves would be left.
    #[error("no leaves would be left of {start}..{end} from {given} on")]
    NothingLeft {
        /// The sequence before which leaves were to be dropped.
        given: u64,
        /// The first sequence of the tree.
        start: u64,
        /// The first sequence after the tree.
        end: u64,
    },
    /// No leaf from a sequence on could answer for a padding slot.
    #[error("the leaves from {0} on could not answer a challenge of a padding slot")]
    PaddingLeft(u64),
    /// The bucket cannot be read.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// The bucket refuses the deletion itself.
    #[error(transparent)]
    Prune(#[from] PruneError),
}

impl From<GuardError> for MethodError {
    fn from(error: GuardError) -> Self {
        let code = match error {
            GuardError::NothingLeft { .. } => Code::PastTheEnd,
            GuardError::PaddingLeft(_) => Code::Shape,
            GuardError::Prove(error) => return error.into(),
            GuardError::Prune(error) => return error.into(),
        };
        Error::new(code, error.to_string()).into()
    }
}

/// The guard over the changes of every caller who is not the operator.
#[derive(Clone, Copy, Debug)]
pub struct MemberGuard {
    refuses_padding: bool,
}

impl MemberGuard {
    pub(crate) const fn new(refuses_padding: bool) -> Self {
        Self { refuses_padding }
    }

    /// Drops the leaves before a sequence, if leaves are left and, unless the operator accepts
    /// leaves with padding, one of them could answer for padding slots.
    ///
    /// # Errors
    ///
    /// [`GuardError`]; nothing is changed then.
    pub fn prune(
        self,
        lease: &Lease,
        before: Sequence,
        authorisation: Option<Authorisation>,
    ) -> Result<Pruned, GuardError> {
        self.check_rest(lease, before)?;
        Ok(lease.run(|bucket| bucket.prune(before, authorisation))?)
    }

    /// Checks what would be left. Commits add leaves meanwhile, and take none away.
    fn check_rest(self, lease: &Lease, before: Sequence) -> Result<(), GuardError> {
        let given = before.0;
        let (start, end, can_answer) = lease.run(|bucket| {
            let view = bucket.view(StateRef::Newest)?;
            let start = view.tree().0;
            let end = start.saturating_add(view.count().get());
            let first = LeafIndex(given.saturating_sub(start));
            let is_looked_for = self.refuses_padding && (start..end).contains(&given);
            let can_answer = !is_looked_for || view.can_answer_unbound(first)?;
            Ok::<_, ProveError>((start, end, can_answer))
        })?;
        // The bucket has nothing before it to drop.
        if given <= start {
            return Ok(());
        }
        if given >= end {
            return Err(GuardError::NothingLeft { given, start, end });
        }
        match can_answer {
            true => Ok(()),
            false => Err(GuardError::PaddingLeft(given)),
        }
    }

    /// Checks that the newest commitment may be signed without a new leaf: it was signed here
    /// before, or one of its leaves could answer for padding slots.
    ///
    /// # Errors
    ///
    /// [`GuardError`]; nothing may be signed then.
    pub fn check_newest(self, lease: &Lease) -> Result<(), GuardError> {
        let newest = lease.commitment();
        // Nothing is signed of an empty tree in any case.
        if !self.refuses_padding || newest.leaf_count.get() == 0 {
            return Ok(());
        }
        let may_sign = lease.run(|bucket| {
            let signed = bucket.signed_root_value(&newest.mmr_root, newest.start_seq)?;
            let was_signed = signed
                .is_some_and(|signed| signed.count == newest.leaf_count && signed.signed_ms != 0);
            if was_signed {
                return Ok(true);
            }
            let view = bucket.view(StateRef::Newest)?;
            view.can_answer_unbound(LeafIndex(0))
        })?;
        match may_sign {
            true => Ok(()),
            false => Err(GuardError::PaddingLeft(newest.start_seq.0)),
        }
    }
}
