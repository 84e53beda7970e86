//! `graph`: draws the crates of the workspace, with their sizes, from their manifests.
//!
//! The drawing has normal dependencies only, without those that follow from others. A crate's
//! floor is one above the highest floor of what it uses. Sizes are lines of Rust: those that a
//! build without tests compiles, and all.
//!
//! A written drawing keeps a size until it is off by a tenth, so that it does not change with each
//! commit.

mod draw;
mod floors;
mod sizes;
#[cfg(test)]
mod tests;

use crate::cycles::{Graph, components};
use crate::source::ModulesError;
use crate::workspace::{Package, ReadError, Workspace, WorkspaceError};
use draw::{Crate, markdown, text};
use floors::{floors, reduced};
use sizes::{Size, shown_in, size_of};
use std::path::PathBuf;

/// The crates cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GraphError {
    /// The packages are not known.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// A crate cannot be read.
    #[error(transparent)]
    Modules(#[from] ModulesError),
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Normal dependencies make a loop.
    #[error("the crates use each other in a loop: {0}")]
    Loop(String),
    /// The drawing cannot be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The underlying error.
        source: std::io::Error,
    },
}

/// The use of the drawing. Paths are from the root of the repository.
#[derive(Debug)]
pub(crate) enum Output {
    /// Print it as text.
    Print,
    /// Write it as Markdown.
    Write(String),
    /// Compare it with what is in a file.
    Check(String),
}

/// Draws the crates; returns false if a file with the drawing is out of date.
///
/// # Errors
/// If the workspace cannot be read, has a loop, or the drawing cannot be written.
pub(crate) fn run(output: &Output) -> Result<bool, GraphError> {
    let workspace = Workspace::load()?;
    let old = match output {
        Output::Print => None,
        Output::Write(file) => workspace.read_text(file).ok(),
        Output::Check(file) => Some(workspace.read_text(file)?),
    };
    let crates = crates(&workspace, old.as_deref())?;
    let loops = dev_loops(&workspace.packages);
    match output {
        Output::Print => print!("{}", text(&crates, &loops)),
        Output::Write(file) => {
            let path = workspace.root.join(file);
            std::fs::write(&path, markdown(&crates, &loops))
                .map_err(|source| GraphError::Write { path, source })?;
        }
        Output::Check(file) => {
            let (old, new) = (old.unwrap_or_default(), markdown(&crates, &loops));
            if let Some((line, (was, is))) = first_difference(&old, &new) {
                println!("{file}:{line}: out of date; `make graph` writes it");
                println!("  it has:    {was}\n  should be: {is}");
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Collects the crates, the highest floor first; sizes that an old drawing has are kept if they
/// are near enough.
fn crates(workspace: &Workspace, old: Option<&str>) -> Result<Vec<Crate>, GraphError> {
    let uses = dependencies(&workspace.packages, |kind| kind.is_none());
    if let Some(cycle) = components(&uses)
        .first()
        .and_then(|found| found.cycles.first())
    {
        return Err(GraphError::Loop(around(cycle)));
    }
    let floors = floors(&uses);
    let direct = reduced(&uses);
    let files = workspace.tracked_files()?;
    let mut crates = Vec::new();
    for package in &workspace.packages {
        let actual = size_of(workspace, package, &files)?;
        let name = package.name.as_str();
        let shown = old.and_then(|old| shown_in(old, name));
        crates.push(Crate {
            name: package.name.clone(),
            floor: floors.get(name).copied().unwrap_or_default(),
            size: Size::near(actual, shown),
            uses: direct
                .get(name)
                .into_iter()
                .flatten()
                .map(|&used| used.to_owned())
                .collect(),
        });
    }
    crates.sort_by(|a, b| (b.floor, &a.name).cmp(&(a.floor, &b.name)));
    Ok(crates)
}

/// Returns which member uses which, by dependencies of some kinds.
fn dependencies(packages: &[Package], accept: impl Fn(Option<&str>) -> bool) -> Graph<&str> {
    let is_member = |name: &str| packages.iter().any(|package| package.name == name);
    packages
        .iter()
        .map(|package| {
            let used = package
                .dependencies
                .iter()
                .filter(|used| used.path.is_some() && is_member(&used.name))
                .filter(|used| accept(used.kind.as_deref()))
                .map(|used| used.name.as_str());
            (package.name.as_str(), used.collect())
        })
        .collect()
}

/// Returns the loops that dependencies of tests close, which cargo allows.
fn dev_loops(packages: &[Package]) -> Vec<String> {
    components(&dependencies(packages, |_| true))
        .iter()
        .flat_map(|component| &component.cycles)
        .map(|cycle| around(cycle))
        .collect()
}

/// Writes a loop from its first crate back to it.
fn around(cycle: &[&str]) -> String {
    cycle
        .iter()
        .chain(cycle.first())
        .copied()
        .collect::<Vec<_>>()
        .join(" → ")
}

/// Returns the first line, from 1, in which two texts differ, and what each has there.
fn first_difference<'t>(old: &'t str, new: &'t str) -> Option<(usize, (&'t str, &'t str))> {
    let (mut old, mut new) = (old.lines(), new.lines());
    for line in 1.. {
        match (old.next(), new.next()) {
            (None, None) => return None,
            (was, is) if was == is => {}
            (was, is) => return Some((line, (was.unwrap_or("nothing"), is.unwrap_or("nothing")))),
        }
    }
    None
}
