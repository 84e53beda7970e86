//! A provider's row.

use crate::Config;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::traits::ConstU32;
use frame_support::{BoundedVec, CloneNoBound, DebugNoBound, EqNoBound, PartialEqNoBound};
use scale_info::TypeInfo;

/// A registered provider.
#[derive(
    CloneNoBound, DebugNoBound, PartialEqNoBound, EqNoBound, Encode, Decode, TypeInfo, MaxEncodedLen,
)]
#[scale_info(skip_type_params(T))]
pub struct ProviderInfo<T: Config> {
    /// The endpoint: a multiaddr as text.
    pub multiaddr: BoundedVec<u8, T::MaxMultiaddrLength>,
    /// The key that verifies its signatures, without a scheme: the signature tells it.
    pub public_key: BoundedVec<u8, ConstU32<64>>,
    /// The amount that it can lose. 0 after it was slashed.
    pub stake: u128,
    /// The sum of the quotas of its agreements.
    pub committed_bytes: u64,
    /// Its offer.
    pub settings: ProviderSettings,
    /// Its record.
    pub stats: ProviderStats,
    /// The anchor block from which an announced deregistration can be completed.
    pub deregister_at: Option<u32>,
}

/// A provider's offer.
#[derive(
    Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo, MaxEncodedLen,
)]
pub struct ProviderSettings {
    /// The shortest agreement, in anchor blocks.
    pub min_duration: u32,
    /// The longest agreement, in anchor blocks.
    pub max_duration: u32,
    /// The price of a byte for an anchor block.
    pub price_per_byte: u128,
    /// True if primary agreements are accepted.
    pub accepting_primary: bool,
    /// The price of a confirmed sync; `None` refuses replica agreements.
    pub replica_sync_price: Option<u128>,
    /// True if agreements may be extended.
    pub accepting_extensions: bool,
    /// The most bytes of all agreements; 0 is no bound.
    pub max_capacity: u64,
}

impl Default for ProviderSettings {
    fn default() -> Self {
        Self {
            min_duration: 0,
            max_duration: u32::MAX,
            price_per_byte: 0,
            accepting_primary: true,
            replica_sync_price: None,
            accepting_extensions: true,
            max_capacity: 0,
        }
    }
}

/// A provider's record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, TypeInfo, MaxEncodedLen)]
pub struct ProviderStats {
    /// The anchor block of the registration.
    pub registered_at: u32,
    /// Agreements ever made.
    pub agreements_total: u32,
    /// Extensions.
    pub agreements_extended: u32,
    /// Agreements that ended without an extension.
    pub agreements_not_extended: u32,
    /// Agreements that ended with a burned payment.
    pub agreements_burned: u32,
    /// Bytes ever committed to.
    pub total_bytes_committed: u64,
    /// Challenges ever opened.
    #[cfg(not(challenger_tiers))]
    pub challenges_received: u32,
    /// Challenges by authorised challengers that were defended.
    #[cfg(challenger_tiers)]
    pub challenges_received_authorized: u32,
    /// Challenges by others that were defended.
    #[cfg(challenger_tiers)]
    pub challenges_received_public: u32,
    /// Challenges that were lost.
    pub challenges_failed: u32,
    /// All payments ever received for storage.
    #[cfg(challenger_tiers)]
    pub lifetime_revenue: u128,
}
