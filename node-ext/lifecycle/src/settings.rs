//! A change of a provider's settings that names only what it changes.

use cairn_primitives::onchain::ProviderSettings;

/// A change of settings; `None` leaves a setting as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SettingsChange {
    /// The shortest agreement, in anchor blocks.
    pub min_duration: Option<u32>,
    /// The longest agreement, in anchor blocks.
    pub max_duration: Option<u32>,
    /// The price of a byte for one anchor block, in the chain's smallest unit.
    pub price_per_byte: Option<u128>,
    /// True if it takes new agreements as a primary provider.
    pub accepting_primary: Option<bool>,
    /// The price of one sync as a replica; `Some(None)` to be no replica.
    pub replica_sync_price: Option<Option<u128>>,
    /// True if it lets clients extend agreements.
    pub accepting_extensions: Option<bool>,
    /// The most bytes that its agreements may add up to; 0 for no bound.
    pub max_capacity: Option<u64>,
}

impl SettingsChange {
    /// The change after which nothing new is accepted.
    pub const CLOSED: Self = Self {
        min_duration: None,
        max_duration: None,
        price_per_byte: None,
        accepting_primary: Some(false),
        replica_sync_price: Some(None),
        accepting_extensions: Some(false),
        max_capacity: None,
    };

    /// Returns whether it changes nothing, whatever the settings are.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the settings after the change.
    pub fn applied_to(&self, old: &ProviderSettings) -> ProviderSettings {
        ProviderSettings {
            min_duration: self.min_duration.unwrap_or(old.min_duration),
            max_duration: self.max_duration.unwrap_or(old.max_duration),
            price_per_byte: self.price_per_byte.unwrap_or(old.price_per_byte),
            accepting_primary: self.accepting_primary.unwrap_or(old.accepting_primary),
            replica_sync_price: self.replica_sync_price.unwrap_or(old.replica_sync_price),
            accepting_extensions: self
                .accepting_extensions
                .unwrap_or(old.accepting_extensions),
            max_capacity: self.max_capacity.unwrap_or(old.max_capacity),
        }
    }
}
