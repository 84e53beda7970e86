//! A change of a provider's settings that names only what it changes, and what settings risk.

use crate::rules::NEW_SETTINGS;
use cairn_primitives::onchain::ProviderSettings;

/// The longest agreement that a setup allows if none is named, in anchor blocks: 30 days of 6 s.
/// The stake cannot be had back before the last agreement ends, and without a bound anybody could
/// extend one for ever.
pub const DEFAULT_MAX_DURATION: u32 = 432_000;

/// The record that new settings are made from: that of a provider that has just registered, with
/// nothing accepted, and a bound on the duration.
const CLOSED_RECORD: ProviderSettings = ProviderSettings {
    max_duration: DEFAULT_MAX_DURATION,
    accepting_primary: false,
    accepting_extensions: false,
    ..NEW_SETTINGS
};

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

    /// Returns the settings that a setup leads to. A record that nobody has changed since it was
    /// registered accepts everything for nothing, which nobody has chosen: what is not named is
    /// then closed. In another record it stays as it is.
    pub(crate) fn set_up_from(&self, old: &ProviderSettings) -> ProviderSettings {
        if *old != NEW_SETTINGS {
            return self.applied_to(old);
        }
        let shortest = self.min_duration.unwrap_or(CLOSED_RECORD.min_duration);
        self.applied_to(&ProviderSettings {
            max_duration: CLOSED_RECORD.max_duration.max(shortest),
            ..CLOSED_RECORD
        })
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

/// A risk of settings that the chain accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsRisk {
    /// Agreements or extensions are accepted at a price of 0.
    Free,
    /// New agreements are accepted, and the record has no bound on their bytes.
    Unbounded,
}

impl SettingsRisk {
    /// Returns the risks of settings.
    pub fn of(settings: &ProviderSettings) -> Vec<Self> {
        let accepts = settings.accepting_primary || settings.accepting_extensions;
        let is_free = accepts && settings.price_per_byte == 0;
        let is_unbounded = settings.accepting_primary && settings.max_capacity == 0;
        let risks = [(is_free, Self::Free), (is_unbounded, Self::Unbounded)];
        let risks = risks.into_iter().filter(|(is_taken, _)| *is_taken);
        risks.map(|(_, risk)| risk).collect()
    }

    /// Returns the risk as a sentence.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Free => {
                "the price is 0, and agreements or extensions are accepted: anybody can bind the \
                 stake for nothing, for as long as the longest agreement"
            }
            Self::Unbounded => {
                "the capacity is 0, which is no bound: only the stake bounds the bytes of new \
                 agreements"
            }
        }
    }
}
