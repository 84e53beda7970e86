//! Submits a provider's calls one by one, each until a finalized block shows its effect.
//!
//! ```text
//! a recorded call? ─► follow finalized blocks until its effect is seen, or it has expired
//!        │
//!        ▼
//! check by the rules ─► record ─► submit ─► in a block ─► finalized ─► effect? ─► forget
//! ```
//!
//! A kill at any point leaves the record, and the next run begins with it.

use crate::effect::Effect;
use crate::facts::{Facts, finalized_head};
use crate::journal::{Journal, JournalError, PendingCall};
use crate::refusal::Refusal;
use cairn_chain::{ChainError, ExtrinsicStatus, ProviderCall, RegistrationClient, Submission};
use cairn_primitives::H256;
use futures::StreamExt;

/// A step of a submission, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A call of an earlier run may still be executed, until a block of this number is final.
    Waiting {
        /// The call's name on chain.
        name: String,
        /// The last block that may include it.
        last_block: u32,
    },
    /// A call of an earlier run has taken effect.
    FoundDone {
        /// The call's name on chain.
        name: String,
    },
    /// A call of an earlier run has expired without effect, or was refused.
    FoundVoid {
        /// The call's name on chain.
        name: String,
    },
    /// The pool took the call's extrinsic.
    Submitted {
        /// The extrinsic's hash.
        hash: H256,
    },
    /// A block includes it.
    InBlock {
        /// The block's hash.
        block: H256,
    },
    /// The block that included it left the best chain.
    Retracted,
    /// A finalized block shows its effect.
    Done {
        /// The block's hash.
        block: H256,
    },
}

/// An error of a submission.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The chain would refuse the call. Nothing was submitted.
    #[error("the chain would refuse {name}: {refusal}")]
    Refused {
        /// The call's name on chain.
        name: String,
        /// The reason.
        refusal: Refusal,
    },
    /// The pool refused the extrinsic. Nothing was submitted.
    #[error("{name} was not submitted: {source}")]
    NotSubmitted {
        /// The call's name on chain.
        name: String,
        /// The error.
        source: ChainError,
    },
    /// The chain cannot be followed, so the call's end is not known. It is recorded.
    #[error("{name} was submitted, and its end is not known: {source}")]
    Unknown {
        /// The call's name on chain.
        name: String,
        /// The error.
        source: ChainError,
    },
    /// The node dropped the extrinsic. Others may still have it, so it is recorded.
    #[error("the node dropped {name} ({reason}): it may still be included")]
    Dropped {
        /// The call's name on chain.
        name: String,
        /// The node's reason.
        reason: String,
    },
    /// A finalized block includes the extrinsic, and its state has not the call's effect: the
    /// chain refused the call, and took its fee.
    #[error("the chain took the fee of {name} and refused it, in block {block:?}")]
    NoEffect {
        /// The call's name on chain.
        name: String,
        /// The block.
        block: H256,
    },
    /// Reading the chain failed before anything was submitted.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The record of pending calls failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Submits calls for a client's account.
pub struct Submitter<'c> {
    chain: &'c dyn RegistrationClient,
    journal: Journal,
}

impl std::fmt::Debug for Submitter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Submitter")
            .field("journal", &self.journal)
            .finish_non_exhaustive()
    }
}

impl<'c> Submitter<'c> {
    /// Creates a submitter with the record of the account's pending call.
    pub fn new(chain: &'c dyn RegistrationClient, journal: Journal) -> Self {
        Self { chain, journal }
    }

    /// Returns the call of an earlier run that may still be executed.
    ///
    /// # Errors
    ///
    /// [`JournalError`].
    pub fn pending(&self) -> Result<Option<PendingCall>, JournalError> {
        self.journal.pending()
    }

    /// Waits until finalized blocks show what became of an earlier run's call, and returns the
    /// facts then.
    ///
    /// # Errors
    ///
    /// [`SubmitError`]; the record stays.
    pub async fn settle(&self, report: &mut dyn FnMut(Progress)) -> Result<Facts, SubmitError> {
        let Some(pending) = self.journal.pending()? else {
            return Ok(Facts::read(self.chain).await?);
        };
        report(Progress::Waiting {
            name: pending.name.clone(),
            last_block: pending.last_block(),
        });
        let unknown = |source| SubmitError::Unknown {
            name: pending.name.clone(),
            source,
        };
        let mut heads = self.chain.finalized_heads().await.map_err(unknown)?;
        while heads.next().await.is_some() {
            let facts = Facts::read(self.chain).await.map_err(unknown)?;
            let name = pending.name.clone();
            if pending.effect.is_seen_in(&facts) == Some(true) {
                report(Progress::FoundDone { name });
            } else if facts.head.number > pending.last_block() {
                report(Progress::FoundVoid { name });
            } else {
                continue;
            }
            self.journal.clear()?;
            return Ok(facts);
        }
        Err(unknown(ChainError::Unreachable(
            "the connection was lost".to_owned(),
        )))
    }

    /// Submits a call in the state of the facts, and returns the facts after it, once a
    /// finalized block shows its effect.
    ///
    /// Call [`Submitter::settle`] first, and decide from the facts that it returns.
    ///
    /// # Errors
    ///
    /// [`SubmitError`], which says whether the call may still be executed.
    pub async fn submit(
        &self,
        call: &ProviderCall,
        facts: &Facts,
        report: &mut dyn FnMut(Progress),
    ) -> Result<Facts, SubmitError> {
        let name = || crate::describe::call_name(call).to_owned();
        facts.check(call).map_err(|refusal| SubmitError::Refused {
            name: name(),
            refusal,
        })?;
        let effect = Effect::of(call, facts);
        let best = self.chain.best_head().await?;
        self.journal
            .record(&PendingCall::new(call, effect.clone(), best.number))?;
        let submission = Submission::Provider(call.clone());
        let mut submitted = match self.chain.submit(submission).await {
            Ok(submitted) => submitted,
            // An answer that is lost says nothing about the extrinsic.
            Err(source @ ChainError::Unreachable(_)) => {
                return Err(SubmitError::Unknown {
                    name: name(),
                    source,
                });
            }
            Err(source) => {
                self.journal.clear()?;
                return Err(SubmitError::NotSubmitted {
                    name: name(),
                    source,
                });
            }
        };
        report(Progress::Submitted {
            hash: submitted.hash,
        });
        while let Some(status) = submitted.statuses.next().await {
            match status {
                ExtrinsicStatus::InBlock(block) => report(Progress::InBlock { block }),
                ExtrinsicStatus::Retracted(_) => report(Progress::Retracted),
                ExtrinsicStatus::Finalized(block) => {
                    return self.confirm(call, &effect, block, report).await;
                }
                ExtrinsicStatus::Dropped(reason) => {
                    return Err(SubmitError::Dropped {
                        name: name(),
                        reason,
                    });
                }
            }
        }
        // The connection was lost; the chain's state tells.
        self.settle(report).await
    }

    async fn confirm(
        &self,
        call: &ProviderCall,
        effect: &Effect,
        block: H256,
        report: &mut dyn FnMut(Progress),
    ) -> Result<Facts, SubmitError> {
        let name = crate::describe::call_name(call).to_owned();
        let unknown = |source| SubmitError::Unknown {
            name: name.clone(),
            source,
        };
        let facts = Facts::read(self.chain).await.map_err(unknown)?;
        self.journal.clear()?;
        match effect.is_seen_in(&facts) {
            Some(false) => Err(SubmitError::NoEffect { name, block }),
            Some(true) | None => {
                report(Progress::Done { block });
                Ok(facts)
            }
        }
    }
}

/// Returns the number of finalized blocks by which the best block is ahead.
///
/// # Errors
///
/// [`ChainError`].
pub async fn finality_lag(chain: &dyn RegistrationClient) -> Result<u32, ChainError> {
    let best = chain.best_head().await?;
    let finalized = finalized_head(chain).await?;
    Ok(best.number.saturating_sub(finalized.number))
}
