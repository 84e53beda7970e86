//! The provider's side of the gate for signing: what it knows of its chain, what
//! its operator has said, and signing again what was signed before, for which no
//! bucket is written and a cold one is not even opened.

use super::{Inner, Provider, ProviderError};
use crate::bucket::Bucket;
use crate::error::CommitError;
use crate::index::{BucketRecord, IndexError, Standing};
use crate::signing::{ChainRules, Facts, SignedCommitment, Signer, SigningRefused};
use cairn_primitives::onchain::Limits;
use cairn_primitives::{BucketId, HashingProfile};

/// Buckets whose records are read at once.
const PAGE: usize = 1024;

impl Provider {
    /// Signs a bucket's newest commitment if it was signed here before, so that
    /// its promise is durable (I4); `None` if it was not. The first signature of
    /// a state is a writer's or the checkpoint scheduler's: see
    /// [`Provider::commit_signed`].
    ///
    /// # Errors
    ///
    /// As [`Provider::lease`]; [`ProviderError::Signing`] where nothing is signed
    /// for the bucket; and [`ProviderError::Commit`] where the keystore fails.
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
        let Some(promised) = record.promised_newest() else {
            return Ok(None);
        };
        let signed = permit.sign(&promised);
        let signed = signed.map_err(|reason| CommitError::Sign { bucket: id, reason })?;
        Ok(Some(signed))
    }

    /// Why nothing is signed for a bucket, where that is so.
    pub fn signing_refused(&self, id: BucketId, record: &BucketRecord) -> Option<SigningRefused> {
        self.inner.signing_refused(id, record)
    }

    /// Why nothing at all is signed, where that is so.
    pub fn signing_off(&self) -> Option<String> {
        self.inner.pool.home().gate.off()
    }

    /// Signs nothing any more, no matter who asks, until [`Provider::resume_signing`]
    /// is called with the same cause. The reason is shown to the operator and to
    /// clients: it says what to do, and names no files.
    pub fn stop_signing(&self, cause: &'static str, reason: impl Into<String>) {
        let reason = reason.into();
        tracing::error!(%reason, "signing is off");
        self.inner.pool.home().gate.turn_off(cause, reason);
    }

    /// Takes back what `cause` had against signing.
    pub fn resume_signing(&self, cause: &'static str) {
        self.inner.pool.home().gate.turn_on(cause);
    }

    /// Signs nothing new until the chain has been compared with what is here: until then
    /// even an empty base path may be one whose disk is not mounted.
    pub(crate) fn sign_once_compared(&self) {
        self.inner.pool.home().gate.set_uncompared(true);
    }

    /// The chain has been compared with what is here.
    pub(crate) fn is_compared(&self) {
        self.inner.pool.home().gate.set_uncompared(false);
    }

    /// Takes note of what the chain holds a provider to, durably, and tells the
    /// operator of the buckets that it can no longer sign for. Blocks where that
    /// is new.
    pub fn chain_says(&self, limits: &Limits) {
        let rules = ChainRules::of_chain(limits);
        if !self.inner.pool.home().gate.set_rules(rules) {
            return;
        }
        if let Err(error) = self.index().keep_chain_rules(rules) {
            tracing::error!(%error, "the chain's rules are not kept: a restart asks for them again");
        }
        self.tell_unsigned();
    }

    /// Takes the operator's word for how the chain of this base path hashes, as
    /// long as the chain has not spoken itself. Returns what holds.
    ///
    /// # Errors
    ///
    /// [`ProviderError::Index`] where it cannot be kept.
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

    /// Lets a bucket be signed for although leaves of its current tree cannot be
    /// proven, which may cost the stake; or takes that back. It holds for the
    /// leaves that are there now. Returns how many they are.
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

    /// Tells the operator of the buckets that nothing is signed for.
    pub(crate) fn tell_unsigned(&self) {
        let mut after = None;
        loop {
            let page = match self.index().page(after, PAGE) {
                Ok(page) => page,
                Err(error) => {
                    tracing::error!(%error, "which buckets are signed for is not known");
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

/// What the gate asks of a bucket, as the index has it.
fn facts_of(bucket: BucketId, record: &BucketRecord) -> Facts {
    let quarantine = match &record.standing {
        Standing::Sound => None,
        Standing::Quarantined(reason) => Some(reason.clone()),
        Standing::Lost => Some("its folder is gone".into()),
    };
    let unknown = "they have not been counted yet: ask again later";
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

    /// Tells the operator, if the bucket is sound and all the same not signed for.
    pub(super) fn tell_if_unsigned(&self, id: BucketId, record: &BucketRecord) {
        if record.standing != Standing::Sound || record.flagged.is_none() {
            return;
        }
        if let Some(refused) = self.signing_refused(id, record) {
            tracing::warn!(bucket = %id, reason = %refused, "a bucket is not signed for");
        }
    }

    /// Keeps what the operator says of a bucket's unprovable leaves.
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
