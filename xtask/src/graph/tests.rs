//! Small workspaces, and how they are drawn.

use super::draw::{Crate, markdown, text};
use super::floors::{floors, reduced};
use super::sizes::{Size, shown_in, thousands};
use super::{dependencies, dev_loops, first_difference};
use crate::cycles::{Graph, components};
use crate::workspace::Package;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A package by its name and its dependencies with their kinds.
fn package(name: &str, uses: &[(&str, Option<&str>)]) -> Package {
    let uses: Vec<serde_json::Value> = uses
        .iter()
        .map(|(name, kind)| serde_json::json!({"name": name, "kind": kind, "path": "/x"}))
        .collect();
    let mut value = serde_json::json!({"name": name, "manifest_path": "/x", "targets": []});
    value["dependencies"] = uses.into();
    serde_json::from_value(value).unwrap()
}

#[test]
fn only_normal_dependencies_on_members_are_drawn() {
    let packages = [
        package(
            "a",
            &[
                ("b", None),
                ("c", Some("dev")),
                ("d", Some("build")),
                ("serde", None),
            ],
        ),
        package("b", &[]),
        package("c", &[]),
        package("d", &[]),
    ];
    let graph = dependencies(&packages, |kind| kind.is_none());
    assert_eq!(graph["a"], BTreeSet::from(["b"]));
    assert_eq!(graph.len(), 4);
}

/// `cairn` is the name of another crate on crates.io.
#[test]
fn a_dependency_from_a_registry_is_no_member() {
    let mut packages = [package("a", &[("b", None)]), package("b", &[])];
    packages[0].dependencies[0].path = None;
    assert!(dependencies(&packages, |_| true)["a"].is_empty());
}

#[test]
fn a_loop_by_dev_dependencies_is_reported() {
    let packages = [
        package("a", &[("b", None)]),
        package("b", &[("a", Some("dev"))]),
    ];
    assert!(components(&dependencies(&packages, |kind| kind.is_none())).is_empty());
    assert_eq!(dev_loops(&packages), ["a → b → a"]);
    assert_eq!(dev_loops(&packages[1..]), [""; 0]);
}

#[test]
fn a_crate_stands_above_all_that_it_uses() {
    let graph = Graph::from([
        ("a", BTreeSet::from(["b", "c"])),
        ("b", BTreeSet::from(["c"])),
        ("c", BTreeSet::new()),
        ("d", BTreeSet::new()),
    ]);
    let floors: Vec<_> = floors(&graph).into_iter().collect();
    assert_eq!(floors, [("a", 2), ("b", 1), ("c", 0), ("d", 0)]);
    assert_eq!(reduced(&graph)["a"], BTreeSet::from(["b"]));
}

fn two() -> Vec<Crate> {
    let size = |own, all| Size { own, all };
    let uses = vec!["low".to_owned()];
    vec![
        Crate {
            name: "cairn-top".to_owned(),
            floor: 1,
            size: size(11_449, 20_000),
            uses,
        },
        Crate {
            name: "low".to_owned(),
            floor: 0,
            size: size(349, 351),
            uses: Vec::new(),
        },
    ]
}

#[test]
fn text_has_a_line_for_each_crate() {
    let expected = " 1  cairn-top  11.4k  20.0k  → low\n 0  low         0.3k   0.4k\n";
    assert_eq!(text(&two(), &[]), expected);
    let with_loop = text(&two(), &["a → b".to_owned()]);
    assert_eq!(
        with_loop,
        format!("{expected}loop by dev-dependencies: a → b\n")
    );
}

#[test]
fn the_page_has_the_drawing_and_the_text() {
    let page = markdown(&two(), &[]);
    assert!(
        page.contains("    cairn_top[\"cairn-top<br/>11.4k\"]\n"),
        "{page}"
    );
    assert!(page.contains("    cairn_top --> low\n"), "{page}");
    assert!(page.contains(&text(&two(), &[])), "{page}");
    assert!(page.lines().all(|line| line.len() <= 100), "{page}");
}

#[test]
fn sizes_stay_until_they_are_off_by_a_tenth() {
    let page = markdown(&two(), &[]);
    let shown = shown_in(&page, "cairn-top");
    assert_eq!(
        shown,
        Some(Size {
            own: 11_400,
            all: 20_000
        })
    );
    assert_eq!(shown_in(&page, "top"), None);
    let near = |own, all| Size::near(Size { own, all }, shown);
    assert_eq!(
        near(12_600, 18_200),
        Size {
            own: 11_400,
            all: 20_000
        }
    );
    assert_eq!(
        near(12_700, 18_100),
        Size {
            own: 12_700,
            all: 18_100
        }
    );
    let small = Some(Size { own: 100, all: 100 });
    assert_eq!(
        Size::near(Size { own: 200, all: 201 }, small),
        Size { own: 100, all: 201 }
    );
    assert_eq!(
        Size::near(Size { own: 7, all: 8 }, None),
        Size { own: 7, all: 8 }
    );
}

#[test]
fn the_first_difference_is_told_with_its_line() {
    assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
    assert_eq!(first_difference("a\nb", "a\nc"), Some((2, ("b", "c"))));
    assert_eq!(first_difference("a", "a\nc"), Some((2, ("nothing", "c"))));
}

const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// Returns whether a node reaches another one over at least one edge.
fn reaches(graph: &Graph<&str>, from: &str, to: &str) -> bool {
    graph[from]
        .iter()
        .any(|next| *next == to || reaches(graph, next, to))
}

proptest! {
    #[test]
    fn reduction_keeps_what_is_reached_with_the_fewest_edges(
        edges in proptest::collection::vec((0_usize..8, 0_usize..8), 0..24),
    ) {
        let mut graph: Graph<&str> = NAMES.iter().map(|name| (*name, BTreeSet::new())).collect();
        for (one, other) in edges {
            // From the lower to the higher number: there is no loop.
            if one != other {
                graph.get_mut(NAMES[one.min(other)]).unwrap().insert(NAMES[one.max(other)]);
            }
        }
        let small = reduced(&graph);
        for a in NAMES {
            for b in NAMES {
                prop_assert_eq!(reaches(&graph, a, b), reaches(&small, a, b));
            }
            for end in &small[a] {
                let mut without = small.clone();
                without.get_mut(a).unwrap().remove(end);
                prop_assert!(!reaches(&without, a, end), "{a} → {end} follows");
            }
            let floor = floors(&graph)[a];
            prop_assert_eq!(floor, graph[a].iter().map(|b| floors(&graph)[b] + 1).max().unwrap_or(0));
        }
    }

    #[test]
    fn thousands_are_read_back(lines in 0_usize..100_000) {
        let row = format!("3 x {} {}", thousands(lines), thousands(lines));
        let read = shown_in(&row, "x").unwrap();
        prop_assert!(read.own.abs_diff(lines) <= 50);
        prop_assert_eq!(thousands(read.own), thousands(lines));
    }
}
