//! The chain's face: its metadata, and its state in rows by the metadata's types. Rows are
//! written by hand, so that no code of the program decides what it reads.

use cairn_chain_metadata::testing::{self, Options};
use cairn_primitives::challenge::AccountId;
use cairn_testing::Pallet;
use codec::{Compact, Encode};
use sp_crypto_hashing::{blake2_128, twox_128};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) type Storage = BTreeMap<Vec<u8>, Vec<u8>>;

/// The face of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    /// The current chain's, made up from notes.
    MadeUp,
    /// A variant of the runtime in `devnode`, by its pinned metadata.
    Pinned(&'static str),
}

/// The variants whose metadata is pinned.
pub(crate) const VARIANTS: [&str; 4] = ["deployed", "nonce", "current", "leaf-binding"];

impl Face {
    pub(super) fn metadata(self) -> Vec<u8> {
        match self {
            Self::MadeUp => testing::metadata(Options::CURRENT),
            Self::Pinned(variant) => {
                let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
                let file = format!("../devnode/runtime/metadata/{variant}.scale");
                std::fs::read(folder.join(file)).unwrap()
            }
        }
    }

    /// Returns whether a runtime API tells the anchor block.
    pub(super) fn tells_anchor(self) -> bool {
        self != Self::Pinned("deployed")
    }

    /// Returns the balance that an account must keep.
    fn deposit(self) -> u128 {
        match self {
            Self::MadeUp => 10,
            Self::Pinned(_) => 1_000_000_000,
        }
    }

    /// Returns the result of an estimate of a fee.
    pub(super) fn fee(self, fee: u128) -> Vec<u8> {
        match self {
            Self::MadeUp => (0_u32, 0_u8, fee).encode(),
            Self::Pinned(_) => (Compact(1_u64), Compact(1_u64), 0_u8, fee).encode(),
        }
    }

    fn statistics(self, lost: u32) -> Vec<u8> {
        let agreements = (1_u32, 0_u32, 0_u32, 0_u32, 0_u32, 0_u64);
        match self {
            Self::MadeUp => (1_u32, 0_u32, 0_u64, 0_u32, 0_u32, lost, 0_u128).encode(),
            Self::Pinned("deployed" | "nonce") => (agreements, 0_u32, lost).encode(),
            Self::Pinned(_) => (agreements, 0_u32, 0_u32, lost, 0_u128).encode(),
        }
    }

    /// Returns the state of the chain as rows.
    pub(super) fn rows(self, pallet: &Pallet) -> Storage {
        let mut rows = Storage::new();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = u64::try_from(now.as_millis()).unwrap();
        rows.insert(prefix("Timestamp", "Now"), now.encode());
        if !self.tells_anchor() {
            rows.insert(prefix("System", "Number"), pallet.anchor.encode());
        }
        for account in pallet.balances.keys() {
            let funds = pallet.funds_of(&AccountId(*account));
            let data = (funds.spendable + self.deposit(), funds.held, 0_u128, 0_u128);
            let key = [prefix("System", "Account"), concat(account)].concat();
            rows.insert(key, (0_u32, 0_u32, 0_u32, 0_u32, data).encode());
        }
        for (account, record) in &pallet.providers {
            let lost = u32::try_from(record.lost).unwrap();
            let row = (
                &record.endpoint,
                &record.key.0,
                record.stake,
                record.committed_bytes,
                record.settings,
            );
            let key = [prefix("StorageProvider", "Providers"), concat(account)].concat();
            let end = (self.statistics(lost), record.deregister_at.encode());
            rows.insert(key, [row.encode(), end.0, end.1].concat());
        }
        for (bucket, info) in &pallet.buckets {
            for primary in &info.primary_providers {
                let Some(agreement) = primary.agreement else {
                    continue;
                };
                let amounts = (agreement.max_bytes, 0_u128, 0_u128, agreement.expires_at);
                let row = (agreement.owner, amounts, false, 0_u8, 1_u32);
                let key = [
                    prefix("StorageProvider", "StorageAgreements"),
                    concat(&bucket.0),
                    concat(&primary.account),
                ];
                rows.insert(key.concat(), row.encode());
            }
        }
        rows
    }
}

fn prefix(pallet: &str, item: &str) -> Vec<u8> {
    [twox_128(pallet.as_bytes()), twox_128(item.as_bytes())].concat()
}

fn concat(key: &impl Encode) -> Vec<u8> {
    let key = key.encode();
    [blake2_128(&key).to_vec(), key].concat()
}
