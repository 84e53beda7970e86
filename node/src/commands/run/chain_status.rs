//! The chain that the provider follows, and what it knows of the provider; or the reason
//! why it cannot be reached.

use crate::failure::Failure;
use crate::hex_text::to_hex;
use cairn_chain::{ChainClient, ChainError};
use cairn_chain_rpc::RpcChainClient;
use cairn_gadget::{PriceMismatch, TermsPolicy};
use cairn_primitives::onchain::{Limits, ProviderInfo};
use futures::StreamExt;
use serde::Serialize;
use sp_core::crypto::Ss58Codec;
use sp_core::sr25519;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The delay before a chain that could not be reached at the start is tried again: about
/// the time of a block.
const RETRY_DELAY: Duration = Duration::from_secs(6);

/// The part of the configuration that the chain's record of the provider is compared with.
#[derive(Clone)]
pub(super) struct Configured {
    /// The key that signs commitments.
    pub(super) signing: [u8; 32],
    /// The terms that are signed for new agreements.
    pub(super) terms: TermsPolicy,
}

/// The chain at its finalized head.
#[derive(Serialize)]
pub(super) struct ChainStatus {
    chain: String,
    /// The reason why it cannot be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    away: Option<String>,
    genesis: Option<String>,
    #[serde(flatten)]
    at: Option<FinalizedState>,
    account: String,
    ss58: String,
    registered: Option<RegisteredProvider>,
}

/// A finalized block, and the chain's rules there.
#[derive(Serialize)]
struct FinalizedState {
    block: u32,
    anchor: u32,
    answer_within: u32,
    strict_leaf_binding: bool,
}

/// The chain's record of the provider.
#[derive(Serialize)]
struct RegisteredProvider {
    stake: u128,
    defended: u64,
    lost: u64,
    endpoint: String,
    /// True if the chain checks its signatures with the key that signs here.
    key_is_here: bool,
    /// The difference between the policy's price and the record's, if terms are signed.
    #[serde(skip)]
    price_mismatch: Option<PriceMismatch>,
}

impl RegisteredProvider {
    fn from_info(info: &ProviderInfo, configured: &Configured) -> Self {
        let terms = &configured.terms;
        let signs_terms = terms.accepts_primary || terms.accepts_replica;
        let mismatch = terms.compare_price(&info.settings);
        Self {
            stake: info.stake,
            defended: info.defended,
            lost: info.lost,
            endpoint: String::from_utf8_lossy(&info.endpoint).into_owned(),
            key_is_here: info.key.is(&configured.signing),
            price_mismatch: mismatch.filter(|_| signs_terms),
        }
    }
}

impl ChainStatus {
    /// Asks the chain, or records that it cannot be reached.
    ///
    /// # Errors
    ///
    /// Fails if the chain answers but cannot be served by a provider.
    pub(super) async fn query_or_unreachable(
        url: &str,
        chain: &RpcChainClient,
        configured: &Configured,
    ) -> Result<Self, Failure> {
        match Self::query(url, chain, configured).await {
            Ok(following) => Ok(following),
            Err(error) if error.is_transient() => {
                tracing::error!(
                    chain = url, %error,
                    "THE CHAIN CANNOT BE REACHED: no challenge is seen or answered until then. \
                     Stored content is served meanwhile"
                );
                Ok(Self::new(url, chain, Some(error.to_string())))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn new(url: &str, chain: &RpcChainClient, away: Option<String>) -> Self {
        let public = chain.account().0;
        Self {
            chain: url.to_owned(),
            away,
            genesis: chain.node().known_genesis().map(to_hex),
            at: None,
            account: to_hex(public),
            ss58: sr25519::Public::from_raw(public).to_ss58check(),
            registered: None,
        }
    }

    async fn query(
        url: &str,
        chain: &RpcChainClient,
        configured: &Configured,
    ) -> Result<Self, ChainError> {
        chain.ensure_usable().await?;
        let head = chain.finalized_heads().await?.next().await;
        let head = head.ok_or_else(|| ChainError::Unreachable(url.to_owned()))?;
        let Limits {
            challenge_period,
            strict_leaf_binding,
            ..
        } = chain.limits(head.hash).await?;
        let mut following = Self::new(url, chain, None);
        following.at = Some(FinalizedState {
            block: head.number,
            anchor: head.anchor,
            answer_within: challenge_period,
            strict_leaf_binding,
        });
        match chain.provider(head.hash).await {
            Ok(registered) => {
                following.registered =
                    registered.map(|info| RegisteredProvider::from_info(&info, configured));
                following.log_warnings();
            }
            // Challenges can be answered without this.
            Err(error) => {
                tracing::warn!(%error, "cannot read the provider's account from the chain")
            }
        }
        Ok(following)
    }

    /// Returns true if the chain could not be reached.
    pub(super) const fn is_unreachable(&self) -> bool {
        self.away.is_some()
    }

    /// Returns the chain's genesis hash in hex.
    pub(super) fn genesis(&self) -> Option<&str> {
        self.genesis.as_deref()
    }

    /// Warns if the account is not registered, has another key, has no stake, or has another price
    /// than terms are signed at.
    fn log_warnings(&self) {
        let registered = self.registered.as_ref();
        if let Some(mismatch) = registered.and_then(|registered| registered.price_mismatch) {
            tracing::warn!(account = self.ss58, "{mismatch}");
        }
        match &self.registered {
            None => tracing::warn!(
                account = self.ss58,
                "no provider is registered for this account: register it, or name another account"
            ),
            Some(registered) if !registered.key_is_here => tracing::warn!(
                account = self.ss58,
                "the chain checks the provider's signatures with another key than this one: \
                 signatures made here are invalid until this key is registered"
            ),
            Some(registered) if registered.stake == 0 => tracing::warn!(
                account = self.ss58,
                "the provider has no stake: was it slashed?"
            ),
            Some(_) => {}
        }
    }
}

/// Waits in the background until the chain can be reached, and then logs its record of the
/// provider.
pub(super) fn log_when_reachable(url: String, chain: Arc<RpcChainClient>, configured: Configured) {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(RETRY_DELAY).await;
            match ChainStatus::query(&url, &chain, &configured).await {
                Ok(following) => {
                    let genesis = following.genesis.as_deref();
                    tracing::info!(
                        chain = url,
                        genesis,
                        "the chain can be reached now, and is followed"
                    );
                    return;
                }
                Err(error) if error.is_transient() => {}
                Err(error) => {
                    tracing::error!(
                        chain = url, %error,
                        "the chain can be reached now, but its challenges cannot be answered"
                    );
                    return;
                }
            }
        }
    });
}

impl fmt::Display for ChainStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "chain         {}", self.chain)?;
        if let Some(genesis) = &self.genesis {
            writeln!(f, "genesis       {genesis}")?;
        }
        let Some(at) = &self.at else {
            let away = self.away.as_deref().unwrap_or("no answer");
            writeln!(f, "finalized     unknown: {away}")?;
            writeln!(
                f,
                "challenges    NOT ANSWERED until the chain can be reached; trying again"
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
            "challenges    due within {} anchor blocks; {rule}",
            at.answer_within
        )?;
        writeln!(f, "account       {} ({})", self.ss58, self.account)?;
        match &self.registered {
            None => write!(f, "stake         none: the provider is not registered"),
            Some(registered) => write!(
                f,
                "stake         {}; {} challenges defended, {} lost\nendpoint      {}",
                registered.stake, registered.defended, registered.lost, registered.endpoint
            ),
        }
    }
}
