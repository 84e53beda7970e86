//! The genesis: endowed accounts, a root account, and periods that a test shortens.

use crate::parachain::GenesisConfig as ParachainGenesis;
use crate::{
    AccountId, Balance, BlockNumber, ChallengeTimeout, DeregisterAnnouncementPeriod,
    EXISTENTIAL_DEPOSIT, MinProviderStake, RequestTimeout, RuntimeGenesisConfig, SettlementTimeout,
    TreasuryAccount, UNIT,
};
#[cfg(checkpoint_windows)]
use crate::{DefaultCheckpointGrace, DefaultCheckpointInterval};
use alloc::vec::Vec;
use frame_support::traits::Get;
use serde::{Deserialize, Serialize};
use sp_keyring::Sr25519Keyring;

/// The initial balance of each development account. JSON numbers are limited to a `u64`.
pub const ENDOWMENT: Balance = UNIT.saturating_mul(1_000_000);

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

/// Creates the genesis of a development chain: `//Alice` and the other well-known accounts
/// are endowed, and `//Alice` is root.
pub fn development(parameters: Parameters) -> RuntimeGenesisConfig {
    let mut balances: Vec<(AccountId, Balance)> = Sr25519Keyring::iter()
        .map(|account| (account.to_account_id(), ENDOWMENT))
        .collect();
    balances.push((TreasuryAccount::get(), EXISTENTIAL_DEPOSIT));
    RuntimeGenesisConfig {
        balances: pallet_balances::GenesisConfig {
            balances,
            ..Default::default()
        },
        sudo: pallet_sudo::GenesisConfig {
            key: Some(Sr25519Keyring::Alice.to_account_id()),
        },
        parachain_system: ParachainGenesis {
            parameters,
            ..Default::default()
        },
        ..Default::default()
    }
}

/// The names of the predefined chains: one has the chain's periods, the other short ones.
pub(crate) const PRESETS: [&str; 2] = ["development", "short"];

/// Returns the parameters of a predefined chain, if the name is known.
pub fn parameters(name: &str) -> Option<Parameters> {
    match name {
        "development" => Some(Parameters::default()),
        "short" => Some(Parameters::short()),
        _ => None,
    }
}

/// Returns a predefined chain's genesis as JSON, for tools that build chain specifications.
pub(crate) fn preset(name: &sp_genesis_builder::PresetId) -> Option<Vec<u8>> {
    serde_json::to_vec(&development(parameters(name.as_ref())?)).ok()
}
