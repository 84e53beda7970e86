//! Markdown, in files and in Rust comments: prose, code between backticks, and blocks of code.

/// How a fenced block without a language is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fence {
    /// As Rust, as rustdoc does.
    Rust,
    /// As text.
    Text,
}

/// A part of Markdown, with the line that it begins on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// A paragraph, with a backtick in place of each piece of code; or one of a block of text.
    Prose(usize, String),
    /// Code between backticks.
    Code(usize, String),
    /// A block of Rust.
    Rust(usize, String),
}

/// Splits Markdown that begins on a line.
pub(crate) fn markdown(first: usize, text: &str, plain: Fence) -> Vec<Part> {
    let mut parts = Vec::new();
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
                    parts.extend(prose(&block.take(line + 1)));
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
                    parts.extend(code(&block.take(line + 1), language));
                    fence = None;
                } else {
                    block.lines.push(row);
                }
            }
        }
    }
    match fence {
        None => parts.extend(prose(&block)),
        Some((_, language)) => parts.extend(code(&block, language)),
    }
    parts
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

fn code(block: &Block<'_>, language: Fence) -> Vec<Part> {
    let text = block.lines.join("\n");
    match language {
        Fence::Rust => vec![Part::Rust(block.line, text)],
        Fence::Text => paragraphs(block.line, &text)
            .into_iter()
            .map(|(line, text)| Part::Prose(line, text))
            .collect(),
    }
}

/// Splits prose: code is between backticks, and a backtick stands for it in the rest.
fn prose(block: &Block<'_>) -> Vec<Part> {
    let mut parts = Vec::new();
    for (first, paragraph) in paragraphs(block.line, &block.lines.join("\n")) {
        let mut text = String::new();
        let mut rest = paragraph.as_str();
        while let Some(start) = rest.find('`') {
            let (before, from) = rest.split_at(start);
            let ticks = from.len() - from.trim_start_matches('`').len();
            let (marker, after) = from.split_at(ticks);
            text.push_str(before);
            text.push('`');
            rest = after;
            if let Some((inside, behind)) = closing(after, marker) {
                let line = first + text.matches('\n').count();
                parts.push(Part::Code(line, inside.to_owned()));
                text.extend(inside.matches('\n'));
                rest = behind;
            }
        }
        text.push_str(rest);
        parts.push(Part::Prose(first, text));
    }
    parts
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

/// Splits a text at its empty lines, each paragraph with the line that it begins on.
pub(crate) fn paragraphs(first: usize, text: &str) -> Vec<(usize, String)> {
    let mut paragraphs: Vec<(usize, String)> = Vec::new();
    let mut is_open = false;
    for (line, row) in (first..).zip(text.split('\n')) {
        if row.trim().is_empty() {
            is_open = false;
        } else if let Some((_, last)) = paragraphs.last_mut().filter(|_| is_open) {
            last.push('\n');
            last.push_str(row);
        } else {
            paragraphs.push((line, row.to_owned()));
            is_open = true;
        }
    }
    paragraphs
}
