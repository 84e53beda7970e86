//! The members of buckets, by the last finalized block.
//!
//! Each request asks the chain's state at that block, which is cached for each block. Only while the
//! chain does not answer, members count that were read before, and not for long.

use crate::config::HttpLimits;
use crate::error::HttpError;
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
/// How often the chain is asked again for a bucket that it does not have yet.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// A bucket by the chain, as far as requests depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BucketMembers {
    /// The members with their roles.
    pub(crate) members: Vec<(AccountId, Role)>,
    /// True if this provider has an agreement as one of its primary providers.
    pub(crate) is_ours: bool,
}

/// The members of buckets.
pub(crate) struct Memberships {
    handle: ExtensionHandle,
    max_stale: Duration,
    grace: Duration,
    questions: Semaphore,
    kept: Mutex<LruCache<BucketId, (Instant, BucketMembers)>>,
}

impl Memberships {
    pub(crate) fn new(handle: ExtensionHandle, limits: &HttpLimits) -> Self {
        Self {
            handle,
            max_stale: limits.max_stale,
            grace: limits.finality_grace,
            questions: Semaphore::new(QUESTIONS),
            kept: Mutex::new(LruCache::new(KEPT_BUCKETS)),
        }
    }

    /// Returns the members of a bucket. Waits for a bucket that the chain does not have, since a
    /// client may have created it in a block that is not final yet.
    pub(crate) async fn of(&self, bucket: BucketId) -> Result<BucketMembers, HttpError> {
        let until = Instant::now() + self.grace;
        loop {
            if let Some(members) = self.now(bucket).await? {
                return Ok(members);
            }
            if Instant::now() + RETRY_INTERVAL > until {
                return Err(HttpError::InsufficientRole);
            }
            sleep(RETRY_INTERVAL).await;
        }
    }

    async fn now(&self, bucket: BucketId) -> Result<Option<BucketMembers>, HttpError> {
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
            Err(reason) => self.kept_members(bucket, reason).map(Some),
        }
    }

    async fn ask(&self, bucket: BucketId) -> Result<Option<BucketInfo>, &'static str> {
        if !self.handle.challenges.is_synced() {
            return Err("it is not followed");
        }
        let asked = async {
            let _permit = self.questions.acquire().await;
            self.handle.countersigner.on_chain(bucket).await
        };
        match timeout(ANSWER_TIME, asked).await {
            Ok(Ok(info)) => Ok(info),
            Ok(Err(_)) => Err("it does not answer"),
            Err(_) => Err("it does not answer in time"),
        }
    }

    fn kept_members(
        &self,
        bucket: BucketId,
        reason: &'static str,
    ) -> Result<BucketMembers, HttpError> {
        let kept = self.kept.lock().get(&bucket).cloned();
        let fresh = kept.filter(|(read_at, _)| read_at.elapsed() <= self.max_stale);
        let fresh = fresh.map(|(_, members)| members);
        fresh.ok_or(HttpError::MembershipUnavailable(reason))
    }

    fn members_in(&self, info: &BucketInfo) -> BucketMembers {
        let own = info.primary_index_of(&self.handle.account);
        let own = own.and_then(|index| info.primary_providers.get(index));
        BucketMembers {
            members: info.members.clone(),
            is_ours: own.is_some_and(|own| own.agreement.is_some()),
        }
    }
}
