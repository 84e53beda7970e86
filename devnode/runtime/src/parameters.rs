//! Periods and prices of a chain that differ from the usual: a test shortens them.

use crate::BlockNumber;
use crate::storage::{
    ChallengeTimeout, DeregisterAnnouncementPeriod, MinProviderStake, RequestTimeout,
    SettlementTimeout,
};
#[cfg(checkpoint_windows)]
use crate::storage::{DefaultCheckpointGrace, DefaultCheckpointInterval};
use crate::units::UNIT;
use serde::{Deserialize, Serialize};

/// Periods and prices that differ from the chain's. A root call can set them later, too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Parameters {
    /// Anchor blocks from a challenge to its deadline.
    pub challenge_timeout: Option<BlockNumber>,
    /// Anchor blocks after an agreement's end in which its owner decides.
    pub settlement_timeout: Option<BlockNumber>,
    /// The most anchor blocks that signed terms may be valid for.
    pub request_timeout: Option<BlockNumber>,
    /// Anchor blocks from the announcement of a deregistration to its completion.
    pub deregister_announcement_period: Option<BlockNumber>,
    /// The least stake of a registration, in whole coins: JSON has no larger numbers.
    pub min_provider_stake_units: Option<u32>,
    /// The window's interval, where the variant has windows.
    pub default_checkpoint_interval: Option<BlockNumber>,
    /// The grace period, where the variant has windows.
    pub default_checkpoint_grace: Option<BlockNumber>,
}

impl Parameters {
    /// Writes those that are given to the state.
    pub(crate) fn set(&self) {
        if let Some(blocks) = &self.challenge_timeout {
            ChallengeTimeout::set(blocks);
        }
        if let Some(blocks) = &self.settlement_timeout {
            SettlementTimeout::set(blocks);
        }
        if let Some(blocks) = &self.request_timeout {
            RequestTimeout::set(blocks);
        }
        if let Some(blocks) = &self.deregister_announcement_period {
            DeregisterAnnouncementPeriod::set(blocks);
        }
        if let Some(units) = self.min_provider_stake_units {
            MinProviderStake::set(&UNIT.saturating_mul(units.into()));
        }
        #[cfg(checkpoint_windows)]
        {
            if let Some(blocks) = &self.default_checkpoint_interval {
                DefaultCheckpointInterval::set(blocks);
            }
            if let Some(blocks) = &self.default_checkpoint_grace {
                DefaultCheckpointGrace::set(blocks);
            }
        }
    }

    /// Periods of a few blocks, for tests that wait for their ends.
    pub fn short() -> Self {
        Self {
            challenge_timeout: Some(20),
            settlement_timeout: Some(10),
            request_timeout: Some(25),
            deregister_announcement_period: Some(30),
            ..Self::default()
        }
    }
}
