//! The commands about a provider's record on chain, against a node with the real chain's face.

mod extrinsic;
mod face;
mod fake_node;
mod records;

use crate::support::{DANGER, FAILED, Provider, REFUSED, RunResult, USAGE};
use cairn_chain::ProviderCall;
use cairn_primitives::BucketId;
use cairn_primitives::challenge::{AccountId, Role};
use cairn_primitives::onchain::{Agreement, BucketInfo, PrimaryProvider, RegisteredKey};
use extrinsic::decode_call;
use face::{Face, VARIANTS};
use fake_node::{FakeNode, MIN_STAKE};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

/// Ten times the stake that the chain asks for.
const BALANCE: u128 = 10 * MIN_STAKE;
const ENDPOINT: &str = "/ip4/127.0.0.1/tcp/3333";

/// A provider's machine, and a node of a chain on which its account has funds.
struct Fixture {
    provider: Provider,
    node: FakeNode,
    account: AccountId,
}

impl Fixture {
    fn new() -> Self {
        Self::with_balance(BALANCE)
    }

    fn with_balance(balance: u128) -> Self {
        Self::on(Face::MadeUp, balance)
    }

    fn on(face: Face, balance: u128) -> Self {
        let provider = Provider::new();
        provider.run(["bucket", "create", "1"]).succeeds();
        let listed = provider.json(["key", "list"]);
        let key = listed[0]["public"].as_str().unwrap();
        let key = hex::decode(key.trim_start_matches("0x")).unwrap();
        let account = AccountId(key.try_into().unwrap());
        Self {
            node: FakeNode::start(face, balance, account),
            provider,
            account,
        }
    }

    fn registered() -> Self {
        let fixture = Self::new();
        fixture.setup(&["--yes"]).succeeds();
        fixture
    }

    fn args<'a>(&'a self, command: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
        [command, &["--chain", &self.node.url], more].concat()
    }

    fn run(&self, command: &[&str], more: &[&str]) -> RunResult {
        self.provider.run(self.args(command, more))
    }

    fn setup(&self, more: &[&str]) -> RunResult {
        self.run(&["setup", "--endpoint", ENDPOINT, "--stake", "1000"], more)
    }

    fn record(&self) -> cairn_primitives::onchain::ProviderInfo {
        self.node.record(self.account).unwrap()
    }

    fn agree(&self, bucket: u64, expires_at: u32) {
        let account = self.account;
        self.node.edit(move |pallet| {
            let owner = AccountId([1; 32]);
            let info = BucketInfo {
                members: vec![(owner, Role::Admin)],
                min_providers: 1,
                primary_providers: vec![PrimaryProvider {
                    account,
                    key: None,
                    endpoint: vec![],
                    agreement: Some(Agreement::primary(owner, 100, expires_at)),
                }],
                frozen_start_seq: None,
                snapshot: None,
                historical_roots: vec![],
                window: None,
                last_window: None,
            };
            pallet.buckets.insert(BucketId(bucket), info);
            pallet
                .providers
                .get_mut(&account.0)
                .unwrap()
                .committed_bytes += 100;
        });
    }
}

#[test]
fn setup_shows_everything_before_it_submits() {
    let fixture = Fixture::new();
    let shown = fixture.setup(&["--dry-run", "--price-per-byte", "3 planck"]);
    let text = shown.succeeds().text();
    for part in [
        "storageProvider.register_provider",
        ENDPOINT,
        "1000 PAS (1000000000000000 planck)",
        "storageProvider.update_provider_settings",
        "0.000000000003 PAS (3 planck) for each anchor block",
        "needed",
        "spendable     10000 PAS",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    // Without consent nothing is submitted either.
    fixture
        .setup(&[])
        .fails(USAGE, &["nothing was submitted", "--yes"]);
    assert_eq!(fixture.node.submitted(), []);
}

#[test]
fn setup_registers_and_a_second_run_has_nothing_to_do() {
    let fixture = Fixture::new();
    let settings = [
        "--yes",
        "--price-per-byte",
        "3 planck",
        "--accept-primary",
        "true",
    ];
    fixture.setup(&settings).succeeds();
    let record = fixture.record();
    assert_eq!(record.stake, MIN_STAKE);
    assert_eq!(record.endpoint, ENDPOINT.as_bytes());
    assert_eq!(record.settings.price_per_byte, 3);
    assert!(record.settings.accepting_primary);
    assert!(record.key.is(&fixture.account.0));
    let again = fixture.setup(&settings).succeeds().text();
    assert!(again.contains("nothing to do"), "{again}");
    assert_eq!(fixture.node.submitted().len(), 2);
    assert_eq!(fixture.node.refused(), Vec::<&str>::new());
}

#[test]
fn a_setup_that_is_killed_continues_and_submits_nothing_twice() {
    let fixture = Fixture::new();
    fixture.node.hold();
    let args = fixture.args(
        &["setup", "--endpoint", ENDPOINT, "--stake", "1000"],
        &["--yes", "--price-per-byte", "3 planck"],
    );
    let mut command = fixture.provider.command(&args);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut running = command.spawn().unwrap();
    fixture.node.wait_for_submissions(1);
    running.kill().unwrap();
    running.wait().unwrap();
    fixture.node.release();
    let text = fixture.provider.run(&args).succeeds().text();
    assert!(
        text.contains("register_provider: it has taken effect"),
        "{text}"
    );
    let names: Vec<_> = fixture
        .node
        .submitted()
        .iter()
        .map(cairn_lifecycle::call_name)
        .collect();
    assert_eq!(names, ["register_provider", "update_provider_settings"]);
    assert_eq!(fixture.node.refused(), Vec::<&str>::new());
    assert_eq!(fixture.record().settings.price_per_byte, 3);
}

#[test]
fn an_account_that_cannot_pay_is_told_how_much_is_missing() {
    let fixture = Fixture::with_balance(MIN_STAKE + 1);
    fixture.setup(&["--yes"]).fails(
        REFUSED,
        &["nothing was submitted", "can spend", "needs", "PAS"],
    );
    let poor = Fixture::with_balance(5);
    poor.setup(&["--yes"]).fails(
        REFUSED,
        &["the account can spend 0.000000000005 PAS, and needs 1000 PAS"],
    );
    assert_eq!(poor.node.submitted(), []);
}

#[test]
fn what_the_chain_would_refuse_is_refused_before_it_costs_anything() {
    let fixture = Fixture::new();
    let low = ["setup", "--endpoint", ENDPOINT, "--stake", "999"];
    fixture
        .run(&low, &["--yes"])
        .fails(REFUSED, &["999 PAS is too low", "minimum is 1000 PAS"]);
    let long = format!("https://{}.example", "a.".repeat(60));
    let long = ["setup", "--endpoint", &long, "--stake", "1000"];
    fixture
        .run(&long, &["--yes"])
        .fails(REFUSED, &["multiaddr has", "at most 128"]);
    fixture
        .run(&["provider", "add-stake", "1"], &["--yes"])
        .fails(REFUSED, &["not registered"]);
    fixture
        .run(
            &["setup", "--endpoint", "a.example", "--stake", "1000"],
            &[],
        )
        .fails(USAGE, &["--endpoint"]);
    fixture
        .run(&["setup", "--endpoint", ENDPOINT, "--stake", "1 DOT"], &[])
        .fails(USAGE, &["--stake", "PAS or planck"]);
    assert_eq!(fixture.node.submitted(), []);
}

#[test]
fn another_registered_key_stops_a_setup() {
    let fixture = Fixture::registered();
    let account = fixture.account;
    fixture.node.edit(move |pallet| {
        let record = pallet.providers.get_mut(&account.0).unwrap();
        record.key = RegisteredKey::from([8; 32]);
    });
    fixture
        .setup(&["--yes"])
        .fails(REFUSED, &["is registered with the key 0x0808"]);
    // Those of the setup before: it registers, and closes the record.
    assert_eq!(fixture.node.submitted().len(), 2);
}

#[test]
fn a_node_that_synchronises_stops_a_setup() {
    let fixture = Fixture::new();
    fixture.node.set_syncing();
    fixture
        .setup(&["--yes"])
        .fails(DANGER, &["nothing was submitted", "node-sync"]);
    assert_eq!(fixture.node.submitted(), []);
}

#[test]
fn printed_calls_decode_to_what_was_shown() {
    let fixture = Fixture::new();
    let printed = fixture.setup(&["--print-calls", "--price-per-byte", "3 planck", "--json"]);
    let lines = printed.succeeds().json();
    let plan = lines.iter().find(|line| line["calls"].is_array()).unwrap();
    let data = |place: usize| {
        let text = plan["calls"][place]["call_data"].as_str().unwrap();
        hex::decode(text.trim_start_matches("0x")).unwrap()
    };
    let register = ProviderCall::Register {
        multiaddr: ENDPOINT.to_owned(),
        public_key: RegisteredKey::from(fixture.account.0),
        stake: MIN_STAKE,
    };
    assert_eq!(decode_call(&data(0)), register);
    let ProviderCall::UpdateSettings(settings) = decode_call(&data(1)) else {
        panic!("{plan}");
    };
    assert_eq!(settings.price_per_byte, 3);
    assert_eq!(plan["stake"]["planck"], MIN_STAKE.to_string());
    // An account whose key is elsewhere can be set up only so.
    let alice = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    let key = hex::encode(fixture.account.0);
    let away = ["--account", alice, "--signing-key", &key];
    let printed = fixture.setup(&[&away[..], &["--print-calls"]].concat());
    printed.fails(REFUSED, &["the account can spend 0 PAS"]);
    let refused = fixture.setup(&[&away[..], &["--yes"]].concat());
    refused.fails(DANGER, &["would lose its stake (key)"]);
    fixture
        .run(
            &["provider", "add-stake", "1"],
            &["--yes", "--account", alice],
        )
        .fails(FAILED, &["is not in the base path", "--print-calls"]);
    assert_eq!(fixture.node.submitted(), []);
}

#[test]
fn a_record_is_shown_and_changed() {
    let fixture = Fixture::registered();
    fixture.agree(1, 40_000);
    let shown = fixture
        .provider
        .json(fixture.args(&["provider", "show"], &[]));
    let record = &shown[0]["registered"];
    assert_eq!(record["stake"]["planck"], MIN_STAKE.to_string());
    assert_eq!(record["key_is_here"], true);
    assert_eq!(shown[0]["agreements"][0]["expires_at"], 40_000);
    let text = fixture.run(&["provider", "show"], &[]).succeeds().text();
    assert!(text.contains("the account can pay"), "{text}");

    fixture
        .run(&["provider", "add-stake", "0.5 PAS"], &["--yes"])
        .succeeds();
    assert_eq!(fixture.record().stake, MIN_STAKE + MIN_STAKE / 2_000);
    let change = ["--yes", "--min-duration", "5", "--max-duration", "10"];
    fixture.run(&["provider", "settings"], &change).succeeds();
    assert_eq!(fixture.record().settings.max_duration, 10);
    fixture
        .run(
            &["provider", "settings"],
            &["--yes", "--min-duration", "11"],
        )
        .fails(REFUSED, &["would be longer than the longest"]);
    fixture
        .run(&["provider", "settings"], &["--yes", "--capacity", "99"])
        .fails(REFUSED, &["less than the 100 bytes that are agreed"]);
    let settings = fixture
        .provider
        .json(fixture.args(&["provider", "settings"], &[]));
    assert_eq!(settings[0]["min_duration"], "5 anchor blocks");
    fixture
        .run(
            &["provider", "announce", "--endpoint", "https://a.example"],
            &["--yes"],
        )
        .succeeds();
    assert_eq!(
        fixture.record().endpoint,
        b"/dns4/a.example/tcp/443/tls/http"
    );
    assert_eq!(fixture.node.refused(), Vec::<&str>::new());
}

#[test]
fn a_provider_leaves_step_by_step() {
    let fixture = Fixture::registered();
    fixture.agree(1, 200);
    let leave = |more: &[&str]| fixture.run(&["provider", "leave"], more);
    let text = leave(&["--yes"]).succeeds().text();
    assert!(text.contains("1 agreement; the last one ends in"), "{text}");
    fixture.node.pass(200);
    let text = leave(&["--yes"]).succeeds().text();
    assert!(text.contains("who may settle it"), "{text}");
    fixture.node.pass(14_400);
    let text = leave(&["--yes"]).succeeds().text();
    for part in [
        "claim_expired_agreement: done",
        "deregister_provider: done",
        "waiting for   the notice",
        "delete no bucket",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    leave(&["--cancel", "--yes"]).succeeds();
    assert_eq!(fixture.record().deregister_at, None);
    leave(&["--yes"]).succeeds();
    fixture.node.pass(32_400);
    let text = leave(&["--yes"]).succeeds().text();
    assert!(text.contains("complete_deregister: done"), "{text}");
    assert!(text.contains("is not registered"), "{text}");
    assert!(fixture.node.record(fixture.account).is_none());
    assert_eq!(fixture.node.refused(), Vec::<&str>::new());
}

/// Each variant of the runtime is registered with, changed and left by its own metadata.
#[test]
fn every_variant_of_the_chain_is_served() {
    for variant in VARIANTS {
        let fixture = Fixture::on(Face::Pinned(variant), BALANCE);
        let settings = [
            "--yes",
            "--price-per-byte",
            "3 planck",
            "--accept-primary",
            "true",
        ];
        fixture.setup(&settings).succeeds();
        let record = fixture.record();
        assert_eq!(record.stake, MIN_STAKE, "{variant}");
        assert_eq!(record.settings.price_per_byte, 3, "{variant}");
        fixture.agree(1, 40_000);
        let shown = fixture
            .provider
            .json(fixture.args(&["provider", "show"], &[]));
        assert_eq!(shown[0]["agreements"][0]["expires_at"], 40_000, "{variant}");
        let findings = fixture.run(&["doctor"], &["--json"]).json();
        for check in ["runtime", "chain-state", "registered-key", "stake", "funds"] {
            let found = finding(&findings, check);
            assert_ne!(found["severity"], "danger", "{variant}: {found}");
            assert_ne!(found["severity"], "unknown", "{variant}: {found}");
        }
        fixture.run(&["provider", "leave"], &["--yes"]).succeeds();
        assert!(!fixture.record().settings.accepting_primary, "{variant}");
        assert_eq!(fixture.node.refused(), Vec::<&str>::new(), "{variant}");
    }
}

fn finding<'f>(findings: &'f [Value], check: &str) -> &'f Value {
    let mut all = findings.iter();
    all.find(|finding| finding["check"] == check).unwrap()
}

#[test]
fn the_doctor_works_offline_and_says_what_it_could_not_check() {
    let fixture = Fixture::new();
    let result = fixture.provider.run(["doctor", "--json"]);
    assert_eq!(result.code, Some(REFUSED), "{result:?}");
    let findings = result.json();
    assert_eq!(findings.len(), cairn_lifecycle::doctor::Check::ALL.len());
    assert_eq!(finding(&findings, "key")["severity"], "sound");
    assert_eq!(finding(&findings, "store")["severity"], "sound");
    let stake = finding(&findings, "stake");
    assert_eq!(stake["severity"], "unknown");
    assert_eq!(stake["evidence"], "no node was named with --chain");

    let bare = Provider::bare().run(["doctor", "--json"]);
    assert_eq!(bare.code, Some(DANGER), "{bare:?}");
    assert_eq!(finding(&bare.json(), "base-path")["severity"], "danger");
}

#[test]
fn the_doctor_finds_what_endangers_the_stake() {
    let fixture = Fixture::registered();
    fixture.agree(1, 40_000);
    let account = fixture.account;
    let doctor = || {
        fixture.run(
            &["doctor"],
            &["--json", "--second-chain", &fixture.node.url],
        )
    };
    let findings = doctor().json();
    for check in [
        "registered",
        "registered-key",
        "stake",
        "funds",
        "second-node",
        "runtime",
    ] {
        assert_eq!(
            finding(&findings, check)["severity"],
            "sound",
            "{findings:?}"
        );
    }
    // Nothing listens at the endpoint.
    assert_eq!(finding(&findings, "reachable")["severity"], "warning");

    fixture.agree(9, 40_000);
    fixture.node.edit(move |pallet| {
        pallet.providers.get_mut(&account.0).unwrap().stake = 0;
        pallet.balances.insert(account.0, 1);
    });
    let result = doctor();
    assert_eq!(result.code, Some(DANGER));
    let findings = result.json();
    for check in ["stake", "funds", "missing-buckets"] {
        let found = finding(&findings, check);
        assert_eq!(found["severity"], "danger", "{found}");
        assert!(found["remedy"].is_string(), "{found}");
    }
    let keys = fixture.provider.base_path().join("keystore");
    for key in std::fs::read_dir(keys).unwrap() {
        let path = key.unwrap().path();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let text = fixture.run(&["doctor"], &[]).text();
    assert!(text.contains("WARNING key-mode"), "{text}");
    assert!(text.contains("chmod 600"), "{text}");
}

#[test]
fn a_node_that_is_away_is_a_finding_of_the_doctor_and_ends_a_setup() {
    let fixture = Fixture::new();
    let url = fixture.node.url.clone();
    drop(fixture.node);
    let args = ["doctor", "--json", "--chain", "ws://127.0.0.1:1"];
    let result = fixture.provider.run(args);
    assert_eq!(result.code, Some(DANGER), "{result:?}");
    assert_eq!(finding(&result.json(), "node")["severity"], "danger");
    let setup = [
        "setup",
        "--chain",
        "ws://127.0.0.1:1",
        "--endpoint",
        ENDPOINT,
    ];
    let setup = [&setup[..], &["--stake", "1000"]].concat();
    fixture.provider.run(setup).fails(FAILED, &["cannot reach"]);
    assert!(url.starts_with("ws://127.0.0.1"));
}
