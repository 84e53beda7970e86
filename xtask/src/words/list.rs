//! The list of retired words: `xtask/retired-words.tsv`.
//!
//! Each line has columns between tabs. Empty lines and lines that begin with `#` do not count.
//!
//! ```text
//! WHERE   regex  better word
//! exempt  path   regex or *   reason
//! ```
//!
//! WHERE is one or more of `prose`, `summary` and `names`, between commas. A path that ends with
//! `/` is a folder. In a regex for prose a space stands for any white space, line breaks among
//! it, and case does not count; in one for names it does. A regex for names sees one identifier,
//! and for a definition also its keyword: `^fn told$`.

use regex::{Regex, RegexBuilder};
use std::collections::BTreeSet;

/// The kinds of text that a word is looked for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Comments, string literals, Markdown, and all of other text files.
    Prose,
    /// The first paragraph of a Rust doc comment.
    Summary,
    /// Identifiers of Rust, in code and between backticks, and the names of source files.
    Name,
}

/// A word that must not come back.
#[derive(Debug)]
pub(crate) struct RetiredWord {
    /// The regex as the list has it.
    pub(crate) source: String,
    /// What it is looked for in.
    pub(crate) kinds: BTreeSet<Kind>,
    /// What to write in its place.
    pub(crate) better: String,
    prose: Regex,
    name: Regex,
}

/// A path in which some words are allowed.
#[derive(Debug)]
struct Exemption {
    path: String,
    /// The regex of the one word; `None` for all.
    word: Option<String>,
}

/// The words and the exemptions.
#[derive(Debug)]
pub(crate) struct List {
    /// The words, in the order of the list.
    pub(crate) words: Vec<RetiredWord>,
    exemptions: Vec<Exemption>,
}

/// The list is malformed. Lines count from 1.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    /// A line has another number of columns, or an empty one.
    #[error(
        "line {0}: expected `WHERE<tab>regex<tab>better word` or `exempt<tab>path<tab>regex or *<tab>reason`"
    )]
    Columns(usize),
    /// The first column is unknown.
    #[error("line {0}: `{1}` is none of prose, summary, names, exempt")]
    Where(usize, String),
    /// The regex is invalid.
    #[error("line {0}: the regex is invalid")]
    Regex(usize, #[source] regex::Error),
    /// A regex is on the list twice.
    #[error("line {0}: `{1}` is on the list already")]
    Twice(usize, String),
    /// An exemption names a word that is not on the list.
    #[error("the exemption of {0} is for `{1}`, which is not on the list")]
    UnknownWord(String, String),
    /// An exemption is for no file.
    #[error("the exemption of {0} matches no file")]
    UnknownPath(String),
}

impl List {
    /// Reads a list.
    ///
    /// # Errors
    /// If a line is malformed, a word is there twice, or an exemption is for an unknown word.
    pub(crate) fn parse(text: &str) -> Result<Self, ListError> {
        let mut list = Self {
            words: Vec::new(),
            exemptions: Vec::new(),
        };
        for (line, row) in (1..).zip(text.lines()) {
            if row.trim().is_empty() || row.starts_with('#') {
                continue;
            }
            let columns: Vec<&str> = row.split('\t').map(str::trim).collect();
            if columns.iter().any(|column| column.is_empty()) {
                return Err(ListError::Columns(line));
            }
            match *columns.as_slice() {
                ["exempt", path, word, _reason] => list.exemptions.push(Exemption {
                    path: path.to_owned(),
                    word: (word != "*").then(|| word.to_owned()),
                }),
                [place, regex, better] if place != "exempt" => {
                    if list.words.iter().any(|word| word.source == regex) {
                        return Err(ListError::Twice(line, regex.to_owned()));
                    }
                    list.words
                        .push(RetiredWord::new(line, place, regex, better)?);
                }
                _ => return Err(ListError::Columns(line)),
            }
        }
        for exemption in &list.exemptions {
            if let Some(word) = &exemption.word
                && !list.words.iter().any(|listed| listed.source == *word)
            {
                return Err(ListError::UnknownWord(exemption.path.clone(), word.clone()));
            }
        }
        Ok(list)
    }

    /// Checks that each exemption is for one of these files at least.
    ///
    /// # Errors
    /// Names the first one that is not.
    pub(crate) fn check_paths(&self, files: &[String]) -> Result<(), ListError> {
        match self
            .exemptions
            .iter()
            .find(|e| !files.iter().any(|file| e.covers(file)))
        {
            Some(exemption) => Err(ListError::UnknownPath(exemption.path.clone())),
            None => Ok(()),
        }
    }

    /// Returns the words that a file must not have.
    pub(crate) fn words_for<'l>(&'l self, file: &str) -> Vec<&'l RetiredWord> {
        let exemptions: Vec<&Exemption> = self
            .exemptions
            .iter()
            .filter(|exemption| exemption.covers(file))
            .collect();
        let is_allowed = |word: &RetiredWord| {
            exemptions
                .iter()
                .any(|e| e.word.as_ref().is_none_or(|one| *one == word.source))
        };
        self.words.iter().filter(|word| !is_allowed(word)).collect()
    }
}

impl Exemption {
    fn covers(&self, file: &str) -> bool {
        if self.path.ends_with('/') {
            file.starts_with(&self.path)
        } else {
            file == self.path
        }
    }
}

impl RetiredWord {
    fn new(line: usize, place: &str, regex: &str, better: &str) -> Result<Self, ListError> {
        let kinds = place
            .split(',')
            .map(|kind| match kind.trim() {
                "prose" => Ok(Kind::Prose),
                "summary" => Ok(Kind::Summary),
                "names" => Ok(Kind::Name),
                other => Err(ListError::Where(line, other.to_owned())),
            })
            .collect::<Result<_, _>>()?;
        let fault = |error| ListError::Regex(line, error);
        let prose = RegexBuilder::new(&regex.replace(' ', r"\s+"))
            .case_insensitive(true)
            .build()
            .map_err(fault)?;
        let name = Regex::new(regex).map_err(fault)?;
        Ok(Self {
            source: regex.to_owned(),
            kinds,
            better: better.to_owned(),
            prose,
            name,
        })
    }

    /// Returns where the word is in a text of a kind, as byte ranges.
    pub(crate) fn find(&self, kind: Kind, text: &str) -> Vec<std::ops::Range<usize>> {
        if !self.kinds.contains(&kind) {
            return Vec::new();
        }
        let regex = if kind == Kind::Name {
            &self.name
        } else {
            &self.prose
        };
        regex.find_iter(text).map(|found| found.range()).collect()
    }
}
