//! The genesis: endowed accounts and a root account.

pub use crate::parameters::Parameters;

use crate::parachain::GenesisConfig as ParachainGenesis;
use crate::units::{EXISTENTIAL_DEPOSIT, UNIT};
use crate::{AccountId, Balance, RuntimeGenesisConfig, TreasuryAccount};
use alloc::vec::Vec;
use frame_support::traits::Get;
use sp_keyring::Sr25519Keyring;

/// The initial balance of each development account. JSON numbers are limited to a `u64`.
pub const ENDOWMENT: Balance = UNIT.saturating_mul(1_000_000);

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
