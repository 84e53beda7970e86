//! Checks of the node and of the second one.

use super::evidence::{BasePathChain, ChainEvidence, Clock, Evidence, NodeEvidence, SecondNode};
use super::{Check, Finding};

/// Blocks by which finality may lag: a minute of 2 s blocks.
const FINALITY_LAG_WARNING: u32 = 30;
/// Blocks by which finality has stalled: ten minutes of 2 s blocks.
const FINALITY_LAG_DANGER: u32 = 300;
/// The most by which clocks may differ, in milliseconds. Blocks are some seconds old when
/// they are seen.
const CLOCK_TOLERANCE: u64 = 60_000;

/// Returns the finding of a check of the nodes.
pub(super) fn find(check: Check, evidence: &Evidence) -> Option<Finding> {
    let of_node: fn(Check, &NodeEvidence) -> Finding = match check {
        Check::Node => |check, node| Finding::sound(check, node.url.clone()),
        Check::NodeSync => |check, node| match node.is_syncing {
            Some(true) => Finding::danger(check, "it is still synchronising"),
            Some(false) => Finding::sound(check, "it is synchronised"),
            None => Finding::unknown(check, "the node does not tell"),
        },
        Check::NodePeers => |check, node| match (node.peers, node.expects_peers) {
            (Some(0), true) => Finding::danger(check, "it has no peers"),
            (Some(0), false) => Finding::note(check, "it has none, and needs none"),
            (Some(count), _) => Finding::sound(check, format!("{count} peers")),
            (None, _) => Finding::unknown(check, "the node does not tell"),
        },
        Check::Clock => |check, node| match node.clock {
            Some(clock) => compare(check, clock),
            None => Finding::unknown(check, "the chain has no timestamps"),
        },
        Check::Finality => return Some(with_chain(check, evidence, finality)),
        Check::Genesis => return Some(genesis(evidence)),
        Check::SecondNode => return Some(second(evidence)),
        _ => return None,
    };
    Some(match (&evidence.node, check) {
        (Some(Ok(node)), _) => of_node(check, node),
        (Some(Err(reason)), Check::Node) => Finding::danger(check, reason.clone()),
        (Some(Err(_)), _) => Finding::unknown(check, "the node cannot be reached"),
        (None, _) => Finding::unknown(check, "no node was named with --chain"),
    })
}

/// Returns the finding of a check that needs the chain.
pub(super) fn with_chain(
    check: Check,
    evidence: &Evidence,
    find: impl FnOnce(Check, &ChainEvidence) -> Finding,
) -> Finding {
    match &evidence.chain {
        Some(Ok(chain)) => find(check, chain),
        Some(Err(_)) => Finding::unknown(check, "the chain cannot be read"),
        None => Finding::unknown(check, "no node was named with --chain"),
    }
}

fn finality(check: Check, chain: &ChainEvidence) -> Finding {
    let lag = chain.finality_lag;
    let evidence = format!("the finalized block is {lag} blocks behind the best one");
    match lag {
        lag if lag >= FINALITY_LAG_DANGER => Finding::danger(check, evidence),
        lag if lag >= FINALITY_LAG_WARNING => Finding::warning(check, evidence),
        _ => Finding::sound(check, evidence),
    }
}

fn compare(check: Check, Clock { chain, machine }: Clock) -> Finding {
    let differ = chain.abs_diff(machine);
    let seconds = differ.checked_div(1_000).unwrap_or_default();
    match differ > CLOCK_TOLERANCE {
        false => Finding::sound(check, format!("they differ by {seconds} s")),
        true if chain > machine => Finding::warning(
            check,
            format!("the clock is {seconds} s behind the best block's timestamp"),
        ),
        true => Finding::warning(
            check,
            format!(
                "the best block's timestamp is {seconds} s old: the clock is wrong, or there are \
                 no new blocks"
            ),
        ),
    }
}

fn genesis(evidence: &Evidence) -> Finding {
    let check = Check::Genesis;
    let own = evidence.store.as_ref().map(|store| store.chain);
    with_chain(check, evidence, |check, chain| {
        let found = chain.genesis;
        match own.unwrap_or_default() {
            BasePathChain::Unknown => Finding::unknown(
                check,
                format!("the node's is {found:?}; the base path's chain cannot be read"),
            ),
            BasePathChain::NoneYet => Finding::note(
                check,
                format!("{found:?}; the base path has followed no chain yet"),
            ),
            BasePathChain::Of(own) if own == found => Finding::sound(check, format!("{found:?}")),
            BasePathChain::Of(own) => Finding::danger(
                check,
                format!("the node's chain is {found:?}, and the base path's is {own:?}"),
            ),
        }
    })
}

fn second(evidence: &Evidence) -> Finding {
    let check = Check::SecondNode;
    let second = match &evidence.second {
        None => return Finding::note(check, "no second node was named with --second-chain"),
        Some(Err(reason)) => return Finding::warning(check, reason.clone()),
        Some(Ok(second)) => second,
    };
    with_chain(check, evidence, |check, chain| {
        against(check, chain, second)
    })
}

fn against(check: Check, chain: &ChainEvidence, second: &SecondNode) -> Finding {
    let url = &second.url;
    if second.genesis != chain.genesis {
        let other = second.genesis;
        return Finding::danger(check, format!("{url} is on another chain, {other:?}"));
    }
    match (second.differing_challenges, second.has_finalized) {
        (0, true) => Finding::sound(check, format!("{url} shows the same")),
        (0, false) => Finding::warning(
            check,
            format!("{url} does not have the first node's finalized block"),
        ),
        (count, _) => Finding::danger(
            check,
            format!("{count} open challenges are shown by one node only"),
        ),
    }
}
