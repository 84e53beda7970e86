//! How challenges are answered: the defaults with their reasons, and the one
//! place where they are checked.

use cairn_primitives::chunk_tree::CHUNK_BYTES;
use std::time::Duration;

/// Answers that are being made, or wait in the chain's pool, at once. A block
/// takes about 14 full answers; so this keeps the pool ahead of two blocks.
pub const IN_FLIGHT: usize = 32;

/// The most bytes of answers that are being made, or wait in the chain's pool:
/// half of the 20 MB that a usual pool holds for everybody.
pub const BYTES_IN_FLIGHT: usize = 10 << 20;

/// What an answer may take beside its chunk: peaks, two paths of at most 64
/// siblings, the leaf, and what signing adds.
pub(super) const BYTES_BESIDE_CHUNK: usize = 8 << 10;

/// After so many anchor blocks an answer that is in no block is handed over
/// again. An inclusion takes one or two, and finality about three more.
pub const RESUBMIT_AFTER: u32 = 8;

/// An unanswered challenge is warned of when 1 / this of its time is left: half
/// of 48 hours is time for somebody to come to work.
pub const WARN_PART: u32 = 2;

/// And is critical when 1 / this is left: 6 of 48 hours.
pub const CRITICAL_PART: u32 = 8;

/// From this many anchor blocks before the deadline an answer without a proof may be given. An
/// answer is included within two blocks; where the pool is busy it is handed
/// over again after half of what was left, so that 20 leave three tries, at 20,
/// 10 and 5. Anchors may jump by four or five in a block where they are a relay
/// chain's: even then there are two. More would give up time in which a proof
/// may still come.
pub const CLAIM_WITHIN: u32 = 20;

/// Where the time for an answer is short, as on chains for development, no more
/// than 1 / this of it.
pub(super) const CLAIM_PART: u32 = 4;

/// After so long without a new finalized block that was read, the chain is not
/// followed: 30 blocks. Finality lags by a few, and stands still by more only
/// where something is wrong.
pub const STALE_AFTER: Duration = Duration::from_secs(180);

/// Before a chain that was lost is asked again, at first: as long as a node
/// takes to restart a connection.
pub const RECONNECT_FIRST: Duration = Duration::from_millis(500);

/// And at most: five blocks.
pub const RECONNECT_MOST: Duration = Duration::from_secs(30);

/// What waits to be tried again is, after this long, where no block comes to
/// say that time passes: one block's usual time.
pub const TICK: Duration = Duration::from_secs(6);

/// How challenges are answered.
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
    /// Whether an answer that is no proof is given, in the last blocks, also
    /// where others can change what it stands on before a block includes it.
    /// Then it costs the stake as silence would; and a proof that comes after it
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

/// Why challenges cannot be answered so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeConfigError {
    /// Nothing would ever be answered.
    #[error("at least one answer must be allowed in flight: raise in_flight from 0")]
    NoneInFlight,
    /// A full answer would not fit.
    #[error(
        "{given} bytes in flight do not hold one answer of {needed}: raise bytes_in_flight to that"
    )]
    BytesInFlight {
        /// What was given.
        given: usize,
        /// What one answer may take.
        needed: usize,
    },
    /// The same answer would be handed over in each block.
    #[error("resubmit_after must be at least 1 anchor block")]
    ResubmitAtOnce,
    /// A part of nothing.
    #[error(
        "warn_part ({warn}) must be at least 1 and no greater than critical_part ({critical}): the \
         warning comes before the alarm"
    )]
    Margins {
        /// What was given for the warning.
        warn: u32,
        /// What was given for the alarm.
        critical: u32,
    },
    /// A second try would find no block.
    #[error(
        "claim_within ({given}) leaves no room for a second try: give {least} anchor blocks \
         or more",
        least = LEAST_CLAIM_WITHIN
    )]
    ClaimWithin {
        /// What was given.
        given: u32,
    },
    /// It would ask without a pause.
    #[error(
        "the pauses must be above zero, and reconnect_first no longer than reconnect_most: give \
         both, tick and stale_after a longer time"
    )]
    Pauses,
}

/// Two tries, of two blocks each until one is included.
const LEAST_CLAIM_WITHIN: u32 = 4;

/// A configuration that has been checked.
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
            "do not hold one answer of 270336",
            "resubmit_after",
            "warn_part (9)",
            "claim_within (3)",
            "tick",
            "reconnect_first",
        ]) {
            assert!(reason.contains(named), "{reason}");
        }
    }
}
