//! A running provider in the test's process, over a chain that is only asked for the admins of
//! its buckets.

use crate::support::{Provider, RunResult};
use cairn_bucket::{BasePath, BucketConfig};
use cairn_chain::Head;
use cairn_gadget::{Extension, ExtensionConfig, ExtensionHandle};
use cairn_primitives::challenge::AccountId;
use cairn_primitives::{BucketId, H256, HashingProfile};
use cairn_provider::ProviderOptions;
use cairn_rpc_listener::{ListenerConfig, ListenerHandle, RpcMethods, serve};
use cairn_rpc_server::{ExportFolder, Policy, ProviderRpc, RpcCosigners};
use cairn_testing::StaticChain;
use jsonrpsee::RpcModule;
use jsonrpsee::server::{Server, ServerHandle};
use serde_json::{Value, json};
use sp_core::{Pair, sr25519};
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// The provider's token.
const TOKEN: &str = "00112233445566778899aabbccddeeff";

/// The admin of all buckets.
pub(super) fn admin() -> sr25519::Pair {
    sr25519::Pair::from_seed(&[1; 32])
}

/// A chain that has all buckets of the test.
fn chain(account: AccountId) -> StaticChain {
    let admin = AccountId(admin().public().0);
    (0..10).fold(StaticChain::new(account), |chain, id| {
        chain.with_bucket(BucketId(id), Some(admin), Vec::new())
    })
}

/// A provider with its RPC.
pub(super) struct Fixture {
    runtime: Runtime,
    served: ListenerHandle,
    handle: ExtensionHandle,
    /// The program's environment; the provider has locked its base path.
    pub(super) provider: Provider,
    /// The provider's key.
    pub(super) key: String,
}

impl Fixture {
    pub(super) fn new() -> Self {
        Self::with(RpcMethods::Auto)
    }

    pub(super) fn with(methods: RpcMethods) -> Self {
        Self::of(Provider::new(), methods)
    }

    /// Starts a provider on a base path with a key.
    pub(super) fn of(provider: Provider, methods: RpcMethods) -> Self {
        let base = BasePath::create(provider.base_path()).unwrap();
        let signer = base.keys().signer(None).unwrap();
        let account = AccountId(signer.public());
        let opened = cairn_provider::Provider::open(base, ProviderOptions::default()).unwrap();
        opened.wait_until_indexed();
        let extension = Extension::new(
            Arc::new(chain(account)),
            Arc::new(opened),
            signer,
            Arc::new(RpcCosigners::default()),
            ExtensionConfig::default(),
        );
        let handle = extension.unwrap().handle();
        handle.countersigner.on_finalized_head(Head {
            hash: H256::zero(),
            number: 1,
            anchor: 1,
        });
        let limits = cairn_rpc_server::Limits::default();
        let exports = ExportFolder::open(provider.base_path().parent().unwrap()).unwrap();
        let rpc = ProviderRpc::new(handle.clone(), limits, Policy::default());
        let rpc = rpc.with_exports(exports);
        let config = ListenerConfig {
            methods,
            tokens: vec![TOKEN.parse().unwrap()],
            ..ListenerConfig::default()
        };
        let runtime = Runtime::new().unwrap();
        let served = runtime.block_on(async {
            let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            serve(socket, rpc, config).unwrap()
        });
        Self {
            runtime,
            served,
            key: hex::encode(handle.account.0),
            handle,
            provider,
        }
    }

    /// Returns the file with the token.
    pub(super) fn token_file(&self) -> PathBuf {
        let file = self.provider.file("token", TOKEN.as_bytes());
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        file
    }

    pub(super) fn url(&self) -> String {
        format!("ws://{}", self.served.address())
    }

    /// Writes the address and the token to the base path, as `cairn run` does.
    pub(super) fn write_address(&self, url: &str) {
        let base = self.provider.base_path();
        std::fs::write(base.join("rpc-address"), format!("{url}\n")).unwrap();
        std::fs::copy(self.token_file(), base.join("rpc-token")).unwrap();
    }

    /// Runs the program with the provider's address, token and key, and another base
    /// path.
    pub(super) fn run<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> RunResult {
        self.run_at(&self.url(), args)
    }

    /// Runs the program with another address.
    pub(super) fn run_at<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(
        &self,
        url: &str,
        args: I,
    ) -> RunResult {
        let own: [OsString; 4] = [
            "--provider".into(),
            self.key.clone().into(),
            "--rpc-token-file".into(),
            self.token_file().into_os_string(),
        ];
        let args = args.into_iter().map(|arg| arg.as_ref().to_owned());
        run_at_url(url, own.into_iter().chain(args))
    }

    pub(super) fn json<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(&self, args: I) -> Vec<Value> {
        let args = args.into_iter().map(|arg| arg.as_ref().to_owned());
        self.run(args.chain(["--json".into()])).succeeds().json()
    }

    /// Sets the hashing profile of the provider's chain.
    pub(super) fn set_chain_hashing(&self, hashing: &str) {
        let profile = match hashing {
            "plain" => HashingProfile::Plain,
            "tagged" => HashingProfile::Tagged,
            other => panic!("{other}"),
        };
        let provider = &self.handle.provider;
        provider.assume_chain_hashing(profile).unwrap();
    }

    /// Creates a bucket without the RPC.
    pub(super) fn create_bucket(&self, id: &str) {
        let id = BucketId(id.parse().unwrap());
        let config = BucketConfig::default();
        self.handle.provider.create_bucket(id, config).unwrap();
    }

    /// Deletes a bucket without the RPC, even if it was signed for.
    pub(super) fn delete_bucket(&self, id: &str) {
        let id = BucketId(id.parse().unwrap());
        self.handle.provider.delete_bucket(id).unwrap();
    }

    /// Serves the same provider, with false answers of one method.
    pub(super) fn falsify(&self, about: &'static str, lie: fn(&mut Value)) -> FalsifyingServer {
        let limits = cairn_rpc_server::Limits::default();
        let rpc = ProviderRpc::new(self.handle.clone(), limits, Policy::new(|_| true));
        let honest = rpc.into_rpc().unwrap();
        let names: Vec<_> = honest.method_names().collect();
        let mut module = RpcModule::new(honest);
        for name in names {
            let answer = move |params: jsonrpsee::types::Params<'static>,
                               honest: Arc<RpcModule<()>>,
                               _: jsonrpsee::Extensions| async move {
                let params: Value = params.parse()?;
                let request =
                    json!({ "jsonrpc": "2.0", "id": 0, "method": name, "params": params });
                let answered = honest.raw_json_request(&request.to_string(), 1).await;
                let mut answered: Value = serde_json::from_str(&answered.unwrap().0).unwrap();
                if let Some(error) = answered.get("error") {
                    return Err(serde_json::from_value(error.clone()).unwrap());
                }
                let mut result = answered["result"].take();
                if name == about {
                    lie(&mut result);
                }
                Ok::<_, jsonrpsee::types::ErrorObjectOwned>(result)
            };
            module.register_async_method(name, answer).unwrap();
        }
        let (url, _server) = self.runtime.block_on(async {
            let server = Server::builder().build("127.0.0.1:0").await.unwrap();
            let url = format!("ws://{}", server.local_addr().unwrap());
            (url, server.start(module))
        });
        FalsifyingServer { url, _server }
    }
}

/// A provider that gives false answers.
pub(super) struct FalsifyingServer {
    pub(super) url: String,
    _server: ServerHandle,
}

/// Runs the program with a provider's address, and without a base path.
pub(super) fn run_at_url<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(
    url: &str,
    args: I,
) -> RunResult {
    let mut command = crate::support::program();
    command.args(["--base-path", "/nowhere/at/all", "--rpc", url]);
    command.args(args);
    RunResult::from_command(command, b"")
}
