//! The members of buckets, by the last finalized block.
//!
//! Each request asks the chain's state at that block, which is cached for each block. Only while the
//! chain does not answer, members count that were read before, and not for long.

use super::{MemberError, MemberLimits, Right, SignedHeader, SignedMessage, check_right, header};
use crate::rate_limit::RateLimit;
use cairn_gadget::ExtensionHandle;
use cairn_primitives::BucketId;
use cairn_primitives::challenge::{AccountId, Role};
use cairn_primitives::onchain::BucketInfo;
use lru::LruCache;
use parking_lot::Mutex;
use std::num::NonZeroUsize;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

/// Buckets whose members are kept for when the chain does not answer: 10,000, as at today's
/// provider.
const KEPT_BUCKETS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);
/// The most questions to the chain at once: strangers cause them too.
const QUESTIONS: usize = 16;
/// How long the chain may take to answer.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// How long a question waits until it may be asked.
const PERMIT_TIME: Duration = Duration::from_secs(10);
/// How often the chain is asked again for a bucket that it does not have yet.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// A bucket by the chain, as far as requests depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketMembers {
    /// The members with their roles.
    pub members: Vec<(AccountId, Role)>,
    /// True if this provider has an agreement as one of its primary providers.
    pub is_ours: bool,
    /// True if another provider is a primary provider of it.
    pub is_shared: bool,
}

/// The reason why the chain does not tell a bucket.
enum Unanswered {
    /// The chain is not there, or does not answer.
    ByChain(&'static str),
    /// The question was not asked, since too many others wait.
    NotAsked,
}

/// The members of buckets, and the rates of accounts.
pub struct Members {
    handle: ExtensionHandle,
    questions: Semaphore,
    /// How long a question waits until it may be asked.
    permit_time: Duration,
    kept: Mutex<LruCache<BucketId, (Instant, BucketMembers)>>,
    rates: RateLimit<AccountId>,
}

impl std::fmt::Debug for Members {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Members").finish_non_exhaustive()
    }
}

impl Members {
    pub(crate) fn new(handle: ExtensionHandle) -> Self {
        Self {
            handle,
            questions: Semaphore::new(QUESTIONS),
            permit_time: PERMIT_TIME,
            kept: Mutex::new(LruCache::new(KEPT_BUCKETS)),
            rates: RateLimit::default(),
        }
    }

    /// Checks that a header is signed by an account with a right in a bucket, and that the account
    /// keeps to its rate. Returns the bucket by the chain.
    ///
    /// # Errors
    ///
    /// [`MemberError`].
    pub async fn authorise(
        &self,
        header: &str,
        message: SignedMessage<'_>,
        right: Right,
        limits: &MemberLimits,
    ) -> Result<BucketMembers, MemberError> {
        // Before the chain is asked, which a stranger's request would not be worth.
        let account = self.signer_of(header, message, limits)?;
        self.check(&account, message.bucket, right, limits).await
    }

    /// Returns the account that has signed a header, if it keeps to its rate.
    ///
    /// # Errors
    ///
    /// [`MemberError`].
    pub fn signer_of(
        &self,
        header: &str,
        message: SignedMessage<'_>,
        limits: &MemberLimits,
    ) -> Result<AccountId, MemberError> {
        let header = SignedHeader::parse(header)?;
        let account = header.verify(message, header::unix_time(), limits.max_skew)?;
        match self.rates.admits(account, limits.rate) {
            true => Ok(account),
            false => Err(MemberError::TooOften),
        }
    }

    /// Checks that an account has a right in a bucket now. Returns the bucket by the chain.
    ///
    /// # Errors
    ///
    /// [`MemberError`].
    pub async fn check(
        &self,
        account: &AccountId,
        bucket: BucketId,
        right: Right,
        limits: &MemberLimits,
    ) -> Result<BucketMembers, MemberError> {
        let known = self.of(bucket, limits).await?;
        check_right(&known.members, account, right)?;
        Ok(known)
    }

    /// Checks that an account, whose header was verified before, still has a right in a bucket.
    ///
    /// # Errors
    ///
    /// [`MemberError`].
    pub async fn check_still(
        &self,
        account: &AccountId,
        bucket: BucketId,
        right: Right,
        limits: &MemberLimits,
    ) -> Result<(), MemberError> {
        let known = self.of(bucket, limits).await?;
        check_right(&known.members, account, right)
    }

    /// Returns whether this provider has an agreement for a bucket as one of its primary providers,
    /// by the last finalized block. What was read before does not count: false while the chain does
    /// not answer.
    pub(crate) async fn is_ours(&self, bucket: BucketId) -> bool {
        match self.now(bucket, Duration::ZERO).await {
            Ok(known) => known.is_some_and(|known| known.is_ours),
            Err(error) => {
                tracing::debug!(%bucket, %error, "the chain does not tell an agreement");
                false
            }
        }
    }

    /// Returns the members of a bucket. Waits for a bucket that the chain does not have, since a
    /// client may have created it in a block that is not final yet.
    async fn of(
        &self,
        bucket: BucketId,
        limits: &MemberLimits,
    ) -> Result<BucketMembers, MemberError> {
        let until = Instant::now() + limits.finality_grace;
        loop {
            if let Some(members) = self.now(bucket, limits.max_stale).await? {
                return Ok(members);
            }
            if Instant::now() + RETRY_INTERVAL > until {
                return Err(MemberError::InsufficientRole);
            }
            sleep(RETRY_INTERVAL).await;
        }
    }

    async fn now(
        &self,
        bucket: BucketId,
        max_stale: Duration,
    ) -> Result<Option<BucketMembers>, MemberError> {
        match self.ask(bucket).await {
            Ok(Some(info)) => {
                let members = self.members_in(&info);
                let kept = (Instant::now(), members.clone());
                self.kept.lock().put(bucket, kept);
                Ok(Some(members))
            }
            Ok(None) => {
                self.kept.lock().pop(&bucket);
                Ok(None)
            }
            Err(Unanswered::ByChain(reason)) => {
                self.kept_members(bucket, max_stale, reason).map(Some)
            }
            // Others have asked too much: who they are tells nothing about the chain.
            Err(Unanswered::NotAsked) => Err(MemberError::Unavailable("too many questions to it")),
        }
    }

    async fn ask(&self, bucket: BucketId) -> Result<Option<BucketInfo>, Unanswered> {
        if !self.handle.challenges.is_synced() {
            return Err(Unanswered::ByChain("it is not followed"));
        }
        let permit = timeout(self.permit_time, self.questions.acquire()).await;
        let Ok(Ok(_permit)) = permit else {
            return Err(Unanswered::NotAsked);
        };
        // The chain's time begins with the question.
        let asked = self.handle.countersigner.on_chain(bucket);
        match timeout(ANSWER_TIME, asked).await {
            Ok(Ok(info)) => Ok(info),
            Ok(Err(_)) => Err(Unanswered::ByChain("it does not answer")),
            Err(_) => Err(Unanswered::ByChain("it does not answer in time")),
        }
    }

    fn kept_members(
        &self,
        bucket: BucketId,
        max_stale: Duration,
        reason: &'static str,
    ) -> Result<BucketMembers, MemberError> {
        let kept = self.kept.lock().get(&bucket).cloned();
        let fresh = kept.filter(|(read_at, _)| read_at.elapsed() <= max_stale);
        let fresh = fresh.map(|(_, members)| members);
        fresh.ok_or(MemberError::Unavailable(reason))
    }

    fn members_in(&self, info: &BucketInfo) -> BucketMembers {
        let own = info.primary_index_of(&self.handle.account);
        let own = own.and_then(|index| info.primary_providers.get(index));
        BucketMembers {
            members: info.members.clone(),
            is_ours: own.is_some_and(|own| own.agreement.is_some()),
            is_shared: info
                .primary_providers
                .iter()
                .any(|primary| primary.account != self.handle.account),
        }
    }
}

#[cfg(test)]
mod tests;
