//! `loops`: import loops between the modules of a crate.
//!
//! # The rule
//! The child modules of one module, each taken with all that it encloses, use each other in one
//! direction. Then a reader can read them in an order in which each file names only what is known
//! already, and a part can move to a crate of its own.
//!
//! # Use
//! File A uses file B if A names an item that is defined in B: in a `use`, in a path in code, in
//! the arguments of a macro or an attribute. Re-exports and globs are followed to the definition.
//!
//! # Left out
//! - A `pub use`, `pub(crate) use` or `mod`: a parent that only re-exports does not use its child.
//! - Use between a module and one that encloses it. A parent owns its children's types, and a
//!   child may hold an `impl` of its parent: privacy joins them already.
//! - Code for tests: `#[test]`, `#[cfg(test)]`, modules named `tests`, integration tests.
//!
//! # Not seen
//! - Calls of methods, since types are not inferred. This matters where an inherent `impl Bucket`
//!   is in another file than `Bucket`: the calls of its methods are no edges to that file.
//! - Items that a macro defines, unless their names are among the macro's arguments.
//! - Names inside format strings.

mod edges;
mod resolve;
mod siblings;
#[cfg(test)]
mod tests;

use crate::source::{FileId, Modules, ModulesError};
use crate::workspace::{Workspace, WorkspaceError};
use edges::edges;
use siblings::{FileEdge, Loop, loops};
use std::path::Path;

/// How many edges of one step are printed.
const MAX_PRINTED_EDGES: usize = 3;

/// The loops cannot be searched for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoopsError {
    /// The packages are not known.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// A crate cannot be read.
    #[error(transparent)]
    Modules(#[from] ModulesError),
}

/// Prints the loops of each crate; returns whether there is none.
///
/// # Errors
/// If the workspace or a source file cannot be read.
pub(crate) fn run() -> Result<bool, LoopsError> {
    let workspace = Workspace::load()?;
    let (mut found, mut files) = (0_usize, 0_usize);
    for package in &workspace.packages {
        for target in package.targets.iter().filter(|target| !target.is_test()) {
            let modules = Modules::load(&target.src_path, &|path: &Path| {
                std::fs::read_to_string(path).ok()
            })?;
            files += modules.files().count();
            for one in loops(&modules, &edges(&modules)) {
                found += 1;
                print!(
                    "{}: {}",
                    package.name,
                    describe(&modules, &one, &workspace.root)
                );
            }
        }
    }
    println!("{found} loops between the modules of {files} files");
    Ok(found == 0)
}

/// Spells a loop out, one line for each edge, with paths from `root`.
fn describe(modules: &Modules, one: &Loop, root: &Path) -> String {
    let name = |file: FileId| {
        let path = &modules.file(file).path;
        path.strip_prefix(root)
            .unwrap_or(path)
            .display()
            .to_string()
    };
    let stems: Vec<String> = one
        .modules
        .iter()
        .map(|&file| modules.name_of(file))
        .collect();
    let mut text = format!("loop in {}: {}\n", name(one.parent), stems.join(", "));
    let line = |(from, to, mention): &FileEdge| {
        format!(
            "    {}:{}: `{}` of {}\n",
            name(*from),
            mention.line,
            mention.path,
            name(*to)
        )
    };
    for cycle in &one.cycles {
        for step in cycle {
            text.extend(step.iter().take(MAX_PRINTED_EDGES).map(line));
            if let Some(more) = step.len().checked_sub(MAX_PRINTED_EDGES).filter(|&n| n > 0) {
                text.push_str(&format!("    and {more} more like the last\n"));
            }
        }
        text.push('\n');
    }
    text
}
