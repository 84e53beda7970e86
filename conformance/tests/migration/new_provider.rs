//! Cairn over an imported base path, on a given port.

use crate::writer::Era;
use cairn_bucket::BasePath;
use cairn_gadget::{Extension, ExtensionConfig};
use cairn_http::{HttpConfig, HttpHandle, serve};
use cairn_primitives::challenge::{AccountId, Role};
use cairn_primitives::onchain::{Agreement, RegisteredKey};
use cairn_primitives::{BucketId, HashingProfile};
use cairn_provider::{Provider, ProviderOptions};
use cairn_rpc_server::{Limits, Policy, ProviderRpc, RpcCosigners};
use cairn_testing::{LIMITS, SimulatedChain};
use sp_core::{Pair, sr25519};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

pub(crate) struct NewProvider {
    served: HttpHandle,
    _stop: tokio::sync::oneshot::Sender<()>,
}

fn account(suri: &str) -> AccountId {
    let pair = sr25519::Pair::from_string(suri, None).unwrap();
    AccountId(pair.public().0)
}

impl NewProvider {
    pub(crate) fn create_base(path: &Path) -> BasePath {
        let base = BasePath::create(path).unwrap();
        base.keys().insert("//Alice").unwrap();
        base
    }

    /// Serves what was imported, and waits until the chain is followed.
    pub(crate) async fn start(base: BasePath, era: Era, port: u16) -> Self {
        let signer = base.keys().signer(None).unwrap();
        let own = AccountId(signer.public());
        let profile = match era {
            Era::D => HashingProfile::Tagged,
            _ => HashingProfile::Plain,
        };
        let mut limits = LIMITS;
        limits.profile = profile;
        let chain = SimulatedChain::new(limits);
        chain.edit(move |pallet| {
            pallet.register(own, RegisteredKey::from(own.0));
            for bucket in [7, 8, 9, 1 << 40] {
                let id = BucketId(bucket);
                let agreement = Agreement::primary(account("//Owner"), 1 << 30, 1_000);
                pallet.add_bucket(id, own, agreement);
                let members = &mut pallet.buckets.get_mut(&id).unwrap().members;
                members.push((account("//Writer"), Role::Writer));
            }
        });
        chain.advance();
        let provider = Arc::new(Provider::open(base, ProviderOptions::default()).unwrap());
        let cosigners = Arc::new(RpcCosigners::default());
        let config = ExtensionConfig::default();
        let client = chain.client(own);
        let extension = Extension::new(client, provider, signer, cosigners, config).unwrap();
        let handle = extension.handle();
        let (stop, stopping) = tokio::sync::oneshot::channel::<()>();
        tokio::spawn(extension.run(async {
            let _ = stopping.await;
        }));
        let mut tries = 0;
        while !handle.challenges.is_synced()
            || handle.countersigner.on_chain(BucketId(7)).await.is_err()
            // Until its buckets have been compared with the chain.
            || handle.provider.signing_off_reason().is_some()
        {
            assert!(tries < 2_000, "the workers do not follow the chain");
            tries += 1;
            chain.advance();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let rpc = ProviderRpc::new(handle, Limits::default(), Policy::default());
        let socket = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        Self {
            served: serve(socket, rpc, HttpConfig::default()).unwrap(),
            _stop: stop,
        }
    }

    pub(crate) async fn stop(self) {
        assert!(self.served.stop(Duration::from_secs(30)).await);
    }
}
