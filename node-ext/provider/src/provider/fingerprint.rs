//! Fingerprints of a closed bucket's files, to detect that they changed.

use cairn_primitives::HashingProfile;
use std::path::Path;

/// Hashes the names and lengths of the files that change with every write: the
/// database's logs and manifest. A log grows with each write, and both get new names
/// when the database is opened for writing.
pub(super) fn fingerprint(path: &Path) -> std::io::Result<u64> {
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
