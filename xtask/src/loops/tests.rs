//! Small crates in memory, and the loops that are found in them.

use super::edges::edges;
use super::{describe, loops};
use crate::source::{Modules, ModulesError};
use std::collections::BTreeMap;
use std::path::Path;

/// Reads a crate whose root is `lib.rs`.
fn load(files: &[(&str, &str)]) -> Result<Modules, ModulesError> {
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    let read = |path: &Path| Some((*files.get(path.to_str()?)?).to_owned());
    Modules::load(Path::new("lib.rs"), &read)
}

/// The loops of a crate as they are printed.
fn found(files: &[(&str, &str)]) -> String {
    let modules = load(files).unwrap();
    let found = loops(&modules, &edges(&modules));
    found
        .iter()
        .map(|one| describe(&modules, one, Path::new("")))
        .collect()
}

/// The edges of a crate: `from:line path to`.
fn edges_of(files: &[(&str, &str)]) -> Vec<String> {
    let modules = load(files).unwrap();
    let name = |file| modules.file(file).path.display().to_string();
    edges(&modules)
        .iter()
        .map(|((from, to), mention)| {
            format!(
                "{}:{} {} {}",
                name(*from),
                mention.line,
                mention.path,
                name(*to)
            )
        })
        .collect()
}

#[test]
fn two_siblings_that_use_each_other_are_a_loop() {
    let text = found(&[
        ("lib.rs", "mod a;\nmod b;"),
        ("a.rs", "use crate::b::B;\npub struct A(B);"),
        ("b.rs", "pub struct B;\n\npub fn f(a: super::a::A) {}"),
    ]);
    assert_eq!(
        text,
        "loop in lib.rs: a, b\n    a.rs:1: `crate::b::B` of b.rs\n    b.rs:3: `super::a::A` of \
         a.rs\n\n"
    );
}

#[test]
fn use_in_one_direction_is_no_loop() {
    let text = found(&[
        (
            "lib.rs",
            "mod a;\nmod b;\nuse a::A;\nfn f(a: A, b: b::B) {}",
        ),
        ("a.rs", "use crate::b::B;\npub struct A(B);"),
        ("b.rs", "pub struct B;"),
    ]);
    assert_eq!(text, "");
}

#[test]
fn a_reexport_is_no_use_but_is_followed() {
    let files = [
        (
            "lib.rs",
            "mod a;\nmod b;\npub use a::*;\npub(crate) use b::B;",
        ),
        ("a.rs", "use crate::B;\npub struct A(B);"),
        ("b.rs", "pub struct B;"),
    ];
    assert_eq!(edges_of(&files), ["a.rs:1 crate::B b.rs"]);
}

#[test]
fn a_reexport_leads_to_the_sibling_that_defines() {
    let text = found(&[
        ("lib.rs", "mod a;\nmod b;\npub use a::A;\npub use b::B;"),
        ("a.rs", "use crate::B;\npub struct A(B);"),
        ("b.rs", "use super::A;\npub struct B(Vec<A>);"),
    ]);
    assert!(text.starts_with("loop in lib.rs: a, b\n"), "{text}");
}

#[test]
fn parent_and_child_that_use_each_other_are_no_loop() {
    let text = found(&[
        ("lib.rs", "mod bucket;"),
        (
            "bucket.rs",
            "mod queue;\npub struct Bucket { queue: queue::Queue }",
        ),
        (
            "bucket/queue.rs",
            "use super::Bucket;\npub struct Queue;\nimpl Bucket {}",
        ),
    ]);
    assert_eq!(text, "");
}

#[test]
fn children_of_two_modules_make_a_loop_of_the_modules() {
    let text = found(&[
        ("lib.rs", "mod a;\nmod b;"),
        ("a.rs", "mod low;\nmod high;\npub use low::Low;"),
        ("a/low.rs", "pub struct Low;"),
        ("a/high.rs", "use crate::b::B;"),
        ("b.rs", "use crate::a::Low;\npub struct B(Low);"),
    ]);
    assert_eq!(
        text,
        "loop in lib.rs: a, b\n    a/high.rs:1: `crate::b::B` of b.rs\n    b.rs:1: \
         `crate::a::Low` of a/low.rs\n\n"
    );
}

#[test]
fn a_loop_within_a_module_is_reported_there() {
    let text = found(&[
        ("lib.rs", "mod a;\nmod b;"),
        ("a.rs", "mod x;\nmod y;"),
        (
            "a/x.rs",
            "use super::y::Y;\npub struct X;\nuse crate::b::B;",
        ),
        ("a/y.rs", "use super::x::X;\npub struct Y;"),
        ("b.rs", "pub struct B;"),
    ]);
    assert!(text.starts_with("loop in a.rs: x, y\n"), "{text}");
    assert_eq!(text.matches("loop in").count(), 1);
}

#[test]
fn a_loop_of_three_is_spelled_out() {
    let text = found(&[
        ("lib.rs", "mod a;\nmod b;\nmod c;"),
        ("a.rs", "pub struct A;\nuse crate::b::B;"),
        ("b.rs", "pub struct B;\nuse crate::c::C;"),
        ("c.rs", "pub struct C;\nuse crate::a::A;"),
    ]);
    assert!(text.starts_with("loop in lib.rs: a, b, c\n"), "{text}");
    assert_eq!(
        text.lines().filter(|line| line.starts_with("    ")).count(),
        3
    );
}

#[test]
fn more_than_three_edges_of_a_step_are_counted() {
    let user = "use crate::b::B;";
    let text = found(&[
        ("lib.rs", "mod a;\nmod b;"),
        (
            "a.rs",
            "mod p;\nmod q;\nmod r;\nmod s;\nmod t;\npub struct A;",
        ),
        ("a/p.rs", user),
        ("a/q.rs", user),
        ("a/r.rs", user),
        ("a/s.rs", user),
        ("a/t.rs", user),
        ("b.rs", "use crate::a::A;\npub struct B;"),
    ]);
    assert!(text.contains("    and 2 more like the last\n"), "{text}");
}

#[test]
fn code_for_tests_makes_no_edge() {
    let files = [
        ("lib.rs", "mod a;\nmod b;\n#[cfg(test)]\nmod village;"),
        (
            "a.rs",
            "pub struct A;
            #[cfg(test)] use crate::b::B;
            #[cfg(test)] mod inner { use crate::b::B; }
            impl A { #[cfg(test)] fn f(b: crate::b::B) {} }
            fn g() { #[cfg(test)] let b = crate::b::B; }
            struct C { #[cfg(test)] b: crate::b::B }
            #[cfg(test)] mod tests;
            #[test] fn t() { crate::b::B; }",
        ),
        ("b.rs", "use crate::a::A;\npub struct B;"),
    ];
    assert_eq!(edges_of(&files), ["b.rs:1 crate::a::A a.rs"]);
}

#[test]
fn code_that_tests_share_with_a_feature_counts() {
    let files = [
        ("lib.rs", "mod a;\nmod b;"),
        ("a.rs", "pub struct A;"),
        (
            "b.rs",
            "#[cfg(any(test, feature = \"testing\"))]\nuse crate::a::A;",
        ),
    ];
    assert_eq!(edges_of(&files), ["b.rs:2 crate::a::A a.rs"]);
}

#[test]
fn names_of_modules_globs_and_renames_are_resolved() {
    let b = "pub struct B;\npub enum E { V }\npub fn f() {}";
    for user in [
        "use crate::b;\nfn g() { b::f() }",
        "use crate::b::{self};\nfn g() { b::f() }",
        "use crate::b::{self as other};\nfn g() { other::f() }",
        "use super::b::*;\nfn g() { f() }",
        "use crate::b::B as Renamed;",
        "use crate::{b::{B}};",
        "fn g() { crate::b::E::V; }",
        "use crate::b::E::*;\nfn g() {}",
        "fn g() { use crate::b as inner; inner::f(); }",
        "impl From<crate::b::B> for u8 {}",
        "fn g() -> impl Into<crate::b::B> {}",
        "fn g() { vec![crate::b::B]; }",
        "fn g() { matches!(1, crate::b::E::V) }",
        "use crate::b;\nfn g() { log!(name = b::f(), \"{}\", 1) }",
        "#[derive(Parser)]\nstruct S { #[arg(value_parser = crate::b::f)] x: u8 }",
        "#[derive(Serialize)]\nstruct S { #[serde(with = \"crate::b::f\")] x: u8 }",
        "use crate::b::*;\nfn g() { log!(1..f()) }",
        "macro_rules! m { () => { $crate::b::f() } }",
    ] {
        let edges = edges_of(&[("lib.rs", "mod a;\nmod b;"), ("a.rs", user), ("b.rs", b)]);
        assert_eq!(edges.len(), 1, "{user}: {edges:?}");
        assert!(
            edges[0].starts_with("a.rs:") && edges[0].ends_with(" b.rs"),
            "{edges:?}"
        );
    }
}

#[test]
fn other_crates_and_own_names_are_no_edges() {
    let b = "pub struct B;\npub fn f() {}";
    for user in [
        "use std::b::B;",
        "use ::b::B;",
        "use crate::b;",
        "pub use crate::b::B;",
        "struct B;\nfn g() { B; }",
        "fn g() { fn f() {} f(); }",
        "use crate::b::*;\nfn g(x: u8) { log!(x.f()) }",
        "use crate::b::*;\nmacro_rules! m { ($f:ident) => { $f() } }",
        "use crate::b::missing::B;",
    ] {
        let edges = edges_of(&[("lib.rs", "mod a;\nmod b;"), ("a.rs", user), ("b.rs", b)]);
        assert!(edges.is_empty(), "{user}: {edges:?}");
    }
}

#[test]
fn a_path_that_begins_with_colons_is_of_another_crate() {
    let files = [
        ("lib.rs", "mod b;\nuse ::b::B;\nfn f(b: ::b::B) {}"),
        ("b.rs", "pub struct B;"),
    ];
    assert_eq!(edges_of(&files), [""; 0]);
}

#[test]
fn an_item_that_a_macro_defines_is_found() {
    let edges = edges_of(&[
        ("lib.rs", "mod ids;\nmod user;\npub use ids::BucketId;"),
        (
            "ids.rs",
            "macro_rules! number { ($n:ident) => {} }\nnumber!(BucketId);",
        ),
        ("user.rs", "use crate::BucketId;"),
    ]);
    assert_eq!(edges, ["user.rs:1 crate::BucketId ids.rs"]);
}

#[test]
fn reexports_in_a_circle_end() {
    let edges = edges_of(&[
        ("lib.rs", "mod a;\nmod b;\nmod c;"),
        ("a.rs", "pub use crate::b::*;\npub use crate::b::X;"),
        (
            "b.rs",
            "pub use crate::a::*;\npub use crate::a::X;\npub struct Y;",
        ),
        ("c.rs", "use crate::a::X;\nuse crate::a::Y;"),
    ]);
    assert_eq!(edges, ["c.rs:2 crate::a::Y b.rs"]);
}

#[test]
fn files_are_found_where_rustc_looks() {
    let files = [
        (
            "lib.rs",
            "mod a;\nmod m;\n#[path = \"odd/place.rs\"]\nmod o;\nmod i { mod j; }",
        ),
        ("a.rs", "mod c;"),
        ("a/c.rs", "use crate::m::n::N;"),
        ("m/mod.rs", "pub mod n;"),
        ("m/n.rs", "pub struct N;"),
        ("odd/place.rs", "mod beneath;"),
        ("odd/beneath.rs", "use crate::m::n::N;"),
        ("i/j.rs", "use crate::m::n::N;"),
    ];
    assert_eq!(edges_of(&files).len(), 3);
}

#[test]
fn a_missing_file_is_an_error() {
    let error = load(&[("lib.rs", "mod a;")]).err().unwrap();
    assert_eq!(error.to_string(), "lib.rs: no file for `mod a;`");
}

#[test]
fn a_file_that_is_not_rust_is_an_error() {
    let error = load(&[("lib.rs", "mod a;"), ("a.rs", "struct A;\nstruct {")])
        .err()
        .unwrap();
    assert!(error.to_string().starts_with("a.rs:2: "), "{error}");
}
