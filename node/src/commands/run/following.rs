//! The chain that is followed, and what it has of this provider.

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

/// The chain at its finalized head.
#[derive(Serialize)]
pub(super) struct Following {
    chain: String,
    genesis: Option<String>,
    block: u32,
    anchor: u32,
    answer_within: u32,
    strict_leaf_binding: bool,
    account: String,
    ss58: String,
    registered: Option<Registered>,
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
    pub(super) async fn of(
        url: &str,
        chain: &SubxtClient,
        signer: &Signer,
    ) -> Result<Self, Failure> {
        let head = chain.finalized_heads().await?.next().await;
        let head = head.ok_or_else(|| ChainError::Unreachable(url.to_owned()))?;
        let Limits {
            challenge_period,
            strict_leaf_binding,
            ..
        } = chain.limits(head.hash).await?;
        let registered = chain.provider(head.hash).await?;
        let public = signer.public();
        let following = Self {
            chain: url.to_owned(),
            genesis: chain.genesis().map(to_hex),
            block: head.number,
            anchor: head.anchor,
            answer_within: challenge_period,
            strict_leaf_binding,
            account: to_hex(public),
            ss58: sr25519::Public::from_raw(public).to_ss58check(),
            registered: registered.map(|info| Registered::of(&info, signer)),
        };
        following.warn();
        Ok(following)
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

impl fmt::Display for Following {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "chain         {}", self.chain)?;
        if let Some(genesis) = &self.genesis {
            writeln!(f, "genesis       {genesis}")?;
        }
        let rule = match self.strict_leaf_binding {
            true => "leaves bound to their index",
            false => "leaves not bound to their index",
        };
        writeln!(
            f,
            "finalized     block {}, anchor block {}",
            self.block, self.anchor
        )?;
        writeln!(
            f,
            "challenges    to be answered within {} anchor blocks; {rule}",
            self.answer_within
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
