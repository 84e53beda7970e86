//! `words`: refuses words that were replaced by better ones.
//!
//! `xtask/retired-words.tsv` has the words, where each counts, and what to write in their place.
//! All files that git tracks are read.

mod lexer;
mod list;
mod markdown;
mod pieces;
#[cfg(test)]
mod tests;

use crate::workspace::{ReadError, Workspace, WorkspaceError};
use list::{List, ListError};
use pieces::pieces;
use std::collections::BTreeSet;

/// The list, from the root of the repository.
const LIST: &str = "xtask/retired-words.tsv";

/// The words cannot be searched for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WordsError {
    /// The files are not known.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The list is malformed.
    #[error("{LIST} cannot be used")]
    List(#[from] ListError),
}

/// A retired word in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Hit {
    /// From 1.
    line: usize,
    /// As the file has it, on one line.
    word: String,
    better: String,
}

/// Prints each retired word in the files whose paths begin with one of `prefixes`, or in all files
/// if there is none; returns whether no word was found.
///
/// # Errors
/// If a file or the list cannot be read.
pub(crate) fn run(prefixes: &[String]) -> Result<bool, WordsError> {
    let workspace = Workspace::load()?;
    let list = List::parse(&workspace.read_text(LIST)?)?;
    let files = workspace.tracked_files()?;
    list.check_paths(&files)?;
    let (mut words, mut places) = (0_usize, 0_usize);
    for file in &files {
        if !prefixes.is_empty() && !prefixes.iter().any(|prefix| file.starts_with(prefix)) {
            continue;
        }
        // Other files are no text.
        let Ok(text) = String::from_utf8(workspace.read(file)?) else {
            continue;
        };
        let hits = hits(&list, file, &text);
        for Hit { line, word, better } in &hits {
            println!("{file}:{line}: `{word}`: {better}");
        }
        words += hits.len();
        places += usize::from(!hits.is_empty());
    }
    println!("{words} retired words in {places} files");
    Ok(words == 0)
}

/// Returns the retired words in a file, by line.
fn hits(list: &List, file: &str, text: &str) -> BTreeSet<Hit> {
    let mut hits = BTreeSet::new();
    for piece in pieces(file, text) {
        for (word, range) in list.find(file, piece.kind, &piece.text) {
            let before = piece.text.get(..range.start).unwrap_or_default();
            let found = piece.text.get(range).unwrap_or_default();
            hits.insert(Hit {
                line: piece.line + before.matches('\n').count(),
                word: found.split_whitespace().collect::<Vec<_>>().join(" "),
                better: word.better.clone(),
            });
        }
    }
    hits
}
