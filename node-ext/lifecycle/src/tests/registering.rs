//! An account becomes a provider: in one go, after kills, against refusals and without funds.

use super::fixture::{ACCOUNT, Fixture, MULTIADDR, request};
use crate::rules::NEW_SETTINGS;
use crate::{
    DEFAULT_MAX_DURATION, DEFAULT_PAID_ANSWERS, Journal, JournalError, LIFETIME_BLOCKS, Price,
    Progress, Refusal, SettingsChange, SettingsRisk, SetupRequest, SubmitError, Submitter,
    call_name, settings_after, setup_calls,
};
use cairn_chain::{ChainClient, ChainError, ProviderCall};
use cairn_primitives::onchain::{ProviderSettings, RegisteredKey};
use futures::executor::block_on;

#[test]
fn a_setup_registers_and_sets_what_was_asked_for() {
    let fixture = Fixture::new();
    let calls = setup_calls(&fixture.facts(), &request()).unwrap();
    let names: Vec<_> = calls.iter().map(call_name).collect();
    assert_eq!(names, ["register_provider", "update_provider_settings"]);
    for call in &calls {
        fixture.submit(call).unwrap();
    }
    let record = fixture.facts().provider.unwrap();
    assert_eq!(record.stake, 5_000);
    assert_eq!(record.endpoint, MULTIADDR.as_bytes());
    assert_eq!(record.settings.price_per_byte, 3);
    assert!(record.settings.accepting_primary);
    assert_eq!(setup_calls(&fixture.facts(), &request()).unwrap(), []);
}

/// Requests of setups, from none of the settings to all that the chain has by default.
fn requests() -> Vec<SetupRequest> {
    let with = |settings| SetupRequest {
        settings,
        ..request()
    };
    let none = SettingsChange::default();
    vec![
        with(none),
        with(SettingsChange {
            price_per_byte: Some(3),
            ..none
        }),
        with(SettingsChange {
            accepting_primary: Some(true),
            min_duration: Some(500_000),
            ..none
        }),
        with(SettingsChange {
            accepting_primary: Some(true),
            accepting_extensions: Some(true),
            max_duration: Some(u32::MAX),
            ..none
        }),
        request(),
    ]
}

fn settings_of(fixture: &Fixture) -> ProviderSettings {
    fixture.facts().provider.unwrap().settings
}

fn run_setup(fixture: &Fixture, request: &SetupRequest) {
    for call in setup_calls(&fixture.facts(), request).unwrap() {
        fixture.submit(&call).unwrap();
    }
}

#[test]
fn a_new_record_accepts_everything_until_its_settings_are_changed() {
    let fixture = Fixture::new();
    let calls = setup_calls(&fixture.facts(), &request()).unwrap();
    fixture.submit(&calls[0]).unwrap();
    assert_eq!(settings_of(&fixture), NEW_SETTINGS);
    let risks = SettingsRisk::of(&NEW_SETTINGS);
    assert_eq!(risks, [SettingsRisk::Free, SettingsRisk::Unbounded]);
}

#[test]
fn a_setup_without_settings_leaves_a_closed_record() {
    let fixture = Fixture::new();
    let nothing = SetupRequest {
        settings: SettingsChange::default(),
        ..request()
    };
    run_setup(&fixture, &nothing);
    let closed = ProviderSettings {
        max_duration: DEFAULT_MAX_DURATION,
        accepting_primary: false,
        accepting_extensions: false,
        ..NEW_SETTINGS
    };
    assert_eq!(settings_of(&fixture), closed);
    assert_eq!(SettingsRisk::of(&closed), []);
    assert_eq!(setup_calls(&fixture.facts(), &nothing).unwrap(), []);
}

#[test]
fn a_setup_that_is_killed_after_any_call_leaves_the_same_record() {
    for request in requests() {
        let whole = Fixture::new();
        run_setup(&whole, &request);
        let calls = whole.calls().len();
        for done in 1..=calls {
            let fixture = Fixture::new();
            let planned = setup_calls(&fixture.facts(), &request).unwrap();
            assert_eq!(planned.len(), calls);
            for call in &planned[..done] {
                fixture.submit(call).unwrap();
            }
            run_setup(&fixture, &request);
            assert_eq!(settings_of(&fixture), settings_of(&whole), "{request:?}");
            assert_eq!(fixture.calls(), planned);
        }
    }
}

#[test]
fn a_plan_tells_the_risks_of_the_record_after_it() {
    let facts = Fixture::new().facts();
    let risks: Vec<_> = requests()
        .iter()
        .map(|request| {
            let calls = setup_calls(&facts, request).unwrap();
            SettingsRisk::of(&settings_after(&facts, &calls).unwrap())
        })
        .collect();
    let both = vec![SettingsRisk::Free, SettingsRisk::Unbounded];
    assert_eq!(risks, [vec![], vec![], both.clone(), both, vec![]]);
    let calls = [ProviderCall::AddStake(1)];
    assert_eq!(settings_after(&facts, &calls), None);
}

#[test]
fn a_setup_that_is_killed_anywhere_submits_each_call_once() {
    for killed_in in 0..2 {
        for is_in_pool_after_restart in [true, false] {
            let fixture = Fixture::new();
            let calls = setup_calls(&fixture.facts(), &request()).unwrap();
            for call in &calls[..killed_in] {
                fixture.submit(call).unwrap();
            }
            fixture.kill_in(&calls[killed_in]);
            if !is_in_pool_after_restart {
                // The call is final before the next run looks.
                fixture.chain.advance();
            }
            let (facts, seen) = fixture.settle();
            let name = call_name(&calls[killed_in]).to_owned();
            assert_eq!(seen.last(), Some(&Progress::FoundDone { name }));
            for call in setup_calls(&facts, &request()).unwrap() {
                fixture.submit(&call).unwrap();
            }
            assert_eq!(fixture.calls(), calls, "killed in call {killed_in}");
            let refused = fixture.chain.submission_record().refused_provider_calls;
            assert_eq!(refused, []);
        }
    }
}

#[test]
fn stake_is_not_added_again_while_an_earlier_call_may_be_included() {
    let fixture = Fixture::registered();
    let call = ProviderCall::AddStake(700);
    fixture.chain.with_pool(|pool| pool.delay = 5);
    fixture.kill_in(&call);
    let mut more = request();
    more.stake = 5_700;
    // The stake is still what it was, and looks as if 700 were missing.
    assert_eq!(
        setup_calls(&fixture.facts(), &more).unwrap(),
        std::slice::from_ref(&call)
    );
    let (facts, seen) = fixture.settle();
    assert!(matches!(&seen[0], Progress::Waiting { name, .. } if name == "add_stake"));
    assert_eq!(facts.provider.as_ref().unwrap().stake, 5_700);
    assert_eq!(setup_calls(&facts, &more).unwrap(), []);
    let added = fixture.calls().iter().filter(|made| **made == call).count();
    assert_eq!(added, 1);
}

#[test]
fn a_call_that_was_lost_is_given_up_when_it_has_expired() {
    let fixture = Fixture::registered();
    let call = ProviderCall::AddStake(700);
    fixture.kill_in(&call);
    fixture.chain.with_pool(|pool| pool.drop_all(None));
    let killed_at = fixture.chain.best_head().number;
    let (facts, seen) = fixture.settle();
    let name = "add_stake".to_owned();
    assert_eq!(seen.last(), Some(&Progress::FoundVoid { name }));
    assert_eq!(facts.head.number, killed_at + LIFETIME_BLOCKS + 1);
    assert_eq!(facts.provider.unwrap().stake, 5_000);
    assert_eq!(
        fixture.submit(&call).unwrap().provider.unwrap().stake,
        5_700
    );
}

#[test]
fn a_connection_lost_after_submitting_is_no_second_submission() {
    let fixture = Fixture::registered();
    let call = ProviderCall::AddStake(700);
    let submitter = Submitter::new(&*fixture.client, fixture.journal());
    let facts = fixture.facts();
    let mut cut = |step: Progress| {
        if matches!(step, Progress::Submitted { .. }) {
            fixture.client.disconnect();
        }
    };
    let lost = fixture.drive(submitter.submit(&call, &facts, &mut cut));
    assert!(matches!(lost, Err(SubmitError::Unknown { .. })), "{lost:?}");
    drop(submitter);
    fixture.client.connect();
    let (facts, _) = fixture.settle();
    assert_eq!(facts.provider.unwrap().stake, 5_700);
}

#[test]
fn a_dropped_extrinsic_is_remembered() {
    let fixture = Fixture::registered();
    let call = ProviderCall::AddStake(700);
    let facts = fixture.facts();
    let submitter = Submitter::new(&*fixture.client, fixture.journal());
    let mut drop_it = |step: Progress| {
        if matches!(step, Progress::Submitted { .. }) {
            let gone = Some("usurped");
            fixture.chain.with_pool(|pool| pool.drop_all(gone));
        }
    };
    let dropped = fixture.drive(submitter.submit(&call, &facts, &mut drop_it));
    assert!(
        matches!(dropped, Err(SubmitError::Dropped { .. })),
        "{dropped:?}"
    );
    assert!(submitter.pending().unwrap().is_some());
}

#[test]
fn a_call_that_the_chain_refuses_costs_its_fee_and_is_told() {
    let fixture = Fixture::registered();
    let facts = fixture.facts();
    // Sudo raises the price of capacity before the call is included.
    fixture
        .chain
        .edit(|pallet| pallet.registration.min_stake_per_byte = 1_000);
    let mut settings = facts.provider.as_ref().unwrap().settings;
    settings.price_per_byte = 4;
    let call = ProviderCall::UpdateSettings(settings);
    let submitter = Submitter::new(&*fixture.client, fixture.journal());
    let refused = fixture.drive(submitter.submit(&call, &facts, &mut |_| {}));
    assert!(
        matches!(refused, Err(SubmitError::NoEffect { .. })),
        "{refused:?}"
    );
    assert_eq!(submitter.pending().unwrap(), None);
    drop(submitter);
    // From now on it is refused before it costs anything.
    let again = fixture.submit(&call);
    let Err(SubmitError::Refused { refusal, .. }) = again else {
        panic!("{again:?}");
    };
    assert_eq!(refusal.pallet_error(), Some("InsufficientStakeForCapacity"));
    assert_eq!(fixture.calls().len(), 3);
}

#[test]
fn an_account_that_cannot_pay_is_refused_before_anything_is_submitted() {
    let fixture = Fixture::new();
    fixture.chain.edit(|pallet| {
        pallet.balances.insert(ACCOUNT.0, 4_999);
    });
    fixture.chain.advance();
    let refused = setup_calls(&fixture.facts(), &request()).unwrap_err();
    assert_eq!(
        refused,
        Refusal::FundsTooLow {
            spendable: 4_999,
            needed: 5_000
        }
    );
    // Enough for the stake, and not for fees and answers.
    fixture.chain.edit(|pallet| {
        pallet.balances.insert(ACCOUNT.0, 5_001);
    });
    fixture.chain.advance();
    let facts = fixture.facts();
    let calls = setup_calls(&facts, &request()).unwrap();
    let price = Price::of(&*fixture.client, &facts, &calls, DEFAULT_PAID_ANSWERS);
    let price = block_on(price).unwrap();
    assert_eq!(price.stake, 5_000);
    assert_eq!(price.answers, facts.answer_fee * 100);
    let short = price.check(&facts).unwrap_err();
    assert!(matches!(short, Refusal::FundsTooLow { needed, .. } if needed == price.total()));
    // The pool refuses it too, and then nothing is pending.
    let unpaid = fixture.submit(&calls[0]);
    assert!(
        matches!(
            unpaid,
            Err(SubmitError::NotSubmitted {
                source: ChainError::PoolRejected(_),
                ..
            })
        ),
        "{unpaid:?}"
    );
    assert_eq!(fixture.journal().pending().unwrap(), None);
}

#[test]
fn a_record_that_no_setup_can_change_is_refused_by_its_reason() {
    let fixture = Fixture::registered();
    let mut other = request();
    other.key = RegisteredKey::from([8; 32]);
    let refused = setup_calls(&fixture.facts(), &other).unwrap_err();
    assert!(matches!(refused, Refusal::OtherKey { .. }));

    let mut facts = fixture.facts();
    facts.provider.as_mut().unwrap().stake = 0;
    assert_eq!(setup_calls(&facts, &request()), Err(Refusal::Slashed));

    fixture.submit(&ProviderCall::AnnounceDeregister).unwrap();
    let refused = setup_calls(&fixture.facts(), &request());
    assert_eq!(refused, Err(Refusal::Leaving));
}

#[test]
fn a_registered_provider_gets_only_what_differs() {
    let fixture = Fixture::registered();
    let mut wanted = request();
    wanted.multiaddr = "/ip4/192.0.2.1/tcp/3333".to_owned();
    wanted.stake = 4_000;
    let calls = setup_calls(&fixture.facts(), &wanted).unwrap();
    assert_eq!(calls, [ProviderCall::UpdateMultiaddr(wanted.multiaddr)]);
}

#[test]
fn two_commands_at_once_and_an_unreadable_record_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let genesis = block_on(Fixture::new().client.genesis()).unwrap();
    let open = || Journal::open(folder.path(), genesis, ACCOUNT);
    let first = open().unwrap();
    assert!(matches!(open(), Err(JournalError::Locked { .. })));
    drop(first);
    let journal = open().unwrap();
    let record = std::fs::read_dir(folder.path()).unwrap().next().unwrap();
    let record = record.unwrap().path().with_extension("");
    for text in ["", "cairn-call 2\n", "cairn-call 1\ngenesis 0x00\n"] {
        std::fs::write(&record, text).unwrap();
        let error = journal.pending();
        assert!(
            matches!(error, Err(JournalError::Unreadable { .. })),
            "{error:?}"
        );
    }
    std::fs::write(&record, [0xff; 20]).unwrap();
    let error = journal.pending();
    assert!(
        matches!(error, Err(JournalError::Unreadable { .. })),
        "{error:?}"
    );
}
