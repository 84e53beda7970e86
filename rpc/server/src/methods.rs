//! The methods of the API, implemented over a running provider.
//!
//! No async thread blocks here. Work that reads or writes a bucket goes through its lane to a
//! thread that may block, unless everything it needs is in memory.

mod bucket;
mod events;
mod provider;
mod proving;
#[cfg(test)]
mod tests;
mod write;

use crate::error::{MethodError, too_many};
use crate::exports::ExportFolder;
use crate::lanes::{Lanes, WorkClass};
use crate::limits::Limits;
use crate::members::{MemberGuard, MemberHeader, MemberLimits, Members, Right, SignedMessage};
use crate::policy::Policy;
use cairn_bucket::{ProveError, View};
use cairn_gadget::ExtensionHandle;
use cairn_primitives::{BucketId, StateRef};
use cairn_provider::{Lease, LeaseRequest};
use cairn_rpc_api::{BucketApiServer, Error, OPENRPC, ProviderApiServer, U64OrHex, WriteApiServer};
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::{Extensions, RpcModule};
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// The name under which OpenRPC's clients look for the document of an API.
const DISCOVER: &str = "rpc.discover";

/// The method that a member signs for: a request of JSON-RPC over HTTP is a `POST`. A WebSocket is
/// opened with the same header.
const SIGNED_METHOD: &str = "POST";

/// The RPC of a running provider.
#[derive(Clone)]
pub struct ProviderRpc {
    handle: ExtensionHandle,
    limits: Limits,
    policy: Policy,
    lanes: Lanes,
    exports: Option<ExportFolder>,
    refuses_padding: bool,
    members: Arc<Members>,
    member_limits: MemberLimits,
}

impl ProviderRpc {
    /// Serves a running provider within limits. The policy decides who may call unsafe methods.
    pub fn new(handle: ExtensionHandle, limits: Limits, policy: Policy) -> Self {
        Self {
            members: Arc::new(Members::new(handle.clone())),
            member_limits: MemberLimits::default(),
            handle,
            limits,
            policy,
            lanes: Lanes::new(&limits),
            exports: None,
            refuses_padding: false,
        }
    }

    /// Permits exports of buckets to a folder. Without one, exports are refused.
    #[must_use]
    pub fn with_exports(mut self, folder: ExportFolder) -> Self {
        self.exports = Some(folder);
        self
    }

    /// Refuses leaves whose chunk tree has padding slots, since a challenge of such a slot takes
    /// the stake.
    #[must_use]
    pub fn refusing_padding(mut self) -> Self {
        self.refuses_padding = true;
        self
    }

    /// Sets the limits within which members are known to the methods that change a bucket.
    #[must_use]
    pub fn with_member_limits(mut self, limits: MemberLimits) -> Self {
        self.member_limits = limits;
        self
    }

    /// Returns the members of buckets, for another server of the same provider.
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// Returns the module that a node merges into its own: the methods of the three groups, and
    /// `rpc.discover`. It has no `rpc_methods`, which a node's server adds itself.
    ///
    /// # Errors
    ///
    /// Infallible in practice: method names are distinct.
    pub fn into_rpc(self) -> Result<RpcModule<()>, RegisterMethodError> {
        let mut module = RpcModule::new(());
        module.merge(BucketApiServer::into_rpc(self.clone()))?;
        module.merge(WriteApiServer::into_rpc(self.clone()))?;
        module.merge(ProviderApiServer::into_rpc(self))?;
        module.register_method(DISCOVER, |_, _, _| {
            serde_json::from_str::<&'static RawValue>(OPENRPC)
                .map_err(|error| crate::error::failed("reading its API's document", &error))
        })?;
        Ok(module)
    }

    /// Returns the lanes, for another server of the same provider.
    pub fn lanes(&self) -> Lanes {
        self.lanes.clone()
    }

    /// Returns the view of the running provider.
    pub const fn handle(&self) -> &ExtensionHandle {
        &self.handle
    }

    /// Returns how much one request may ask for.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns whether leaves with padding slots are refused.
    pub const fn refuses_padding(&self) -> bool {
        self.refuses_padding
    }

    /// Returns the guard over the changes of callers who are not the operator.
    pub const fn guard(&self) -> MemberGuard {
        MemberGuard::new(self.refuses_padding)
    }

    /// Registers counts of requests with a Prometheus registry.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] where they are registered already.
    pub fn register_metrics(&self, registry: &Registry) -> Result<(), PrometheusError> {
        self.lanes.register(registry)
    }

    /// Refuses further requests. Requests that are being served end normally.
    pub fn stop(&self) {
        self.lanes.stop();
    }

    /// Returns the reason why the provider is not ready, if it does not follow its chain or takes
    /// no requests. The reason is fit for strangers.
    pub fn not_ready(&self) -> Option<String> {
        if self.lanes.is_stopping() {
            return Some("the provider is stopping".to_owned());
        }
        if let Some(reason) = self.handle.challenges.not_synced() {
            return Some(reason.to_string());
        }
        // The reason names files, which are not for strangers.
        let read_only_reason = self.handle.provider.read_only_reason()?;
        tracing::debug!(read_only_reason, "the provider is not ready");
        Some("nothing is written or signed since its start: its log has the reason".to_owned())
    }

    /// Returns whether the provider follows its chain and takes requests.
    pub fn is_ready(&self) -> bool {
        self.not_ready().is_none()
    }

    fn check_unsafe(&self, extensions: &Extensions) -> Result<(), Error> {
        if self.policy.allows_unsafe(extensions) {
            return Ok(());
        }
        Err(Error::Unsafe)
    }

    /// Checks that a request may change one bucket: the operator permits unsafe methods to it, or a
    /// member of the bucket with the right has signed its header.
    async fn check_member(
        &self,
        extensions: &Extensions,
        bucket: U64OrHex,
        right: Right,
    ) -> Result<(), Error> {
        if self.policy.allows_unsafe(extensions) {
            return Ok(());
        }
        let MemberHeader(header) = extensions.get().ok_or(Error::Unsafe)?;
        let message = SignedMessage {
            method: SIGNED_METHOD,
            bucket: BucketId(bucket.0),
        };
        let authorised = self
            .members
            .authorise(header, message, right, &self.member_limits);
        Ok(authorised.await.map(drop)?)
    }

    /// Reads a bucket.
    async fn read<T: Send + 'static>(
        &self,
        bucket: U64OrHex,
        job: impl FnOnce(&Lease) -> Result<T, MethodError> + Send + 'static,
    ) -> Result<T, Error> {
        self.with_bucket(WorkClass::Read, LeaseRequest::read(), bucket, job)
            .await
    }

    /// Reads one state of a bucket. A state that is in memory is read right here, since a
    /// blocking thread and back takes about as long as the read.
    async fn view<T: Send + 'static>(
        &self,
        bucket: U64OrHex,
        at: StateRef,
        read: impl Fn(&View<'_>) -> Result<T, ProveError> + Send + 'static,
    ) -> Result<T, Error> {
        if let Some(done) = self.view_cached(bucket, at, &read) {
            return Ok(done);
        }
        self.read(bucket, move |lease| {
            Ok(lease.run(|bucket| read(&bucket.view(at)?))?)
        })
        .await
    }

    /// Returns `None` where the read would wait, and where it fails: the caller then repeats it
    /// on a blocking thread, which returns the error.
    fn view_cached<T>(
        &self,
        bucket: U64OrHex,
        at: StateRef,
        read: impl Fn(&View<'_>) -> Result<T, ProveError>,
    ) -> Option<T> {
        let _admission = self.lanes.try_admit(WorkClass::Read)?;
        let lease = self.handle.provider.try_lease(BucketId(bucket.0))?;
        let done = lease.run(|bucket| bucket.view_cached(at).map(|view| read(&view)).transpose());
        done.ok().flatten()
    }

    /// Changes a bucket.
    async fn write<T: Send + 'static>(
        &self,
        bucket: U64OrHex,
        job: impl FnOnce(&Lease) -> Result<T, MethodError> + Send + 'static,
    ) -> Result<T, Error> {
        let handle = self.handle.clone();
        let checked = move |lease: &Lease| -> Result<T, MethodError> {
            // A copy to which something else is committed is no copy any more.
            if handle.is_replica(lease.id()) {
                let message = "this provider is a replica of it: write to a primary provider";
                return Err(Error::invalid("bucket", message).into());
            }
            job(lease)
        };
        self.with_bucket(WorkClass::Write, LeaseRequest::write(), bucket, checked)
            .await
    }

    async fn with_bucket<T: Send + 'static>(
        &self,
        class: WorkClass,
        request: LeaseRequest,
        bucket: U64OrHex,
        job: impl FnOnce(&Lease) -> Result<T, MethodError> + Send + 'static,
    ) -> Result<T, Error> {
        let provider = self.handle.provider.clone();
        let leased = move |left: Duration| {
            let lease = provider.blocking_lease(BucketId(bucket.0), request.with_timeout(left))?;
            job(&lease)
        };
        self.lanes.run(class, "working on a bucket", leased).await
    }
}

impl std::fmt::Debug for ProviderRpc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProviderRpc")
            .field("account", &self.handle.account)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Refuses a list that is longer than one request may have.
fn check_length<T>(parameter: &str, list: &[T], max: u32) -> Result<(), Error> {
    match u32::try_from(list.len()) {
        Ok(length) if length <= max => Ok(()),
        _ => Err(too_many(parameter, list.len(), max)),
    }
}
