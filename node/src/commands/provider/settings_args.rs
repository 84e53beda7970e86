//! Flags for a provider's settings. Those that are left out stay as they are.

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
    /// Longest agreement, in anchor blocks
    #[arg(long, value_name = "BLOCKS")]
    max_duration: Option<u32>,
    /// Price of a byte for one anchor block, such as '3 planck'
    #[arg(long, value_name = "AMOUNT")]
    price_per_byte: Option<String>,
    /// Take new agreements as a primary provider, or refuse them
    #[arg(long, value_name = "true|false")]
    accept_primary: Option<bool>,
    /// Price of one sync as a replica, or none to be no replica
    #[arg(long, value_name = "AMOUNT|none")]
    sync_price: Option<String>,
    /// Let clients extend agreements, or refuse it
    #[arg(long, value_name = "true|false")]
    accept_extensions: Option<bool>,
    /// Most bytes that agreements may add up to, such as 10TiB; 0 for no bound
    #[arg(long, value_name = "SIZE", value_parser = quantity::parse_bytes)]
    capacity: Option<u64>,
}

impl SettingsArgs {
    /// Returns the change, with amounts in the smallest unit of the operator's chain.
    pub(crate) fn change(&self, operator: &Operator) -> Result<SettingsChange, Failure> {
        let price = self.price_per_byte.as_deref();
        let sync_price = self.sync_price.as_deref();
        Ok(SettingsChange {
            min_duration: self.min_duration,
            max_duration: self.max_duration,
            price_per_byte: price
                .map(|text| operator.amount("--price-per-byte", text))
                .transpose()?,
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
