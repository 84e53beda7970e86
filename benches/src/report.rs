//! The report: the machine, the goals, and each workload.

use crate::data::SEED;
use crate::figures::{Section, Table, Target};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The run as a whole.
pub(crate) struct Run {
    pub(crate) machine: Vec<(&'static str, String)>,
    /// Load average before and after.
    pub(crate) load: (String, String),
    pub(crate) command: String,
    pub(crate) quick: bool,
}

/// Explanations written by hand, in a file of their own that survives the next report: a text for
/// each heading of level two.
pub(crate) struct Notes<'t>(BTreeMap<&'t str, &'t str>);

impl<'t> Notes<'t> {
    pub(crate) fn parse(text: &'t str) -> Self {
        let sections = text.split("\n## ").skip(1);
        let parts = sections.filter_map(|section| section.split_once('\n'));
        Self(
            parts
                .map(|(id, text)| (id.trim(), text.trim()))
                .filter(|(_, text)| !text.is_empty())
                .collect(),
        )
    }

    fn get(&self, id: &str) -> Option<&'t str> {
        self.0.get(id).copied()
    }
}

/// Formats the report as Markdown.
pub(crate) fn write(run: &Run, sections: &[Section], notes: &Notes<'_>) -> String {
    let mut text = String::new();
    // Writing to a `String` cannot fail.
    let _ = write_all(&mut text, run, sections, notes);
    text
}

fn write_all(
    text: &mut String,
    run: &Run,
    sections: &[Section],
    notes: &Notes<'_>,
) -> std::fmt::Result {
    let kind = if run.quick { "short" } else { "full" };
    writeln!(
        text,
        "# Measurements\n\n\
         Written by a {kind} run of `{}`; the explanations are from `NOTES.md`.\n\
         Random values are of ChaCha8 with seed {SEED}. Durable means synced. A figure \
         counts as a ratio within this run.\n",
        run.command
    )?;
    if let Some(note) = notes.get("All") {
        writeln!(text, "{note}\n")?;
    }
    writeln!(text, "| machine | |\n|---|---|")?;
    for (name, value) in &run.machine {
        writeln!(text, "| {name} | {value} |")?;
    }
    let (before, after) = &run.load;
    writeln!(
        text,
        "| load average | {before} before, {after} after the run |\n"
    )?;
    writeln!(
        text,
        "## Goals\n\n| | goal | bound | measured | |\n|---|---|---|---|---|"
    )?;
    for section in sections {
        for target in &section.targets {
            writeln!(
                text,
                "| {} | {} | {} | {} | {} |",
                section.id,
                target.aim,
                target.bound_text(),
                target.measured_text(),
                verdict(target)
            )?;
        }
    }
    sections
        .iter()
        .try_for_each(|section| write_section(text, section, notes))
}

fn verdict(target: &Target) -> &'static str {
    if target.met() { "met" } else { "**not met**" }
}

fn write_section(text: &mut String, section: &Section, notes: &Notes<'_>) -> std::fmt::Result {
    let Section { id, title, .. } = section;
    writeln!(text, "\n## {id} {title}\n\n{}", section.method)?;
    for table in &section.tables {
        write_table(text, table)?;
    }
    for plot in &section.plots {
        writeln!(text, "\n![{}](plots/{}.svg)", plot.title, plot.file)?;
    }
    for remark in &section.remarks {
        writeln!(text, "\n{remark}")?;
    }
    let missed: Vec<_> = section
        .targets
        .iter()
        .filter(|target| !target.met())
        .map(|target| {
            format!(
                "{} ({}, meant: {})",
                target.aim,
                target.measured_text(),
                target.bound_text()
            )
        })
        .collect();
    if missed.is_empty() {
        writeln!(text, "\nAll goals are reached here.")?;
    } else {
        writeln!(text, "\nFalls short: {}.", missed.join("; "))?;
    }
    match notes.get(id) {
        Some(note) => writeln!(text, "\n{note}"),
        None => Ok(()),
    }
}

fn write_table(text: &mut String, table: &Table) -> std::fmt::Result {
    writeln!(text, "\n{}\n", table.title)?;
    writeln!(text, "| {} |", table.head.join(" | "))?;
    writeln!(text, "|{}", "---|".repeat(table.head.len()))?;
    table
        .rows
        .iter()
        .try_for_each(|row| writeln!(text, "| {} |", row.join(" | ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_found_by_heading() {
        let notes = Notes::parse("# Notes\n\n## W1\n\nbecause\n\n## W2\n\n");
        assert_eq!(notes.get("W1"), Some("because"));
        assert_eq!(notes.get("W2"), None);
    }
}
