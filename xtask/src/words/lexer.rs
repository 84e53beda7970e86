//! The comments, string literals and identifiers of Rust source, with their lines.
//!
//! `proc-macro2` drops comments, so this reads the text itself. It never fails: what is not Rust
//! yields tokens all the same.

/// A token that holds words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'t> {
    /// From `//` to the end of the line.
    LineComment(&'t str),
    /// From `/*` to the matching `*/`.
    BlockComment(&'t str),
    /// A string literal without its quotes; escapes are not decoded.
    Text {
        /// The text.
        text: &'t str,
        /// In a raw string a backslash is a character like others.
        is_raw: bool,
    },
    /// An identifier or a keyword, without `r#`.
    Identifier(&'t str),
}

/// Splits source into tokens, each with the line that it begins on, from 1.
pub(crate) fn lex(source: &str) -> Vec<(usize, Token<'_>)> {
    let mut cursor = Cursor {
        rest: source,
        line: 1,
    };
    let mut tokens = Vec::new();
    while let Some(next) = cursor.peek() {
        let line = cursor.line;
        if let Some(token) = token(&mut cursor, next) {
            tokens.push((line, token));
        }
    }
    tokens
}

/// Reads one token, or skips at least one character.
fn token<'t>(cursor: &mut Cursor<'t>, next: char) -> Option<Token<'t>> {
    if cursor.rest.starts_with("//") {
        return Some(Token::LineComment(cursor.take_while(|c| c != '\n')));
    }
    if cursor.rest.starts_with("/*") {
        return Some(Token::BlockComment(block_comment(cursor)));
    }
    if is_identifier_start(next) {
        let word = cursor.take_while(is_identifier_part);
        if matches!(word, "r" | "br" | "cr") && cursor.peek_raw_quote() {
            return Some(Token::Text {
                text: raw_text(cursor),
                is_raw: true,
            });
        }
        if matches!(word, "b" | "c") && matches!(cursor.peek(), Some('"' | '\'')) {
            return None;
        }
        if word == "r" && cursor.rest.starts_with('#') {
            cursor.bump();
            let raw = cursor.take_while(is_identifier_part);
            return (!raw.is_empty()).then_some(Token::Identifier(raw));
        }
        return Some(Token::Identifier(word));
    }
    match next {
        '"' => Some(Token::Text {
            text: escaped_text(cursor),
            is_raw: false,
        }),
        '\'' => {
            skip_quote(cursor);
            None
        }
        '0'..='9' => {
            cursor.take_while(is_identifier_part);
            None
        }
        _ => {
            cursor.bump();
            None
        }
    }
}

fn is_identifier_start(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

fn is_identifier_part(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// Reads a block comment, which may hold others.
fn block_comment<'t>(cursor: &mut Cursor<'t>) -> &'t str {
    let start = cursor.rest;
    let mut depth = 0_usize;
    while !cursor.rest.is_empty() {
        if cursor.eat("/*") {
            depth += 1;
        } else if cursor.eat("*/") {
            depth -= 1;
            if depth == 0 {
                break;
            }
        } else {
            cursor.bump();
        }
    }
    cursor.since(start)
}

/// Reads a string literal from its opening quote.
fn escaped_text<'t>(cursor: &mut Cursor<'t>) -> &'t str {
    cursor.bump();
    let start = cursor.rest;
    while let Some(c) = cursor.peek() {
        if c == '"' {
            break;
        }
        cursor.bump();
        if c == '\\' {
            cursor.bump();
        }
    }
    let text = cursor.since(start);
    cursor.bump();
    text
}

/// Reads a raw string literal from its first `#` or quote.
fn raw_text<'t>(cursor: &mut Cursor<'t>) -> &'t str {
    let hashes = cursor.take_while(|c| c == '#');
    cursor.bump();
    let end = format!("\"{hashes}");
    let start = cursor.rest;
    while !cursor.rest.is_empty() && !cursor.rest.starts_with(&end) {
        cursor.bump();
    }
    let text = cursor.since(start);
    cursor.eat(&end);
    text
}

/// Skips a character literal, or the quote of a lifetime and its name.
fn skip_quote(cursor: &mut Cursor<'_>) {
    cursor.bump();
    match cursor.bump() {
        Some('\\') => {
            cursor.bump();
            cursor.take_while(|c| c != '\'' && c != '\n');
            cursor.eat("'");
        }
        Some(_) if cursor.eat("'") => {}
        Some(first) if is_identifier_start(first) => {
            cursor.take_while(is_identifier_part);
        }
        _ => {}
    }
}

/// The rest of the source, and the line that it begins on.
struct Cursor<'t> {
    rest: &'t str,
    line: usize,
}

impl<'t> Cursor<'t> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Returns whether a raw string begins here: some `#`, then a quote.
    fn peek_raw_quote(&self) -> bool {
        self.rest.trim_start_matches('#').starts_with('"')
    }

    fn bump(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        self.line += usize::from(c == '\n');
        Some(c)
    }

    fn eat(&mut self, prefix: &str) -> bool {
        let found = self.rest.starts_with(prefix);
        if found {
            for _ in prefix.chars() {
                self.bump();
            }
        }
        found
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'t str {
        let start = self.rest;
        while self.peek().is_some_and(&accept) {
            self.bump();
        }
        self.since(start)
    }

    /// Returns what was read since the rest was `start`.
    fn since(&self, start: &'t str) -> &'t str {
        start.strip_suffix(self.rest).unwrap_or(start)
    }
}
