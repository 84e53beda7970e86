//! The pieces of a file in which words are looked for.

use super::lexer::{Token, lex};
use super::list::Kind;
use super::markdown::{Fence, markdown};
use std::path::Path;

/// A piece of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// What it is.
    pub(crate) kind: Kind,
    /// The line of its first character, from 1.
    pub(crate) line: usize,
    /// Its text, with the line breaks of the file.
    pub(crate) text: String,
}

impl Piece {
    pub(crate) fn new(kind: Kind, line: usize, text: impl Into<String>) -> Self {
        Self {
            kind,
            line,
            text: text.into(),
        }
    }
}

/// Splits a file by the language that its name tells.
pub(crate) fn pieces(path: &str, text: &str) -> Vec<Piece> {
    match Path::new(path)
        .extension()
        .and_then(|extension| extension.to_str())
    {
        Some("rs") => {
            let mut pieces: Vec<Piece> = identifiers(path)
                .map(|name| Piece::new(Kind::Name, 1, name))
                .collect();
            pieces.extend(rust(1, text));
            pieces
        }
        Some("md") => markdown(1, text, Fence::Text),
        Some("svg" | "lock") => Vec::new(),
        _ => paragraphs(1, text),
    }
}

/// Splits Rust source that begins on a line.
pub(crate) fn rust(first: usize, source: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut comment: Option<Comment> = None;
    for (line, token) in lex(source) {
        let line = first + line - 1;
        let new = match token {
            Token::LineComment(text) => Some(Comment::of_line(line, text)),
            _ => None,
        };
        comment = match (comment, new) {
            (Some(mut old), Some(new)) if old.goes_on(&new) => {
                old.text.push('\n');
                old.text.push_str(&new.text);
                Some(old)
            }
            (old, new) => {
                pieces.extend(old.into_iter().flat_map(Comment::pieces));
                new
            }
        };
        match token {
            Token::LineComment(_) => {}
            Token::BlockComment(text) => pieces.extend(Comment::of_block(line, text).pieces()),
            Token::Text { text, is_raw } => {
                let text = if is_raw {
                    text.to_owned()
                } else {
                    decoded(text)
                };
                pieces.push(Piece::new(Kind::Prose, line, text));
            }
            Token::Identifier(name) => pieces.push(Piece::new(Kind::Name, line, name)),
        }
    }
    pieces.extend(comment.into_iter().flat_map(Comment::pieces));
    pieces
}

/// One comment, or line comments of one kind that follow each other.
struct Comment {
    line: usize,
    /// How each line begins: `//`, `///`, `//!`; empty for a block.
    marker: &'static str,
    is_doc: bool,
    text: String,
}

impl Comment {
    fn of_line(line: usize, text: &str) -> Self {
        let (marker, is_doc) = if text.starts_with("//!") {
            ("//!", true)
        } else if text.starts_with("///") && !text.starts_with("////") {
            ("///", true)
        } else {
            ("//", false)
        };
        let text = text.strip_prefix(marker).unwrap_or(text).to_owned();
        Self {
            line,
            marker,
            is_doc,
            text,
        }
    }

    fn of_block(line: usize, text: &str) -> Self {
        let inner = text.strip_prefix("/*").unwrap_or(text);
        let inner = inner.strip_suffix("*/").unwrap_or(inner);
        let doc = inner.strip_prefix(['!', '*']);
        let lines: Vec<&str> = doc
            .unwrap_or(inner)
            .split('\n')
            .map(|line| line.trim_start().trim_start_matches('*'))
            .collect();
        Self {
            line,
            marker: "",
            is_doc: doc.is_some(),
            text: lines.join("\n"),
        }
    }

    /// Returns whether a line comment continues this one.
    fn goes_on(&self, next: &Self) -> bool {
        let lines = self.text.matches('\n').count() + 1;
        self.marker == next.marker && self.line + lines == next.line
    }

    fn pieces(self) -> Vec<Piece> {
        let mut pieces = markdown(self.line, &self.text, Fence::Rust);
        if self.is_doc
            && let Some(first) = pieces.iter().find(|piece| piece.kind == Kind::Prose)
        {
            let summary = Piece::new(Kind::Summary, first.line, first.text.trim_start());
            pieces.push(summary);
        }
        pieces
    }
}

/// Replaces the escapes of a string literal that would hide the edge of a word.
fn decoded(text: &str) -> String {
    text.replace("\\\n", "\n")
        .replace("\\n", " ")
        .replace("\\t", " ")
        .replace("\\\"", "\"")
}

/// Returns the identifiers of a text.
pub(crate) fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c != '_' && !c.is_alphanumeric())
        .filter(|word| word.starts_with(|c: char| c == '_' || c.is_alphabetic()))
}

/// Splits a text at its empty lines into pieces of prose.
pub(crate) fn paragraphs(first: usize, text: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut is_open = false;
    for (line, row) in (first..).zip(text.split('\n')) {
        if row.trim().is_empty() {
            is_open = false;
        } else if let Some(last) = pieces.last_mut().filter(|_| is_open) {
            last.text.push('\n');
            last.text.push_str(row);
        } else {
            pieces.push(Piece::new(Kind::Prose, line, row));
            is_open = true;
        }
    }
    pieces
}
