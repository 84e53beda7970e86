//! The state that all routes share: the provider behind its lanes, members, and recent places.

use crate::auth;
use crate::config::{HttpConfig, ReadAccess};
use crate::error::HttpError;
use crate::metrics::LimitedBy;
use crate::places::RecentPlaces;
use crate::rate_limit::SourceRates;
use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use cairn_object_store::{ObjectStore, StoreLimits};
use cairn_primitives::challenge::AccountId;
use cairn_primitives::{BucketId, H256};
use cairn_provider::{Lease, LeaseRequest};
use cairn_rpc_server::{
    BucketMembers, MemberError, MemberLimits, ProviderRpc, Right, SignedHeader, SignedMessage,
    WorkClass,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The most buckets that are tried for one hash.
const MAX_PLACES: usize = 16;
/// The most of them for which a header is verified.
const MAX_CHECKED: usize = 3;
/// How often a bucket that is about to be made is looked for.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// The state of the routes. Clones share it.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

struct Inner {
    rpc: ProviderRpc,
    objects: ObjectStore,
    config: HttpConfig,
    member_limits: MemberLimits,
    document: Bytes,
    recent: RecentPlaces,
    negotiations: SourceRates,
}

impl App {
    pub(crate) fn new(rpc: ProviderRpc, config: HttpConfig, document: Bytes) -> Self {
        Self(Arc::new(Inner {
            member_limits: config.limits.of_members(),
            objects: ObjectStore::new(rpc.clone(), StoreLimits::default()),
            rpc,
            config,
            document,
            recent: RecentPlaces::default(),
            negotiations: SourceRates::of_negotiations(),
        }))
    }

    pub(crate) fn rpc(&self) -> &ProviderRpc {
        &self.0.rpc
    }

    pub(crate) fn objects(&self) -> &ObjectStore {
        &self.0.objects
    }

    pub(crate) fn recent(&self) -> &RecentPlaces {
        &self.0.recent
    }

    pub(crate) fn negotiations(&self) -> &SourceRates {
        &self.0.negotiations
    }

    /// Returns the OpenAPI document.
    pub(crate) fn document(&self) -> Bytes {
        self.0.document.clone()
    }

    /// Returns who may read, by the operator.
    pub(crate) fn reads(&self) -> ReadAccess {
        self.0.config.reads
    }

    /// Checks that a request may delete from a bucket. Returns whether this provider has an
    /// agreement for it.
    pub(crate) async fn authorise_delete(
        &self,
        headers: &HeaderMap,
        method: &Method,
        bucket: BucketId,
    ) -> Result<bool, HttpError> {
        let known = self
            .authorise(headers, method, bucket, Right::Admin)
            .await?;
        if known.is_shared && !self.0.config.deletes_shared {
            return Err(HttpError::SharedDeletion);
        }
        Ok(known.is_ours)
    }

    /// Checks that a request may write to a bucket. Returns whether this provider has an agreement
    /// for it.
    pub(crate) async fn authorise_write(
        &self,
        headers: &HeaderMap,
        method: &Method,
        bucket: BucketId,
    ) -> Result<bool, HttpError> {
        let is_ours = self
            .authorise(headers, method, bucket, Right::Write)
            .await?
            .is_ours;
        self.check_not_replica(bucket)?;
        Ok(is_ours)
    }

    /// Refuses writes to a replica's bucket: a copy to which something else is committed is no copy
    /// any more.
    pub(crate) fn check_not_replica(&self, bucket: BucketId) -> Result<(), HttpError> {
        match self.0.rpc.handle().is_replica(bucket) {
            true => Err(HttpError::IsReplica),
            false => Ok(()),
        }
    }

    /// Checks the form of a header before anything is looked for, where only members may read: a
    /// stranger learns nothing from the answer.
    fn check_reader(&self, headers: &HeaderMap) -> Result<(), HttpError> {
        match self.0.config.reads {
            ReadAccess::Everyone => Ok(()),
            ReadAccess::Members => {
                let header = SignedHeader::parse(auth::signed_header(headers)?)?;
                Ok(header.check_time(self.0.member_limits.max_skew)?)
            }
        }
    }

    /// Returns the account that a request which may read was signed by, where only members may
    /// read.
    pub(crate) fn reader(&self, headers: &HeaderMap) -> Result<Option<AccountId>, HttpError> {
        match self.0.config.reads {
            ReadAccess::Everyone => Ok(None),
            ReadAccess::Members => {
                let header = SignedHeader::parse(auth::signed_header(headers)?)?;
                Ok(Some(header.account()))
            }
        }
    }

    /// Checks that an account may still read from a bucket: its role may end while it reads.
    pub(crate) async fn check_still_reads(
        &self,
        account: &AccountId,
        bucket: BucketId,
    ) -> Result<(), HttpError> {
        let (members, limits) = (self.0.rpc.members(), &self.0.member_limits);
        let checked = members.check_still(account, bucket, Right::Read, limits);
        Ok(checked.await?)
    }

    /// Checks that a request may read from a bucket.
    pub(crate) async fn authorise_read(
        &self,
        headers: &HeaderMap,
        method: &Method,
        bucket: BucketId,
    ) -> Result<(), HttpError> {
        match self.0.config.reads {
            ReadAccess::Everyone => Ok(()),
            ReadAccess::Members => {
                let checked = self.authorise(headers, method, bucket, Right::Read);
                checked.await.map(drop)
            }
        }
    }

    /// Checks that a member of a bucket asks, even where everyone may read other content.
    pub(crate) async fn authorise_member(
        &self,
        headers: &HeaderMap,
        method: &Method,
        bucket: BucketId,
    ) -> Result<(), HttpError> {
        let checked = self.authorise(headers, method, bucket, Right::Read);
        checked.await.map(drop)
    }

    async fn authorise(
        &self,
        headers: &HeaderMap,
        method: &Method,
        bucket: BucketId,
        right: Right,
    ) -> Result<BucketMembers, HttpError> {
        // Before the chain is asked, which a stranger's request would not be worth.
        let account = self.signer_of(headers, method, bucket)?;
        self.check_right(&account, bucket, right).await
    }

    /// Returns the account that has signed a request, if it keeps to its rate.
    pub(crate) fn signer_of(
        &self,
        headers: &HeaderMap,
        method: &Method,
        bucket: BucketId,
    ) -> Result<AccountId, HttpError> {
        let header = auth::signed_header(headers)?;
        let method = method.as_str();
        let message = SignedMessage { method, bucket };
        let limits = &self.0.member_limits;
        let signer = self.0.rpc.members().signer_of(header, message, limits);
        if let (Err(MemberError::TooOften), Some(metrics)) = (&signer, &self.0.config.metrics) {
            metrics.record_limited(LimitedBy::Account);
        }
        Ok(signer?)
    }

    /// Checks that an account may write to a bucket now. Returns whether this provider has an
    /// agreement for it.
    pub(crate) async fn check_writer(
        &self,
        account: &AccountId,
        bucket: BucketId,
    ) -> Result<bool, HttpError> {
        let known = self.check_right(account, bucket, Right::Write).await?;
        self.check_not_replica(bucket)?;
        Ok(known.is_ours)
    }

    async fn check_right(
        &self,
        account: &AccountId,
        bucket: BucketId,
        right: Right,
    ) -> Result<BucketMembers, HttpError> {
        let limits = &self.0.member_limits;
        let members = self.0.rpc.members();
        Ok(members.check(account, bucket, right, limits).await?)
    }

    async fn with_bucket<T: Send + 'static, E>(
        &self,
        (class, request): (WorkClass, LeaseRequest),
        bucket: BucketId,
        job: impl FnOnce(&Lease) -> Result<T, E> + Send + 'static,
    ) -> Result<T, HttpError>
    where
        HttpError: From<E>,
    {
        let provider = self.0.rpc.handle().provider.clone();
        let leased = move |left: Duration| {
            let lease = provider.blocking_lease(bucket, request.with_timeout(left))?;
            Ok(job(&lease)?)
        };
        let lanes = self.0.rpc.lanes();
        lanes.serve(class, "working on a bucket", leased).await?
    }

    /// Reads a bucket.
    pub(crate) async fn read<T: Send + 'static, E>(
        &self,
        bucket: BucketId,
        job: impl FnOnce(&Lease) -> Result<T, E> + Send + 'static,
    ) -> Result<T, HttpError>
    where
        HttpError: From<E>,
    {
        let how = (WorkClass::Read, LeaseRequest::read());
        self.with_bucket(how, bucket, job).await
    }

    /// Changes a bucket. One that this provider has an agreement for may not be made yet: it is
    /// waited for.
    pub(crate) async fn write<T: Send + 'static, E>(
        &self,
        bucket: BucketId,
        is_ours: bool,
        job: impl Fn(&Lease) -> Result<T, E> + Clone + Send + 'static,
    ) -> Result<T, HttpError>
    where
        HttpError: From<E>,
    {
        let how = (WorkClass::Write, LeaseRequest::write());
        let handle = self.0.rpc.handle().clone();
        let checked = move |lease: &Lease| -> Result<T, HttpError> {
            // As soon as anything knows it, also before the agreements are read.
            if handle.is_replica(lease.id()) {
                return Err(HttpError::IsReplica);
            }
            Ok(job(lease)?)
        };
        let patience = self.patience(is_ours);
        loop {
            match self
                .with_bucket::<T, HttpError>(how, bucket, checked.clone())
                .await
            {
                Err(error) if patience.waits_after(&error).await => {}
                done => return done,
            }
        }
    }

    /// Returns for how long a request waits for a bucket that may not be made yet.
    pub(crate) fn patience(&self, is_ours: bool) -> Patience {
        Patience {
            until: Instant::now() + self.0.config.limits.finality_grace,
            is_ours,
        }
    }

    /// Runs `job` in the buckets that hold a hash, until it finds something. One look into the
    /// index names them. Returns the bucket and what was found. Where only members may read, a
    /// bucket that the sender may not read is as one without the hash, and few are tried: each is
    /// a signature to verify.
    ///
    /// # Errors
    ///
    /// The first error, if nothing was found.
    pub(crate) async fn find<T: Send + 'static, E>(
        &self,
        request: (&HeaderMap, &Method),
        hash: H256,
        job: impl Fn(&Lease) -> Result<Option<T>, E> + Clone + Send + 'static,
    ) -> Result<Option<(BucketId, T)>, HttpError>
    where
        HttpError: From<E>,
    {
        let (headers, method) = request;
        self.check_reader(headers)?;
        let most = match self.0.config.reads {
            ReadAccess::Everyone => usize::MAX,
            ReadAccess::Members => MAX_CHECKED,
        };
        let provider = self.0.rpc.handle().provider.clone();
        let look = move |_| provider.places(&hash, MAX_PLACES);
        let lanes = self.0.rpc.lanes();
        let indexed = lanes.serve(WorkClass::Read, "looking content up", look);
        let places = self.0.recent.around(hash, indexed.await??);
        let mut failed = None;
        for bucket in places.into_iter().take(most) {
            let found = match self.authorise_read(headers, method, bucket).await {
                Ok(()) => self.read(bucket, job.clone()).await,
                Err(error) if error.is_of_rights() => continue,
                Err(refused) => Err(refused),
            };
            match found {
                Ok(Some(found)) => return Ok(Some((bucket, found))),
                Ok(None) | Err(HttpError::BucketNotFound(_)) => {}
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
        }
        failed.map_or(Ok(None), Err)
    }
}

/// The time for which a request waits for a bucket that this provider has an agreement for.
pub(crate) struct Patience {
    until: Instant,
    is_ours: bool,
}

impl Patience {
    /// Waits, and returns true, if the bucket was not there and may be soon.
    pub(crate) async fn waits_after(&self, error: &HttpError) -> bool {
        let is_absent = matches!(error, HttpError::BucketNotFound(_));
        if !is_absent || !self.is_ours || Instant::now() + RETRY_INTERVAL > self.until {
            return false;
        }
        sleep(RETRY_INTERVAL).await;
        true
    }
}
