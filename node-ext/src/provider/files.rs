//! Telling whether a closed bucket's files are those that were noted.

use cairn_primitives::HashingProfile;
use std::path::Path;

/// What a bucket's files are: their names and lengths, as far as they change
/// with every write. The database's log and list of files do: a log grows by
/// what is written, and both get new names when it is opened for writing.
pub(super) fn files_of(path: &Path) -> std::io::Result<u64> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        if name.ends_with(".log") || name.starts_with("MANIFEST-") || name == "CURRENT" {
            files.push(format!("{name} {}\n", entry.metadata()?.len()));
        }
    }
    files.sort_unstable();
    let digest = HashingProfile::Plain.chunk(files.concat().as_bytes());
    Ok(digest.to_low_u64_be())
}
