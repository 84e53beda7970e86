//! The sequence of nonces for terms. No nonce is signed twice, by this process or by any other
//! that had a copy of its base path.
//!
//! A nonce is `anchor << 20 | count`: each process begins at the current anchor block and counts
//! from there. It counts densely, since the chain refuses a nonce that is 256 or more below the
//! highest that was redeemed. Two rules make the sequence safe:
//!
//! 1. A nonce is below `(anchor + 1) << 20` when it is signed. So everything that was signed
//!    before an anchor block `a` is below `a << 20`.
//! 2. A process signs its first nonce once the anchor block has advanced past the first one that
//!    it saw. It begins at `anchor << 20` or above: past everything that was signed before it
//!    started, also if a backup was restored that knows nothing of it. A restored copy lacks
//!    what was signed since, but not the chain's time.
//!
//! The durable nonce and the highest redeemed one are lower bounds besides. The number fits
//! into 52 bits, so JavaScript reads it exactly.
//!
//! The node's finalized block may be older than the one that was seen when the copy was made.
//! Terms that are signed then are invalid that much earlier, since they are valid for a time from
//! that block on.

/// The bits of a nonce that count within an anchor block.
const COUNT_BITS: u32 = 20;

/// A reason why no nonce is given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NonceError {
    /// The anchor block has not advanced since this process has started.
    #[error("no anchor block has passed since the start: try again in some seconds")]
    JustStarted,
    /// The next nonce belongs to a later anchor block.
    #[error(
        "nonce {nonce} was used, which belongs to a later anchor block than {anchor}: is the node \
         behind, or did another program sign terms with this key?"
    )]
    Ahead {
        /// The greatest nonce that is known to be used.
        nonce: u64,
        /// The anchor block of the finalized head.
        anchor: u32,
    },
    /// Another process signs terms with the same key.
    #[error(
        "terms with nonce {nonce} were redeemed, which this process has not signed: another process \
         signs with the same key. Stop it, then restart this one"
    )]
    SignedElsewhere {
        /// The highest nonce that was redeemed.
        nonce: u64,
    },
}

/// The sequence of nonces of one process.
#[derive(Debug, Default)]
pub(super) struct NonceSequence {
    /// The lowest anchor block that this process saw.
    first_anchor: Option<u32>,
    /// True once this process has reserved a nonce.
    has_begun: bool,
}

const fn first_nonce(anchor: u64) -> u64 {
    anchor << COUNT_BITS
}

impl NonceSequence {
    /// Records an anchor block of a finalized head. The lowest counts: while a chain has no
    /// rows, its blocks may be told by another clock, which is far ahead.
    pub(super) fn observe(&mut self, anchor: u32) {
        let first = self.first_anchor.get_or_insert(anchor);
        *first = anchor.min(*first);
    }

    /// Returns the next nonce at an anchor block. `kept` is the greatest that is reserved
    /// durably, and `redeemed` the highest that was redeemed on chain.
    pub(super) fn next(&self, kept: u64, anchor: u32, redeemed: u64) -> Result<u64, NonceError> {
        let nonce = if self.has_begun {
            if redeemed > kept {
                return Err(NonceError::SignedElsewhere { nonce: redeemed });
            }
            kept.saturating_add(1)
        } else {
            if self.first_anchor.is_none_or(|first| anchor <= first) {
                return Err(NonceError::JustStarted);
            }
            let used = kept.max(redeemed);
            first_nonce(anchor.into()).max(used.saturating_add(1))
        };
        if nonce >= first_nonce(u64::from(anchor).saturating_add(1)) {
            let used = kept.max(redeemed);
            return Err(NonceError::Ahead {
                nonce: used,
                anchor,
            });
        }
        Ok(nonce)
    }

    /// Records that a nonce was reserved durably.
    pub(super) fn begin(&mut self) {
        self.has_begun = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    /// A sequence that saw one anchor block.
    fn started_at(anchor: u32) -> NonceSequence {
        let mut sequence = NonceSequence::default();
        sequence.observe(anchor);
        sequence
    }

    #[test]
    fn the_first_nonce_waits_for_the_next_anchor_block() {
        assert_eq!(
            NonceSequence::default().next(0, 7, 0),
            Err(NonceError::JustStarted)
        );
        let sequence = started_at(7);
        assert_eq!(sequence.next(0, 7, 0), Err(NonceError::JustStarted));
        assert_eq!(sequence.next(0, 8, 0), Ok(8 << 20));
    }

    #[test]
    fn a_clock_that_was_far_ahead_does_not_hold_nonces_back() {
        let mut sequence = started_at(25_000_000);
        sequence.observe(7);
        assert_eq!(sequence.next(0, 7, 0), Err(NonceError::JustStarted));
        sequence.observe(8);
        assert_eq!(sequence.next(0, 8, 0), Ok(8 << 20));
    }

    #[test]
    fn a_process_counts_on_from_what_is_reserved() {
        let mut sequence = started_at(7);
        let first = sequence.next(0, 8, 0).unwrap();
        sequence.begin();
        assert_eq!(sequence.next(first, 8, 0), Ok(first + 1));
        assert_eq!(sequence.next(first, 900, first), Ok(first + 1));
    }

    #[test]
    fn what_is_redeemed_and_what_is_kept_are_lower_bounds() {
        let used = (8 << 20) + 5;
        assert_eq!(started_at(7).next(used, 8, 0), Ok(used + 1));
        assert_eq!(started_at(7).next(0, 8, used), Ok(used + 1));
    }

    #[test]
    fn a_nonce_of_another_process_stops_this_one() {
        let mut sequence = started_at(7);
        let nonce = sequence.next(0, 8, 0).unwrap();
        sequence.begin();
        let elsewhere = NonceError::SignedElsewhere { nonce: nonce + 1 };
        assert_eq!(sequence.next(nonce, 9, nonce + 1), Err(elsewhere));
    }

    #[test]
    fn a_node_that_is_behind_gets_no_nonce() {
        let nonce = 900 << 20;
        let ahead = NonceError::Ahead { nonce, anchor: 8 };
        assert_eq!(started_at(7).next(nonce, 8, 0), Err(ahead));
        let last = (9 << 20) - 1;
        assert_eq!(started_at(7).next(last - 1, 8, 0), Ok(last));
        let ahead = NonceError::Ahead {
            nonce: last,
            anchor: 8,
        };
        assert_eq!(started_at(7).next(last, 8, 0), Err(ahead));
    }

    #[test]
    fn every_nonce_is_exact_in_javascript() {
        assert!(first_nonce(u64::from(u32::MAX) + 1) <= 1 << 53);
    }

    /// One step of a provider's life.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// Signs, with or without a crash between the reservation and the signature.
        Sign,
        /// Anchor blocks pass.
        Pass(u32),
        /// Restarts with what is durable.
        Restart,
        /// Makes a backup.
        Backup,
        /// Stops, and starts from the last backup.
        Restore,
        /// The terms that were signed last are redeemed.
        Redeem,
    }

    fn steps() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Sign),
            2 => (0u32..3).prop_map(Step::Pass),
            1 => Just(Step::Restart),
            1 => Just(Step::Backup),
            1 => Just(Step::Restore),
            1 => Just(Step::Redeem),
        ]
    }

    proptest! {
        /// A provider that restarts, and is restored from backups, on one chain.
        #[test]
        fn no_nonce_is_given_out_twice(
            steps in proptest::collection::vec(steps(), 1..200),
            reads_redeemed: bool,
        ) {
            let (mut sequence, mut kept, mut backup) = (started_at(5), 0, 0);
            let (mut anchor, mut redeemed, mut last) = (5, 0, 0);
            let mut used = HashSet::new();
            for step in steps {
                match step {
                    Step::Sign => {
                        let seen = if reads_redeemed { redeemed } else { 0 };
                        if let Ok(nonce) = sequence.next(kept, anchor, seen) {
                            prop_assert!(used.insert(nonce), "{} twice", nonce);
                            (kept, last) = (nonce, nonce);
                            sequence.begin();
                        }
                    }
                    Step::Pass(blocks) => anchor += blocks,
                    Step::Restart => sequence = started_at(anchor),
                    Step::Backup => backup = kept,
                    Step::Restore => {
                        kept = backup;
                        sequence = started_at(anchor);
                    }
                    Step::Redeem => redeemed = redeemed.max(last),
                }
            }
        }
    }
}
