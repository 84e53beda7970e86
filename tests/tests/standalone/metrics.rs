//! The dashboard, the alerts and the operating manual name only existing metrics and flags.

use crate::fixture::Fixture;
use crate::process::program;
use crate::wire::http;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::process::Command;

fn read(path: &str) -> String {
    let path = crate::repository().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the names of Cairn's metrics in a text.
fn metric_names(text: &str) -> BTreeSet<String> {
    let pieces = text.split("substrate_cairn_").skip(1);
    let name = |piece: &str| {
        let end = piece
            .find(|c: char| !c.is_ascii_lowercase() && c != '_')
            .unwrap_or(piece.len());
        format!("cairn_{}", &piece[..end])
    };
    let names = pieces.map(name).filter(|name| name != "cairn_");
    names
        .map(|name| {
            let histogram = ["_bucket", "_count", "_sum"]
                .iter()
                .find_map(|end| name.strip_suffix(end))
                .filter(|name| name.ends_with("_time"));
            histogram.map_or(name.clone(), str::to_owned)
        })
        .collect()
}

const DASHBOARD: &str = "ops/grafana/cairn.json";
const ALERTS: &str = "ops/prometheus/alerts.yml";
const PAGE: &str = "docs/operating.md";

#[test]
fn the_dashboard_has_exactly_the_exported_metrics() {
    let stage = Fixture::new(&["--http-port", "0"]);
    // A failing request, so that errors are counted.
    stage
        .connect()
        .request("cairnBucket_v1_info", json!([4_711]));
    let (status, text) = http(stage.metrics(), "GET /metrics", &[], "");
    assert_eq!(status, 200);
    let shown = metric_names(&text);
    for file in [DASHBOARD, ALERTS, PAGE] {
        let unknown: Vec<_> = metric_names(&read(file))
            .difference(&shown)
            .cloned()
            .collect();
        assert!(
            unknown.is_empty(),
            "{file} names {unknown:?}, which are not exported"
        );
    }
    let missing: Vec<_> = shown
        .difference(&metric_names(&read(DASHBOARD)))
        .cloned()
        .collect();
    assert!(missing.is_empty(), "{missing:?} are not on the dashboard");
}

#[test]
fn panel_ids_are_unique_and_panels_have_queries() {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<_> = panels
        .iter()
        .map(|panel| panel["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids.len(), panels.len());
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{} shows nothing", panel["title"]);
    }
}

#[test]
fn each_alert_has_severity_duration_and_advice() {
    let text = read(ALERTS);
    let page = read(PAGE);
    let alerts: Vec<_> = text.split("- alert: ").skip(1).collect();
    assert!(alerts.len() >= 7);
    for alert in alerts {
        let name = alert.lines().next().unwrap();
        for field in ["expr: ", "severity: ", "summary: ", "description: "] {
            assert!(alert.contains(field), "{name} lacks {field}");
        }
        assert!(
            page.contains(&format!("`{name}`")),
            "{PAGE} does not mention {name}"
        );
    }
}

#[test]
fn the_manual_names_only_existing_flags() {
    let help = |command: &[&str]| {
        let shown = Command::new(program())
            .args(command)
            .arg("--help")
            .output()
            .unwrap();
        String::from_utf8(shown.stdout).unwrap()
    };
    let known = [
        &["run"][..],
        &["fsck"],
        &["put"],
        &["key", "insert"],
        &["bucket", "accept"],
        &["bucket", "create"],
        &["bucket", "delete"],
        &["bucket", "import"],
        &["bucket", "sign-unprovable"],
        &["chain", "inspect"],
        &["doctor"],
        &["setup"],
        &["status"],
        &["provider", "announce"],
        &["provider", "leave"],
        &["provider", "settings"],
    ]
    .map(help)
    .concat();
    for (place, _) in read(PAGE).match_indices("--") {
        let text = read(PAGE);
        let rest = &text[place..];
        let end = rest[2..].find(|c: char| !c.is_ascii_lowercase() && c != '-');
        let flag = &rest[..end.unwrap_or(0) + 2];
        let is_flag = flag.len() > 3 && !flag.ends_with('-');
        assert!(
            !is_flag || known.contains(flag),
            "{flag} is not a flag of the program"
        );
    }
}
