//! The common part of the commands about a provider's record on chain: the connection, the
//! account and its keys, and the chain's token.

mod plan;
mod submission;

pub(crate) use plan::{Amount, as_map};
pub(crate) use submission::{Consent, SubmitArgs};

use crate::account::account;
use crate::data_dir;
use crate::failure::Failure;
use crate::globals::Globals;
use cairn_bucket::BasePath;
use cairn_chain::ChainClient;
use cairn_chain_rpc::{NodeHealth, RpcChainClient, RpcNode};
use cairn_keys::{KeyError, KeyFolder};
use cairn_lifecycle::{Facts, Token};
use cairn_primitives::challenge::AccountId;
use clap::Args;
use std::path::PathBuf;
use tokio::runtime::Runtime;

/// Flags of commands about a provider's record on chain.
#[derive(Args, Clone, Debug)]
pub(crate) struct ChainArgs {
    /// WebSocket of a node of the chain, such as ws://127.0.0.1:9944
    #[arg(long, value_name = "URL", value_parser = chain_url)]
    pub(crate) chain: String,
    #[command(flatten)]
    pub(crate) keys: KeyArgs,
}

/// Flags that name the account and its keys.
#[derive(Args, Clone, Debug)]
pub(crate) struct KeyArgs {
    /// The provider's account: its public key in hex or SS58 [default: the only key in the base
    /// path]
    #[arg(long, visible_alias = "key", value_name = "KEY", value_parser = account)]
    account: Option<[u8; 32]>,
    /// The public key, in hex or SS58, that signs commitments, if it is not the account's
    /// [default: the account's]
    #[arg(long, value_name = "KEY", value_parser = account)]
    signing_key: Option<[u8; 32]>,
}

/// Parses the URL of a node's WebSocket.
pub(crate) fn chain_url(text: &str) -> Result<String, String> {
    let url = text.trim();
    let host = url
        .strip_prefix("ws://")
        .or_else(|| url.strip_prefix("wss://"));
    match host {
        Some(host) if !host.is_empty() => Ok(url.to_owned()),
        _ => Err("expected a node's WebSocket: ws://127.0.0.1:9944 or wss://host".to_owned()),
    }
}

/// An account on a chain, as its operator works with it.
pub(crate) struct Operator {
    pub(crate) url: String,
    pub(crate) base_path: PathBuf,
    pub(crate) client: RpcChainClient,
    /// The key that signs commitments.
    pub(crate) signing_key: [u8; 32],
    /// True if the account's key is here, so that calls can be signed.
    pub(crate) can_sign: bool,
    pub(crate) token: Token,
    pub(crate) chain_name: String,
    pub(crate) health: Option<NodeHealth>,
    runtime: Runtime,
}

impl KeyArgs {
    /// Returns the account: the one that is named, or the only key.
    pub(crate) fn account(&self, keys: &KeyFolder) -> Result<[u8; 32], KeyError> {
        match self.account {
            Some(account) => Ok(account),
            None => Ok(keys.signer(None)?.public()),
        }
    }

    /// Returns the key that signs commitments for an account.
    pub(crate) fn signing_key(&self, account: [u8; 32]) -> [u8; 32] {
        self.signing_key.unwrap_or(account)
    }
}

impl Operator {
    /// Connects to the chain for the account. The base path may be locked by a running
    /// provider.
    ///
    /// # Errors
    ///
    /// Fails if no account is named and there is not exactly one key, or if the node cannot be
    /// reached.
    pub(crate) fn connect(args: &ChainArgs, globals: &Globals) -> Result<Self, Failure> {
        let base_path = data_dir::base_path(globals.base_path.as_ref())?;
        let keys = BasePath::keys_in(&base_path);
        let account = args.keys.account(&keys)?;
        let node = RpcNode::new(&args.chain);
        let (client, can_sign) = match keys.signer(Some(account)) {
            Ok(signer) => (RpcChainClient::new(node, signer), true),
            Err(KeyError::NoSuchKey { .. } | KeyError::None { .. }) => {
                (RpcChainClient::watching(node, AccountId(account)), false)
            }
            Err(error) => return Err(error.into()),
        };
        let runtime = new_runtime()?;
        let (chain_name, token, health) = runtime.block_on(async {
            client.genesis().await?;
            let name = client.node().chain_name().await?;
            let token = client.node().token().await?;
            Ok::<_, Failure>((name, token, client.node().health().await.ok()))
        })?;
        // A node may tell no token, or one that cannot be written.
        let token = token.and_then(|(decimals, symbol)| Token::new(decimals, &symbol));
        Ok(Self {
            url: args.chain.clone(),
            base_path,
            signing_key: args.keys.signing_key(account),
            client,
            can_sign,
            token: token.unwrap_or_else(Token::smallest),
            chain_name,
            health,
            runtime,
        })
    }

    /// Returns the account.
    pub(crate) fn account(&self) -> AccountId {
        self.client.account()
    }

    /// Waits for work.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Reads what the chain knows of the account.
    pub(crate) fn facts(&self) -> Result<Facts, Failure> {
        Ok(self.block_on(Facts::read(&self.client))?)
    }

    /// Parses an amount of the chain's token.
    pub(crate) fn amount(&self, flag: &str, text: &str) -> Result<u128, Failure> {
        let parsed = self.token.parse(text);
        parsed.map_err(|error| Failure::Usage(format!("{flag}: {error}")))
    }
}

/// Starts the threads for a connection: two, so that pings are answered during a wait.
pub(crate) fn new_runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("cairn-chain")
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("cannot start threads: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_websocket_urls_are_accepted() {
        assert_eq!(chain_url(" wss://a.example ").unwrap(), "wss://a.example");
        for text in ["http://127.0.0.1:9944", "127.0.0.1:9944", "ws://", ""] {
            assert!(chain_url(text).is_err(), "{text}");
        }
    }
}
