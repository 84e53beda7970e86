//! How many lines of Rust a crate has.

use super::GraphError;
use crate::source::{Modules, lines_for_tests};
use crate::workspace::{Package, Workspace};
use std::collections::BTreeMap;
use std::path::Path;

/// Lines of Rust in a crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Lines that a build without tests compiles.
    pub(crate) own: usize,
    /// All lines, with tests, benchmarks and examples.
    pub(crate) all: usize,
}

impl Size {
    /// Returns the size to be shown: each shown number that is not off by more than a tenth stays,
    /// the others are those of now.
    pub(crate) fn near(now: Self, shown: Option<Self>) -> Self {
        let number = |now: usize, shown: usize| {
            let off = now.abs_diff(shown);
            if off <= (now / 10).max(STEP) {
                shown
            } else {
                now
            }
        };
        shown.map_or(now, |shown| Self {
            own: number(now.own, shown.own),
            all: number(now.all, shown.all),
        })
    }
}

/// Shown numbers are multiples of this.
const STEP: usize = 100;

/// Writes a number of lines in thousands: `5.6k`.
pub(crate) fn thousands(lines: usize) -> String {
    let steps = (lines + STEP / 2) / STEP;
    format!("{}.{}k", steps / 10, steps % 10)
}

/// Reads what [`thousands`] wrote.
fn from_thousands(text: &str) -> Option<usize> {
    let (whole, tenth) = text.strip_suffix('k')?.split_once('.')?;
    let (whole, tenth): (usize, usize) = (whole.parse().ok()?, tenth.parse().ok()?);
    (tenth < 10).then(|| (whole * 10 + tenth) * STEP)
}

/// Returns the size that a drawing shows of a crate: its line of text is
/// `floor name own all …`.
pub(crate) fn shown_in(drawing: &str, name: &str) -> Option<Size> {
    drawing.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().take(4).collect();
        match *words.as_slice() {
            [floor, first, own, all] if first == name => {
                floor.parse::<usize>().ok()?;
                Some(Size {
                    own: from_thousands(own)?,
                    all: from_thousands(all)?,
                })
            }
            _ => None,
        }
    })
}

/// Counts the lines of a package among the files of the repository.
pub(crate) fn size_of(
    workspace: &Workspace,
    package: &Package,
    files: &[String],
) -> Result<Size, GraphError> {
    let folder = |package: &Package| {
        let folder = package
            .manifest_path
            .parent()
            .unwrap_or(Path::new(""))
            .to_owned();
        folder
            .strip_prefix(&workspace.root)
            .map(Path::to_owned)
            .unwrap_or(folder)
    };
    let own_folder = folder(package);
    // A member inside another one's folder counts for itself.
    let inner: Vec<_> = workspace
        .packages
        .iter()
        .map(folder)
        .filter(|other| *other != own_folder && other.starts_with(&own_folder))
        .collect();
    let mut all = 0;
    for file in files {
        let path = Path::new(file);
        let is_own = path.starts_with(&own_folder)
            && !inner.iter().any(|other| path.starts_with(other))
            && path.extension().is_some_and(|extension| extension == "rs");
        if is_own {
            all += workspace.read_text(file)?.lines().count();
        }
    }
    let mut own = BTreeMap::new();
    for target in package
        .targets
        .iter()
        .filter(|target| target.is_built_without_tests())
    {
        let modules = Modules::load(&target.src_path, &|path: &Path| {
            std::fs::read_to_string(path).ok()
        })?;
        for (_, file) in modules.files() {
            let lines = file.lines.saturating_sub(lines_for_tests(&file.syntax));
            own.insert(file.path.clone(), lines);
        }
    }
    Ok(Size {
        own: own.values().sum(),
        all,
    })
}
