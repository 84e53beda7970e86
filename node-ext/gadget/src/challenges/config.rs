//! The configuration of the challenge worker: defaults with their reasons, and their validation.

use cairn_primitives::chunk_tree::CHUNK_BYTES;
use std::time::Duration;

/// The maximum number of answers that are being made or wait in the pool. A block takes about 14
/// full answers, so this keeps the pool two blocks ahead.
pub const DEFAULT_MAX_IN_FLIGHT: usize = 32;

/// The maximum bytes of answers that are being made or wait in the pool: half of the 20 MB that a
/// usual pool holds for everybody.
pub const DEFAULT_MAX_BYTES_IN_FLIGHT: usize = 10 << 20;

/// The maximum bytes of an answer without its chunk: peaks, two paths of at most 64 siblings, the
/// leaf, and the signature.
pub(super) const ANSWER_OVERHEAD_BYTES: usize = 8 << 10;

/// After this many anchor blocks an answer that is in no block is submitted again. Inclusion takes
/// one or two, and finality about three more.
pub const DEFAULT_RESUBMIT_AFTER: u32 = 8;

/// A warning is logged when 1 / this of an unanswered challenge's time is left: half of 48 hours is
/// time for an operator to come to work.
pub const DEFAULT_WARN_DIVISOR: u32 = 2;

/// The challenge becomes critical when 1 / this of its time is left: 6 of 48 hours.
pub const DEFAULT_CRITICAL_DIVISOR: u32 = 8;

/// From this many anchor blocks before the deadline a claim may be submitted. An answer is included
/// within two blocks. If the pool is busy it is submitted again after half of the remaining time,
/// so 20 leave three tries, at 20, 10 and 5. A relay chain's anchors may jump by four or five in a
/// block: even then there are two tries. A larger value would give up time in which a proof may
/// still come.
pub const DEFAULT_CLAIM_WITHIN: u32 = 20;

/// At most 1 / this of the challenge period, where the period is short, as on development chains.
pub(super) const CLAIM_DIVISOR: u32 = 4;

/// Without a new finalized block for this long, the chain counts as not followed: 30 blocks.
/// Finality lags by a few blocks; a longer gap means that something is wrong.
pub const DEFAULT_STALE_AFTER: Duration = Duration::from_secs(180);

/// The first pause before reconnecting: as long as a node takes to restart a connection.
pub const RECONNECT_BACKOFF_MIN: Duration = Duration::from_millis(500);

/// The longest pause before reconnecting: five blocks.
pub const RECONNECT_BACKOFF_MAX: Duration = Duration::from_secs(30);

/// The interval at which waiting challenges are retried if no block shows that time passes: one
/// block's usual time.
pub const DEFAULT_TICK_INTERVAL: Duration = Duration::from_secs(6);

/// The configuration of the challenge worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChallengeConfig {
    /// See [`DEFAULT_MAX_IN_FLIGHT`].
    pub in_flight: usize,
    /// See [`DEFAULT_MAX_BYTES_IN_FLIGHT`].
    pub bytes_in_flight: usize,
    /// See [`DEFAULT_RESUBMIT_AFTER`].
    pub resubmit_after: u32,
    /// See [`DEFAULT_WARN_DIVISOR`].
    pub warn_divisor: u32,
    /// See [`DEFAULT_CRITICAL_DIVISOR`].
    pub critical_divisor: u32,
    /// See [`DEFAULT_CLAIM_WITHIN`].
    pub claim_within: u32,
    /// Submits a claim in the last blocks even if others can change the state that it depends on
    /// before a block includes it. Such a claim costs the stake as silence would, and a later proof
    /// comes too late.
    pub claim_at_risk: bool,
    /// See [`DEFAULT_STALE_AFTER`].
    pub stale_after: Duration,
    /// See [`RECONNECT_BACKOFF_MIN`].
    pub reconnect_backoff_min: Duration,
    /// See [`RECONNECT_BACKOFF_MAX`].
    pub reconnect_backoff_max: Duration,
    /// See [`DEFAULT_TICK_INTERVAL`].
    pub tick_interval: Duration,
}

impl Default for ChallengeConfig {
    fn default() -> Self {
        Self {
            in_flight: DEFAULT_MAX_IN_FLIGHT,
            bytes_in_flight: DEFAULT_MAX_BYTES_IN_FLIGHT,
            resubmit_after: DEFAULT_RESUBMIT_AFTER,
            warn_divisor: DEFAULT_WARN_DIVISOR,
            critical_divisor: DEFAULT_CRITICAL_DIVISOR,
            claim_within: DEFAULT_CLAIM_WITHIN,
            claim_at_risk: false,
            stale_after: DEFAULT_STALE_AFTER,
            reconnect_backoff_min: RECONNECT_BACKOFF_MIN,
            reconnect_backoff_max: RECONNECT_BACKOFF_MAX,
            tick_interval: DEFAULT_TICK_INTERVAL,
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
    ZeroResubmitAfter,
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
        least = MIN_CLAIM_WITHIN
    )]
    ClaimWithin {
        /// The configured value.
        given: u32,
    },
    /// The worker would poll without a pause.
    #[error(
        "all intervals must be above zero, and the shortest reconnect pause at most the longest"
    )]
    Intervals,
}

/// Two tries of two blocks each until inclusion.
const MIN_CLAIM_WITHIN: u32 = 4;

/// A validated configuration.
#[derive(Clone, Copy, Debug)]
pub(super) struct ValidatedConfig(ChallengeConfig);

impl std::ops::Deref for ValidatedConfig {
    type Target = ChallengeConfig;

    fn deref(&self) -> &ChallengeConfig {
        &self.0
    }
}

impl ChallengeConfig {
    pub(super) fn validate(self) -> Result<ValidatedConfig, ChallengeConfigError> {
        if self.in_flight == 0 {
            return Err(ChallengeConfigError::NoneInFlight);
        }
        let needed = CHUNK_BYTES.saturating_add(ANSWER_OVERHEAD_BYTES);
        if self.bytes_in_flight < needed {
            return Err(ChallengeConfigError::BytesInFlight {
                given: self.bytes_in_flight,
                needed,
            });
        }
        if self.resubmit_after == 0 {
            return Err(ChallengeConfigError::ZeroResubmitAfter);
        }
        if self.warn_divisor == 0 || self.warn_divisor > self.critical_divisor {
            return Err(ChallengeConfigError::Margins {
                warn: self.warn_divisor,
                critical: self.critical_divisor,
            });
        }
        if self.claim_within < MIN_CLAIM_WITHIN {
            return Err(ChallengeConfigError::ClaimWithin {
                given: self.claim_within,
            });
        }
        let shortest = self
            .reconnect_backoff_min
            .min(self.tick_interval)
            .min(self.stale_after);
        if shortest.is_zero() || self.reconnect_backoff_min > self.reconnect_backoff_max {
            return Err(ChallengeConfigError::Intervals);
        }
        Ok(ValidatedConfig(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_useless_settings_are_refused() {
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
                warn_divisor: 9,
                ..usual
            },
            ChallengeConfig {
                claim_within: 3,
                ..usual
            },
            ChallengeConfig {
                tick_interval: Duration::ZERO,
                ..usual
            },
            ChallengeConfig {
                reconnect_backoff_min: Duration::from_secs(60),
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
