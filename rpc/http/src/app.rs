//! The state that all routes share: the provider behind its lanes, members, and recent places.

use crate::auth;
use crate::config::{HttpConfig, ReadAccess};
use crate::error::HttpError;
use crate::metrics::LimitedBy;
use crate::places::RecentPlaces;
use crate::rate_limit::SourceRates;
use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use cairn_primitives::{BucketId, H256};
use cairn_provider::{Lease, LeaseRequest};
use cairn_rpc_server::{MemberError, MemberLimits, ProviderRpc, Right, SignedMessage, WorkClass};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The most buckets that are tried for one hash.
const MAX_PLACES: usize = 16;
/// How often a bucket that is about to be made is looked for.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// The state of the routes. Clones share it.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

struct Inner {
    rpc: ProviderRpc,
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

    /// Checks that a request may delete from a bucket.
    pub(crate) async fn authorise_delete(
        &self,
        headers: &HeaderMap,
        method: &Method,
        bucket: BucketId,
    ) -> Result<bool, HttpError> {
        self.authorise(headers, method, bucket, Right::Admin).await
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
            .await?;
        // A copy to which something else is committed is no copy any more.
        match self.0.rpc.handle().replicas.is_replica(bucket) {
            true => Err(HttpError::IsReplica),
            false => Ok(is_ours),
        }
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

    async fn authorise(
        &self,
        headers: &HeaderMap,
        method: &Method,
        bucket: BucketId,
        right: Right,
    ) -> Result<bool, HttpError> {
        let header = auth::signed_header(headers)?;
        let method = method.as_str();
        let message = SignedMessage { method, bucket };
        let limits = &self.0.member_limits;
        let members = self.0.rpc.members();
        let known = members.authorise(header, message, right, limits).await;
        if let (Err(MemberError::TooOften), Some(metrics)) = (&known, &self.0.config.metrics) {
            metrics.record_limited(LimitedBy::Account);
        }
        Ok(known?.is_ours)
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
        let until = Instant::now() + self.0.config.limits.finality_grace;
        let how = (WorkClass::Write, LeaseRequest::write());
        loop {
            let done = self.with_bucket(how, bucket, job.clone()).await;
            let is_absent = matches!(done, Err(HttpError::BucketNotFound(_)));
            if !is_absent || !is_ours || Instant::now() + RETRY_INTERVAL > until {
                return done;
            }
            sleep(RETRY_INTERVAL).await;
        }
    }

    /// Runs `job` in the buckets that hold a hash, until it finds something. One look into the
    /// index names them. Returns the bucket and what was found.
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
        let provider = self.0.rpc.handle().provider.clone();
        let look = move |_| provider.places(&hash, MAX_PLACES);
        let lanes = self.0.rpc.lanes();
        let indexed = lanes.serve(WorkClass::Read, "looking content up", look);
        let places = self.0.recent.around(hash, indexed.await??);
        let mut failed = None;
        for bucket in places {
            let (headers, method) = request;
            let found = match self.authorise_read(headers, method, bucket).await {
                Ok(()) => self.read(bucket, job.clone()).await,
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
