//! A case: a name, a rule, what it needs, and how it is tried.

use crate::context::Context;
use crate::outcome::{Checked, Ended};
use futures::future::BoxFuture;

/// The part of the API that a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// Routes, encodings and errors.
    Routes,
    /// The signed header, and members' roles.
    Members,
    /// Sequences of requests as clients make them.
    Flows,
}

impl Section {
    /// Returns its name in reports.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Routes => "routes",
            Self::Members => "members",
            Self::Flows => "flows",
        }
    }
}

/// Something that only some operators give the suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Admin,
    Reader,
    OtherBucket,
    EmptyBucket,
    ForeignBucket,
    ListedOrigin,
    Deletion,
}

impl Need {
    /// Returns the reason for which a case is skipped, if this is missing.
    pub(crate) fn missing(self, context: &Context) -> Option<&'static str> {
        let subject = &context.subject;
        let (is_there, what) = match self {
            Self::Admin => (subject.admin.is_some(), "no admin's key (--admin-suri)"),
            Self::Reader => (subject.reader.is_some(), "no reader's key (--reader-suri)"),
            Self::OtherBucket => {
                let given = subject.other_bucket.is_some();
                (given, "no second bucket (--other-bucket)")
            }
            Self::EmptyBucket => {
                let given = subject.empty_bucket.is_some();
                (given, "no empty bucket (--empty-bucket)")
            }
            Self::ForeignBucket => {
                let given = subject.foreign_bucket.is_some();
                (given, "no bucket without an agreement (--foreign-bucket)")
            }
            Self::ListedOrigin => {
                let given = subject.listed_origin.is_some();
                (given, "no listed origin (--listed-origin)")
            }
            Self::Deletion => (subject.may_delete, "nothing may be deleted (--may-delete)"),
        };
        (!is_there).then_some(what)
    }
}

type Run = for<'c> fn(&'c Context) -> BoxFuture<'c, Checked>;

/// A case.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) section: Section,
    pub(crate) rule: &'static str,
    pub(crate) needs: &'static [Need],
    pub(crate) run: Run,
}

impl Case {
    /// Tries the case.
    pub(crate) async fn end(&self, context: &Context) -> Checked {
        let missing = self.needs.iter().find_map(|need| need.missing(context));
        match missing {
            Some(why) => Err(Ended::Skipped(why.to_owned())),
            None => (self.run)(context).await,
        }
    }
}

/// Declares the cases of a file.
macro_rules! cases {
    ($section:ident; $($name:literal, $rule:literal, [$($need:ident),*] => $run:ident;)+) => {
        pub(crate) const CASES: &[$crate::case::Case] = &[$($crate::case::Case {
            name: $name,
            section: $crate::case::Section::$section,
            rule: $rule,
            needs: &[$($crate::case::Need::$need),*],
            run: |context| Box::pin($run(context)),
        }),+];
    };
}
pub(crate) use cases;
