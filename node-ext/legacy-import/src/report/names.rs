//! The report on the names of a bucket's objects or files.

use serde::Serialize;

/// Upper bound on names that are listed.
const MAX_LISTED_NAMES: usize = 1000;

/// Upper bound on characters of a listed name: anyone may have chosen it.
const MAX_LISTED_CHARS: usize = 200;

/// The reasons why a name is not imported. Its content is not affected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LegacyNameFault {
    /// Its entry lacks a field, or has one of another type.
    #[error("its entry cannot be read")]
    Unreadable,
    /// It is empty, has more than 1,024 bytes, or is a path that does not begin with `/`.
    #[error("no object may have this name: it is empty, too long, or no path")]
    Name,
    /// Its content type or its metadata are too long.
    #[error("its content type or its metadata are too long")]
    Attributes,
    /// No leaf of the bucket has its data root.
    #[error("no leaf of the bucket has its data root")]
    NoLeaf,
    /// The bucket does not hold its content, in its size and as a padded tree.
    #[error("the bucket does not hold its content with this size")]
    Content,
    /// The bucket's names take as much space as they may.
    #[error("the bucket has no room for further names")]
    NoRoom,
}

/// A name that is not imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NameNotImported {
    /// The name, or its first 200 characters and `…`.
    pub name: String,
    /// The reason.
    pub reason: LegacyNameFault,
}

/// The names of a bucket's objects or files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LegacyNames {
    /// Names that were imported, or could be; also directories.
    pub imported: u64,
    /// Names that the bucket had already. They are as they were.
    pub already_there: u64,
    /// Names that the bucket does not have, although it has had names that were removed or replaced:
    /// they may have been removed after an earlier import. They are not imported.
    pub perhaps_removed: u64,
    /// Names that cannot be imported: the first 1,000.
    pub not_imported: Vec<NameNotImported>,
    /// Number of further such names.
    pub more_not_imported: u64,
    /// The reason why the source's index could not be read, or not to its end.
    pub index_fault: Option<String>,
}

impl LegacyNames {
    pub(crate) fn refuse(&mut self, name: &str, reason: LegacyNameFault) {
        if self.not_imported.len() < MAX_LISTED_NAMES {
            let mut listed: String = name.chars().take(MAX_LISTED_CHARS).collect();
            if listed.len() < name.len() {
                listed.push('…');
            }
            let name = listed;
            self.not_imported.push(NameNotImported { name, reason });
        } else {
            self.more_not_imported = self.more_not_imported.saturating_add(1);
        }
    }

    /// Returns the number of names that cannot be imported.
    pub fn refused(&self) -> u64 {
        let listed = u64::try_from(self.not_imported.len()).unwrap_or(u64::MAX);
        listed.saturating_add(self.more_not_imported)
    }

    /// Returns whether names need the operator's attention.
    pub fn has_findings(&self) -> bool {
        self.index_fault.is_some() || !self.not_imported.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_up_to_a_bound_and_counted_all_the_same() {
        let mut names = LegacyNames::default();
        assert!(!names.has_findings());
        for number in 0..MAX_LISTED_NAMES + 5 {
            names.refuse(&number.to_string(), LegacyNameFault::NoLeaf);
        }
        assert_eq!(names.not_imported.len(), MAX_LISTED_NAMES);
        assert_eq!((names.more_not_imported, names.refused()), (5, 1005));
        assert!(names.has_findings());
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let mut names = LegacyNames::default();
        for length in [200, 201] {
            names.refuse(&"ä".repeat(length), LegacyNameFault::Name);
        }
        let listed: Vec<_> = names.not_imported.iter().map(|one| &one.name).collect();
        assert_eq!(*listed[0], "ä".repeat(200));
        assert_eq!(*listed[1], "ä".repeat(200) + "…");
    }
}
