//! Finds the files of an upload: the named files, and all files in the named folders, in a
//! fixed order.

use crate::escaped_path::escaped;
use crate::failure::Failure;
use crate::watched_file::WatchedFile;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// A file to store.
#[derive(Debug)]
pub(crate) struct FoundFile {
    pub(crate) path: PathBuf,
    /// Its length when it was found; it may change before it is read.
    pub(crate) length: u64,
    /// The named folder in which it was found, at any depth; `None` if the file itself was
    /// named.
    root: Option<Arc<Path>>,
}

impl FoundFile {
    /// Opens the file, if it is still a file. Below a named folder no link is followed, not
    /// even one that was created since. Never blocks, as opening a pipe would.
    pub(crate) fn open(&self) -> Result<WatchedFile, Failure> {
        let opened = self.open_file();
        let opened = opened.and_then(|file| WatchedFile::new(file, self.path.clone()));
        opened.map_err(|source| Failure::file("read", &self.path, source))
    }

    fn open_file(&self) -> io::Result<File> {
        const FILE: OFlags = OFlags::RDONLY
            .union(OFlags::NONBLOCK)
            .union(OFlags::CLOEXEC);
        let opened = match &self.root {
            None => openat(CWD, &self.path, FILE, Mode::empty())?,
            Some(root) => {
                let below = self.path.strip_prefix(root).map_err(io::Error::other)?;
                let folder = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
                let mut at = openat(CWD, &**root, folder, Mode::empty())?;
                let mut names = below.components().peekable();
                while let Some(Component::Normal(name)) = names.next() {
                    let kind = match names.peek() {
                        Some(_) => folder,
                        None => FILE,
                    };
                    let opened = openat(&at, name, kind | OFlags::NOFOLLOW, Mode::empty());
                    at = opened.map_err(|errno| match errno {
                        Errno::LOOP | Errno::NOTDIR => io::Error::new(
                            ErrorKind::InvalidInput,
                            "a link has taken its place since it was found",
                        ),
                        other => other.into(),
                    })?;
                }
                at
            }
        };
        let file = File::from(opened);
        let metadata = file.metadata()?;
        if metadata.is_file() {
            return Ok(file);
        }
        let what = format!("it is now {}", kind_of(&metadata));
        Err(io::Error::new(ErrorKind::InvalidInput, what))
    }
}

/// An entry of a folder that is not stored.
#[derive(Debug)]
pub(crate) struct SkippedEntry {
    path: PathBuf,
    kind: &'static str,
}

impl fmt::Display for SkippedEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "skipped {}: it is {}", escaped(&self.path), self.kind)
    }
}

/// The files that were found, in the order of storing.
#[derive(Debug, Default)]
pub(crate) struct FileWalk {
    pub(crate) files: Vec<FoundFile>,
    pub(crate) skipped: Vec<SkippedEntry>,
}

/// Finds the files under `roots`: the roots in the given order, and a folder's content in
/// the order of names. A link is followed if it is named itself, and skipped in a folder,
/// where it might lead outside or in a circle.
pub(crate) fn find_files(roots: &[PathBuf]) -> Result<FileWalk, Failure> {
    let mut walk = FileWalk::default();
    let mut to_visit: VecDeque<PathBuf> = VecDeque::new();
    for root in roots {
        let named =
            std::fs::metadata(root).map_err(|source| Failure::file("read", root, source))?;
        let within: Arc<Path> = root.as_path().into();
        if named.is_dir() {
            to_visit.push_front(root.clone());
        } else if named.is_file() {
            walk.add_file(root.clone(), &named, None);
        } else {
            let (path, kind) = (escaped(root), kind_of(&named));
            return Err(Failure::Failed(format!(
                "cannot store {path}: it is {kind}, and only files and folders are stored"
            )));
        }
        while let Some(folder) = to_visit.pop_front() {
            let (files, folders) = list_folder(&folder, &mut walk.skipped)?;
            for (path, metadata) in files {
                walk.add_file(path, &metadata, Some(within.clone()));
            }
            for folder in folders.into_iter().rev() {
                to_visit.push_front(folder);
            }
        }
    }
    Ok(walk)
}

impl FileWalk {
    fn add_file(&mut self, path: PathBuf, metadata: &Metadata, root: Option<Arc<Path>>) {
        let length = metadata.len();
        self.files.push(FoundFile { path, length, root });
    }
}

type FolderListing = (Vec<(PathBuf, Metadata)>, Vec<PathBuf>);

/// Lists the files and the folders directly in a folder, each in the order of names.
fn list_folder(folder: &Path, skipped: &mut Vec<SkippedEntry>) -> Result<FolderListing, Failure> {
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
            skipped.push(SkippedEntry { path, kind });
        }
    }
    Ok((files, folders))
}

fn kind_of(metadata: &Metadata) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    let kind = metadata.file_type();
    if kind.is_dir() {
        "a folder"
    } else if kind.is_symlink() {
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
    fn a_folder_is_walked_in_the_order_of_names() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir(root.join("b")).unwrap();
        for name in ["c", "a", "b/2", "b/1"] {
            std::fs::write(root.join(name), name).unwrap();
        }
        std::os::unix::fs::symlink(root, root.join("round")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();

        let found = find_files(&[root.join("b/2"), root.to_owned()]).unwrap();
        let paths: Vec<_> = found
            .files
            .iter()
            .map(|file| file.path.strip_prefix(root).unwrap().to_str().unwrap())
            .collect();
        assert_eq!(paths, ["b/2", "a", "c", "b/1", "b/2"]);
        let skipped: Vec<_> = found.skipped.iter().map(SkippedEntry::to_string).collect();
        assert!(skipped[0].ends_with("round: it is a symbolic link"));
        assert!(skipped[1].ends_with("socket: it is a socket"));
        assert_eq!(skipped.len(), 2);
    }

    #[test]
    fn missing_paths_and_devices_are_refused_by_name() {
        let missing = find_files(&["/not/there".into()]).unwrap_err().to_string();
        assert!(missing.contains("/not/there"), "{missing}");
        let device = find_files(&["/dev/zero".into()]).unwrap_err().to_string();
        assert!(device.contains("/dev/zero: it is a device"), "{device}");
    }

    fn read(found: &FoundFile) -> Result<String, String> {
        use std::io::Read;
        let mut file = found.open().map_err(|failure| failure.to_string())?;
        let mut content = String::new();
        file.read_to_string(&mut content)
            .map_err(|error| error.to_string())?;
        Ok(content)
    }

    #[test]
    fn l6_no_link_is_followed_after_the_walk() {
        use rustix::fs::{FileType, mknodat};
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "secret").unwrap();
        let root = folder.path().join("root");
        let make = || {
            let _ = std::fs::remove_dir_all(&root);
            std::fs::create_dir_all(root.join("sub")).unwrap();
            std::fs::write(root.join("sub/file"), "content").unwrap();
            find_files(std::slice::from_ref(&root))
                .unwrap()
                .files
                .remove(0)
        };
        let found = make();
        assert_eq!(read(&found).unwrap(), "content");

        // The file becomes a link.
        let file = root.join("sub/file");
        std::fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink(&secret, &file).unwrap();
        let refused = read(&found).unwrap_err();
        assert!(refused.contains("a link has taken its place"), "{refused}");

        // A folder on the way to it does.
        let found = make();
        let elsewhere = folder.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        std::fs::write(elsewhere.join("file"), "secret").unwrap();
        std::fs::rename(root.join("sub"), folder.path().join("moved")).unwrap();
        std::os::unix::fs::symlink(&elsewhere, root.join("sub")).unwrap();
        let refused = read(&found).unwrap_err();
        assert!(refused.contains("a link has taken its place"), "{refused}");

        // Opening a pipe without a writer does not block.
        std::fs::remove_file(root.join("sub")).unwrap();
        let found = make();
        std::fs::remove_file(&file).unwrap();
        let mode = Mode::from_raw_mode(0o600);
        mknodat(CWD, &file, FileType::Fifo, mode, 0).unwrap();
        let refused = read(&found).unwrap_err();
        assert!(refused.contains("it is now a pipe"), "{refused}");

        // A link that is named itself is followed.
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&secret, &link).unwrap();
        let named = find_files(&[link]).unwrap();
        assert_eq!(read(&named.files[0]).unwrap(), "secret");
    }
}
