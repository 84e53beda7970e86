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

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use std::collections::BTreeSet;
use std::ops::Range;

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
    source: String,
    /// The kinds of text that must not have it.
    kinds: BTreeSet<Kind>,
    /// The word to write in its place.
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
    words: Vec<RetiredWord>,
    exemptions: Vec<Exemption>,
    /// All words as they are looked for in prose, and in names: one pass finds which are there.
    prose: RegexSet,
    names: RegexSet,
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
    /// The list is too long for one pass.
    #[error("the list is too long")]
    Size(#[source] regex::Error),
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
        let (mut words, mut exemptions) = (Vec::<RetiredWord>::new(), Vec::new());
        for (line, row) in (1..).zip(text.lines()) {
            if row.trim().is_empty() || row.starts_with('#') {
                continue;
            }
            let columns: Vec<&str> = row.split('\t').map(str::trim).collect();
            if columns.iter().any(|column| column.is_empty()) {
                return Err(ListError::Columns(line));
            }
            match *columns.as_slice() {
                ["exempt", path, word, _reason] => exemptions.push(Exemption {
                    path: path.to_owned(),
                    word: (word != "*").then(|| word.to_owned()),
                }),
                [place, regex, better] if place != "exempt" => {
                    if words.iter().any(|word| word.source == regex) {
                        return Err(ListError::Twice(line, regex.to_owned()));
                    }
                    words.push(RetiredWord::new(line, place, regex, better)?);
                }
                _ => return Err(ListError::Columns(line)),
            }
        }
        for exemption in &exemptions {
            if let Some(word) = &exemption.word
                && !words.iter().any(|listed| listed.source == *word)
            {
                return Err(ListError::UnknownWord(exemption.path.clone(), word.clone()));
            }
        }
        let set = |patterns: Vec<&str>, any_case| {
            let mut builder = RegexSetBuilder::new(patterns);
            builder
                .case_insensitive(any_case)
                .build()
                .map_err(ListError::Size)
        };
        let prose = set(words.iter().map(|word| word.prose.as_str()).collect(), true)?;
        let names = set(words.iter().map(|word| word.name.as_str()).collect(), false)?;
        Ok(Self {
            words,
            exemptions,
            prose,
            names,
        })
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

    /// Returns the words in a text of a file that the file must not have, with their places.
    pub(crate) fn find(
        &self,
        file: &str,
        kind: Kind,
        text: &str,
    ) -> Vec<(&RetiredWord, Range<usize>)> {
        let set = if kind == Kind::Name {
            &self.names
        } else {
            &self.prose
        };
        set.matches(text)
            .into_iter()
            .filter_map(|at| self.words.get(at))
            .filter(|word| word.kinds.contains(&kind) && !self.is_allowed(file, word))
            .flat_map(|word| {
                let regex = if kind == Kind::Name {
                    &word.name
                } else {
                    &word.prose
                };
                regex
                    .find_iter(text)
                    .map(move |found| (word, found.range()))
            })
            .collect()
    }

    fn is_allowed(&self, file: &str, word: &RetiredWord) -> bool {
        self.exemptions.iter().any(|exemption| {
            exemption.covers(file)
                && exemption
                    .word
                    .as_ref()
                    .is_none_or(|one| *one == word.source)
        })
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
}
