//! The first block: accounts with means, an administrator, and the rules that
//! providers are judged by.

use crate::{AccountId, Balance, RuntimeGenesisConfig, UNIT};
use alloc::vec::Vec;
use pallet_storage_provider::Rules;
use sp_keyring::Sr25519Keyring;

/// What each development account starts with. JSON carries no more than a `u64`.
pub const ENDOWMENT: Balance = UNIT.saturating_mul(1_000_000);

/// A development chain by the given rules: `//Alice` and the other well-known
/// accounts have means, and `//Alice` is root.
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

/// The names of the chains that can be had without further configuration: the one
/// that judges as the deployed pallet does, and the one with leaves bound to their
/// index.
pub(crate) const PRESETS: [&str; 2] = ["old", "strict"];

/// The rules that go by a name, if there are such.
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

/// A named chain's genesis as JSON, for tools that make chain specifications.
pub(crate) fn preset(name: &sp_genesis_builder::PresetId) -> Option<Vec<u8>> {
    serde_json::to_vec(&development(rules(name.as_ref())?)).ok()
}
