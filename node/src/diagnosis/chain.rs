//! The node and the chain, and a second node of the same chain.

use crate::endpoint_probe::probe;
use crate::operator::Operator;
use cairn_chain::{ChainClient, ChainError};
use cairn_chain_metadata::{Description, NodeState, Support};
use cairn_chain_rpc::{RpcChainClient, RpcNode};
use cairn_lifecycle::doctor::{
    ChainEvidence, Clock, Evidence, NodeEvidence, RuntimeSupport, SecondNode,
};
use cairn_lifecycle::{Facts, Journal, finality_lag};
use cairn_primitives::H256;
use codec::DecodeAll;
use sp_crypto_hashing::twox_128;
use std::time::{SystemTime, UNIX_EPOCH};

/// The parts of a look at the chain that are not always wanted.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChainLook {
    /// Another node of the same chain.
    pub(crate) second: Option<String>,
    /// True to connect to the registered endpoint.
    pub(crate) tries_endpoint: bool,
}

/// Adds the evidence of the node and the chain.
pub(crate) fn look_at_chain(operator: &Operator, look: &ChainLook, evidence: &mut Evidence) {
    operator.block_on(async {
        evidence.node = Some(Ok(look_at_node(operator).await));
        let chain = look_at_state(operator, look).await;
        if let Some(url) = &look.second {
            let facts = chain
                .as_ref()
                .ok()
                .and_then(|chain| chain.facts.as_ref().ok());
            let second = look_at_second(operator, url, facts).await;
            evidence.second = Some(second.map_err(|error| error.to_string()));
        }
        if let Ok(chain) = &chain {
            evidence.machine.pending_call = Some(pending_call(operator, chain.genesis));
        }
        evidence.chain = Some(chain.map_err(|error| error.to_string()));
    });
}

async fn look_at_node(operator: &Operator) -> NodeEvidence {
    let health = operator.health;
    NodeEvidence {
        url: format!("{}, chain {}", operator.url, operator.chain_name),
        is_syncing: health.map(|health| health.is_syncing),
        peers: health.map(|health| health.peers),
        expects_peers: health.is_none_or(|health| health.should_have_peers),
        clock: clock(operator).await,
    }
}

/// Compares this machine's clock with the best block's timestamp, which FRAME keeps in
/// milliseconds.
async fn clock(operator: &Operator) -> Option<Clock> {
    let node = operator.client.node();
    let key = [twox_128(b"Timestamp"), twox_128(b"Now")].concat();
    let best = node.best().await.ok()?;
    let values = node.values(best, vec![key]).await.ok()?;
    let machine = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let bytes = values.into_iter().next().flatten()?;
    Some(Clock {
        chain: u64::decode_all(&mut bytes.as_slice()).ok()?,
        machine: u64::try_from(machine.as_millis()).ok()?,
    })
}

async fn look_at_state(operator: &Operator, look: &ChainLook) -> Result<ChainEvidence, ChainError> {
    let client = &operator.client;
    let genesis = client.genesis().await?;
    let best = client.node().best().await?;
    let description = client.state().describe(best).await?;
    let facts = Facts::read(client).await;
    let endpoint = facts
        .as_ref()
        .ok()
        .and_then(|facts| facts.provider.as_ref());
    let endpoint = endpoint.map(|record| record.endpoint.clone());
    let probed = match endpoint.filter(|_| look.tries_endpoint) {
        Some(endpoint) => tokio::task::spawn_blocking(move || probe(&endpoint))
            .await
            .ok(),
        None => None,
    };
    Ok(ChainEvidence {
        genesis,
        runtime: support(&description),
        finality_lag: finality_lag(client).await?,
        facts: facts.map_err(|error| error.to_string()),
        is_endpoint_private: probed.as_ref().is_some_and(|probe| probe.is_private),
        endpoint_answers: probed.map(|probe| probe.answer),
    })
}

fn support(description: &Description) -> RuntimeSupport {
    let mut support = RuntimeSupport {
        name: format!("{} {}", description.spec_name, description.spec_version),
        ..RuntimeSupport::default()
    };
    for one in &description.capabilities {
        let reason = match (&one.support, one.is_needed) {
            (Support::Supported, _) => continue,
            // What the chain does not have is no fault of Cairn's.
            (Support::NotOffered(_), false) => continue,
            (Support::NotOffered(reason) | Support::Refused(reason), _) => reason,
        };
        let text = format!("{} ({reason})", one.capability);
        match one.is_needed {
            true => support.missing.push(text),
            false => support.refused.push(text),
        }
    }
    support
}

async fn look_at_second(
    operator: &Operator,
    url: &str,
    facts: Option<&Facts>,
) -> Result<SecondNode, ChainError> {
    let second = RpcChainClient::watching(RpcNode::new(url), operator.account());
    let genesis = second.genesis().await?;
    let mut seen = SecondNode {
        url: url.to_owned(),
        genesis,
        has_finalized: false,
        differing_challenges: 0,
    };
    let Some(facts) = facts.filter(|facts| facts.genesis == genesis) else {
        return Ok(seen);
    };
    let at = facts.head.hash;
    match second.node().header(at).await {
        Ok(_) => seen.has_finalized = true,
        Err(ChainError::NoSuchBlock { .. }) => return Ok(seen),
        Err(error) => return Err(error),
    }
    let theirs = second.open_challenges(at).await?.complete()?;
    let is_in = |all: &[_], one: &cairn_primitives::onchain::OpenChallenge| {
        all.iter().any(|other| one.is_same(other, false))
    };
    let only_ours = facts.challenges.iter().filter(|one| !is_in(&theirs, one));
    let only_theirs = theirs.iter().filter(|one| !is_in(&facts.challenges, one));
    seen.differing_challenges = only_ours.count().saturating_add(only_theirs.count());
    Ok(seen)
}

/// Returns the name of a call that an earlier command has left.
fn pending_call(operator: &Operator, genesis: H256) -> Result<Option<String>, String> {
    if !operator.base_path.is_dir() {
        return Ok(None);
    }
    let journal = Journal::open(&operator.base_path, genesis, operator.account());
    let pending = journal.and_then(|journal| journal.pending());
    pending
        .map(|call| call.map(|call| call.name))
        .map_err(|error| error.to_string())
}
