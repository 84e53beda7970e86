//! Which words are found, where, and where not.

use super::hits;
use super::lexer::{Token, lex};
use super::list::{List, ListError};
use super::pieces::pieces;
use proc_macro2::{TokenStream, TokenTree};
use proptest::prelude::*;

const WORDS: &str = "prose\t\\bso many\\b\tN\nnames\t\\bCrowd\\b\tConnections\n\
                     names\t^fn told$\tasked\n\
                     summary\t^What\\b\ta verb\nprose,names\t\\banew\\b\tagain\n";

/// The retired words of a file: `line word`.
fn found(file: &str, text: &str) -> Vec<String> {
    let list = List::parse(WORDS).unwrap();
    let hits = hits(&list, file, text);
    hits.iter()
        .map(|hit| format!("{} {}", hit.line, hit.word))
        .collect()
}

#[test]
fn prose_is_found_in_comments_and_strings_only() {
    let text = "// so many\n/// so many\nfn so_many() {\n    f(\"so many\");\n    so.many;\n}\n\
                /* x\n so many */\nconst R: &str = r#\"so \"many so many\"#;\n";
    assert_eq!(
        found("a.rs", text),
        [
            "1 so many",
            "2 so many",
            "4 so many",
            "8 so many",
            "9 so many"
        ]
    );
}

#[test]
fn names_are_found_in_code_and_between_backticks_only() {
    let text = "//! A Crowd is no name, `Crowd` and `x::Crowd::new()` are.\nstruct Crowd;\n\
                fn f(x: CrowdSize, crowd: u8) { g(\"Crowd\", 'C', Crowd::new) }\n";
    assert_eq!(found("a.rs", text), ["1 Crowd", "2 Crowd", "3 Crowd"]);
    assert_eq!(
        found("a.md", "Crowd\n\n- `Crowd` and\n  ``a `Crowd` ``\n"),
        ["3 Crowd", "4 Crowd"]
    );
}

#[test]
fn a_definition_is_found_by_its_keyword() {
    assert_eq!(
        found("a.rs", "fn\ntold() { told(); fn told_so() {} }"),
        ["2 fn told"]
    );
}

#[test]
fn a_word_in_two_kinds_of_text_is_found_in_both() {
    assert_eq!(found("a.rs", "// anew\nfn anew() {}"), ["1 anew", "2 anew"]);
}

#[test]
fn prose_goes_over_line_breaks() {
    assert_eq!(found("a.rs", "    // x so\n    // many\n"), ["1 so many"]);
    assert_eq!(
        found("a.rs", "fn f() { g(\"x so \\\n    many\") }"),
        ["1 so many"]
    );
    assert_eq!(found("a.md", "x\nSo\nmany"), ["2 So many"]);
    assert_eq!(found("a.toml", "# so\n# many\nso   many"), ["3 so many"]);
}

#[test]
fn prose_ends_with_its_paragraph_or_comment() {
    assert_eq!(
        found("a.rs", "// so\n\n// many\n/// so\n//! many\n"),
        [""; 0]
    );
    assert_eq!(found("a.rs", "/// so\nfn f() {}\n/// many\n"), [""; 0]);
    assert_eq!(found("a.rs", "/// so\n///\n/// many\n"), [""; 0]);
    assert_eq!(found("a.md", "so\n\nmany, so `x` many"), [""; 0]);
}

#[test]
fn a_summary_is_the_first_paragraph_of_a_doc_comment() {
    let text = "//! What it is.\n\n/// Returns it.\n///\n/// What it is.\n//// What it is.\n\
                /// what it is\n/** What */\n";
    assert_eq!(found("a.rs", text), ["1 What", "7 what", "8 What"]);
}

#[test]
fn code_blocks_are_read_in_their_language() {
    let doc = "/// x\n/// ```\n/// let a = Crowd; // so many\n/// ```\n/// ```text\n/// Crowd, so many\n\
               /// ```\n/// so many\n";
    assert_eq!(
        found("a.rs", doc),
        ["3 Crowd", "3 so many", "6 so many", "8 so many"]
    );
    let file =
        "```\nCrowd so many\n```\n```rust\nCrowd(so, \"so many\")\n```\n~~~sh\nso many\n~~~\n";
    assert_eq!(
        found("a.md", file),
        ["2 so many", "5 Crowd", "5 so many", "8 so many"]
    );
}

#[test]
fn escapes_do_not_hide_the_edge_of_a_word() {
    for text in [
        r#"f("x\nso many")"#,
        r#"f("x\tso many")"#,
        r#"f("\"so many\"")"#,
    ] {
        assert_eq!(found("a.rs", text), ["1 so many"], "{text}");
    }
    assert_eq!(found("a.rs", r##"f(r"\nso many")"##), [""; 0]);
}

#[test]
fn a_name_between_backticks_may_go_over_lines() {
    assert_eq!(
        found("a.md", "`a\nCrowd` so many"),
        ["1 Crowd", "2 so many"]
    );
}

#[test]
fn drawings_and_lock_files_are_not_read() {
    assert_eq!(found("a.svg", "so many"), [""; 0]);
    assert_eq!(found("Cargo.lock", "so many"), [""; 0]);
}

#[test]
fn a_source_file_is_named_by_an_identifier() {
    assert_eq!(found("src/anew/x.rs", ""), ["1 anew"]);
    assert_eq!(found("src/anew.md", ""), [""; 0]);
}

#[test]
fn a_string_that_looks_like_a_comment_is_none() {
    assert_eq!(
        found("a.rs", "f(\"// Crowd\"); Crowd; '\"'; // \"so many"),
        ["1 Crowd", "1 so many"]
    );
}

#[test]
fn exempt_words_are_allowed_where_they_are_exempt() {
    let list = format!("{WORDS}exempt\told/\t*\thistory\nexempt\ta.md\t\\banew\\b\ta reason\n");
    let list = List::parse(&list).unwrap();
    let count = |file| hits(&list, file, "so many, anew").len();
    assert_eq!((count("old/a.md"), count("a.md")), (0, 1));
    assert_eq!((count("old.md"), count("a.md.md")), (2, 2));
    let files = ["old/a.md".to_owned(), "a.md".to_owned()];
    list.check_paths(&files).unwrap();
    let error = list.check_paths(&files[..1]).unwrap_err();
    assert!(matches!(error, ListError::UnknownPath(path) if path == "a.md"));
}

#[test]
fn a_malformed_list_is_refused() {
    let error = |text: &str| List::parse(text).unwrap_err();
    assert!(matches!(error("# x\n\nprose\ta"), ListError::Columns(3)));
    assert!(matches!(error("prose\ta\t "), ListError::Columns(1)));
    assert!(matches!(error("exempt\ta\t*"), ListError::Columns(1)));
    assert!(matches!(error("code\ta\tb"), ListError::Where(1, word) if word == "code"));
    assert!(matches!(error("prose\t(\tb"), ListError::Regex(1, _)));
    assert!(matches!(
        error("prose\ta\tb\nnames\ta\tc"),
        ListError::Twice(2, _)
    ));
    assert!(matches!(
        error("exempt\ta\tb\tc"),
        ListError::UnknownWord(_, _)
    ));
}

#[test]
fn the_list_of_the_repository_is_well_formed() {
    List::parse(include_str!("../../retired-words.tsv")).unwrap();
}

/// The identifiers that `proc-macro2` sees. A doc comment is `#[doc = "…"]` to it, and a lifetime
/// is a quote and an identifier.
fn identifiers_by_the_compiler(tokens: TokenStream, found: &mut Vec<(usize, String)>) {
    let mut after_quote = false;
    for token in tokens {
        match &token {
            TokenTree::Ident(name) if !after_quote && name != "doc" => {
                let text = name.to_string();
                let text = text.strip_prefix("r#").unwrap_or(&text).to_owned();
                found.push((name.span().start().line, text));
            }
            TokenTree::Group(group) => identifiers_by_the_compiler(group.stream(), found),
            _ => {}
        }
        after_quote = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '\'');
    }
}

#[test]
fn identifiers_are_those_of_the_compiler() {
    for source in [
        include_str!("tests.rs"),
        include_str!("lexer.rs"),
        include_str!("../loops/edges.rs"),
        "r#fn; 'a: loop {} b'\\''; '\\u{1F600}'; ['a'// b\n];  1_000u64; 0.5e3; r\"x\"; br##\"a\"# b\"##; c\"x\";",
        "fn f<'a>(x: &'a str) -> char { 'a' } x.0.y; /* a /* b */ c */ d /// e",
    ] {
        let mut expected = Vec::new();
        identifiers_by_the_compiler(source.parse().unwrap(), &mut expected);
        let found: Vec<(usize, String)> = lex(source)
            .into_iter()
            .filter_map(|(line, token)| match token {
                Token::Identifier(name) if name != "doc" => Some((line, name.to_owned())),
                _ => None,
            })
            .collect();
        assert_eq!(found, expected);
    }
}

proptest! {
    #[test]
    fn any_text_is_split(text in "\\PC*|[a-z/*!\"'`#\\\\\n r]*") {
        let lines = text.split('\n').count();
        for file in ["a.rs", "a.md", "a.toml"] {
            for piece in pieces(file, &text) {
                let end = piece.line + piece.text.matches('\n').count();
                prop_assert!(piece.line >= 1 && end <= lines, "{piece:?} in {lines} lines");
            }
        }
    }

    #[test]
    fn tokens_come_back_in_order(parts in proptest::collection::vec(part(), 0..20)) {
        let mut source = String::new();
        let mut expected = Vec::new();
        for (text, token) in &parts {
            if let Some(token) = token {
                expected.push((1 + source.matches('\n').count(), *token));
            }
            source.push_str(text);
            source.push('\n');
        }
        prop_assert_eq!(lex(&source), expected);
    }
}

/// A piece of source, and its token.
fn part() -> impl Strategy<Value = (&'static str, Option<Token<'static>>)> {
    prop::sample::select(vec![
        ("// so \"x", Some(Token::LineComment("// so \"x"))),
        (
            "/* a\n/* ' */ \" */",
            Some(Token::BlockComment("/* a\n/* ' */ \" */")),
        ),
        (
            "\"a // \\\" \\\\\"",
            Some(Token::Text {
                text: "a // \\\" \\\\",
                is_raw: false,
            }),
        ),
        (
            "r#\"a\"\n\\\"#",
            Some(Token::Text {
                text: "a\"\n\\",
                is_raw: true,
            }),
        ),
        (
            "br\"a\"",
            Some(Token::Text {
                text: "a",
                is_raw: true,
            }),
        ),
        (
            "b\"a\"",
            Some(Token::Text {
                text: "a",
                is_raw: false,
            }),
        ),
        ("r#type", Some(Token::Identifier("type"))),
        ("über_1", Some(Token::Identifier("über_1"))),
        ("'x'", None),
        ("'\\''", None),
        ("'\\u{22}'", None),
        ("b'\"'", None),
        ("'static", None),
        ("1_000u64", None),
        ("+= { ] #", None),
    ])
}
