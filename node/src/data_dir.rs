//! The default base path.

use crate::failure::Failure;
use std::path::PathBuf;

/// Returns the base path: as given, or `cairn` in the user's data folder, by the XDG
/// rules.
pub(crate) fn base_path(given: Option<&PathBuf>) -> Result<PathBuf, Failure> {
    if let Some(path) = given.filter(|path| !path.as_os_str().is_empty()) {
        return Ok(path.clone());
    }
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    // The XDG rules ignore a relative path.
    let data = variable("XDG_DATA_HOME").filter(|path| path.is_absolute());
    let in_home = || {
        variable("HOME")
            .filter(|path| path.is_absolute())
            .map(|home| home.join(".local/share"))
    };
    data.or_else(in_home)
        .map(|data| data.join("cairn"))
        .ok_or_else(|| {
            Failure::Usage(
                "there is no home folder for the base path: name a folder with --base-path".into(),
            )
        })
}
