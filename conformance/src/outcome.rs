//! How a case ends: it holds, or one of the ways in which it does not.

use crate::difference::Difference;

/// The end of a case that does not simply hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The provider breaks the rule.
    Failed(String),
    /// It breaks the rule in a way that is known, and meant.
    Differs(Difference),
    /// The case could not be tried.
    Skipped(String),
    /// The provider has no such route.
    NotServed(String),
}

/// The result of a case or of a part of it.
pub(crate) type Checked<T = ()> = Result<T, Ended>;

/// Returns a failure.
pub(crate) fn failed<T>(what: impl Into<String>) -> Checked<T> {
    Err(Ended::Failed(what.into()))
}

/// Ends a case as failed unless a condition holds.
macro_rules! ensure {
    ($condition:expr, $($what:tt)+) => {
        if !$condition {
            return Err($crate::outcome::Ended::Failed(format!($($what)+)));
        }
    };
}
pub(crate) use ensure;
