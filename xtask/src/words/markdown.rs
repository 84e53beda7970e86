//! Markdown, in files and in Rust comments: prose, names between backticks, and blocks of code.

use super::list::Kind;
use super::pieces::{Piece, identifiers, paragraphs, rust};

/// How a fenced block without a language is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fence {
    /// As Rust, as rustdoc does.
    Rust,
    /// As text.
    Text,
}

/// Splits Markdown that begins on a line.
pub(crate) fn markdown(first: usize, text: &str, plain: Fence) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut block = Block {
        line: first,
        lines: Vec::new(),
    };
    let mut fence: Option<(&str, Fence)> = None;
    for (line, row) in (first..).zip(text.split('\n')) {
        let trimmed = row.trim_start().trim_start_matches(['>', ' ']);
        match fence {
            None => {
                if let Some((marker, info)) = opening(trimmed) {
                    pieces.extend(prose(&block.take(line + 1)));
                    fence = Some((marker, language(info, plain)));
                } else {
                    block.lines.push(trimmed);
                }
            }
            Some((marker, language)) => {
                if trimmed.trim_end().starts_with(marker)
                    && trimmed
                        .trim_matches('`')
                        .trim_matches('~')
                        .trim()
                        .is_empty()
                {
                    pieces.extend(code(&block.take(line + 1), language));
                    fence = None;
                } else {
                    block.lines.push(row);
                }
            }
        }
    }
    match fence {
        None => pieces.extend(prose(&block)),
        Some((_, language)) => pieces.extend(code(&block, language)),
    }
    pieces
}

/// Lines that are read in one way.
struct Block<'t> {
    line: usize,
    lines: Vec<&'t str>,
}

impl Block<'_> {
    /// Takes the block out; the next one begins on a line.
    fn take(&mut self, next: usize) -> Self {
        let lines = std::mem::take(&mut self.lines);
        Self {
            line: std::mem::replace(&mut self.line, next),
            lines,
        }
    }
}

/// Returns the marker and the info of a line that opens a fenced block.
fn opening(line: &str) -> Option<(&'static str, &str)> {
    ["```", "~~~"].into_iter().find_map(|marker| {
        let info = line.strip_prefix(marker)?.trim_start_matches(['`', '~']);
        (!info.contains('`')).then_some((marker, info.trim()))
    })
}

/// Returns how a fenced block is read. rustdoc's own words, such as `no_run`, mean Rust.
fn language(info: &str, plain: Fence) -> Fence {
    let is_rust = |word: &str| {
        ["rust", "no_run", "ignore", "should_panic", "compile_fail"].contains(&word.trim())
    };
    if info.is_empty() {
        plain
    } else if info.split(',').any(is_rust) {
        Fence::Rust
    } else {
        Fence::Text
    }
}

fn code(block: &Block<'_>, language: Fence) -> Vec<Piece> {
    let text = block.lines.join("\n");
    match language {
        Fence::Rust => rust(block.line, &text),
        Fence::Text => paragraphs(block.line, &text),
    }
}

/// Splits prose: names are between backticks, and a backtick stands for them in the rest.
fn prose(block: &Block<'_>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for paragraph in paragraphs(block.line, &block.lines.join("\n")) {
        let mut text = String::new();
        let mut rest = paragraph.text.as_str();
        while let Some(start) = rest.find('`') {
            let (before, from) = rest.split_at(start);
            let ticks = from.len() - from.trim_start_matches('`').len();
            let (marker, after) = from.split_at(ticks);
            text.push_str(before);
            text.push('`');
            rest = after;
            if let Some((inside, behind)) = closing(after, marker) {
                let line = paragraph.line + text.matches('\n').count();
                pieces.extend(identifiers(inside).map(|name| Piece::new(Kind::Name, line, name)));
                text.extend(inside.matches('\n'));
                rest = behind;
            }
        }
        text.push_str(rest);
        pieces.push(Piece::new(Kind::Prose, paragraph.line, text));
    }
    pieces
}

/// Splits a text at the run of backticks that is as long as the marker.
fn closing<'t>(text: &'t str, marker: &str) -> Option<(&'t str, &'t str)> {
    let mut at = 0;
    while let Some(start) = text.get(at..)?.find('`').map(|start| at + start) {
        let run = text.get(start..)?;
        let ticks = run.len() - run.trim_start_matches('`').len();
        if ticks == marker.len() {
            return Some((text.get(..start)?, text.get(start + ticks..)?));
        }
        at = start + ticks;
    }
    None
}
