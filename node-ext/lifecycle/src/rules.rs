//! The chain's rules for a provider's calls, applied before one is paid for, and what an
//! accepted call changes.

use crate::facts::Facts;
use crate::refusal::Refusal;
use cairn_chain::{ProviderCall, RegistrationRules};
use cairn_primitives::BucketId;
use cairn_primitives::onchain::{Agreement, ProviderInfo, ProviderSettings, RegisteredKey};

/// The settings of a provider that has just registered, as the chain's pallet has them: everybody
/// may agree and extend, for any time, for nothing.
pub(crate) const NEW_SETTINGS: ProviderSettings = ProviderSettings {
    min_duration: 0,
    max_duration: u32::MAX,
    price_per_byte: 0,
    accepting_primary: true,
    replica_sync_price: None,
    accepting_extensions: true,
    max_capacity: 0,
};

impl Facts {
    /// Checks a call by the chain's rules, without its fee.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: the chain would take the fee and change nothing.
    pub fn check(&self, call: &ProviderCall) -> Result<(), Refusal> {
        match call {
            ProviderCall::Register {
                multiaddr,
                public_key,
                stake,
            } => {
                check_multiaddr(multiaddr, &self.rules)?;
                self.check_registration(public_key, *stake)
            }
            ProviderCall::AddStake(amount) => {
                self.record()?;
                self.check_funds(*amount)
            }
            ProviderCall::UpdateSettings(settings) => {
                check_durations(settings)?;
                let record = self.active_record()?;
                check_capacity(settings, record, &self.rules)
            }
            ProviderCall::UpdateMultiaddr(multiaddr) => {
                check_multiaddr(multiaddr, &self.rules)?;
                self.record().map(|_| ())
            }
            ProviderCall::AnnounceDeregister => {
                let record = self.record()?;
                check_committed(record)?;
                self.active_record().map(|_| ())
            }
            ProviderCall::CompleteDeregister => self.check_completion(),
            ProviderCall::CancelDeregister => match self.record()?.deregister_at {
                Some(_) => Ok(()),
                None => Err(Refusal::NotLeaving),
            },
            ProviderCall::ClaimExpiredAgreement(bucket) => self.check_claim(*bucket),
            ProviderCall::SetExtensionsBlocked { bucket, .. } => {
                self.record()?;
                match self.agreement(*bucket)?.holds_at(self.head.anchor) {
                    true => Ok(()),
                    false => Err(Refusal::AgreementOver { bucket: *bucket }),
                }
            }
        }
    }

    /// Changes the facts as an accepted call does, without its fee. It is a forecast, for
    /// planning: only the chain's state shows what became of a call.
    pub fn apply(&mut self, call: &ProviderCall) {
        let notice = self
            .head
            .anchor
            .saturating_add(self.rules.deregister_notice);
        match call {
            ProviderCall::Register {
                multiaddr,
                public_key,
                stake,
            } => {
                self.hold(*stake);
                self.provider = Some(ProviderInfo {
                    key: public_key.clone(),
                    endpoint: multiaddr.clone().into_bytes(),
                    stake: *stake,
                    committed_bytes: 0,
                    settings: NEW_SETTINGS,
                    defended: 0,
                    lost: 0,
                    deregister_at: None,
                });
            }
            ProviderCall::ClaimExpiredAgreement(bucket) => {
                let ended = self.agreement(*bucket).ok().copied();
                self.agreements.retain(|(id, _)| id != bucket);
                if let (Some(ended), Some(record)) = (ended, &mut self.provider) {
                    record.committed_bytes = record.committed_bytes.saturating_sub(ended.max_bytes);
                }
            }
            ProviderCall::CompleteDeregister => {
                let stake = self.provider.take().map_or(0, |record| record.stake);
                self.funds.held = self.funds.held.saturating_sub(stake);
                self.funds.spendable = self.funds.spendable.saturating_add(stake);
            }
            ProviderCall::AddStake(amount) => {
                self.hold(*amount);
                if let Some(record) = &mut self.provider {
                    record.stake = record.stake.saturating_add(*amount);
                }
            }
            ProviderCall::SetExtensionsBlocked { .. } => {}
            ProviderCall::UpdateSettings(_)
            | ProviderCall::UpdateMultiaddr(_)
            | ProviderCall::AnnounceDeregister
            | ProviderCall::CancelDeregister => {
                if let Some(record) = &mut self.provider {
                    change_record(record, call, notice);
                }
            }
        }
    }

    fn hold(&mut self, amount: u128) {
        self.funds.spendable = self.funds.spendable.saturating_sub(amount);
        self.funds.held = self.funds.held.saturating_add(amount);
    }

    fn record(&self) -> Result<&ProviderInfo, Refusal> {
        self.provider.as_ref().ok_or(Refusal::NotRegistered)
    }

    fn active_record(&self) -> Result<&ProviderInfo, Refusal> {
        let record = self.record()?;
        match record.deregister_at {
            None => Ok(record),
            Some(_) => Err(Refusal::Leaving),
        }
    }

    fn agreement(&self, bucket: BucketId) -> Result<&Agreement, Refusal> {
        let mut all = self.agreements.iter();
        let found = all.find(|(id, _)| *id == bucket);
        found
            .map(|(_, agreement)| agreement)
            .ok_or(Refusal::NoAgreement { bucket })
    }

    fn check_funds(&self, needed: u128) -> Result<(), Refusal> {
        let spendable = self.funds.spendable;
        match spendable >= needed {
            true => Ok(()),
            false => Err(Refusal::FundsTooLow { spendable, needed }),
        }
    }

    fn check_registration(&self, key: &RegisteredKey, stake: u128) -> Result<(), Refusal> {
        if self.provider.is_some() {
            return Err(Refusal::AlreadyRegistered);
        }
        let min = self.rules.min_stake;
        if stake < min {
            return Err(Refusal::StakeTooLow { stake, min });
        }
        // Early chains also take 64 bytes, which verify nothing.
        if !matches!(key.0.len(), 32 | 33) {
            return Err(Refusal::InvalidKey { bytes: key.0.len() });
        }
        self.check_funds(stake)
    }

    fn check_completion(&self) -> Result<(), Refusal> {
        let record = self.record()?;
        let until = record.deregister_at.ok_or(Refusal::NotLeaving)?;
        if self.head.anchor < until {
            return Err(Refusal::NoticeNotOver { until });
        }
        check_committed(record)?;
        match self.challenges.len() {
            0 => Ok(()),
            count => Err(Refusal::ChallengesOpen { count }),
        }
    }

    fn check_claim(&self, bucket: BucketId) -> Result<(), Refusal> {
        let from = self.claimable_from(self.agreement(bucket)?);
        match self.challenges_of(bucket) {
            0 if self.head.anchor >= from => Ok(()),
            0 => Err(Refusal::NotClaimable { bucket, from }),
            count => Err(Refusal::ChallengesOpen { count }),
        }
    }
}

fn change_record(record: &mut ProviderInfo, call: &ProviderCall, notice: u32) {
    match call {
        ProviderCall::UpdateSettings(settings) => record.settings = *settings,
        ProviderCall::UpdateMultiaddr(multiaddr) => {
            record.endpoint = multiaddr.clone().into_bytes();
        }
        ProviderCall::AnnounceDeregister => {
            record.settings.accepting_primary = false;
            record.settings.accepting_extensions = false;
            record.deregister_at = Some(notice);
        }
        // The chain turns both on, whatever they were before.
        ProviderCall::CancelDeregister => {
            record.settings.accepting_primary = true;
            record.settings.accepting_extensions = true;
            record.deregister_at = None;
        }
        _ => {}
    }
}

fn check_multiaddr(multiaddr: &str, rules: &RegistrationRules) -> Result<(), Refusal> {
    let (bytes, max) = (multiaddr.len(), rules.max_multiaddr_bytes);
    match u32::try_from(bytes).is_ok_and(|bytes| bytes <= max) {
        true => Ok(()),
        false => Err(Refusal::MultiaddrTooLong { bytes, max }),
    }
}

fn check_durations(settings: &ProviderSettings) -> Result<(), Refusal> {
    let (min, max) = (settings.min_duration, settings.max_duration);
    match min <= max {
        true => Ok(()),
        false => Err(Refusal::DurationsReversed { min, max }),
    }
}

fn check_committed(record: &ProviderInfo) -> Result<(), Refusal> {
    match record.committed_bytes {
        0 => Ok(()),
        committed => Err(Refusal::AgreementsLeft { committed }),
    }
}

fn check_capacity(
    settings: &ProviderSettings,
    record: &ProviderInfo,
    rules: &RegistrationRules,
) -> Result<(), Refusal> {
    let (capacity, committed) = (settings.max_capacity, record.committed_bytes);
    if capacity == 0 {
        return Ok(());
    }
    if capacity < committed {
        return Err(Refusal::CapacityBelowCommitted {
            capacity,
            committed,
        });
    }
    // The chain refuses an overflow too.
    let needed = rules.min_stake_per_byte.saturating_mul(capacity.into());
    let stake = record.stake;
    match stake >= needed && needed < u128::MAX {
        true => Ok(()),
        false => Err(Refusal::StakeBelowCapacity { stake, needed }),
    }
}
