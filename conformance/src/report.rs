//! The report: a verdict for each case, as text and as JSON.

use crate::difference::Difference;
use serde::Serialize;
use std::fmt::{self, Display, Formatter};

/// The verdict on one case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// The rule holds.
    Passed,
    /// The rule is broken.
    Failed {
        /// The answer, and what was expected.
        what: String,
    },
    /// The rule is broken in a known way, for a stated reason.
    Differs {
        /// The known difference.
        difference: Difference,
    },
    /// The case was not tried.
    Skipped {
        /// The reason.
        why: String,
    },
    /// The provider does not have the route.
    NotServed {
        /// The request.
        what: String,
    },
}

/// A case and its verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CaseReport {
    /// The case's name.
    pub name: &'static str,
    /// The part of the API that it is about.
    pub section: &'static str,
    /// The rule.
    pub rule: &'static str,
    /// The verdict.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// The report of a run. Its `Display` is the text for a terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The provider's address.
    pub provider: String,
    /// The cases in the order in which they were tried.
    pub cases: Vec<CaseReport>,
}

impl Report {
    /// Returns whether no rule is broken, but for known differences.
    pub fn is_conforming(&self) -> bool {
        let is_broken = |one: &CaseReport| {
            matches!(
                one.verdict,
                Verdict::Failed { .. } | Verdict::NotServed { .. }
            )
        };
        !self.cases.iter().any(is_broken)
    }

    /// Returns whether no rule is broken, not even in a known way.
    pub fn is_like_todays(&self) -> bool {
        let differs = |one: &CaseReport| matches!(one.verdict, Verdict::Differs { .. });
        self.is_conforming() && !self.cases.iter().any(differs)
    }

    /// Returns the differences that were seen, each once, in their order.
    pub fn differences(&self) -> Vec<Difference> {
        let mut seen: Vec<_> = self
            .cases
            .iter()
            .filter_map(|one| match one.verdict {
                Verdict::Differs { difference } => Some(difference),
                _ => None,
            })
            .collect();
        seen.sort_unstable();
        seen.dedup();
        seen
    }

    /// Returns the names of the cases whose routes the provider does not have.
    pub fn not_served(&self) -> Vec<&'static str> {
        let missing =
            |one: &CaseReport| matches!(one.verdict, Verdict::NotServed { .. }).then_some(one.name);
        self.cases.iter().filter_map(missing).collect()
    }

    fn count(&self, matches: impl Fn(&Verdict) -> bool) -> usize {
        let matching = self.cases.iter().filter(|one| matches(&one.verdict));
        matching.count()
    }
}

/// Returns a text without characters that could change what a terminal shows.
fn plain(text: &str) -> String {
    let shown = |one: char| if one.is_control() { '\u{fffd}' } else { one };
    text.chars().map(shown).collect()
}

impl Display for CaseReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (word, why) = match &self.verdict {
            Verdict::Passed => ("pass", None),
            Verdict::Failed { what } => ("FAIL", Some(plain(what))),
            Verdict::Differs { difference } => {
                let why = format!("{}: {}", difference.name(), difference.reason());
                ("differs", Some(why))
            }
            Verdict::Skipped { why } => ("skipped", Some(plain(why))),
            Verdict::NotServed { what } => ("NOT SERVED", Some(plain(what))),
        };
        write!(f, "{word:<10} {:<32} {}", self.name, self.rule)?;
        why.map_or(Ok(()), |why| write!(f, "\n{:11}-> {why}", ""))
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for one in &self.cases {
            writeln!(f, "{one}")?;
        }
        write!(
            f,
            "\n{}: {} pass, {} fail, {} differ on purpose, {} not served, {} skipped",
            self.provider,
            self.count(|one| matches!(one, Verdict::Passed)),
            self.count(|one| matches!(one, Verdict::Failed { .. })),
            self.count(|one| matches!(one, Verdict::Differs { .. })),
            self.count(|one| matches!(one, Verdict::NotServed { .. })),
            self.count(|one| matches!(one, Verdict::Skipped { .. })),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(verdicts: &[Verdict]) -> Report {
        let case = |verdict: &Verdict| CaseReport {
            name: "a.case",
            section: "routes",
            rule: "a rule",
            verdict: verdict.clone(),
        };
        Report {
            provider: "http://here:1".into(),
            cases: verdicts.iter().map(case).collect(),
        }
    }

    #[test]
    fn what_is_broken_decides() {
        let differs = Verdict::Differs {
            difference: Difference::Padding,
        };
        let skipped = Verdict::Skipped { why: "no".into() };
        let like = report(&[Verdict::Passed, skipped.clone()]);
        assert!(like.is_conforming() && like.is_like_todays());
        let other = report(&[Verdict::Passed, differs.clone(), skipped, differs]);
        assert!(other.is_conforming() && !other.is_like_todays());
        assert_eq!(other.differences(), [Difference::Padding]);
        let failed = Verdict::Failed {
            what: "\u{1b}[2J".into(),
        };
        let failed = report(&[failed]);
        assert!(!failed.is_conforming());
        assert!(!failed.to_string().contains('\u{1b}'));
        let missing = Verdict::NotServed {
            what: "GET /".into(),
        };
        assert!(!report(&[missing]).is_conforming());
    }

    #[test]
    fn json_has_one_object_a_case() {
        let differs = Verdict::Differs {
            difference: Difference::Padding,
        };
        let value = serde_json::to_value(report(&[differs])).unwrap();
        assert_eq!(value["cases"][0]["verdict"], "differs");
        assert_eq!(value["cases"][0]["difference"], "padding");
        assert_eq!(value["cases"][0]["name"], "a.case");
    }
}
