//! The configuration of the challenge worker: defaults with their reasons, and their validation.

use cairn_primitives::chunk_tree::CHUNK_BYTES;
use std::time::Duration;

/// The maximum number of answers that are being made or wait in the pool. A block takes about 14
/// full answers, so this keeps the pool two blocks ahead.
pub const IN_FLIGHT: usize = 32;

/// The maximum bytes of answers that are being made or wait in the pool: half of the 20 MB that a
/// usual pool holds for everybody.
pub const BYTES_IN_FLIGHT: usize = 10 << 20;

/// The maximum bytes of an answer without its chunk: peaks, two paths of at most 64 siblings, the
/// leaf, and the signature.
pub(super) const BYTES_BESIDE_CHUNK: usize = 8 << 10;

/// After this many anchor blocks an answer that is in no block is submitted again. Inclusion takes
/// one or two, and finality about three more.
pub const RESUBMIT_AFTER: u32 = 8;

/// A warning is logged when 1 / this of an unanswered challenge's time is left: half of 48 hours is
/// time for an operator to come to work.
pub const WARN_PART: u32 = 2;

/// The challenge becomes critical when 1 / this of its time is left: 6 of 48 hours.
pub const CRITICAL_PART: u32 = 8;

/// From this many anchor blocks before the deadline a claim may be submitted. An answer is included
/// within two blocks. If the pool is busy it is submitted again after half of the remaining time,
/// so 20 leave three tries, at 20, 10 and 5. A relay chain's anchors may jump by four or five in a
/// block: even then there are two tries. A larger value would give up time in which a proof may
/// still come.
pub const CLAIM_WITHIN: u32 = 20;

/// At most 1 / this of the challenge period, where the period is short, as on development chains.
pub(super) const CLAIM_PART: u32 = 4;

/// Without a new finalized block for this long, the chain counts as not followed: 30 blocks.
/// Finality lags by a few blocks; a longer gap means that something is wrong.
pub const STALE_AFTER: Duration = Duration::from_secs(180);

/// The first pause before reconnecting: as long as a node takes to restart a connection.
pub const RECONNECT_FIRST: Duration = Duration::from_millis(500);

/// The longest pause before reconnecting: five blocks.
pub const RECONNECT_MOST: Duration = Duration::from_secs(30);

/// The interval at which waiting challenges are retried if no block shows that time passes: one
/// block's usual time.
pub const TICK: Duration = Duration::from_secs(6);

/// The configuration of the challenge worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChallengeConfig {
    /// See [`IN_FLIGHT`].
    pub in_flight: usize,
    /// See [`BYTES_IN_FLIGHT`].
    pub bytes_in_flight: usize,
    /// See [`RESUBMIT_AFTER`].
    pub resubmit_after: u32,
    /// See [`WARN_PART`].
    pub warn_part: u32,
    /// See [`CRITICAL_PART`].
    pub critical_part: u32,
    /// See [`CLAIM_WITHIN`].
    pub claim_within: u32,
    /// Submits a claim in the last blocks even if others can change the state that it depends on
    /// before a block includes it. Such a claim costs the stake as silence would, and a later proof
    /// comes too late.
    pub claim_at_risk: bool,
    /// See [`STALE_AFTER`].
    pub stale_after: Duration,
    /// See [`RECONNECT_FIRST`].
    pub reconnect_first: Duration,
    /// See [`RECONNECT_MOST`].
    pub reconnect_most: Duration,
    /// See [`TICK`].
    pub tick: Duration,
}

impl Default for ChallengeConfig {
    fn default() -> Self {
        Self {
            in_flight: IN_FLIGHT,
            bytes_in_flight: BYTES_IN_FLIGHT,
            resubmit_after: RESUBMIT_AFTER,
            warn_part: WARN_PART,
            critical_part: CRITICAL_PART,
            claim_within: CLAIM_WITHIN,
            claim_at_risk: false,
            stale_after: STALE_AFTER,
            reconnect_first: RECONNECT_FIRST,
            reconnect_most: RECONNECT_MOST,
            tick: TICK,
        }
    }
}

/// Errors in a [`ChallengeConfig`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeConfigError {
    /// No challenge would ever be answered.
    #[error("at least one answer must be allowed in flight: raise in_flight from 0")]
    NoneInFlight,
    /// A full answer would not fit.
    #[error("bytes_in_flight ({given}) does not fit one answer of {needed} bytes")]
    BytesInFlight {
        /// The configured value.
        given: usize,
        /// The maximum bytes of one answer.
        needed: usize,
    },
    /// The same answer would be submitted in each block.
    #[error("resubmit_after must be at least 1 anchor block")]
    ResubmitAtOnce,
    /// The warning would come after the alarm, or never.
    #[error(
        "the warning divisor ({warn}) must be at least 1 and at most the critical divisor \
         ({critical}): the warning comes before the alarm"
    )]
    Margins {
        /// The configured part for the warning.
        warn: u32,
        /// The configured part for the alarm.
        critical: u32,
    },
    /// A second try would have no block left.
    #[error(
        "claim_within ({given}) leaves no time for a second try: it must be at least {least} \
         anchor blocks",
        least = LEAST_CLAIM_WITHIN
    )]
    ClaimWithin {
        /// The configured value.
        given: u32,
    },
    /// The worker would poll without a pause.
    #[error(
        "all intervals must be above zero, and the shortest reconnect pause at most the longest"
    )]
    Pauses,
}

/// Two tries of two blocks each until inclusion.
const LEAST_CLAIM_WITHIN: u32 = 4;

/// A validated configuration.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checked(ChallengeConfig);

impl std::ops::Deref for Checked {
    type Target = ChallengeConfig;

    fn deref(&self) -> &ChallengeConfig {
        &self.0
    }
}

impl ChallengeConfig {
    pub(super) fn validate(self) -> Result<Checked, ChallengeConfigError> {
        if self.in_flight == 0 {
            return Err(ChallengeConfigError::NoneInFlight);
        }
        let needed = CHUNK_BYTES.saturating_add(BYTES_BESIDE_CHUNK);
        if self.bytes_in_flight < needed {
            return Err(ChallengeConfigError::BytesInFlight {
                given: self.bytes_in_flight,
                needed,
            });
        }
        if self.resubmit_after == 0 {
            return Err(ChallengeConfigError::ResubmitAtOnce);
        }
        if self.warn_part == 0 || self.warn_part > self.critical_part {
            return Err(ChallengeConfigError::Margins {
                warn: self.warn_part,
                critical: self.critical_part,
            });
        }
        if self.claim_within < LEAST_CLAIM_WITHIN {
            return Err(ChallengeConfigError::ClaimWithin {
                given: self.claim_within,
            });
        }
        let shortest = self.reconnect_first.min(self.tick).min(self.stale_after);
        if shortest.is_zero() || self.reconnect_first > self.reconnect_most {
            return Err(ChallengeConfigError::Pauses);
        }
        Ok(Checked(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_taken_and_what_could_answer_nothing_is_not() {
        let usual = ChallengeConfig::default();
        assert!(usual.validate().is_ok());
        let refused = [
            ChallengeConfig {
                in_flight: 0,
                ..usual
            },
            ChallengeConfig {
                bytes_in_flight: CHUNK_BYTES,
                ..usual
            },
            ChallengeConfig {
                resubmit_after: 0,
                ..usual
            },
            ChallengeConfig {
                warn_part: 9,
                ..usual
            },
            ChallengeConfig {
                claim_within: 3,
                ..usual
            },
            ChallengeConfig {
                tick: Duration::ZERO,
                ..usual
            },
            ChallengeConfig {
                reconnect_first: Duration::from_secs(60),
                ..usual
            },
        ];
        let reasons: Vec<_> = refused
            .map(|config| config.validate().unwrap_err().to_string())
            .into();
        for (reason, named) in reasons.iter().zip([
            "in_flight",
            "one answer of 270336",
            "resubmit_after",
            "warning divisor (9)",
            "claim_within (3)",
            "all intervals",
            "reconnect pause",
        ]) {
            assert!(reason.contains(named), "{reason}");
        }
    }
}
