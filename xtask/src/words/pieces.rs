//! The pieces of a file in which words are looked for.

use super::lexer::{Token, lex};
use super::list::Kind;
use super::markdown::{Fence, Part, markdown, paragraphs};
use std::path::Path;

/// A piece of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The kind of text.
    pub(crate) kind: Kind,
    /// The line of its first character, from 1.
    pub(crate) line: usize,
    /// Its text, with the line breaks of the file.
    pub(crate) text: String,
}

impl Piece {
    fn new(kind: Kind, line: usize, text: impl Into<String>) -> Self {
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
        Some("md") => markdown(1, text, Fence::Text)
            .into_iter()
            .flat_map(of_part)
            .collect(),
        Some("svg" | "lock") => Vec::new(),
        _ => paragraphs(1, text)
            .into_iter()
            .map(|(line, text)| Piece::new(Kind::Prose, line, text))
            .collect(),
    }
}

/// Turns a part of Markdown into pieces.
fn of_part(part: Part) -> Vec<Piece> {
    match part {
        Part::Prose(line, text) => vec![Piece::new(Kind::Prose, line, text)],
        Part::Code(line, text) => identifiers(&text)
            .map(|name| Piece::new(Kind::Name, line, name))
            .collect(),
        Part::Rust(line, text) => rust(line, &text),
    }
}

/// Keywords before the name of a definition.
const DEFINING: [&str; 8] = [
    "const", "enum", "fn", "mod", "static", "struct", "trait", "type",
];

/// Splits Rust source that begins on a line. A name that is defined is there twice: by itself,
/// and with its keyword, as in `fn name`.
fn rust(first: usize, source: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut comment: Option<Comment> = None;
    let mut keyword: Option<&str> = None;
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
            Token::Identifier(name) => {
                pieces.push(Piece::new(Kind::Name, line, name));
                if let Some(keyword) = keyword {
                    pieces.push(Piece::new(Kind::Name, line, format!("{keyword} {name}")));
                }
            }
        }
        keyword = match token {
            Token::Identifier(name) if DEFINING.contains(&name) => Some(name),
            _ => None,
        };
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
        let parts = markdown(self.line, &self.text, Fence::Rust);
        let mut pieces: Vec<Piece> = parts.into_iter().flat_map(of_part).collect();
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
fn identifiers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c != '_' && !c.is_alphanumeric())
        .filter(|word| word.starts_with(|c: char| c == '_' || c.is_alphabetic()))
}
