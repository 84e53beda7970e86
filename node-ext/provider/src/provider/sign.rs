//! The provider's use of the signing gate: the chain's rules, the operator's exceptions,
//! and repeated signatures. Repeating one writes no bucket, and does not open a cold one.

use super::{Inner, Provider, ProviderError};
use crate::index::{BucketRecord, BucketStatus, IndexError};
use cairn_bucket::{Bucket, CommitError};
use cairn_keys::{ChainRules, SignedCommitment, Signer, SigningFacts, SigningRefused};
use cairn_primitives::onchain::{Limits, PayloadFormat};
use cairn_primitives::{BucketId, HashingProfile};
use std::collections::BTreeSet;

/// The number of records in one read of the index.
const PAGE_RECORDS: usize = 1024;

/// The cause of a stop of signing because the chain's payload is not known.
const UNKNOWN_PAYLOAD: &str = "payload";

impl Provider {
    /// Signs a bucket's newest commitment if it was signed here before and so is recorded
    /// durably (I4); otherwise returns `None`. Only a writer or the checkpoint scheduler
    /// makes the first signature of a state: see [`Provider::commit_signed`].
    ///
    /// # Errors
    ///
    /// As [`Provider::lease`]; [`ProviderError::Signing`] if nothing is signed for the
    /// bucket; [`ProviderError::Commit`] if the keystore fails.
    pub fn sign_again(
        &self,
        id: BucketId,
        signer: &Signer,
    ) -> Result<Option<SignedCommitment>, ProviderError> {
        let record = self.quick_summary(id)?;
        if record.status == BucketStatus::Lost {
            return Err(ProviderError::Lost { bucket: id });
        }
        let gate = &self.inner.pool.store().gate;
        let permit = gate.permit_repeat(&facts_from_record(id, &record), signer)?;
        let Some(durable) = record.signed_newest() else {
            return Ok(None);
        };
        let signed = permit.sign(&durable);
        let signed = signed.map_err(|reason| CommitError::Sign { bucket: id, reason })?;
        Ok(Some(signed))
    }

    /// Returns the reason why nothing is signed for a bucket, if there is one.
    pub fn signing_refusal(&self, id: BucketId, record: &BucketRecord) -> Option<SigningRefused> {
        self.inner.signing_refusal(id, record)
    }

    /// Returns the reason why signing is off as a whole, if it is.
    pub fn signing_off_reason(&self) -> Option<String> {
        self.inner.pool.store().gate.off_reason()
    }

    /// Turns all signing off until [`Provider::resume_signing`] is called with the same
    /// cause. The reason is shown to the operator and to clients, so it must not name
    /// files.
    pub fn stop_signing(&self, cause: &'static str, reason: impl Into<String>) {
        let reason = reason.into();
        tracing::error!(%reason, "signing is off");
        self.inner.pool.store().gate.turn_off(cause, reason);
    }

    /// Removes the cause for which signing was turned off.
    pub fn resume_signing(&self, cause: &'static str) {
        self.inner.pool.store().gate.turn_on(cause);
    }

    /// Signs nothing new until the buckets have been compared with the chain: even an
    /// empty base path may be one whose disk is not mounted.
    pub fn defer_signing_until_compared(&self) {
        self.inner.pool.store().gate.set_uncompared(true);
    }

    /// Replaces the buckets that the last comparison with the chain could not compare.
    /// Nothing new is signed for them, whatever was compared.
    pub fn set_uncompared_buckets(&self, buckets: BTreeSet<BucketId>) {
        self.inner.pool.store().gate.set_uncompared_buckets(buckets);
    }

    /// Records that the buckets have been compared with the chain.
    pub fn mark_compared(&self) {
        self.inner.pool.store().gate.set_uncompared(false);
    }

    /// Records the chain's limits at an anchor block, durably, and logs the buckets that it
    /// can no longer sign for. Blocks if the limits changed.
    pub fn set_chain_limits(&self, limits: &Limits, anchor: u32) {
        let rules = ChainRules::from_limits(limits);
        let gate = &self.inner.pool.store().gate;
        let was_known = gate.payload_format() != PayloadFormat::Unknown;
        gate.set_payload(limits.payload, anchor);
        match (was_known, limits.payload) {
            (true, PayloadFormat::Unknown) => self.stop_signing(
                UNKNOWN_PAYLOAD,
                "the chain expects signatures over a payload that Cairn does not know",
            ),
            (false, PayloadFormat::V1 | PayloadFormat::V2 { .. }) => {
                self.resume_signing(UNKNOWN_PAYLOAD);
            }
            _ => {}
        }
        if !gate.set_rules(rules) {
            return;
        }
        if let Err(error) = self.index().set_chain_rules(rules) {
            tracing::error!(%error, "the chain's limits could not be stored; they are read again after a restart");
        }
        self.log_unsigned();
    }

    /// Returns the payload that the chain expects: version 1 before the chain was read.
    pub fn payload_format(&self) -> PayloadFormat {
        self.inner.pool.store().gate.payload_format()
    }

    /// Returns the nonce of a payload that is signed now, if the chain expects one.
    pub fn payload_nonce(&self) -> Option<u64> {
        self.inner.pool.store().gate.payload_nonce()
    }

    /// Sets the chain's hashing profile, durably, as the operator states it: no chain does.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Index`] if it cannot be stored.
    pub fn assume_chain_hashing(&self, profile: HashingProfile) -> Result<(), ProviderError> {
        let gate = &self.inner.pool.store().gate;
        let rules = match gate.rules() {
            Some(rules) => rules.with_profile(profile),
            None => ChainRules::from_operator(profile),
        };
        self.index().set_chain_rules(rules)?;
        gate.set_rules(rules);
        Ok(())
    }

    /// Returns the chain's hashing profile: plain unless the operator has stated another.
    pub fn chain_hashing(&self) -> HashingProfile {
        let rules = self.inner.pool.store().gate.rules();
        rules.map_or(HashingProfile::Plain, |rules| rules.profile)
    }

    /// Allows signing for a bucket although some leaves of its current tree cannot be
    /// proven, which may cost the stake; or withdraws that. Covers the current number of
    /// such leaves, and returns it.
    ///
    /// # Errors
    ///
    /// As [`Provider::lease`].
    pub fn allow_unprovable(&self, id: BucketId, allowed: bool) -> Result<u64, ProviderError> {
        let lease = self.blocking_lease(id, crate::pool::LeaseRequest::read())?;
        let leaves = lease.run(Bucket::flagged_leaf_count)?;
        let kept = (allowed && leaves > 0).then_some(leaves);
        self.inner.set_allowed_unprovable(id, kept)?;
        Ok(leaves)
    }

    /// Logs the buckets for which nothing is signed.
    pub fn log_unsigned(&self) {
        let mut after = None;
        loop {
            let page = match self.index().page(after, PAGE_RECORDS) {
                Ok(page) => page,
                Err(error) => {
                    tracing::error!(%error, "cannot list the buckets that are not signed for");
                    return;
                }
            };
            let Some((last, _)) = page.last() else {
                return;
            };
            after = Some(*last);
            for (id, record) in page {
                self.inner.log_if_unsigned(id, &record);
            }
        }
    }
}

/// Collects the facts of a bucket from its index record.
fn facts_from_record(bucket: BucketId, record: &BucketRecord) -> SigningFacts {
    let quarantine = match &record.status {
        BucketStatus::Sound => None,
        BucketStatus::Quarantined(reason) => Some(reason.clone()),
        BucketStatus::Lost => Some("its folder is missing".into()),
    };
    let unknown = "they have not been counted yet: try again later";
    let unprovable = record.flagged.ok_or_else(|| unknown.into());
    SigningFacts::new(bucket, record.config.profile, unprovable, quarantine)
}

impl Inner {
    pub(super) fn signing_refusal(
        &self,
        id: BucketId,
        record: &BucketRecord,
    ) -> Option<SigningRefused> {
        let facts = facts_from_record(id, record);
        self.pool.store().gate.judge(&facts).err()
    }

    /// Logs a bucket that is sound but not signed for.
    pub(super) fn log_if_unsigned(&self, id: BucketId, record: &BucketRecord) {
        if record.status != BucketStatus::Sound || record.flagged.is_none() {
            return;
        }
        if let Some(refused) = self.signing_refusal(id, record) {
            tracing::warn!(bucket = %id, reason = %refused, "nothing is signed for a bucket");
        }
    }

    /// Stores the operator's exception for a bucket's unprovable leaves, durably.
    pub(super) fn set_allowed_unprovable(
        &self,
        id: BucketId,
        leaves: Option<u64>,
    ) -> Result<(), IndexError> {
        self.index_writer
            .index()
            .set_allowed_unprovable(id, leaves)?;
        self.pool.store().gate.allow_unprovable(id, leaves);
        Ok(())
    }
}
