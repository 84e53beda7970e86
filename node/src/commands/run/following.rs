//! The chain that is followed, and what it has of this provider; or that it is
//! away, and what that means.

use crate::failure::Failure;
use crate::hex_text::to_hex;
use cairn_node_ext::Signer;
use cairn_node_ext::chain::{ChainClient, ChainError, SubxtClient};
use cairn_primitives::onchain::{Limits, MultiSigner, ProviderInfo};
use futures::StreamExt;
use serde::Serialize;
use sp_core::crypto::Ss58Codec;
use sp_core::sr25519;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Before a chain that was away at the start is asked again what it has of the
/// provider: a block's time.
const ASK_AGAIN: Duration = Duration::from_secs(6);

/// The chain at its finalized head.
#[derive(Serialize)]
pub(super) struct Following {
    chain: String,
    /// Why it is not reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    away: Option<String>,
    genesis: Option<String>,
    #[serde(flatten)]
    at: Option<At>,
    account: String,
    ss58: String,
    registered: Option<Registered>,
}

/// A finalized block, and what the chain holds providers to there.
#[derive(Serialize)]
struct At {
    block: u32,
    anchor: u32,
    answer_within: u32,
    strict_leaf_binding: bool,
}

/// What the chain has of the provider.
#[derive(Serialize)]
struct Registered {
    stake: u128,
    defended: u64,
    lost: u64,
    endpoint: String,
    /// Whether its signatures are checked with the key that signs here.
    key_is_here: bool,
}

impl Registered {
    fn of(info: &ProviderInfo, signer: &Signer) -> Self {
        Self {
            stake: info.stake,
            defended: info.defended,
            lost: info.lost,
            endpoint: String::from_utf8_lossy(&info.endpoint).into_owned(),
            key_is_here: info.key == MultiSigner::Sr25519(signer.public()),
        }
    }
}

impl Following {
    /// The answer of a chain, or that it is away. One that is there and is no chain
    /// for a provider is an error.
    pub(super) async fn of(
        url: &str,
        chain: &SubxtClient,
        signer: &Signer,
    ) -> Result<Self, Failure> {
        match Self::ask(url, chain, signer).await {
            Ok(following) => Ok(following),
            Err(error) if error.is_passing() => {
                tracing::error!(
                    chain = url, %error,
                    "THE CHAIN IS AWAY: no challenge is seen or answered until it is reached. \
                     What is stored is served meanwhile"
                );
                Ok(Self::new(url, chain, signer, Some(error.to_string())))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn new(url: &str, chain: &SubxtClient, signer: &Signer, away: Option<String>) -> Self {
        let public = signer.public();
        Self {
            chain: url.to_owned(),
            away,
            genesis: chain.genesis().map(to_hex),
            at: None,
            account: to_hex(public),
            ss58: sr25519::Public::from_raw(public).to_ss58check(),
            registered: None,
        }
    }

    async fn ask(url: &str, chain: &SubxtClient, signer: &Signer) -> Result<Self, ChainError> {
        chain.reach().await?;
        let head = chain.finalized_heads().await?.next().await;
        let head = head.ok_or_else(|| ChainError::Unreachable(url.to_owned()))?;
        let Limits {
            challenge_period,
            strict_leaf_binding,
            ..
        } = chain.limits(head.hash).await?;
        let mut following = Self::new(url, chain, signer, None);
        following.at = Some(At {
            block: head.number,
            anchor: head.anchor,
            answer_within: challenge_period,
            strict_leaf_binding,
        });
        match chain.provider(head.hash).await {
            Ok(registered) => {
                following.registered = registered.map(|info| Registered::of(&info, signer));
                following.warn();
            }
            // Challenges are answered without.
            Err(error) => {
                tracing::warn!(%error, "the chain does not tell of the provider's account")
            }
        }
        Ok(following)
    }

    /// Whether the chain was not reached.
    pub(super) const fn is_away(&self) -> bool {
        self.away.is_some()
    }

    /// The chain's genesis hash in hex.
    pub(super) fn genesis(&self) -> Option<&str> {
        self.genesis.as_deref()
    }

    /// Warns of what will keep the provider from its work.
    fn warn(&self) {
        match &self.registered {
            None => tracing::warn!(
                account = self.ss58,
                "the chain knows no provider of this account: register it, or name another account"
            ),
            Some(registered) if !registered.key_is_here => tracing::warn!(
                account = self.ss58,
                "the chain checks the provider's signatures with another key than this one: what \
                 is signed here counts for nothing until the key is registered"
            ),
            Some(registered) if registered.stake == 0 => tracing::warn!(
                account = self.ss58,
                "the provider has nothing at stake: was it slashed?"
            ),
            Some(_) => {}
        }
    }
}

/// Tells what a chain has of the provider once it is reached.
pub(super) fn tell_when_it_comes(url: String, chain: Arc<SubxtClient>, signer: Signer) {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(ASK_AGAIN).await;
            match Following::ask(&url, &chain, &signer).await {
                Ok(following) => {
                    let genesis = following.genesis.as_deref();
                    tracing::info!(
                        chain = url,
                        genesis,
                        "the chain is reached, and is followed"
                    );
                    return;
                }
                Err(error) if error.is_passing() => {}
                Err(error) => {
                    tracing::error!(
                        chain = url, %error,
                        "the chain is reached, and challenges on it cannot be answered"
                    );
                    return;
                }
            }
        }
    });
}

impl fmt::Display for Following {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "chain         {}", self.chain)?;
        if let Some(genesis) = &self.genesis {
            writeln!(f, "genesis       {genesis}")?;
        }
        let Some(at) = &self.at else {
            let away = self.away.as_deref().unwrap_or("it tells nothing");
            writeln!(f, "finalized     unknown: {away}")?;
            writeln!(
                f,
                "challenges    NOT ANSWERED until the chain is reached; it is asked again"
            )?;
            return write!(f, "account       {} ({})", self.ss58, self.account);
        };
        let rule = match at.strict_leaf_binding {
            true => "leaves bound to their index",
            false => "leaves not bound to their index",
        };
        writeln!(
            f,
            "finalized     block {}, anchor block {}",
            at.block, at.anchor
        )?;
        writeln!(
            f,
            "challenges    to be answered within {} anchor blocks; {rule}",
            at.answer_within
        )?;
        writeln!(f, "account       {} ({})", self.ss58, self.account)?;
        match &self.registered {
            None => write!(f, "stake         none: the chain knows no such provider"),
            Some(registered) => write!(
                f,
                "stake         {}; {} challenges defended, {} lost\nendpoint      {}",
                registered.stake, registered.defended, registered.lost, registered.endpoint
            ),
        }
    }
}
