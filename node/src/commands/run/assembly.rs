//! Assembles the parts of a running provider: the same extension that a node loads, over a
//! remote chain.

use super::metrics_port::metrics_failure;
use super::shutdown::Shutdown;
use crate::failure::Failure;
use cairn_chain::{ChainClient, ReplicaClient};
use cairn_gadget::{Extension, ExtensionConfig, HttpReplicaPeers, ReplicaConfig};
use cairn_http::HttpMetrics;
use cairn_keys::Signer;
use cairn_provider::Provider;
use cairn_replica::HttpPeerLimits;
use cairn_rpc_listener::RpcMetrics;
use cairn_rpc_server::{CosignerLimits, ExportFolder, Limits, Policy, ProviderRpc, RpcCosigners};
use std::sync::Arc;
use std::time::Duration;
use substrate_prometheus_endpoint::Registry;
use tokio::task::{JoinError, JoinHandle};

/// The parts to assemble.
pub(super) struct AssemblyParts {
    pub(super) chain: Arc<dyn ChainClient>,
    /// The chain as a replica asks it.
    pub(super) replicas: Arc<dyn ReplicaClient>,
    /// True if replicas are copied and confirmed.
    pub(super) synchronises_replicas: bool,
    /// A second node that must confirm each challenge before it is answered.
    pub(super) second: Option<Arc<dyn ChainClient>>,
    pub(super) provider: Arc<Provider>,
    pub(super) signer: Signer,
    pub(super) config: ExtensionConfig,
    pub(super) limits: Limits,
    pub(super) cosigners: CosignerLimits,
    pub(super) exports: Option<ExportFolder>,
    /// True if leaves with padding slots are accepted.
    pub(super) allows_padding: bool,
    pub(super) registry: Option<Registry>,
    /// True if the HTTP API is served, and so counted.
    pub(super) serves_http: bool,
}

/// The assembled provider.
pub(super) struct Assembly {
    pub(super) extension: Extension,
    pub(super) rpc: ProviderRpc,
    pub(super) metrics: Option<RpcMetrics>,
    pub(super) http_metrics: Option<HttpMetrics>,
}

/// Assembles the parts. Reads the index, which blocks for a short time.
pub(super) fn assemble(parts: AssemblyParts) -> Result<Assembly, Failure> {
    let mut extension = Extension::new(
        parts.chain,
        parts.provider,
        parts.signer,
        Arc::new(RpcCosigners::new(parts.cosigners)),
        parts.config,
    )
    .map_err(|error| Failure::Failed(error.to_string()))?;
    let peers = HttpReplicaPeers {
        limits: HttpPeerLimits {
            allow_private: parts.cosigners.allow_private,
            ..HttpPeerLimits::default()
        },
    };
    let replicas = ReplicaConfig {
        synchronises: parts.synchronises_replicas,
        ..ReplicaConfig::default()
    };
    extension = extension.with_replicas(parts.replicas, Arc::new(peers), replicas);
    if let Some(second) = parts.second {
        extension = extension.with_second_node(second);
    }
    let mut rpc = ProviderRpc::new(extension.handle(), parts.limits, Policy::default());
    if !parts.allows_padding {
        rpc = rpc.refusing_padding();
    }
    if let Some(folder) = parts.exports {
        rpc = rpc.with_exports(folder);
    }
    let (mut metrics, mut http_metrics) = (None, None);
    if let Some(registry) = &parts.registry {
        let counted = extension.register_metrics(registry);
        counted
            .and_then(|()| rpc.register_metrics(registry))
            .map_err(metrics_failure)?;
        metrics = Some(RpcMetrics::register(registry).map_err(metrics_failure)?);
        if parts.serves_http {
            http_metrics = Some(HttpMetrics::register(registry).map_err(metrics_failure)?);
        }
    }
    Ok(Assembly {
        extension,
        rpc,
        metrics,
        http_metrics,
    })
}

/// The running workers.
pub(super) struct RunningGadget(JoinHandle<()>);

impl RunningGadget {
    /// Starts the workers.
    pub(super) fn start(extension: Extension, stopping: &Shutdown) -> Self {
        let stopping = stopping.clone();
        Self::spawn(extension.run(async move { stopping.triggered().await }))
    }

    fn spawn(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }

    /// Waits for the stop, and then at most `within` for work in progress.
    ///
    /// # Errors
    ///
    /// Fails if the workers end before the stop: a provider without them would lose its
    /// stake silently.
    pub(super) async fn run_until_shutdown(
        mut self,
        stopping: &Shutdown,
        within: Duration,
    ) -> Result<(), Failure> {
        tokio::select! {
            biased;
            () = stopping.triggered() => {}
            // The workers may hear of the stop between the polls of these two.
            ended = &mut self.0 => return end_of(ended, stopping),
        }
        match tokio::time::timeout(within, &mut self.0).await {
            Ok(ended) => end_of(ended, stopping),
            Err(_) => {
                tracing::warn!("abandoning work that is still in progress, as a kill would");
                self.0.abort();
                Ok(())
            }
        }
    }
}

/// Returns what the workers' end means: it is a failure unless they were to stop.
fn end_of(ended: Result<(), JoinError>, stopping: &Shutdown) -> Result<(), Failure> {
    match ended {
        Ok(()) if stopping.is_triggered() => Ok(()),
        Ok(()) => Err(Failure::Failed(
            "the provider has stopped by itself; its log has the reason".to_owned(),
        )),
        Err(error) => Err(Failure::Failed(format!(
            "the provider was aborted: {error}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    const TEST_TIMEOUT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn an_end_before_the_shutdown_is_a_failure() {
        let stopping = Shutdown::manual();
        for (work, said) in [
            (RunningGadget::spawn(ready(())), "has stopped by itself"),
            (
                RunningGadget::spawn(async { panic!("a fault") }),
                "was aborted",
            ),
        ] {
            let ended = work
                .run_until_shutdown(&stopping, TEST_TIMEOUT)
                .await
                .unwrap_err();
            assert!(ended.to_string().contains(said), "{ended}");
        }
    }

    #[test]
    fn an_end_that_is_seen_before_the_shutdown_that_caused_it_is_no_failure() {
        let stopping = Shutdown::manual();
        assert!(end_of(Ok(()), &stopping).is_err());
        stopping.trigger();
        assert!(end_of(Ok(()), &stopping).is_ok());
    }

    #[tokio::test]
    async fn a_shutdown_waits_for_work_up_to_a_limit() {
        let stopping = Shutdown::manual();
        let deaf = RunningGadget::spawn(pending());
        stopping.trigger();
        deaf.run_until_shutdown(&stopping, TEST_TIMEOUT)
            .await
            .unwrap();
        let trigger = stopping.clone();
        let hears = RunningGadget::spawn(async move { trigger.triggered().await });
        hears
            .run_until_shutdown(&stopping, TEST_TIMEOUT)
            .await
            .unwrap();
    }
}
