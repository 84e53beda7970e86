//! Answers requests for terms: reads the facts at the last finalized head, decides, and signs.

use super::offer::{NoOffer, OfferFacts};
use super::{Offer, TermsPolicy, TermsPolicyError, TermsRequest};
use crate::agreements::AgreementStatus;
use crate::funds::{FundsLevel, FundsStatus};
use cairn_chain::{ChainClient, ChainError, Head};
use cairn_keys::Signer;
use cairn_primitives::H256;
use cairn_primitives::onchain::{ProviderInfo, TermsRules};
use cairn_primitives::terms::{AgreementTerms, SignedTerms, TermsRefusal};
use cairn_provider::{MetricGroup, MetricSpec, NonceError, Provider, SignTermsError};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use substrate_prometheus_endpoint::{PrometheusError, Registry};

/// Statistics of terms since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TermsStatistics {
    /// Terms that were signed.
    pub signed: u64,
    /// Requests that were refused.
    pub refused: u64,
}

/// The chain's state at one head.
#[derive(Clone)]
struct ChainFacts {
    at: H256,
    info: ProviderInfo,
    rules: TermsRules,
}

/// Answers requests for terms.
pub struct Quoter {
    chain: Arc<dyn ChainClient>,
    provider: Arc<Provider>,
    signer: Signer,
    policy: TermsPolicy,
    inputs: QuoterInputs,
    /// The facts at the head that was asked about last.
    facts: Mutex<Option<ChainFacts>>,
    /// The provider's record at the head at which it was read last.
    record: Mutex<Option<(H256, Option<ProviderInfo>)>>,
    /// The reason why nothing was offered at the last request, which is logged once.
    no_offer: Mutex<Option<NoOffer>>,
    /// One request is answered at a time, so that space is not promised twice.
    one_at_a_time: tokio::sync::Mutex<()>,
    signed: AtomicU64,
    refused: AtomicU64,
}

impl std::fmt::Debug for Quoter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Quoter")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// The states of the other workers that terms depend on.
pub(crate) struct QuoterInputs {
    /// Returns whether the chain is followed.
    pub(crate) is_synced: Box<dyn Fn() -> bool + Send + Sync>,
    pub(crate) agreements: Arc<AgreementStatus>,
    pub(crate) funds: Arc<FundsStatus>,
}

/// The facts of one request.
struct Facts {
    head: Head,
    chain: ChainFacts,
    redeemable: Vec<AgreementTerms>,
    free_bytes: u64,
}

impl Facts {
    fn offer(&self, policy: &TermsPolicy) -> Result<Offer, NoOffer> {
        let facts = OfferFacts {
            anchor: self.head.anchor,
            info: &self.chain.info,
            rules: &self.chain.rules,
            redeemable: &self.redeemable,
            free_bytes: self.free_bytes,
        };
        Offer::new(policy, &facts)
    }
}

impl Quoter {
    pub(crate) fn new(
        chain: Arc<dyn ChainClient>,
        provider: Arc<Provider>,
        signer: Signer,
        policy: TermsPolicy,
        inputs: QuoterInputs,
    ) -> Result<Self, TermsPolicyError> {
        policy.validate()?;
        Ok(Self {
            chain,
            provider,
            signer,
            policy,
            inputs,
            facts: Mutex::default(),
            record: Mutex::default(),
            no_offer: Mutex::default(),
            one_at_a_time: tokio::sync::Mutex::default(),
            signed: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// Returns the current statistics.
    pub fn statistics(&self) -> TermsStatistics {
        TermsStatistics {
            signed: self.signed.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    /// Returns what would be signed now.
    ///
    /// # Errors
    ///
    /// [`TermsRefusal`] if no terms would be.
    pub async fn offer(&self) -> Result<Offer, TermsRefusal> {
        let facts = self.facts().await?;
        self.offer_by(&facts)
    }

    /// Returns the offer that follows from facts, and logs the reason if there is none.
    fn offer_by(&self, facts: &Facts) -> Result<Offer, TermsRefusal> {
        let offer = facts.offer(&self.policy);
        let reason = offer.err();
        let before = std::mem::replace(&mut *self.no_offer.lock(), reason);
        if let Some(reason) = reason.filter(|_| reason != before) {
            tracing::warn!(%reason, "no terms are offered");
        }
        offer.map_err(TermsRefusal::from)
    }

    /// Signs terms that a client asks for, at this provider's price.
    ///
    /// # Errors
    ///
    /// [`TermsRefusal`] with what would be signed; then no signature was made.
    pub async fn negotiate(&self, request: TermsRequest) -> Result<SignedTerms, TermsRefusal> {
        let answered = self.answer(request).await;
        let count = match answered {
            Ok(_) => &self.signed,
            Err(_) => &self.refused,
        };
        count.fetch_add(1, Ordering::Relaxed);
        answered
    }

    async fn answer(&self, request: TermsRequest) -> Result<SignedTerms, TermsRefusal> {
        let _alone = self.one_at_a_time.lock().await;
        let facts = self.facts().await?;
        let offer = self.offer_by(&facts)?;
        let terms = offer.decide(&self.policy, &facts.redeemable, &request)?;
        let (provider, signer) = (self.provider.clone(), self.signer.clone());
        let (anchor, nonces) = (facts.head.anchor, facts.chain.rules.nonces);
        let signed = tokio::task::spawn_blocking(move || {
            provider.sign_terms(terms, anchor, &nonces, &signer)
        });
        match signed.await {
            Ok(Ok(signed)) => {
                let SignedTerms { terms, .. } = &signed;
                tracing::info!(
                    owner = hex::encode(terms.owner.0),
                    max_bytes = terms.max_bytes,
                    duration = terms.duration,
                    price_per_byte = terms.price_per_byte,
                    nonce = terms.nonce,
                    valid_until = terms.valid_until,
                    "signed terms"
                );
                Ok(signed)
            }
            Ok(Err(SignTermsError::Nonce(NonceError::JustStarted))) => Err(TermsRefusal::NotReady),
            Ok(Err(error)) => Err(unable("terms could not be signed", &error)),
            Err(error) => Err(unable("terms could not be signed", &error)),
        }
    }

    /// Reads the facts at the last finalized head at which the agreements are known.
    async fn facts(&self) -> Result<Facts, TermsRefusal> {
        if !self.policy.accepts_primary && !self.policy.accepts_replica {
            return Err(TermsRefusal::NotOffered);
        }
        // Everything is of one head: terms that were redeemed since then count as signed, and are
        // counted as agreed from the next one on.
        let known = self.inputs.agreements.known_at();
        let (head, unfilled) = known.ok_or(TermsRefusal::NotReady)?;
        if !(self.inputs.is_synced)() {
            return Err(TermsRefusal::NotReady);
        }
        // A provider that cannot pay for answers must not promise more.
        if self.inputs.funds.level() == FundsLevel::Critical {
            return Err(unable("terms are refused", &"funds for answers are short"));
        }
        let chain = self.chain_facts(head).await?;
        let (provider, nonces) = (self.provider.clone(), chain.rules.nonces);
        let read = tokio::task::spawn_blocking(move || {
            let redeemable = provider.redeemable_terms(head.anchor, &nonces);
            (redeemable, provider.disk())
        });
        let (redeemable, disk) = read
            .await
            .map_err(|error| unable("signed terms could not be read", &error))?;
        let redeemable =
            redeemable.map_err(|error| unable("signed terms could not be read", &error))?;
        let free_bytes = match disk.is_stopped {
            true => 0,
            false => disk.free.saturating_sub(disk.reserve),
        };
        Ok(Facts {
            head,
            chain,
            redeemable,
            free_bytes: free_bytes.saturating_sub(unfilled),
        })
    }

    /// Returns the provider's record at the last finalized head at which its agreements are known,
    /// or `None` if it is not registered there. The chain is asked once for each head.
    ///
    /// # Errors
    ///
    /// [`TermsRefusal::NotReady`] if no such head is known, or the chain does not answer.
    pub async fn record(&self) -> Result<Option<ProviderInfo>, TermsRefusal> {
        let known = self.inputs.agreements.known_at();
        let (head, _) = known.ok_or(TermsRefusal::NotReady)?;
        let kept = self.record.lock().clone();
        if let Some((_, record)) = kept.filter(|(at, _)| *at == head.hash) {
            return Ok(record);
        }
        let record = self.chain.provider(head.hash).await;
        let record = record.map_err(|_| TermsRefusal::NotReady)?;
        *self.record.lock() = Some((head.hash, record.clone()));
        Ok(record)
    }

    /// Reads the chain at a head, once for each head.
    async fn chain_facts(&self, head: Head) -> Result<ChainFacts, TermsRefusal> {
        let known = self.facts.lock().clone();
        if let Some(known) = known.filter(|known| known.at == head.hash) {
            return Ok(known);
        }
        let failed = |error: ChainError| match error.is_transient() {
            true => TermsRefusal::NotReady,
            false => unable("the chain's rules for terms could not be read", &error),
        };
        let info = self.chain.provider(head.hash).await.map_err(failed)?;
        // The chain would not verify a signature with another key.
        let info = info.filter(|info| info.key.is(&self.signer.public()));
        let info = info.ok_or(TermsRefusal::NotRegistered)?;
        let rules = self.chain.terms_rules(head.hash).await.map_err(failed)?;
        let facts = ChainFacts {
            at: head.hash,
            info,
            rules,
        };
        *self.facts.lock() = Some(facts.clone());
        Ok(facts)
    }

    /// Registers the metrics with a node's registry.
    ///
    /// # Errors
    ///
    /// [`PrometheusError`] if they are registered already.
    pub fn register_metrics(self: &Arc<Self>, registry: &Registry) -> Result<(), PrometheusError> {
        let counters: [MetricSpec<TermsStatistics>; 2] = [
            ("signed_total", "Terms that were signed", |s| s.signed),
            (
                "refused_total",
                "Requests for terms that were refused",
                |s| s.refused,
            ),
        ];
        let quoter = self.clone();
        let readings = MetricGroup {
            prefix: "cairn_terms_",
            source: Arc::new(move || quoter.statistics()),
            registry,
        };
        readings.register_counters(&counters)
    }
}

/// Logs a reason that is not for strangers.
fn unable(what: &'static str, reason: &dyn std::fmt::Display) -> TermsRefusal {
    tracing::warn!(%reason, "{what}");
    TermsRefusal::Unable
}
