//! Assembles the parts of a running provider: the same extension that a node loads, over a
//! remote chain.

use super::metrics::failed;
use super::stop::Stopping;
use crate::failure::Failure;
use cairn_chain::ChainClient;
use cairn_gadget::{Extension, ExtensionConfig};
use cairn_keys::Signer;
use cairn_provider::Provider;
use cairn_rpc_listener::RpcMetrics;
use cairn_rpc_server::{CosignerLimits, ExportFolder, Limits, Policy, ProviderRpc, RpcCosigners};
use std::sync::Arc;
use std::time::Duration;
use substrate_prometheus_endpoint::Registry;
use tokio::task::{JoinError, JoinHandle};

/// The parts to assemble.
pub(super) struct Parts {
    pub(super) chain: Arc<dyn ChainClient>,
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
}

/// The assembled provider.
pub(super) struct Assembly {
    pub(super) extension: Extension,
    pub(super) rpc: ProviderRpc,
    pub(super) metrics: Option<RpcMetrics>,
}

/// Assembles the parts. Reads the index, which blocks for a short time.
pub(super) fn assemble(parts: Parts) -> Result<Assembly, Failure> {
    let mut extension = Extension::new(
        parts.chain,
        parts.provider,
        parts.signer,
        Arc::new(RpcCosigners::new(parts.cosigners)),
        parts.config,
    )
    .map_err(|error| Failure::Failed(error.to_string()))?;
    if let Some(second) = parts.second {
        extension = extension.with_second_chain(second);
    }
    let mut rpc = ProviderRpc::new(extension.handle(), parts.limits, Policy::default());
    if !parts.allows_padding {
        rpc = rpc.refusing_padding();
    }
    if let Some(folder) = parts.exports {
        rpc = rpc.with_exports(folder);
    }
    let mut metrics = None;
    if let Some(registry) = &parts.registry {
        let counted = extension.register_metrics(registry);
        counted
            .and_then(|()| rpc.register_metrics(registry))
            .map_err(failed)?;
        metrics = Some(RpcMetrics::register(registry).map_err(failed)?);
    }
    Ok(Assembly {
        extension,
        rpc,
        metrics,
    })
}

/// The running workers.
pub(super) struct Running(JoinHandle<()>);

impl Running {
    /// Starts the workers.
    pub(super) fn start(extension: Extension, stopping: &Stopping) -> Self {
        let stopping = stopping.clone();
        Self::of(extension.run(async move { stopping.told().await }))
    }

    fn of(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }

    /// Waits for the stop, and then at most `within` for work in progress.
    ///
    /// # Errors
    ///
    /// Fails if the workers end before the stop: a provider without them would lose its
    /// stake silently.
    pub(super) async fn until_stopped(
        mut self,
        stopping: &Stopping,
        within: Duration,
    ) -> Result<(), Failure> {
        tokio::select! {
            biased;
            () = stopping.told() => {}
            ended = &mut self.0 => return Err(early(ended)),
        }
        match tokio::time::timeout(within, &mut self.0).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(early(Err(error))),
            Err(_) => {
                tracing::warn!("abandoning work that is still in progress, as a kill would");
                self.0.abort();
                Ok(())
            }
        }
    }
}

fn early(ended: Result<(), JoinError>) -> Failure {
    Failure::Failed(match ended {
        Ok(()) => "the provider has stopped by itself; its log has the reason".to_owned(),
        Err(error) => format!("the provider was aborted: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    const SOON: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn what_ends_or_breaks_off_before_it_is_told_to_has_failed() {
        let stopping = Stopping::never();
        for (work, said) in [
            (Running::of(ready(())), "has stopped by itself"),
            (Running::of(async { panic!("a fault") }), "was aborted"),
        ] {
            let ended = work.until_stopped(&stopping, SOON).await.unwrap_err();
            assert!(ended.to_string().contains(said), "{ended}");
        }
    }

    #[tokio::test]
    async fn a_stop_waits_for_what_is_under_way_and_not_for_ever() {
        let stopping = Stopping::never();
        let deaf = Running::of(pending());
        stopping.stop();
        deaf.until_stopped(&stopping, SOON).await.unwrap();
        let told = stopping.clone();
        let hears = Running::of(async move { told.told().await });
        hears.until_stopped(&stopping, SOON).await.unwrap();
    }
}
