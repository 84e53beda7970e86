//! Creating folders and replacing files durably. A new name survives a loss of power
//! only after its parent folder was synced.

use std::fs::{DirBuilder, File};
use std::io::{BufWriter, ErrorKind, Result};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Extension of a file that is not complete yet.
const UNFINISHED_EXTENSION: &str = "new";

/// Creates a folder and its missing parents, with access for the owner only, since
/// it will hold clients' data.
///
/// Also syncs the name of an existing folder: its creator may have ended before that.
pub fn create_dir_durably(path: &Path) -> Result<()> {
    if !path.is_dir() {
        if let Some(parent) = parent(path)
            && !parent.is_dir()
        {
            create_dir_durably(parent)?;
        }
        match DirBuilder::new().mode(0o700).create(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
            made => made?,
        }
    }
    sync_name(path)
}

/// Makes the name of a file or folder durable.
pub fn sync_name(path: &Path) -> Result<()> {
    let Some(parent) = parent(path) else {
        return Ok(());
    };
    match File::open(parent).and_then(|folder| folder.sync_all()) {
        // A folder above ours that we may pass through but not open.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

/// Replaces a file atomically and durably: it has either its old or its new content.
pub fn replace_atomically(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<()>,
) -> Result<()> {
    let Some(folder) = path.parent() else {
        return Err(ErrorKind::NotFound.into());
    };
    let unfinished = path.with_extension(UNFINISHED_EXTENSION);
    let mut file = BufWriter::new(File::create(&unfinished)?);
    write(&mut file)?;
    file.into_inner()?.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    File::open(folder)?.sync_all()
}

/// Returns the parent folder; `None` for the root.
fn parent(path: &Path) -> Option<&Path> {
    let parent = path.parent()?;
    Some(if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_folders_are_created_and_existing_ones_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one/two/three");
        create_dir_durably(&path).unwrap();
        create_dir_durably(&path).unwrap();
        assert!(path.is_dir());
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(
            create_dir_durably(&file).is_err() && create_dir_durably(&file.join("in")).is_err()
        );
        create_dir_durably(Path::new(".")).unwrap();
        create_dir_durably(Path::new("/")).unwrap();
    }
}
