//! Checks of the account on chain.

use super::evidence::{ChainEvidence, Evidence, Store};
use super::node::with_chain;
use super::{Check, Finding};
use crate::amount::Token;
use crate::facts::Facts;
use crate::settings::SettingsRisk;
use crate::setup::DEFAULT_PAID_ANSWERS;
use cairn_chain::endpoint::http_url;
use cairn_primitives::BucketId;
use cairn_primitives::onchain::ProviderInfo;

/// Returns the finding of a check of the chain.
pub(super) fn find(check: Check, evidence: &Evidence, token: &Token) -> Finding {
    if check == Check::ChainState
        && let Some(Err(reason)) = &evidence.chain
    {
        return Finding::danger(check, reason.clone());
    }
    with_chain(check, evidence, |check, chain| {
        match (check, &chain.facts) {
            (Check::Runtime, _) => runtime(check, chain),
            (Check::ChainState, Ok(facts)) => Finding::sound(
                check,
                format!(
                    "finalized block {}, anchor block {}",
                    facts.head.number, facts.head.anchor
                ),
            ),
            (Check::ChainState, Err(reason)) => Finding::danger(check, reason.clone()),
            (_, Err(_)) => Finding::unknown(check, "the account's rows cannot be read"),
            (_, Ok(facts)) => of_account(check, evidence, chain, facts, token),
        }
    })
}

fn runtime(check: Check, chain: &ChainEvidence) -> Finding {
    let support = &chain.runtime;
    match (support.missing.as_slice(), support.refused.as_slice()) {
        ([], []) => Finding::sound(check, support.name.clone()),
        ([], refused) => Finding::warning(
            check,
            format!("{} works, without: {}", support.name, refused.join("; ")),
        ),
        (missing, _) => Finding::danger(
            check,
            format!("{} lacks: {}", support.name, missing.join("; ")),
        ),
    }
}

fn of_account(
    check: Check,
    evidence: &Evidence,
    chain: &ChainEvidence,
    facts: &Facts,
    token: &Token,
) -> Finding {
    match check {
        Check::Funds => return funds(check, facts, token),
        Check::Challenges => return challenges(check, facts, evidence),
        Check::MissingBuckets => {
            return of_store(check, evidence, |store| missing_buckets(store, facts));
        }
        Check::IdleBuckets => {
            return of_store(check, evidence, |store| idle_buckets(store, facts));
        }
        Check::UnclaimedPayments => return payments(check, facts),
        _ => {}
    }
    let Some(record) = &facts.provider else {
        return match check {
            Check::Registered => Finding::warning(check, "the account is not registered"),
            _ => Finding::unknown(check, "the account is not registered"),
        };
    };
    match check {
        Check::Registered => Finding::sound(check, "the account is registered"),
        Check::RegisteredKey => registered_key(check, record, evidence),
        Check::Stake => stake(check, record, token),
        Check::Price => price(check, record, token),
        Check::Capacity => capacity(check, record),
        Check::Endpoint => endpoint(check, record, evidence),
        Check::Reachable => reachable(check, chain),
        _ => leaving(Check::Leaving, record, facts),
    }
}

fn of_store(check: Check, evidence: &Evidence, find: impl FnOnce(&Store) -> Finding) -> Finding {
    match &evidence.store {
        Ok(store) => find(store),
        Err(_) => Finding::unknown(check, "the buckets cannot be read"),
    }
}

fn registered_key(check: Check, record: &ProviderInfo, evidence: &Evidence) -> Finding {
    let registered = hex::encode(&record.key.0);
    match &evidence.machine.key {
        Ok(key) if record.key.is(key) => Finding::sound(check, format!("0x{registered}")),
        Ok(key) => Finding::danger(
            check,
            format!(
                "the chain has 0x{registered}, and 0x{} signs here: no signature made here counts",
                hex::encode(key)
            ),
        ),
        Err(_) => Finding::danger(
            check,
            format!("the chain has 0x{registered}, and there is no key here"),
        ),
    }
}

fn stake(check: Check, record: &ProviderInfo, token: &Token) -> Finding {
    let (stake, lost) = (token.format(record.stake), record.lost);
    match (record.stake, lost) {
        (0, _) => Finding::danger(
            check,
            format!("the stake is 0, and {lost} challenges were lost"),
        ),
        (_, 0) => Finding::sound(
            check,
            format!("{stake}; {} challenges defended", record.defended),
        ),
        (_, _) => Finding::warning(
            check,
            format!("{stake}; {lost} challenges were lost before"),
        ),
    }
}

fn price(check: Check, record: &ProviderInfo, token: &Token) -> Finding {
    let settings = &record.settings;
    match SettingsRisk::of(settings).contains(&SettingsRisk::Free) {
        true => Finding::warning(check, SettingsRisk::Free.explain()),
        false if settings.price_per_byte == 0 => Finding::sound(check, "nothing is accepted"),
        false => Finding::sound(
            check,
            format!(
                "{} for a byte and an anchor block, also of top-ups and extensions",
                token.format_both(settings.price_per_byte)
            ),
        ),
    }
}

fn capacity(check: Check, record: &ProviderInfo) -> Finding {
    let settings = &record.settings;
    match SettingsRisk::of(settings).contains(&SettingsRisk::Unbounded) {
        true => Finding::warning(check, SettingsRisk::Unbounded.explain()),
        false if settings.max_capacity == 0 => {
            Finding::sound(check, "no new agreement is accepted")
        }
        false => Finding::sound(check, format!("{} bytes", settings.max_capacity)),
    }
}

fn endpoint(check: Check, record: &ProviderInfo, evidence: &Evidence) -> Finding {
    let text = String::from_utf8_lossy(&record.endpoint);
    let url = match http_url(&record.endpoint) {
        Ok(url) => url,
        Err(error) => return Finding::warning(check, format!("{text:?}: {error}")),
    };
    match &evidence.machine.endpoint {
        Some(own) if own.as_bytes() != record.endpoint => Finding::warning(
            check,
            format!("the chain has {text}, and {own} is configured"),
        ),
        _ => Finding::sound(check, format!("{text}, which is {url}")),
    }
}

fn reachable(check: Check, chain: &ChainEvidence) -> Finding {
    match &chain.endpoint_answers {
        None => Finding::unknown(check, "it was not tried"),
        Some(Err(reason)) => Finding::warning(check, reason.clone()),
        Some(Ok(_)) if chain.is_endpoint_private => Finding::warning(
            check,
            "it answers, at an address of a private network: nobody else can reach it",
        ),
        Some(Ok(answer)) => Finding::sound(check, answer.clone()),
    }
}

fn leaving(check: Check, record: &ProviderInfo, facts: &Facts) -> Finding {
    match record.deregister_at {
        None => Finding::sound(check, "none is announced"),
        Some(until) => Finding::note(
            check,
            format!(
                "it is announced, and can be completed from anchor block {until}; now it is {}",
                facts.head.anchor
            ),
        ),
    }
}

/// Answers besides those that are due, below which the operator must act now, as the
/// provider's own watch has it.
const CRITICAL_ANSWERS: u128 = 10;

fn funds(check: Check, facts: &Facts, token: &Token) -> Finding {
    let (spendable, fee) = (facts.funds.spendable, facts.answer_fee);
    let open = u128::try_from(facts.challenges.len()).unwrap_or(u128::MAX);
    let Some(payable) = spendable.checked_div(fee) else {
        return Finding::sound(check, "answers are free");
    };
    let evidence = format!(
        "{} can be spent, which pays {payable} answers of the largest size at {} each",
        token.format(spendable),
        token.format(fee)
    );
    if payable < open.saturating_add(CRITICAL_ANSWERS) {
        Finding::danger(check, evidence)
    } else if payable < open.saturating_add(DEFAULT_PAID_ANSWERS.into()) {
        Finding::warning(check, evidence)
    } else {
        Finding::sound(check, evidence)
    }
}

fn challenges(check: Check, facts: &Facts, evidence: &Evidence) -> Finding {
    let open = &facts.challenges;
    let nearest = open.iter().map(|open| open.id.deadline).min();
    let Some(nearest) = nearest else {
        return Finding::sound(check, "none is open");
    };
    let text = format!(
        "{} are open; the nearest deadline is anchor block {nearest}, and now it is {}",
        open.len(),
        facts.head.anchor
    );
    match &evidence.running {
        Some(Ok(running)) if running.not_ready.is_none() => Finding::note(check, text),
        _ => Finding::danger(
            check,
            format!("{text}. No provider is ready to answer them"),
        ),
    }
}

fn missing_buckets(store: &Store, facts: &Facts) -> Finding {
    let check = Check::MissingBuckets;
    let is_missing = |bucket: &BucketId| !store.buckets.contains(bucket);
    let binding = || facts.binding_agreements().map(|(bucket, _)| *bucket);
    let missing: Vec<_> = binding().filter(is_missing).collect();
    match missing.as_slice() {
        [] => Finding::sound(
            check,
            format!(
                "agreements of which something can be challenged: {}",
                binding().count()
            ),
        ),
        missing => Finding::danger(
            check,
            format!(
                "there is an agreement, and no bucket here: {}",
                ids(missing)
            ),
        ),
    }
}

fn idle_buckets(store: &Store, facts: &Facts) -> Finding {
    let check = Check::IdleBuckets;
    let agreed = |bucket: &BucketId| facts.agreements.iter().any(|(id, _)| id == bucket);
    let all = store.buckets.iter().copied();
    let idle: Vec<_> = all.filter(|bucket| !agreed(bucket)).collect();
    match idle.as_slice() {
        [] => Finding::sound(check, "there is none"),
        idle => Finding::note(check, ids(idle)),
    }
}

fn payments(check: Check, facts: &Facts) -> Finding {
    let claimable: Vec<_> = facts
        .agreements
        .iter()
        .filter(|(_, agreement)| facts.head.anchor >= facts.claimable_from(agreement))
        .map(|(bucket, _)| *bucket)
        .collect();
    match claimable.as_slice() {
        [] => Finding::sound(check, "there is none"),
        claimable => Finding::warning(check, format!("of buckets {}", ids(claimable))),
    }
}

fn ids(buckets: &[BucketId]) -> String {
    let all: Vec<_> = buckets.iter().map(ToString::to_string).collect();
    all.join(", ")
}
