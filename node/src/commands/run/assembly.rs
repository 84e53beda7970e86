//! All parts of a provider that run, put together: the same extension that a
//! node loads, over a remote chain.

use super::metrics::failed;
use super::stop::Stopping;
use crate::failure::Failure;
use cairn_node_ext::chain::ChainClient;
use cairn_node_ext::{Extension, ExtensionConfig, Provider, Signer};
use cairn_rpc::{
    CosignerLimits, ExportFolder, Limits, Policy, ProviderRpc, RpcCosigners, RpcMetrics,
};
use std::sync::Arc;
use std::time::Duration;
use substrate_prometheus_endpoint::Registry;
use tokio::task::{JoinError, JoinHandle};

/// What the parts are made of.
pub(super) struct Parts {
    pub(super) chain: Arc<dyn ChainClient>,
    /// Asked for each challenge before it is answered, where there is one.
    pub(super) second: Option<Arc<dyn ChainClient>>,
    pub(super) provider: Arc<Provider>,
    pub(super) signer: Signer,
    pub(super) config: ExtensionConfig,
    pub(super) limits: Limits,
    pub(super) cosigners: CosignerLimits,
    pub(super) exports: Option<ExportFolder>,
    /// Whether leaves are taken of which not all can be proven.
    pub(super) allows_padding: bool,
    pub(super) registry: Option<Registry>,
}

/// What is to run, and what is served of it.
pub(super) struct Assembly {
    pub(super) extension: Extension,
    pub(super) rpc: ProviderRpc,
    pub(super) metrics: Option<RpcMetrics>,
}

/// Puts the parts together. Reads the index, which blocks shortly.
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

/// What runs.
pub(super) struct Running(JoinHandle<()>);

impl Running {
    /// Starts the schedulers.
    pub(super) fn start(extension: Extension, stopping: &Stopping) -> Self {
        let stopping = stopping.clone();
        Self::of(extension.run(async move { stopping.told().await }))
    }

    fn of(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }

    /// Waits until it is time to stop, and then at most `within` for what is
    /// under way. Half a provider loses its stake without a word: what ends
    /// before it is told to has failed.
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
                tracing::warn!("what is still under way is left, as a kill would leave it");
                self.0.abort();
                Ok(())
            }
        }
    }
}

fn early(ended: Result<(), JoinError>) -> Failure {
    Failure::Failed(match ended {
        Ok(()) => "the provider has stopped by itself; its log says why".to_owned(),
        Err(error) => format!("the provider broke off: {error}"),
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
            (Running::of(async { panic!("a fault") }), "broke off"),
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
