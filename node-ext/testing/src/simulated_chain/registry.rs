//! Providers' records: registering, changing a record, and leaving, with the real pallet's
//! rules and errors.

use super::pallet::Pallet;
use cairn_chain::ProviderCall;
use cairn_primitives::BucketId;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::{Agreement, ProviderInfo, ProviderSettings, RegisteredKey};

/// The settings of a provider that has just registered, as in the real pallet: everything is
/// accepted, for any time, for nothing.
const NEW_SETTINGS: ProviderSettings = ProviderSettings {
    min_duration: 0,
    max_duration: u32::MAX,
    price_per_byte: 0,
    accepting_primary: true,
    replica_sync_price: None,
    accepting_extensions: true,
    max_capacity: 0,
};

impl Pallet {
    /// Returns the fee of an extrinsic with a number of bytes.
    pub fn fee_of(&self, bytes: usize) -> u128 {
        u128::try_from(bytes).unwrap() * self.fee_per_byte
    }

    /// Takes an amount from an account's spendable balance, down to nothing.
    pub fn pay(&mut self, account: &AccountId, amount: u128) {
        let left = self.funds_of(account).spendable.saturating_sub(amount);
        self.balances.insert(account.0, left);
    }

    fn hold(&mut self, account: &AccountId, amount: u128) -> Result<(), &'static str> {
        match self.funds_of(account).spendable >= amount {
            true => {
                self.pay(account, amount);
                Ok(())
            }
            false => Err("FundsUnavailable"),
        }
    }

    fn release(&mut self, account: &AccountId, amount: u128) {
        let spendable = self.funds_of(account).spendable;
        self.balances.insert(account.0, spendable + amount);
    }

    /// Applies a provider's call about its record.
    ///
    /// # Errors
    ///
    /// The name of the pallet's error, and nothing is changed.
    pub fn apply(&mut self, by: AccountId, call: &ProviderCall) -> Result<(), &'static str> {
        match call {
            ProviderCall::Register {
                multiaddr,
                public_key,
                stake,
            } => self.register_provider(by, multiaddr, public_key, *stake),
            ProviderCall::AddStake(amount) => {
                self.record_of(&by)?;
                self.hold(&by, *amount)?;
                self.record_of(&by)?.stake += amount;
                Ok(())
            }
            ProviderCall::UpdateSettings(settings) => self.update_settings(by, *settings),
            ProviderCall::UpdateMultiaddr(multiaddr) => {
                self.check_multiaddr(multiaddr)?;
                self.record_of(&by)?.endpoint = multiaddr.clone().into_bytes();
                Ok(())
            }
            ProviderCall::AnnounceDeregister => {
                let complete_at = self.anchor + self.registration.deregister_notice;
                let record = self.record_of(&by)?;
                if record.committed_bytes > 0 {
                    return Err("ProviderHasActiveAgreements");
                }
                if record.deregister_at.is_some() {
                    return Err("DeregisterAnnounced");
                }
                record.settings.accepting_primary = false;
                record.settings.accepting_extensions = false;
                record.deregister_at = Some(complete_at);
                Ok(())
            }
            ProviderCall::CompleteDeregister => self.complete_deregister(by),
            ProviderCall::CancelDeregister => {
                let record = self.record_of(&by)?;
                record.deregister_at.ok_or("DeregisterNotAnnounced")?;
                record.deregister_at = None;
                record.settings.accepting_primary = true;
                record.settings.accepting_extensions = true;
                Ok(())
            }
            ProviderCall::ClaimExpiredAgreement(bucket) => self.claim(by, *bucket),
            ProviderCall::SetExtensionsBlocked { bucket, .. } => {
                self.record_of(&by)?;
                match self.agreement_of(&by, *bucket)?.holds_at(self.anchor) {
                    true => Ok(()),
                    false => Err("AgreementExpired"),
                }
            }
        }
    }

    fn record_of(&mut self, account: &AccountId) -> Result<&mut ProviderInfo, &'static str> {
        let found = self.providers.get_mut(&account.0);
        found.ok_or("ProviderNotFound")
    }

    /// A bounded argument that is too long does not decode, so that no call is made.
    fn check_multiaddr(&self, multiaddr: &str) -> Result<(), &'static str> {
        let most = usize::try_from(self.registration.max_multiaddr_bytes).unwrap();
        match multiaddr.len() <= most {
            true => Ok(()),
            false => Err("BadFormat"),
        }
    }

    fn register_provider(
        &mut self,
        by: AccountId,
        multiaddr: &str,
        public_key: &RegisteredKey,
        stake: u128,
    ) -> Result<(), &'static str> {
        self.check_multiaddr(multiaddr)?;
        if self.providers.contains_key(&by.0) {
            return Err("ProviderAlreadyRegistered");
        }
        if stake < self.registration.min_stake {
            return Err("InsufficientStake");
        }
        if !matches!(public_key.0.len(), 32 | 33) {
            return Err("InvalidPublicKey");
        }
        self.hold(&by, stake)?;
        self.register(by, public_key.clone());
        let record = self.record_of(&by)?;
        record.stake = stake;
        record.endpoint = multiaddr.as_bytes().to_vec();
        record.settings = NEW_SETTINGS;
        Ok(())
    }

    fn update_settings(
        &mut self,
        by: AccountId,
        settings: ProviderSettings,
    ) -> Result<(), &'static str> {
        if settings.min_duration > settings.max_duration {
            return Err("MinDurationExceedsMaxDuration");
        }
        let per_byte = self.registration.min_stake_per_byte;
        let record = self.record_of(&by)?;
        if record.deregister_at.is_some() {
            return Err("DeregisterAnnounced");
        }
        if settings.max_capacity > 0 {
            if settings.max_capacity < record.committed_bytes {
                return Err("CapacityBelowCommitted");
            }
            let needed = per_byte.checked_mul(settings.max_capacity.into());
            if record.stake < needed.ok_or("ArithmeticOverflow")? {
                return Err("InsufficientStakeForCapacity");
            }
        }
        record.settings = settings;
        Ok(())
    }

    fn complete_deregister(&mut self, by: AccountId) -> Result<(), &'static str> {
        let anchor = self.anchor;
        let record = self.record_of(&by)?;
        if anchor < record.deregister_at.ok_or("DeregisterNotAnnounced")? {
            return Err("DeregisterPeriodNotElapsed");
        }
        if record.committed_bytes > 0 {
            return Err("ProviderHasActiveAgreements");
        }
        let stake = record.stake;
        if self.open.values().any(|open| open.provider == by) {
            return Err("ProviderHasPendingChallenges");
        }
        self.providers.remove(&by.0);
        self.release(&by, stake);
        Ok(())
    }

    fn agreement_of(&self, by: &AccountId, bucket: BucketId) -> Result<Agreement, &'static str> {
        let info = self.buckets.get(&bucket).ok_or("AgreementNotFound")?;
        let place = info.primary_index_of(by).ok_or("AgreementNotFound")?;
        info.primary_providers[place]
            .agreement
            .ok_or("AgreementNotFound")
    }

    fn claim(&mut self, by: AccountId, bucket: BucketId) -> Result<(), &'static str> {
        let agreement = self.agreement_of(&by, bucket)?;
        let mut open = self.open.values();
        if open.any(|open| open.provider == by && open.bucket_id == bucket) {
            return Err("AgreementHasPendingChallenge");
        }
        let settled_by_owner = agreement.expires_at + self.registration.settlement_period;
        if self.anchor <= settled_by_owner {
            return Err("AgreementNotExpired");
        }
        let info = self.buckets.get_mut(&bucket).ok_or("AgreementNotFound")?;
        info.primary_providers
            .retain(|primary| primary.account != by);
        if let Ok(record) = self.record_of(&by) {
            record.committed_bytes = record.committed_bytes.saturating_sub(agreement.max_bytes);
        }
        Ok(())
    }
}
