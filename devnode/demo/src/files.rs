//! Selects the files to store, and distributes them to buckets.

use crate::error::{DemoError, io};
use std::path::{Path, PathBuf};

/// Lists files below a folder, sorted, up to a number of files and a total of bytes. Links
/// are not followed, and empty files are included.
pub(crate) fn list_files(
    folder: &Path,
    most_files: usize,
    most_bytes: u64,
) -> Result<Vec<PathBuf>, DemoError> {
    let mut found = Vec::new();
    let mut bytes = 0u64;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(io("list", &folder))?;
        let entries = entries.collect::<Result<Vec<_>, _>>();
        let mut entries = entries.map_err(io("list", &folder))?;
        entries.sort_by_key(std::fs::DirEntry::path);
        for entry in entries {
            let kind = entry.file_type().map_err(io("read", &entry.path()))?;
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if kind.is_dir() && !hidden {
                folders.push(entry.path());
            } else if kind.is_file() {
                let length = entry.metadata().map_err(io("read", &entry.path()))?.len();
                if found.len() < most_files && bytes.saturating_add(length) <= most_bytes {
                    bytes = bytes.saturating_add(length);
                    found.push(entry.path());
                }
            }
        }
    }
    Ok(found)
}

/// Distributes files to a number of buckets, in turn.
pub(crate) fn distribute(files: Vec<PathBuf>, buckets: usize) -> Vec<Vec<PathBuf>> {
    let mut hands = vec![Vec::new(); buckets];
    let mut turn = (0..buckets).cycle();
    for file in files {
        if let Some(hand) = turn.next().and_then(|bucket| hands.get_mut(bucket)) {
            hand.push(file);
        }
    }
    hands
}
