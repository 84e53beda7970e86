//! `lines`: refuses source files that are too long to be read as one thing.

use crate::workspace::{ReadError, Workspace, WorkspaceError};

/// A file of Rust has at most this many lines.
const MAX_LINES: usize = 500;

/// A longer file is named: look for a part that can stand alone.
const WARN_LINES: usize = 400;

/// The files cannot be counted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinesError {
    /// The files are not known.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// A file's length against the limits.
#[derive(Debug, PartialEq, Eq)]
enum Length {
    Fine,
    Long(usize),
    TooLong(usize),
}

/// Prints the files that are long or too long; returns whether none is too long.
///
/// # Errors
/// If the files cannot be listed or read.
pub(crate) fn run() -> Result<bool, LinesError> {
    let workspace = Workspace::load()?;
    let (mut files, mut long, mut too_long) = (0_usize, 0_usize, 0_usize);
    for file in workspace
        .tracked_files()?
        .iter()
        .filter(|file| file.ends_with(".rs"))
    {
        files += 1;
        match length(&workspace.read_text(file)?) {
            Length::Fine => {}
            Length::Long(lines) => {
                long += 1;
                println!("{file}: {lines} lines, over {WARN_LINES}");
            }
            Length::TooLong(lines) => {
                too_long += 1;
                println!("{file}: {lines} lines, too many: at most {MAX_LINES}");
            }
        }
    }
    println!("{files} files of Rust: {too_long} too long, {long} more over {WARN_LINES} lines");
    Ok(too_long == 0)
}

fn length(text: &str) -> Length {
    match text.lines().count() {
        lines if lines > MAX_LINES => Length::TooLong(lines),
        lines if lines > WARN_LINES => Length::Long(lines),
        _ => Length::Fine,
    }
}

#[cfg(test)]
mod tests {
    use super::{Length, length};

    #[test]
    fn the_limits_themselves_are_allowed() {
        for (lines, expected) in [
            (0, Length::Fine),
            (400, Length::Fine),
            (401, Length::Long(401)),
            (500, Length::Long(500)),
            (501, Length::TooLong(501)),
        ] {
            assert_eq!(length(&"x\n".repeat(lines)), expected);
        }
    }
}
