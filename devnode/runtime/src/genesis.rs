//! The genesis: endowed accounts, a root account, and the rules for providers.

use crate::{AccountId, Balance, RuntimeGenesisConfig, UNIT};
use alloc::vec::Vec;
use pallet_storage_provider::Rules;
use sp_keyring::Sr25519Keyring;

/// The initial balance of each development account. JSON numbers are limited to a `u64`.
pub const ENDOWMENT: Balance = UNIT.saturating_mul(1_000_000);

/// Creates the genesis of a development chain with the given rules: `//Alice` and the other
/// well-known accounts are endowed, and `//Alice` is root.
pub fn development(rules: Rules) -> RuntimeGenesisConfig {
    let accounts: Vec<(AccountId, Balance)> = Sr25519Keyring::iter()
        .map(|account| (account.to_account_id(), ENDOWMENT))
        .collect();
    RuntimeGenesisConfig {
        balances: pallet_balances::GenesisConfig {
            balances: accounts,
            ..Default::default()
        },
        sudo: pallet_sudo::GenesisConfig {
            key: Some(Sr25519Keyring::Alice.to_account_id()),
        },
        storage_provider: pallet_storage_provider::GenesisConfig {
            rules,
            ..Default::default()
        },
        ..Default::default()
    }
}

/// The names of the predefined chains: one judges as the deployed pallet does, the other
/// binds leaves to their index.
pub(crate) const PRESETS: [&str; 2] = ["old", "strict"];

/// Returns the rules of a predefined chain, if the name is known.
pub fn rules(name: &str) -> Option<Rules> {
    match name {
        "old" => Some(Rules::default()),
        "strict" => Some(Rules {
            strict_leaf_binding: true,
            ..Rules::default()
        }),
        _ => None,
    }
}

/// Returns a predefined chain's genesis as JSON, for tools that build chain specifications.
pub(crate) fn preset(name: &sp_genesis_builder::PresetId) -> Option<Vec<u8>> {
    serde_json::to_vec(&development(rules(name.as_ref())?)).ok()
}
