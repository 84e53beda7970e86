//! A provider with its workers over a simulated chain, which has agreements for two buckets.

use cairn_bucket::{BasePath, BucketConfig};
use cairn_gadget::{Extension, ExtensionConfig, ExtensionHandle};
use cairn_primitives::BucketId;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::onchain::{Agreement, RegisteredKey};
use cairn_provider::{Provider, ProviderOptions};
use cairn_rpc_server::{Limits, Policy, ProviderRpc, RpcCosigners};
use cairn_testing::{LIMITS, SimulatedChain};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The buckets that it has an agreement for.
pub(crate) const BUCKETS: [BucketId; 2] = [BucketId(7), BucketId(8)];

/// A provider that runs.
pub(crate) struct RunningProvider {
    pub(crate) handle: ExtensionHandle,
    pub(crate) rpc: ProviderRpc,
    pub(crate) chain: SimulatedChain,
    /// Kept alive: the workers end with it.
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl RunningProvider {
    /// Starts a provider in a folder, which may have one from before.
    pub(crate) async fn start(folder: &Path) -> Self {
        let base = match folder.exists() {
            true => BasePath::open(folder, cairn_engine::Access::ReadWrite).unwrap(),
            false => BasePath::create(folder).unwrap(),
        };
        base.keys().insert("//Alice").unwrap();
        let signer = base.keys().signer(None).unwrap();
        let own = AccountId(signer.public());
        let chain = SimulatedChain::new(LIMITS);
        chain.edit(move |pallet| {
            pallet.register(own, RegisteredKey::from(own.0));
            for bucket in BUCKETS {
                let agreement = Agreement::primary(AccountId([1; 32]), 1 << 40, 1_000);
                pallet.add_bucket(bucket, own, agreement);
            }
        });
        chain.advance();
        let provider = Provider::open(base, ProviderOptions::default()).unwrap();
        for bucket in BUCKETS {
            // It may be there already.
            let _ = provider.create_bucket(bucket, BucketConfig::default());
        }
        let extension = Extension::new(
            chain.client(own),
            Arc::new(provider),
            signer,
            Arc::new(RpcCosigners::default()),
            ExtensionConfig::default(),
        );
        let extension = extension.unwrap();
        let handle = extension.handle();
        let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
        tokio::spawn(extension.run(async {
            let _ = stopping.await;
        }));
        for _ in 0..2_000 {
            let is_known = handle.countersigner.on_chain(BUCKETS[0]).await.is_ok();
            let may_sign = handle.provider.signing_off_reason().is_none();
            if is_known && may_sign && handle.challenges.is_synced() {
                break;
            }
            chain.advance();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let rpc = ProviderRpc::new(handle.clone(), Limits::default(), Policy::default());
        Self {
            handle,
            rpc: rpc.refusing_padding(),
            chain,
            _stop: stop,
        }
    }
}
