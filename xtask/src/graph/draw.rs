//! The drawing of the crates, as text and as Markdown.

use super::sizes::{Size, thousands};
use std::fmt::Write;

/// A crate of the drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Crate {
    /// Its name.
    pub(crate) name: String,
    /// Its height; 0 for a crate that uses no other.
    pub(crate) floor: usize,
    /// Its lines of Rust.
    pub(crate) size: Size,
    /// The crates that it uses, without those that follow.
    pub(crate) uses: Vec<String>,
}

/// Draws the crates as text, one line for each: floor, name, lines without and with tests, and
/// what it uses.
pub(crate) fn text(crates: &[Crate], dev_loops: &[String]) -> String {
    let width = crates
        .iter()
        .map(|one| one.name.len())
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    for one in crates {
        let Crate {
            name,
            floor,
            size,
            uses,
        } = one;
        let (own, all) = (thousands(size.own), thousands(size.all));
        let arrow = if uses.is_empty() { "" } else { "  → " };
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{floor:2}  {name:width$} {own:>6} {all:>6}{arrow}{}",
            uses.join(", ")
        );
    }
    for dev_loop in dev_loops {
        let _ = writeln!(text, "loop by dev-dependencies: {dev_loop}");
    }
    text
}

/// Draws the crates as a page of Markdown.
pub(crate) fn markdown(crates: &[Crate], dev_loops: &[String]) -> String {
    let mut page = String::from(
        "# Crates\n\n\
         `make graph` writes this page from the manifests. An arrow leads to a crate that is used;\n\
         arrows that follow from others are left out, and so are dev-dependencies. Sizes are lines of\n\
         Rust that a build without tests compiles. They are written again when they are off by a tenth.\n\n\
         ```mermaid\nflowchart TD\n",
    );
    for one in crates {
        let (id, name, own) = (id(&one.name), &one.name, thousands(one.size.own));
        let _ = writeln!(page, "    {id}[\"{name}<br/>{own}\"]");
    }
    for one in crates {
        for used in &one.uses {
            let _ = writeln!(page, "    {} --> {}", id(&one.name), id(used));
        }
    }
    page.push_str(
        "```\n\nThe same as text: floor, crate, lines without and with tests, and what it uses.\n\n\
         ```text\n",
    );
    page.push_str(&text(crates, dev_loops));
    page.push_str("```\n");
    page
}

/// Returns a crate's name as a name of Mermaid.
fn id(name: &str) -> String {
    name.replace('-', "_")
}
