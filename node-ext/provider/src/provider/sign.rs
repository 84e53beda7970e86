//! The provider's use of the signing gate: the chain's rules, the operator's exceptions,
//! and repeated signatures. Repeating one writes no bucket, and does not open a cold one.

use super::{Inner, Provider, ProviderError};
use crate::index::{BucketRecord, IndexError, Standing};
use cairn_bucket::{Bucket, CommitError};
use cairn_keys::{ChainRules, Facts, SignedCommitment, Signer, SigningRefused};
use cairn_primitives::onchain::Limits;
use cairn_primitives::{BucketId, HashingProfile};

/// The number of records in one read of the index.
const PAGE: usize = 1024;

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
        let record = self.look(id)?;
        if record.standing == Standing::Lost {
            return Err(ProviderError::Lost { bucket: id });
        }
        let gate = &self.inner.pool.home().gate;
        let permit = gate.permit_again(&facts_of(id, &record), signer)?;
        let Some(durable) = record.promised_newest() else {
            return Ok(None);
        };
        let signed = permit.sign(&durable);
        let signed = signed.map_err(|reason| CommitError::Sign { bucket: id, reason })?;
        Ok(Some(signed))
    }

    /// Returns the reason why nothing is signed for a bucket, if there is one.
    pub fn signing_refused(&self, id: BucketId, record: &BucketRecord) -> Option<SigningRefused> {
        self.inner.signing_refused(id, record)
    }

    /// Returns the reason why signing is off as a whole, if it is.
    pub fn signing_off(&self) -> Option<String> {
        self.inner.pool.home().gate.off()
    }

    /// Turns all signing off until [`Provider::resume_signing`] is called with the same
    /// cause. The reason is shown to the operator and to clients, so it must not name
    /// files.
    pub fn stop_signing(&self, cause: &'static str, reason: impl Into<String>) {
        let reason = reason.into();
        tracing::error!(%reason, "signing is off");
        self.inner.pool.home().gate.turn_off(cause, reason);
    }

    /// Removes the cause for which signing was turned off.
    pub fn resume_signing(&self, cause: &'static str) {
        self.inner.pool.home().gate.turn_on(cause);
    }

    /// Signs nothing new until the buckets have been compared with the chain: even an
    /// empty base path may be one whose disk is not mounted.
    pub fn sign_once_compared(&self) {
        self.inner.pool.home().gate.set_uncompared(true);
    }

    /// Records that the buckets have been compared with the chain.
    pub fn is_compared(&self) {
        self.inner.pool.home().gate.set_uncompared(false);
    }

    /// Records the chain's limits, durably, and logs the buckets that it can no longer
    /// sign for. Blocks if the limits changed.
    pub fn chain_says(&self, limits: &Limits) {
        let rules = ChainRules::of_chain(limits);
        if !self.inner.pool.home().gate.set_rules(rules) {
            return;
        }
        if let Err(error) = self.index().keep_chain_rules(rules) {
            tracing::error!(%error, "the chain's limits could not be stored; they are read again after a restart");
        }
        self.tell_unsigned();
    }

    /// Sets the chain's hashing profile as the operator states it, unless the chain's
    /// limits are known. Returns the profile that holds.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Index`] if it cannot be stored.
    pub fn assume_chain_hashing(
        &self,
        profile: HashingProfile,
    ) -> Result<HashingProfile, ProviderError> {
        let gate = &self.inner.pool.home().gate;
        match gate.rules() {
            Some(rules) if rules.by_chain => Ok(rules.profile),
            _ => {
                let rules = ChainRules::of_operator(profile);
                self.index().keep_chain_rules(rules)?;
                gate.set_rules(rules);
                Ok(profile)
            }
        }
    }

    /// Allows signing for a bucket although some leaves of its current tree cannot be
    /// proven, which may cost the stake; or withdraws that. Covers the current number of
    /// such leaves, and returns it.
    ///
    /// # Errors
    ///
    /// As [`Provider::lease`].
    pub fn sign_unprovable(&self, id: BucketId, allowed: bool) -> Result<u64, ProviderError> {
        let lease = self.lease(id, crate::pool::Wanted::read())?;
        let leaves = lease.run(Bucket::flagged_leaves)?;
        let kept = (allowed && leaves > 0).then_some(leaves);
        self.inner.keep_unprovable(id, kept)?;
        Ok(leaves)
    }

    /// Logs the buckets for which nothing is signed.
    pub fn tell_unsigned(&self) {
        let mut after = None;
        loop {
            let page = match self.index().page(after, PAGE) {
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
                self.inner.tell_if_unsigned(id, &record);
            }
        }
    }
}

/// Collects the facts of a bucket from its index record.
fn facts_of(bucket: BucketId, record: &BucketRecord) -> Facts {
    let quarantine = match &record.standing {
        Standing::Sound => None,
        Standing::Quarantined(reason) => Some(reason.clone()),
        Standing::Lost => Some("its folder is missing".into()),
    };
    let unknown = "they have not been counted yet: try again later";
    let unprovable = record.flagged.ok_or_else(|| unknown.into());
    Facts::new(bucket, record.config.profile, unprovable, quarantine)
}

impl Inner {
    pub(super) fn signing_refused(
        &self,
        id: BucketId,
        record: &BucketRecord,
    ) -> Option<SigningRefused> {
        let facts = facts_of(id, record);
        self.pool.home().gate.judge(&facts).err()
    }

    /// Logs a bucket that is sound but not signed for.
    pub(super) fn tell_if_unsigned(&self, id: BucketId, record: &BucketRecord) {
        if record.standing != Standing::Sound || record.flagged.is_none() {
            return;
        }
        if let Some(refused) = self.signing_refused(id, record) {
            tracing::warn!(bucket = %id, reason = %refused, "nothing is signed for a bucket");
        }
    }

    /// Stores the operator's exception for a bucket's unprovable leaves, durably.
    pub(super) fn keep_unprovable(
        &self,
        id: BucketId,
        leaves: Option<u64>,
    ) -> Result<(), IndexError> {
        self.ledger.index().sign_unprovable(id, leaves)?;
        self.pool.home().gate.allow_unprovable(id, leaves);
        Ok(())
    }
}
