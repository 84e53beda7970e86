//! Each check is found by damage of its own, told once, and written in the documentation.

use super::*;
use crate::tests::fixture::Fixture;
use cairn_primitives::onchain::{PayloadFormat, ProviderSettings, RegisteredKey};
use cairn_primitives::{BucketId, H256};

const KEY: [u8; 32] = [9; 32];

fn token() -> Token {
    Token::new(0, "UNIT").unwrap()
}

/// Returns the evidence of a provider of which nothing is wrong.
fn sound() -> Evidence {
    let fixture = Fixture::registered();
    fixture.agree(1, 10_000);
    let facts = fixture.facts();
    let genesis = facts.genesis;
    Evidence {
        machine: Machine {
            base_path: Ok("/srv/cairn".to_owned()),
            is_open_to_others: false,
            key: Ok(KEY),
            exposed_keys: Some(vec![]),
            disk: Some(DiskSpace {
                free: 100,
                reserve: 10,
            }),
            descriptors: 1_000,
            needed_descriptors: 1_000,
            endpoint: Some(crate::tests::fixture::MULTIADDR.to_owned()),
            pending_call: Some(Ok(None)),
        },
        store: Ok(Store {
            buckets: vec![BucketId(1)],
            missing_roots: Some(vec![]),
            duties: Some(0),
            chain: BasePathChain::Of(genesis),
            ..Store::default()
        }),
        running: Some(Ok(RunningProvider {
            url: "ws://127.0.0.1:9955".to_owned(),
            not_ready: None,
            open: 0,
            alarmed: 0,
            nearest_deadline: 40,
        })),
        node: Some(Ok(NodeEvidence {
            url: "ws://127.0.0.1:9944".to_owned(),
            is_syncing: Some(false),
            peers: Some(8),
            expects_peers: true,
            clock: Some(Clock {
                chain: 1_000_000,
                machine: 1_006_000,
            }),
        })),
        chain: Some(Ok(ChainEvidence {
            genesis,
            runtime: RuntimeSupport {
                name: "paseo-web3-storage 4001".to_owned(),
                ..RuntimeSupport::default()
            },
            finality_lag: 3,
            facts: Ok(facts),
            endpoint_answers: Some(Ok("it answers".to_owned())),
            is_endpoint_private: false,
        })),
        second: Some(Ok(SecondNode {
            url: "ws://127.0.0.1:9945".to_owned(),
            genesis,
            has_finalized: true,
            differing_challenges: 0,
        })),
    }
}

fn findings_but_sound(evidence: &Evidence) -> Vec<(Check, Severity)> {
    let all = diagnose(evidence, &token());
    assert_eq!(all.len(), Check::ALL.len());
    all.into_iter()
        .filter(|finding| finding.severity != Severity::Sound)
        .map(|finding| (finding.check, finding.severity))
        .collect()
}

fn machine(change: impl FnOnce(&mut Machine)) -> Evidence {
    let mut evidence = sound();
    change(&mut evidence.machine);
    evidence
}

fn store(change: impl FnOnce(&mut Store)) -> Evidence {
    let mut evidence = sound();
    change(evidence.store.as_mut().unwrap());
    evidence
}

fn running(change: impl FnOnce(&mut RunningProvider)) -> Evidence {
    let mut evidence = sound();
    change(evidence.running.as_mut().unwrap().as_mut().unwrap());
    evidence
}

fn node(change: impl FnOnce(&mut NodeEvidence)) -> Evidence {
    let mut evidence = sound();
    change(evidence.node.as_mut().unwrap().as_mut().unwrap());
    evidence
}

fn chain(change: impl FnOnce(&mut ChainEvidence)) -> Evidence {
    let mut evidence = sound();
    change(evidence.chain.as_mut().unwrap().as_mut().unwrap());
    evidence
}

fn facts(change: impl FnOnce(&mut crate::Facts)) -> Evidence {
    chain(|chain| change(chain.facts.as_mut().unwrap()))
}

fn settings(change: impl FnOnce(&mut ProviderSettings)) -> Evidence {
    facts(|facts| change(&mut facts.provider.as_mut().unwrap().settings))
}

fn second(change: impl FnOnce(&mut SecondNode)) -> Evidence {
    let mut evidence = sound();
    change(evidence.second.as_mut().unwrap().as_mut().unwrap());
    evidence
}

#[test]
fn a_sound_provider_has_no_finding() {
    assert_eq!(findings_but_sound(&sound()), []);
    assert_eq!(worst(&diagnose(&sound(), &token())), Severity::Sound);
}

#[test]
fn each_damage_is_found_by_its_own_check() {
    use Check as C;
    use Severity::{Danger, Note, Unknown, Warning};
    let bucket = BucketId(1);
    let cases = [
        (
            C::BasePathMode,
            Warning,
            machine(|m| m.is_open_to_others = true),
        ),
        (
            C::KeyMode,
            Warning,
            machine(|m| m.exposed_keys = Some(vec!["k".into()])),
        ),
        (C::KeyMode, Unknown, machine(|m| m.exposed_keys = None)),
        (
            C::Disk,
            Warning,
            machine(|m| m.disk.as_mut().unwrap().free = 10),
        ),
        (
            C::Disk,
            Danger,
            machine(|m| m.disk.as_mut().unwrap().free = 5),
        ),
        (C::Descriptors, Warning, machine(|m| m.descriptors = 999)),
        (
            C::PendingCall,
            Note,
            machine(|m| m.pending_call = Some(Ok(Some("add_stake".into())))),
        ),
        (
            C::PendingCall,
            Warning,
            machine(|m| m.pending_call = Some(Err("unreadable".into()))),
        ),
        (C::PendingCall, Unknown, machine(|m| m.pending_call = None)),
        (
            C::Endpoint,
            Warning,
            machine(|m| m.endpoint = Some("/dns4/b.example/tcp/1".into())),
        ),
        (
            C::Quarantine,
            Danger,
            store(|s| s.quarantined.push((bucket, "damage".into()))),
        ),
        (C::LostBuckets, Danger, store(|s| s.lost.push(bucket))),
        (
            C::UnprovableLeaves,
            Warning,
            store(|s| s.unprovable.push((bucket, 2))),
        ),
        (
            C::UnprovableLeaves,
            Unknown,
            store(|s| s.uncounted.push(bucket)),
        ),
        (
            C::SignedRoots,
            Danger,
            store(|s| s.missing_roots = Some(vec![bucket])),
        ),
        (C::SignedRoots, Unknown, store(|s| s.missing_roots = None)),
        (
            C::SignedRoots,
            Warning,
            store(|s| (s.missing_roots, s.let_go) = (None, vec![bucket])),
        ),
        (C::SignedRoots, Warning, store(|s| s.let_go.push(bucket))),
        (
            C::Signing,
            Warning,
            store(|s| s.signing_off = Some("a copy".into())),
        ),
        (C::IdleBuckets, Note, store(|s| s.buckets.push(BucketId(2)))),
        (C::MissingBuckets, Danger, store(|s| s.buckets.clear())),
        (
            C::Genesis,
            Danger,
            store(|s| s.chain = BasePathChain::Of(H256::zero())),
        ),
        (
            C::Genesis,
            Note,
            store(|s| s.chain = BasePathChain::NoneYet),
        ),
        (
            C::Genesis,
            Unknown,
            store(|s| s.chain = BasePathChain::Unknown),
        ),
        (
            C::Ready,
            Danger,
            running(|r| r.not_ready = Some("no chain".into())),
        ),
        (
            C::Deadlines,
            Note,
            running(|r| (r.open, r.nearest_deadline) = (1, 20_000)),
        ),
        (
            C::Deadlines,
            Danger,
            running(|r| (r.open, r.nearest_deadline) = (1, 599)),
        ),
        (
            C::Deadlines,
            Danger,
            running(|r| {
                (r.open, r.alarmed, r.nearest_deadline) = (1, 1, 20_000);
            }),
        ),
        (C::NodeSync, Danger, node(|n| n.is_syncing = Some(true))),
        (C::NodePeers, Danger, node(|n| n.peers = Some(0))),
        (
            C::NodePeers,
            Note,
            node(|n| (n.peers, n.expects_peers) = (Some(0), false)),
        ),
        (
            C::Clock,
            Warning,
            node(|n| n.clock.as_mut().unwrap().machine += 60_000),
        ),
        (
            C::Clock,
            Warning,
            node(|n| n.clock.as_mut().unwrap().machine = 900_000),
        ),
        (C::Finality, Warning, chain(|c| c.finality_lag = 30)),
        (C::Finality, Danger, chain(|c| c.finality_lag = 300)),
        (
            C::Runtime,
            Danger,
            chain(|c| c.runtime.missing.push("answer".into())),
        ),
        (
            C::Runtime,
            Warning,
            chain(|c| c.runtime.refused.push("windows".into())),
        ),
        (
            C::Reachable,
            Warning,
            chain(|c| c.endpoint_answers = Some(Err("refused".into()))),
        ),
        (
            C::Reachable,
            Warning,
            chain(|c| c.is_endpoint_private = true),
        ),
        (
            C::RegisteredKey,
            Danger,
            facts(|f| {
                f.provider.as_mut().unwrap().key = RegisteredKey::from([8; 32]);
            }),
        ),
        (
            C::Stake,
            Danger,
            facts(|f| f.provider.as_mut().unwrap().stake = 0),
        ),
        (
            C::Stake,
            Warning,
            facts(|f| f.provider.as_mut().unwrap().lost = 1),
        ),
        (C::Price, Warning, settings(|s| s.price_per_byte = 0)),
        (
            C::Price,
            Warning,
            settings(|s| (s.price_per_byte, s.accepting_primary) = (0, false)),
        ),
        (C::Capacity, Warning, settings(|s| s.max_capacity = 0)),
        (
            C::Endpoint,
            Warning,
            facts(|f| f.provider.as_mut().unwrap().endpoint = vec![0xff]),
        ),
        (
            C::Leaving,
            Note,
            facts(|f| f.provider.as_mut().unwrap().deregister_at = Some(9)),
        ),
        (
            C::Funds,
            Danger,
            facts(|f| f.funds.spendable = 10 * f.answer_fee - 1),
        ),
        (
            C::Funds,
            Warning,
            facts(|f| f.funds.spendable = 100 * f.answer_fee - 1),
        ),
        (C::SecondNode, Warning, second(|s| s.has_finalized = false)),
        (C::SecondNode, Danger, second(|s| s.genesis = H256::zero())),
        (
            C::SecondNode,
            Danger,
            second(|s| s.differing_challenges = 1),
        ),
    ];
    for (check, severity, evidence) in cases {
        assert_eq!(findings_but_sound(&evidence), [(check, severity)]);
    }
    let expired = facts(|f| f.head.anchor = 10_000 + f.rules.settlement_period + 1);
    assert_eq!(
        findings_but_sound(&expired),
        [(C::UnclaimedPayments, Warning)]
    );
}

#[test]
fn what_depends_on_something_missing_is_unknown_and_never_sound() {
    use Severity::{Danger, Unknown, Warning};
    let of = |evidence: &Evidence, check| {
        let found = diagnose(evidence, &token());
        found
            .into_iter()
            .find(|found| found.check == check)
            .unwrap()
            .severity
    };
    let mut offline = sound();
    (offline.node, offline.chain) = (None, None);
    for check in Check::ALL
        .into_iter()
        .skip_while(|check| *check != Check::Node)
    {
        assert_eq!(of(&offline, check), Unknown, "{check:?}");
    }
    let mut away = sound();
    (away.node, away.chain) = (Some(Err("refused".into())), Some(Err("refused".into())));
    assert_eq!(of(&away, Check::Node), Danger);
    assert_eq!(of(&away, Check::ChainState), Danger);
    assert_eq!(of(&away, Check::Stake), Unknown);

    let unreadable = chain(|chain| chain.facts = Err("a row does not decode".into()));
    assert_eq!(of(&unreadable, Check::ChainState), Danger);
    for check in [Check::Challenges, Check::Registered, Check::Funds] {
        assert_eq!(of(&unreadable, check), Unknown, "{check:?}");
    }
    let unregistered = facts(|facts| facts.provider = None);
    assert_eq!(of(&unregistered, Check::Registered), Warning);
    assert_eq!(of(&unregistered, Check::Stake), Unknown);

    let mut closed = sound();
    closed.store = Err("the index is damaged".into());
    assert_eq!(of(&closed, Check::Store), Danger);
    for check in [Check::Quarantine, Check::Signing, Check::MissingBuckets] {
        assert_eq!(of(&closed, check), Unknown, "{check:?}");
    }
    let mut stopped = sound();
    stopped.running = None;
    assert_eq!(of(&stopped, Check::Running), Warning);
    assert_eq!(of(&stopped, Check::Ready), Unknown);
    stopped.store.as_mut().unwrap().duties = Some(1);
    assert_eq!(of(&stopped, Check::Deadlines), Danger);

    let lost = machine(|machine| {
        machine.base_path = Err("not mounted".into());
        machine.key = Err("no key".into());
    });
    assert_eq!(of(&lost, Check::BasePath), Danger);
    assert_eq!(of(&lost, Check::BasePathMode), Unknown);
    assert_eq!(of(&lost, Check::RegisteredKey), Danger);
}

#[test]
fn an_open_challenge_without_a_provider_to_answer_it_is_a_danger() {
    let open = crate::tests::rules::open_challenge(1);
    let mut evidence = facts(|facts| facts.challenges.push(open));
    assert_eq!(
        findings_but_sound(&evidence),
        [(Check::Challenges, Severity::Note)]
    );
    evidence.running = None;
    let found = diagnose(&evidence, &token());
    let found = found.iter().find(|found| found.check == Check::Challenges);
    assert_eq!(found.unwrap().severity, Severity::Danger);
}

#[test]
fn a_record_that_accepts_nothing_needs_no_price_and_no_bound() {
    let closed = settings(|settings| {
        (settings.price_per_byte, settings.max_capacity) = (0, 0);
        (settings.accepting_primary, settings.accepting_extensions) = (false, false);
    });
    assert_eq!(findings_but_sound(&closed), []);
}

#[test]
fn a_missing_bucket_counts_as_long_as_something_of_it_can_be_challenged() {
    let found = |change: &dyn Fn(&mut crate::Facts)| {
        let mut evidence = facts(change);
        evidence.store.as_mut().unwrap().buckets.clear();
        findings_but_sound(&evidence)
    };
    let missing = [(Check::MissingBuckets, Severity::Danger)];
    assert_eq!(found(&|_| {}), missing);
    // Replicas are not synced, so that nothing is signed for them.
    assert_eq!(found(&|facts| facts.agreements[0].1.is_replica = true), []);
    // It has expired, and is not ended: on the older chains it can be brought back.
    assert_eq!(found(&|facts| facts.head.anchor = 10_000), []);
    let deployed = |facts: &mut crate::Facts| {
        facts.head.anchor = 10_000;
        facts.limits.challenge_ids_shift = true;
    };
    assert_eq!(found(&deployed), missing);
    let with_nonces = |facts: &mut crate::Facts| {
        facts.head.anchor = 10_000;
        facts.limits.payload = PayloadFormat::V2 { max_age: 9 };
    };
    assert_eq!(found(&with_nonces), missing);
}

#[test]
fn names_are_unique_and_every_remedy_is_a_sentence() {
    let mut names: Vec<_> = Check::ALL.map(Check::name).to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Check::ALL.len());
    for check in Check::ALL {
        assert!(
            check
                .remedy()
                .starts_with(|c: char| c.is_uppercase() || c == '`')
        );
        assert!(!check.remedy().ends_with('.'));
    }
}

/// The documentation's table has the checks, in order, each with its subject and remedy.
#[test]
fn the_documentation_has_every_check_and_no_other() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operating.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once("\n## Doctor\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let written: Vec<_> = section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let expected: Vec<_> = Check::ALL
        .into_iter()
        .map(|check| {
            let (name, subject, remedy) = (check.name(), check.subject(), check.remedy());
            format!("| `{name}` | {subject} | {remedy} |")
        })
        .collect();
    assert_eq!(
        written,
        expected,
        "the rows should be:\n{}",
        expected.join("\n")
    );
}
