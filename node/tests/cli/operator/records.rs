//! Records that accept too much, and checks that say what they could not see.

use super::*;

#[test]
fn a_setup_without_settings_leaves_a_closed_record() {
    let fixture = Fixture::registered();
    let settings = fixture.record().settings;
    assert!(!settings.accepting_primary && !settings.accepting_extensions);
    assert_eq!(settings.max_duration, cairn_lifecycle::DEFAULT_MAX_DURATION);
    let again = fixture.setup(&["--yes"]).succeeds().text();
    assert!(again.contains("nothing to do"), "{again}");
    assert!(again.contains("accepts no agreement yet"), "{again}");
}

#[test]
fn a_record_that_is_open_for_nothing_is_told_before_it_is_submitted_and_by_the_doctor() {
    let fixture = Fixture::registered();
    let open = ["--accept-extensions", "true", "--accept-primary", "true"];
    let shown = fixture.setup(&[&open[..], &["--dry-run"]].concat());
    let text = shown.succeeds().text();
    for part in ["WARNING", "the price is 0", "the capacity is 0"] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let closed = fixture.run(&["doctor"], &["--json"]).json();
    let yes = [&open[..], &["--yes"]].concat();
    fixture.run(&["provider", "settings"], &yes).succeeds();
    let opened = fixture.run(&["doctor"], &["--json"]).json();
    for check in ["price", "capacity"] {
        assert_eq!(finding(&closed, check)["severity"], "sound");
        assert_eq!(finding(&opened, check)["severity"], "warning");
    }
    let priced = ["--yes", "--price-per-byte", "3", "--capacity", "1GiB"];
    fixture.run(&["provider", "settings"], &priced).succeeds();
    // The smallest unit, with its name or without.
    assert_eq!(fixture.record().settings.price_per_byte, 3);
    let findings = fixture.run(&["doctor"], &["--json"]).json();
    for check in ["price", "capacity"] {
        assert_eq!(finding(&findings, check)["severity"], "sound");
    }
    fixture
        .run(
            &["provider", "settings"],
            &["--yes", "--price-per-byte", "0.001 PAS"],
        )
        .fails(USAGE, &["--price-per-byte", "smallest unit"]);
}

#[test]
fn calls_that_are_printed_in_spite_of_a_danger_end_with_its_code() {
    let fixture = Fixture::new();
    fixture.node.set_syncing();
    for flags in [&["--print-calls", "--json"][..], &["--dry-run", "--json"]] {
        let shown = fixture.setup(flags);
        assert_eq!(shown.code, Some(DANGER), "{shown:?}");
        let lines = shown.json();
        let place = |is_it: &dyn Fn(&Value) -> bool| lines.iter().position(is_it).unwrap();
        let danger = place(&|line| line["check"] == "node-sync" && line["severity"] == "danger");
        let calls = place(&|line| line["calls"].is_array());
        assert!(danger < calls, "{lines:?}");
    }
    fixture
        .setup(&["--print-calls"])
        .fails(DANGER, &["only shown", "node-sync"]);
}

#[test]
fn the_doctor_calls_nothing_sound_that_it_did_not_look_at() {
    let fixture = Fixture::registered();
    let offline = fixture.provider.run(["doctor", "--json"]).json();
    for check in ["signed-roots", "pending-call", "genesis"] {
        let found = finding(&offline, check);
        assert_eq!(found["severity"], "unknown", "{found}");
    }
    // With the chain, and still without a provider that compares.
    let findings = fixture.run(&["doctor"], &["--json"]).json();
    assert_eq!(finding(&findings, "signed-roots")["severity"], "unknown");
    assert_eq!(finding(&findings, "pending-call")["severity"], "sound");
    assert_eq!(finding(&findings, "genesis")["severity"], "note");
}
