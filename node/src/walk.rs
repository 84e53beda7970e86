//! Which files an upload means: those named, and all within the folders named,
//! in an order that is the same each time.

use crate::failure::Failure;
use std::collections::VecDeque;
use std::fmt;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

/// A file to store.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// Its length when it was found; it may have another when it is read.
    pub(crate) length: u64,
}

/// Something within a folder that holds no content to store.
#[derive(Debug)]
pub(crate) struct Skipped {
    path: PathBuf,
    kind: &'static str,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "skipped {}: it is {}", self.path.display(), self.kind)
    }
}

/// What was found, in the order of storing.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    pub(crate) files: Vec<Found>,
    pub(crate) skipped: Vec<Skipped>,
}

/// Finds the files under `roots`: the roots in the order given, and what is in
/// a folder in the order of names. A link is followed when it is named itself,
/// and skipped within a folder, where it might lead out or round in a circle.
pub(crate) fn walk(roots: &[PathBuf]) -> Result<Walk, Failure> {
    let mut walk = Walk::default();
    let mut to_visit: VecDeque<PathBuf> = VecDeque::new();
    for root in roots {
        let named =
            std::fs::metadata(root).map_err(|source| Failure::file("read", root, source))?;
        if named.is_dir() {
            to_visit.push_front(root.clone());
        } else if named.is_file() {
            walk.add(root.clone(), &named);
        } else {
            let (path, kind) = (root.display(), kind_of(&named));
            return Err(Failure::Failed(format!(
                "cannot store {path}: it is {kind}, and only files and folders are stored"
            )));
        }
        while let Some(folder) = to_visit.pop_front() {
            let (files, folders) = list(&folder, &mut walk.skipped)?;
            for (path, metadata) in files {
                walk.add(path, &metadata);
            }
            for folder in folders.into_iter().rev() {
                to_visit.push_front(folder);
            }
        }
    }
    Ok(walk)
}

impl Walk {
    fn add(&mut self, path: PathBuf, metadata: &Metadata) {
        let length = metadata.len();
        self.files.push(Found { path, length });
    }
}

type Listing = (Vec<(PathBuf, Metadata)>, Vec<PathBuf>);

/// The files and the folders right in a folder, each in the order of names.
fn list(folder: &Path, skipped: &mut Vec<Skipped>) -> Result<Listing, Failure> {
    let fault = |source| Failure::file("read the folder", folder, source);
    let entries = std::fs::read_dir(folder).map_err(fault)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(fault)?;
    paths.sort_unstable();
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for path in paths {
        let metadata = std::fs::symlink_metadata(&path)
            .map_err(|source| Failure::file("read", &path, source))?;
        if metadata.is_dir() {
            folders.push(path);
        } else if metadata.is_file() {
            files.push((path, metadata));
        } else {
            let kind = kind_of(&metadata);
            skipped.push(Skipped { path, kind });
        }
    }
    Ok((files, folders))
}

fn kind_of(metadata: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_walked_in_the_order_of_names_and_what_is_no_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir(root.join("b")).unwrap();
        for name in ["c", "a", "b/2", "b/1"] {
            std::fs::write(root.join(name), name).unwrap();
        }
        std::os::unix::fs::symlink(root, root.join("round")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();

        let found = walk(&[root.join("b/2"), root.to_owned()]).unwrap();
        let paths: Vec<_> = found
            .files
            .iter()
            .map(|file| file.path.strip_prefix(root).unwrap().to_str().unwrap())
            .collect();
        assert_eq!(paths, ["b/2", "a", "c", "b/1", "b/2"]);
        let skipped: Vec<_> = found.skipped.iter().map(Skipped::to_string).collect();
        assert!(skipped[0].ends_with("round: it is a symbolic link"));
        assert!(skipped[1].ends_with("socket: it is a socket"));
        assert_eq!(skipped.len(), 2);
    }

    #[test]
    fn a_path_that_is_not_there_and_one_that_never_ends_are_refused_by_name() {
        let missing = walk(&["/not/there".into()]).unwrap_err().to_string();
        assert!(missing.contains("/not/there"), "{missing}");
        let device = walk(&["/dev/zero".into()]).unwrap_err().to_string();
        assert!(device.contains("/dev/zero: it is a device"), "{device}");
    }
}
