//! The transaction pool of a simulated chain, and its record of submissions.

use super::pallet::{NewChallenge, Pallet};
use cairn_chain::{ChainError, ExtrinsicStatus, ProviderCall, Submission, SubmittedExtrinsic};
use cairn_primitives::challenge::{AccountId, ChallengeId};
use cairn_primitives::onchain::{Outcome, ResponseRefusal};
use cairn_primitives::{BucketId, H256, blake2_256};
use codec::Encode;
use futures::StreamExt;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// The pool's capacity, in bytes.
const MAX_POOL_BYTES: usize = 20 << 20;

/// A change of the state by a test.
pub(crate) type Edit = Arc<dyn Fn(&mut Pallet) + Send + Sync>;

#[derive(Clone)]
pub enum Call {
    Submission { by: AccountId, what: Submission },
    Challenge(NewChallenge),
    Edit(Edit),
}

struct Transaction {
    call: Call,
    bytes: usize,
    watcher: Option<UnboundedSender<ExtrinsicStatus>>,
    /// The first block that may include it, and the last.
    from: u32,
    to: u32,
}

/// A record of submissions on all forks.
#[derive(Clone, Debug, Default)]
pub struct SubmissionRecord {
    /// Answers that the pool took, by challenge.
    pub submitted: BTreeMap<ChallengeId, u32>,
    /// Submissions that were urgent.
    pub urgent: u32,
    /// Answers that a block included, by challenge.
    pub included: BTreeMap<ChallengeId, u32>,
    /// Answers that were slashable when they were submitted or included.
    pub wrong: Vec<(ChallengeId, ResponseRefusal)>,
    /// The most bytes of pending submissions at any time.
    pub max_pending_bytes: usize,
    /// Checkpoints that the pool took.
    pub checkpoints: Vec<(AccountId, BucketId, Option<u64>)>,
    /// Checkpoints that a block included but the pallet refused.
    pub refused_checkpoints: Vec<(BucketId, &'static str)>,
    /// Confirmations of replicas that the pool took.
    pub confirmations: Vec<(AccountId, BucketId)>,
    /// Confirmations that a block included but the pallet refused, with its error.
    pub refused_confirmations: Vec<(BucketId, &'static str)>,
    /// Calls of providers about their records that the pool took.
    pub provider_calls: Vec<ProviderCall>,
    /// Calls of providers that a block included but the pallet refused, with its error.
    pub refused_provider_calls: Vec<(ProviderCall, &'static str)>,
}

/// The pool, and its treatment of transactions.
#[derive(Default)]
pub struct Pool {
    pending: VecDeque<H256>,
    transactions: HashMap<H256, Transaction>,
    count: u64,
    /// The best block's number.
    pub now: u32,
    /// Blocks that pass before a new transaction is included.
    pub delay: u32,
    /// Blocks for which a transaction is valid; 0 means for ever.
    pub longevity: u32,
    /// The number of next submissions that are rejected.
    pub submissions_to_reject: u32,
    pub record: SubmissionRecord,
}

impl Pool {
    fn push(&mut self, transaction: Transaction) -> H256 {
        self.count += 1;
        let hash = blake2_256(&("transaction", self.count).encode());
        self.transactions.insert(hash, transaction);
        self.pending.push_back(hash);
        hash
    }

    pub fn push_call(&mut self, call: Call) {
        self.push(Transaction {
            call,
            bytes: 0,
            watcher: None,
            from: 0,
            to: u32::MAX,
        });
    }

    /// Returns the bytes of pending submissions.
    pub fn bytes(&self) -> usize {
        let of = |hash| self.transactions.get(hash).map_or(0, |found| found.bytes);
        self.pending.iter().map(of).sum()
    }

    /// Returns the pending submissions.
    pub fn submissions(&self) -> Vec<H256> {
        let waiting = self.pending.iter().copied();
        waiting.filter(|hash| self.is_submission(hash)).collect()
    }

    pub fn is_submission(&self, hash: &H256) -> bool {
        matches!(self.transactions[hash].call, Call::Submission { .. })
    }

    pub fn submit(
        &mut self,
        by: AccountId,
        what: Submission,
        best: &Pallet,
    ) -> Result<SubmittedExtrinsic, ChainError> {
        if self.submissions_to_reject > 0 {
            self.submissions_to_reject -= 1;
            return Err(ChainError::PoolRejected("rejected by the test".into()));
        }
        let bytes = submission_bytes(&what);
        if self.bytes() + bytes > MAX_POOL_BYTES {
            return Err(ChainError::PoolRejected("the pool is full".into()));
        }
        match &what {
            Submission::Response { id, response } => {
                *self.record.submitted.entry(*id).or_default() += 1;
                let judged = best.judge(by, *id, response);
                if let Err(refusal @ ResponseRefusal::Slashable(_)) = judged {
                    self.record.wrong.push((*id, refusal));
                }
            }
            Submission::Checkpoint { bucket, window, .. } => {
                self.record.checkpoints.push((by, *bucket, *window));
            }
            Submission::ConfirmSync(confirmation) => {
                self.record.confirmations.push((by, confirmation.bucket));
            }
            Submission::Provider(call) => {
                if best.funds_of(&by).spendable < best.fee_of(bytes) {
                    return Err(ChainError::PoolRejected(
                        "Inability to pay some fees (e.g. account balance too low)".into(),
                    ));
                }
                self.record.provider_calls.push(call.clone());
            }
        }
        let (sender, progress) = unbounded();
        let to = match self.longevity {
            0 => u32::MAX,
            blocks => self.now + blocks,
        };
        let hash = self.push(Transaction {
            call: Call::Submission { by, what },
            bytes,
            watcher: Some(sender),
            from: self.now + 1 + self.delay,
            to,
        });
        self.record.max_pending_bytes = self.record.max_pending_bytes.max(self.bytes());
        Ok(SubmittedExtrinsic {
            hash,
            statuses: progress.boxed(),
        })
    }

    /// Takes out the transactions for a block, in order.
    pub fn take_for_block(&mut self, number: u32, most: usize, mut room: usize) -> Vec<H256> {
        let (mut taken, mut left) = (vec![], VecDeque::new());
        let mut submissions = 0;
        for hash in std::mem::take(&mut self.pending) {
            let transaction = &self.transactions[&hash];
            let is_ours = matches!(transaction.call, Call::Submission { .. });
            let fits = transaction.bytes <= room && transaction.from <= number;
            if fits && (!is_ours || submissions < most) {
                room -= transaction.bytes;
                submissions += usize::from(is_ours);
                taken.push(hash);
            } else {
                left.push_back(hash);
            }
        }
        self.pending = left;
        taken
    }

    pub fn execute(&mut self, hash: H256, state: &mut Pallet) -> Option<Outcome> {
        match self.transactions[&hash].call.clone() {
            Call::Challenge(ask) => {
                state.challenge(&ask);
                None
            }
            Call::Edit(edit) => {
                edit(state);
                None
            }
            Call::Submission { by, what } => self.execute_submission(by, what, state),
        }
    }

    fn execute_submission(
        &mut self,
        by: AccountId,
        what: Submission,
        state: &mut Pallet,
    ) -> Option<Outcome> {
        match what {
            Submission::Response { id, response } => {
                *self.record.included.entry(id).or_default() += 1;
                let outcome = state.respond(by, id, &response).ok();
                if let Some(Outcome::Slashed { reason, .. }) = outcome {
                    let refusal = ResponseRefusal::Slashable(reason);
                    self.record.wrong.push((id, refusal));
                }
                outcome
            }
            Submission::Checkpoint {
                bucket,
                commitment,
                window,
                signatures,
                ..
            } => match state.checkpoint(by, bucket, commitment, window, &signatures) {
                Ok(outcome) => Some(outcome),
                Err(reason) => {
                    self.record.refused_checkpoints.push((bucket, reason));
                    None
                }
            },
            Submission::ConfirmSync(confirmation) => {
                if let Err(error) = state.confirm_sync(by, &confirmation) {
                    let refused = (confirmation.bucket, error);
                    self.record.refused_confirmations.push(refused);
                }
                None
            }
            Submission::Provider(call) => {
                let fee = state.fee_of(submission_bytes(&Submission::Provider(call.clone())));
                state.pay(&by, fee);
                if let Err(error) = state.apply(by, &call) {
                    self.record.refused_provider_calls.push((call, error));
                }
                None
            }
        }
    }

    fn notify(&mut self, hash: H256, progress: ExtrinsicStatus) {
        if let Some(Transaction {
            watcher: Some(watcher),
            ..
        }) = self.transactions.get(&hash)
        {
            // The watcher may be gone.
            let _ = watcher.unbounded_send(progress);
        }
    }

    pub fn notify_included(&mut self, hash: H256, block: H256) {
        self.notify(hash, ExtrinsicStatus::InBlock(block));
    }

    pub fn notify_finalized(&mut self, hash: H256, block: H256) {
        self.notify(hash, ExtrinsicStatus::Finalized(block));
        self.transactions.remove(&hash);
    }

    /// Makes a transaction of a retracted block pending again, before all others.
    pub fn reinstate(&mut self, hash: H256, block: H256) {
        self.notify(hash, ExtrinsicStatus::Retracted(block));
        self.pending.push_front(hash);
    }

    /// Takes out expired transactions.
    pub fn expire(&mut self, number: u32) {
        self.now = number;
        let outlived: HashSet<_> = (self.pending.iter().copied())
            .filter(|hash| self.transactions[hash].to <= number)
            .collect();
        self.drop_submissions(&outlived, Some("outlived its time"));
    }

    /// Drops pending submissions. With a reason, their watchers receive it; otherwise
    /// their streams stay silent for ever.
    pub fn drop_submissions(&mut self, doomed: &HashSet<H256>, reason: Option<&str>) {
        self.pending.retain(|hash| !doomed.contains(hash));
        for hash in doomed {
            if let Some(reason) = reason {
                self.notify(*hash, ExtrinsicStatus::Dropped(reason.into()));
                self.transactions.remove(hash);
            }
        }
    }

    /// Drops all pending submissions.
    pub fn drop_all(&mut self, reason: Option<&str>) {
        let all = self.submissions().into_iter().collect();
        self.drop_submissions(&all, reason);
    }

    /// Ends the status streams of an account's submissions.
    pub fn end_streams_of(&mut self, account: AccountId) {
        for transaction in self.transactions.values_mut() {
            if matches!(&transaction.call, Call::Submission { by, .. } if *by == account) {
                transaction.watcher = None;
            }
        }
    }
}

pub(crate) fn submission_bytes(what: &Submission) -> usize {
    // The bytes that signing adds to a call.
    const ENVELOPE: usize = 150;
    ENVELOPE
        + match what {
            Submission::Response { response, .. } => response.encoded_size(),
            Submission::Checkpoint { signatures, .. } => signatures.encoded_size(),
            Submission::ConfirmSync(_) | Submission::Provider(_) => 0,
        }
}
