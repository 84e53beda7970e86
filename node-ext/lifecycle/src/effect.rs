//! The effect of a provider's call, by which the chain's state shows that it was executed.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the codec's derive casts each variant's index, which is given here"
)]

use crate::facts::Facts;
use cairn_chain::ProviderCall;
use cairn_primitives::BucketId;
use cairn_primitives::onchain::{ProviderSettings, RegisteredKey};
use codec::{Decode, Encode};

/// The state after a call.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Effect {
    /// The account is registered, with this key.
    #[codec(index = 0)]
    Registered(RegisteredKey),
    /// The account is not registered.
    #[codec(index = 1)]
    NotRegistered,
    /// The stake is at least this, in the chain's smallest unit.
    #[codec(index = 2)]
    Stake(u128),
    /// The settings are these.
    #[codec(index = 3)]
    Settings(ProviderSettings),
    /// The endpoint is this multiaddr.
    #[codec(index = 4)]
    Multiaddr(String),
    /// A deregistration is announced.
    #[codec(index = 5)]
    Leaving,
    /// No deregistration is announced.
    #[codec(index = 6)]
    NotLeaving,
    /// There is no agreement for the bucket.
    #[codec(index = 7)]
    NoAgreement(BucketId),
    /// The state that is read shows nothing of the call.
    #[codec(index = 8)]
    Unseen,
}

impl Effect {
    /// Returns the effect of a call that is submitted in the state of these facts.
    pub fn of(call: &ProviderCall, facts: &Facts) -> Self {
        let stake = facts.provider.as_ref().map_or(0, |record| record.stake);
        match call {
            ProviderCall::Register { public_key, .. } => Self::Registered(public_key.clone()),
            ProviderCall::AddStake(amount) => Self::Stake(stake.saturating_add(*amount)),
            ProviderCall::UpdateSettings(settings) => Self::Settings(*settings),
            ProviderCall::UpdateMultiaddr(multiaddr) => Self::Multiaddr(multiaddr.clone()),
            ProviderCall::AnnounceDeregister => Self::Leaving,
            ProviderCall::CompleteDeregister => Self::NotRegistered,
            ProviderCall::CancelDeregister => Self::NotLeaving,
            ProviderCall::ClaimExpiredAgreement(bucket) => Self::NoAgreement(*bucket),
            ProviderCall::SetExtensionsBlocked { .. } => Self::Unseen,
        }
    }

    /// Returns whether the state has the effect; `None` if the state cannot show it.
    pub fn is_seen_in(&self, facts: &Facts) -> Option<bool> {
        let record = facts.provider.as_ref();
        Some(match self {
            Self::Registered(key) => record.is_some_and(|record| record.key == *key),
            Self::NotRegistered => record.is_none(),
            Self::Stake(stake) => record.is_some_and(|record| record.stake >= *stake),
            Self::Settings(settings) => record.is_some_and(|record| record.settings == *settings),
            Self::Multiaddr(multiaddr) => {
                record.is_some_and(|record| record.endpoint == multiaddr.as_bytes())
            }
            Self::Leaving => record.is_some_and(|record| record.deregister_at.is_some()),
            Self::NotLeaving => record.is_some_and(|record| record.deregister_at.is_none()),
            Self::NoAgreement(bucket) => {
                let mut agreements = facts.agreements.iter();
                !agreements.any(|(id, _)| id == bucket)
            }
            Self::Unseen => return None,
        })
    }
}
