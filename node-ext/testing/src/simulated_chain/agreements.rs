//! The rules of the real pallet for agreements: terms are redeemed once, within their time, by
//! their owner, with the registered key.

use super::pallet::{Pallet, is_valid_signature};
use cairn_primitives::BucketId;
use cairn_primitives::challenge::{AccountId, Role};
use cairn_primitives::onchain::{Agreement, BucketInfo, PrimaryProvider, TermsRules};
use cairn_primitives::terms::{BucketTarget, SignedTerms};

impl Pallet {
    /// Returns the rules for terms of a provider.
    pub fn terms_rules(&self, provider: &AccountId) -> TermsRules {
        TermsRules {
            request_timeout: self.request_timeout,
            min_stake_per_byte: self.min_stake_per_byte,
            nonces: self.nonces.get(&provider.0).copied().unwrap_or_default(),
        }
    }

    /// Returns an account's agreement as a replica of a bucket.
    pub fn replica_agreement(&self, bucket: BucketId, account: &AccountId) -> Option<Agreement> {
        self.replicas.get(&(bucket, account.0)).copied()
    }

    /// Adds a bucket with one primary provider and its agreement.
    pub fn add_bucket(&mut self, id: BucketId, provider: AccountId, agreement: Agreement) {
        let key = self.providers.get(&provider.0).map(|info| info.key.clone());
        let info = BucketInfo {
            members: vec![(agreement.owner, Role::Admin)],
            min_providers: 1,
            primary_providers: vec![PrimaryProvider {
                account: provider,
                key,
                endpoint: vec![],
                agreement: Some(agreement),
            }],
            frozen_start_seq: None,
            snapshot: None,
            historical_roots: vec![],
            window: None,
            last_window: None,
        };
        self.buckets.insert(id, info);
        if let Some(info) = self.providers.get_mut(&provider.0) {
            info.committed_bytes += agreement.max_bytes;
        }
    }

    /// Redeems terms for a primary provider, and returns the new bucket; or the rule that they
    /// break.
    pub fn redeem(
        &mut self,
        by: AccountId,
        provider: AccountId,
        signed: &SignedTerms,
    ) -> Result<BucketId, &'static str> {
        let terms = &signed.terms;
        if terms.owner != by {
            return Err("TermsOwnerMismatch");
        }
        if terms.bucket != BucketTarget::New || terms.replica.is_some() {
            return Err("TermsBucketMismatch");
        }
        if terms.max_bytes == 0 {
            return Err("InvalidMaxBytesRequest");
        }
        if !terms.is_valid_at(self.anchor) {
            return Err("TermsExpired");
        }
        if terms.valid_until > self.anchor.saturating_add(self.request_timeout) {
            return Err("TermsValidityTooLong");
        }
        let info = self.providers.get(&provider.0).ok_or("ProviderNotFound")?;
        if !is_valid_signature(&signed.signature, &info.key, &terms.signing_hash().0) {
            return Err("InvalidProviderSignature");
        }
        let mut nonces = self.nonces.get(&provider.0).copied().unwrap_or_default();
        nonces.redeem(terms.nonce).map_err(|_| "Nonce")?;
        let settings = info.settings;
        if info.deregister_at.is_some() || !settings.accepting_primary {
            return Err("ProviderNotAcceptingPrimary");
        }
        if !(settings.min_duration..=settings.max_duration).contains(&terms.duration) {
            return Err("Duration");
        }
        let committed = info.committed_bytes.saturating_add(terms.max_bytes);
        if settings.max_capacity > 0 && committed > settings.max_capacity {
            return Err("CapacityExceeded");
        }
        if info.stake < self.min_stake_per_byte.saturating_mul(committed.into()) {
            return Err("InsufficientStakeForBytes");
        }
        self.nonces.insert(provider.0, nonces);
        let next = self.buckets.keys().next_back();
        let id = BucketId(next.map_or(0, |last| last.0 + 1));
        let expires_at = self.anchor.saturating_add(terms.duration);
        let agreement = Agreement::primary(by, terms.max_bytes, expires_at);
        self.add_bucket(id, provider, agreement);
        Ok(id)
    }
}
