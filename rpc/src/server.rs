//! The methods, over what a running provider can be asked.
//!
//! Nothing here blocks an async thread: what reads or writes a bucket goes
//! through its lane to a thread that may, unless all of it is in memory.

mod bucket;
mod news;
mod provider;
mod proving;
mod store;
#[cfg(test)]
mod tests;

use crate::api::{BucketApiServer, BucketStoreApiServer, ProviderApiServer};
use crate::error::Error;
use crate::exports::ExportFolder;
use crate::lanes::{Lanes, Work};
use crate::limits::Limits;
use crate::policy::Policy;
use crate::types::Uint;
use cairn_bucket::{At, ProveError, View};
use cairn_gadget::ExtensionHandle;
use cairn_primitives::BucketId;
use cairn_provider::{Lease, Wanted};
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::{Extensions, RpcModule};
use std::time::Duration;
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// Serves a provider that runs.
#[derive(Clone)]
pub struct ProviderRpc {
    handle: ExtensionHandle,
    limits: Limits,
    policy: Policy,
    lanes: Lanes,
    exports: Option<ExportFolder>,
    refuses_padding: bool,
}

impl ProviderRpc {
    /// Serves what a running provider can be asked, within limits; who may call
    /// unsafe methods is the policy's to say.
    pub fn new(handle: ExtensionHandle, limits: Limits, policy: Policy) -> Self {
        Self {
            handle,
            limits,
            policy,
            lanes: Lanes::new(&limits),
            exports: None,
            refuses_padding: false,
        }
    }

    /// Lets buckets be copied out into a folder. Without one they are not.
    #[must_use]
    pub fn with_exports(mut self, folder: ExportFolder) -> Self {
        self.exports = Some(folder);
        self
    }

    /// Takes no leaf whose chunk tree has slots that only pad it, since anyone who
    /// challenges one takes the stake.
    #[must_use]
    pub fn refusing_padding(mut self) -> Self {
        self.refuses_padding = true;
        self
    }

    /// The module that a node merges, whatever its context.
    ///
    /// # Errors
    ///
    /// None that comes about: no two of its methods have one name.
    pub fn into_rpc(self) -> Result<RpcModule<()>, RegisterMethodError> {
        let mut module = RpcModule::new(());
        module.merge(BucketApiServer::into_rpc(self.clone()))?;
        module.merge(BucketStoreApiServer::into_rpc(self.clone()))?;
        module.merge(ProviderApiServer::into_rpc(self))?;
        Ok(module)
    }

    /// Registers what is counted of requests with a node's registry.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] where it is registered already.
    pub fn register_metrics(&self, registry: &Registry) -> Result<(), PrometheusError> {
        self.lanes.register(registry)
    }

    /// Takes nothing more; what is being done is ended.
    pub fn stop(&self) {
        self.lanes.stop();
    }

    /// Why the provider is not ready, where it does not follow its chain or
    /// takes no requests. Anybody may know.
    pub fn not_ready(&self) -> Option<String> {
        if self.lanes.is_stopping() {
            return Some("the provider is stopping".to_owned());
        }
        if let Some(reason) = self.handle.challenges.not_followed() {
            return Some(reason.to_string());
        }
        // Why tells of files, which are nobody else's business.
        let writes_nothing = self.handle.provider.writes_nothing()?;
        tracing::debug!(writes_nothing, "asked whether it is ready");
        Some("nothing is written or signed since its start: the log says why".to_owned())
    }

    /// Whether the provider follows its chain, and takes requests.
    pub fn is_ready(&self) -> bool {
        self.not_ready().is_none()
    }

    fn check_unsafe(&self, extensions: &Extensions) -> Result<(), Error> {
        if self.policy.allows_unsafe(extensions) {
            return Ok(());
        }
        Err(Error::Unsafe)
    }

    /// Reads a bucket.
    async fn read<T: Send + 'static>(
        &self,
        bucket: Uint,
        job: impl FnOnce(&Lease) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.with_bucket(Work::Read, Wanted::read(), bucket, job)
            .await
    }

    /// Reads one state of a bucket: at once where all of it is in memory, since
    /// the way to a thread that may block and back takes about as long.
    async fn view<T: Send + 'static>(
        &self,
        bucket: Uint,
        at: At,
        of: impl Fn(&View<'_>) -> Result<T, ProveError> + Send + 'static,
    ) -> Result<T, Error> {
        if let Some(done) = self.at_hand(bucket, at, &of) {
            return Ok(done);
        }
        self.read(bucket, move |lease| {
            Ok(lease.run(|bucket| of(&bucket.view(at)?))?)
        })
        .await
    }

    /// Nothing where it has to be waited for, or fails: then that is found out,
    /// and told of, where waiting is allowed.
    fn at_hand<T>(
        &self,
        bucket: Uint,
        at: At,
        of: impl Fn(&View<'_>) -> Result<T, ProveError>,
    ) -> Option<T> {
        let _place = self.lanes.place_at_hand(Work::Read)?;
        let lease = self.handle.provider.lease_at_hand(BucketId(bucket.0))?;
        let done = lease.run(|bucket| bucket.view_at_hand(at).map(|view| of(&view)).transpose());
        done.ok().flatten()
    }

    /// Changes a bucket.
    async fn write<T: Send + 'static>(
        &self,
        bucket: Uint,
        job: impl FnOnce(&Lease) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.with_bucket(Work::Write, Wanted::write(), bucket, job)
            .await
    }

    async fn with_bucket<T: Send + 'static>(
        &self,
        work: Work,
        wanted: Wanted,
        bucket: Uint,
        job: impl FnOnce(&Lease) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let provider = self.handle.provider.clone();
        let leased = move |left: Duration| {
            let lease = provider.lease(BucketId(bucket.0), wanted.within(left))?;
            job(&lease)
        };
        self.lanes.run(work, "working on a bucket", leased).await
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
fn check_length<T>(parameter: &str, list: &[T], most: u32) -> Result<(), Error> {
    match u32::try_from(list.len()) {
        Ok(length) if length <= most => Ok(()),
        _ => Err(Error::too_many(parameter, list.len(), most)),
    }
}
