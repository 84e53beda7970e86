//! Makes foreign text safe for logs and terminals: on one line, of bounded length,
//! without control characters.

use std::fmt::Write;

/// Upper bound on a printed foreign text, in characters.
const MAX_CHARS: usize = 300;

/// Returns whether a character affects a terminal or the reading of a line instead of
/// being shown: control characters, line ends of all kinds, invisible characters, and
/// changes of text direction.
pub fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Returns a foreign text on one line, truncated if it is long. Unprintable characters are
/// escaped as in Rust.
pub fn printable(text: &str) -> String {
    let mut printable = escaped(text.chars().take(MAX_CHARS));
    if text.chars().nth(MAX_CHARS).is_some() {
        printable.push_str("… (cut)");
    }
    printable
}

/// Escapes a text that is partly foreign, without truncation, and keeps its lines.
pub fn printable_lines(text: &str) -> String {
    let lines = text.split('\n').map(|line| escaped(line.chars()));
    lines.collect::<Vec<_>>().join("\n")
}

/// Escapes the unprintable characters in JSON, whose own escapes cover only the usual
/// control characters. The meaning does not change.
pub fn printable_json(json: &str) -> String {
    let mut printable = String::with_capacity(json.len());
    for character in json.chars() {
        // Between values a line end is whitespace.
        if character == '\n' || !is_unprintable(character) {
            printable.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a text does not fail.
            let _ = write!(printable, "\\u{unit:04x}");
        }
    }
    printable
}

fn escaped(characters: impl Iterator<Item = char>) -> String {
    let mut printable = String::new();
    for character in characters {
        // Writing to a text does not fail.
        let _ = match is_unprintable(character) {
            true => write!(printable, "{}", character.escape_default()),
            false => printable.write_char(character),
        };
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn l2_foreign_text_stays_on_one_line_without_control_characters() {
        let said =
            "no\n2026 ERROR A CHALLENGE IS LOST\r\u{1b}[2J\u{9b}31m\u{202e}abc\u{2028}d\te\0";
        let shown = printable(said);
        assert_eq!(
            shown,
            "no\\n2026 ERROR A CHALLENGE IS LOST\\r\\u{1b}[2J\\u{9b}31m\\u{202e}abc\\u{2028}d\\te\\u{0}"
        );
        assert_eq!(
            printable("grün, 漢字 and \"quotes\""),
            "grün, 漢字 and \"quotes\""
        );
        let long = printable(&"\n".repeat(100_000));
        assert!(long.len() < 700 && long.ends_with("… (cut)"), "{long}");
        let lines = printable_lines("one\ntwo\u{1b}[0m\n");
        assert_eq!(lines, "one\ntwo\\u{1b}[0m\n");
    }

    proptest! {
        #[test]
        fn l2_json_keeps_its_meaning_and_is_printable(
            said in ".*|[\u{0}-\u{e0080}]*|[\u{7f}\u{ad}\u{202e}\u{feff}\u{e0000}-\u{e007f}]*",
        ) {
            let json = printable_json(&serde_json::to_string(&said).unwrap());
            prop_assert!(!json.chars().any(is_unprintable), "{:?}", json);
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), said);
        }

        #[test]
        fn l2_any_text_is_printed_within_bounds(said in ".*|\\PC*|[\u{0}-\u{2100}]*") {
            let shown = printable(&said);
            prop_assert!(!shown.chars().any(is_unprintable));
            prop_assert!(shown.chars().count() <= MAX_CHARS * 10 + 7);
            if said.chars().count() <= MAX_CHARS && !said.chars().any(is_unprintable) {
                prop_assert_eq!(shown, said);
            }
        }
    }
}
