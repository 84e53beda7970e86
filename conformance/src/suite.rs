//! The suite: all cases, tried one after the other.

use crate::case::Case;
use crate::cases;
use crate::context::Context;
use crate::key::{Key, NotAKey};
use crate::outcome::Ended;
use crate::report::{CaseReport, Report, Verdict};
use crate::subject::Subject;

/// The path of the key that signs as somebody who is no member.
const STRANGER: &str = "//cairn-conformance//stranger";

/// Returns all cases in the order in which they are tried. What may slow later requests down comes
/// last.
fn all() -> impl Iterator<Item = &'static Case> {
    cases::ALL.iter().flat_map(|cases| cases.iter())
}

/// Returns the names of all cases, and their rules.
pub fn rules() -> impl Iterator<Item = (&'static str, &'static str)> {
    all().map(|case| (case.name, case.rule))
}

/// Tries the cases whose names begin with one of `only`, or all if that is empty.
///
/// # Errors
///
/// [`NotAKey`] if the key of a stranger cannot be derived.
pub async fn run(subject: Subject, only: &[String]) -> Result<Report, NotAKey> {
    let context = Context::new(subject, Key::from_suri(STRANGER)?);
    let is_chosen =
        |case: &&Case| only.is_empty() || only.iter().any(|begin| case.name.starts_with(&**begin));
    let mut tried = Vec::new();
    for case in all().filter(is_chosen) {
        let verdict = match case.end(&context).await {
            Ok(()) => Verdict::Passed,
            Err(Ended::Failed(what)) => Verdict::Failed { what },
            Err(Ended::Differs(difference)) => Verdict::Differs { difference },
            Err(Ended::Skipped(why)) => Verdict::Skipped { why },
            Err(Ended::NotServed(what)) => Verdict::NotServed { what },
        };
        tried.push(CaseReport {
            name: case.name,
            section: case.section.name(),
            rule: case.rule,
            verdict,
        });
    }
    Ok(Report {
        provider: context.subject.endpoint.to_string(),
        cases: tried,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_distinct_and_each_has_a_rule() {
        let names: BTreeSet<_> = rules().map(|(name, _)| name).collect();
        assert_eq!(names.len(), rules().count());
        for (name, rule) in rules() {
            let is_name = |one: char| one.is_ascii_lowercase() || "0123456789-.".contains(one);
            assert!(name.chars().all(is_name) && name.contains('.'), "{name}");
            assert!(rule.len() > 10, "{name}: {rule}");
        }
    }
}
