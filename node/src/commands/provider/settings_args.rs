//! Flags for a provider's settings. Those that are left out stay as they are, except in a record
//! that nobody has changed since it was registered.

use crate::failure::Failure;
use crate::operator::Operator;
use crate::quantity;
use cairn_lifecycle::SettingsChange;
use clap::Args;

/// A change of settings.
#[derive(Args, Debug)]
pub(crate) struct SettingsArgs {
    /// Shortest agreement, in anchor blocks (6 s each on the known chains)
    #[arg(long, value_name = "BLOCKS")]
    min_duration: Option<u32>,
    /// Longest agreement, in anchor blocks. In a new record 432000, 30 days, if it is left out
    #[arg(long, value_name = "BLOCKS")]
    max_duration: Option<u32>,
    /// Price of a byte for one anchor block, in the chain's smallest unit: 3, or '3 planck'. Top-ups
    /// and extensions are at this price, whatever `cairn run` is given
    #[arg(long, value_name = "PLANCK", value_parser = quantity::parse_price)]
    price_per_byte: Option<u128>,
    /// Take new agreements as a primary provider, or refuse them. In a new record false, if it is
    /// left out
    #[arg(long, value_name = "true|false")]
    accept_primary: Option<bool>,
    /// Price of one sync as a replica, or none to be no replica
    #[arg(long, value_name = "AMOUNT|none")]
    sync_price: Option<String>,
    /// Let clients extend agreements, or refuse it. In a new record false, if it is left out
    #[arg(long, value_name = "true|false")]
    accept_extensions: Option<bool>,
    /// Most bytes that agreements may add up to, such as 10TiB; 0 for no bound
    #[arg(long, value_name = "SIZE", value_parser = quantity::parse_bytes)]
    capacity: Option<u64>,
}

impl SettingsArgs {
    /// Returns the change, with amounts in the smallest unit of the operator's chain.
    pub(crate) fn change(&self, operator: &Operator) -> Result<SettingsChange, Failure> {
        let sync_price = self.sync_price.as_deref();
        Ok(SettingsChange {
            min_duration: self.min_duration,
            max_duration: self.max_duration,
            price_per_byte: self.price_per_byte,
            accepting_primary: self.accept_primary,
            replica_sync_price: sync_price
                .map(|text| match text.trim() {
                    "none" => Ok(None),
                    text => operator.amount("--sync-price", text).map(Some),
                })
                .transpose()?,
            accepting_extensions: self.accept_extensions,
            max_capacity: self.capacity,
        })
    }
}
