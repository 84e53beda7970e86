//! The one folder for exports of buckets over the RPC, which the operator names. An export gets a
//! single file name in that folder, so that no link and no `..` leads elsewhere.

use std::io;
use std::path::{Component, Path, PathBuf};

/// The most bytes of a name: the limit of file systems, less the suffix that a copy has until it
/// is complete.
const MAX_NAME_BYTES: usize = 200;

/// A folder for exports of buckets.
#[derive(Clone, Debug)]
pub struct ExportFolder {
    /// The absolute path that the operator gave.
    named: PathBuf,
    /// The same path with all links resolved, once. Exports go there.
    real: PathBuf,
}

impl ExportFolder {
    /// Uses an existing folder.
    ///
    /// # Errors
    ///
    /// The I/O error, where the path does not exist or is no folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        let real = std::fs::canonicalize(path)?;
        if !real.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self {
            named: std::path::absolute(path)?,
            real,
        })
    }

    /// Returns the folder's path, without links.
    pub fn path(&self) -> &Path {
        &self.real
    }

    /// Returns the path of an export, which is requested by its name in the folder, or by the
    /// folder's path and that name.
    pub(crate) fn target(&self, asked: &str) -> Result<PathBuf, String> {
        let path = Path::new(asked);
        let name = match path.is_absolute() {
            false => Some(asked),
            true => {
                let is_here = |parent: &Path| parent == self.named || parent == self.real;
                let name = path.file_name().and_then(|name| name.to_str());
                name.filter(|name| asked.ends_with(name) && path.parent().is_some_and(is_here))
            }
        };
        let outside = || {
            format!(
                "exports go to {} only: give a file name without a folder",
                self.named.display()
            )
        };
        let name = name.ok_or_else(outside)?;
        let mut components = Path::new(name).components();
        let one = (components.next(), components.next());
        if !matches!(one, (Some(Component::Normal(only)), None) if only == name) {
            return Err(outside());
        }
        if name.starts_with('.')
            || name.len() > MAX_NAME_BYTES
            || name.chars().any(char::is_control)
        {
            return Err(format!(
                "the name of an export has at most {MAX_NAME_BYTES} bytes, no dot at its start, and no \
                 control characters"
            ));
        }
        Ok(self.real.join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn s7b_an_export_is_made_in_the_folder_and_nowhere_else() {
        let root = tempfile::tempdir().unwrap();
        let real = std::fs::canonicalize(root.path()).unwrap().join("exports");
        std::fs::create_dir(&real).unwrap();
        let link = root.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let folder = ExportFolder::open(&link).unwrap();
        let target = |asked: &str| folder.target(asked);
        for asked in ["copy", "7.tar", &real.join("copy").display().to_string()] {
            let target = target(asked).unwrap();
            assert_eq!(target.parent(), Some(real.as_path()), "{asked}");
        }
        let by_link = link.join("copy").display().to_string();
        assert_eq!(target(&by_link).unwrap(), real.join("copy"));
        let within = |rest: &str| format!("{}{rest}", real.display());
        for asked in [
            "",
            ".",
            "..",
            "/",
            "a/b",
            "a/",
            "./a",
            "../a",
            ".hidden",
            ".ssh/authorized_keys",
            "/home/cairn/.ssh/authorized_keys",
            "a\nb",
            "a\u{1b}[2J",
            &"n".repeat(201),
            &within(""),
            &within("/"),
            &within("/a/"),
            &within("/."),
            &within("/../a"),
            &within("/a/b"),
            &within("/./../../a"),
            &within("-sibling/a"),
        ] {
            assert!(target(asked).is_err(), "{asked:?}");
        }
        assert!(ExportFolder::open(&real.join("none")).is_err());
        let file = root.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(ExportFolder::open(&file).is_err());
    }

    proptest! {
        #[test]
        fn s7b_any_request_is_in_the_folder_or_refused(
            asked in "(/tmp)?[./a\u{0}-\u{7f}é]{0,12}"
        ) {
            let folder = ExportFolder::open(Path::new("/tmp")).unwrap();
            if let Ok(target) = folder.target(&asked) {
                prop_assert_eq!(target.parent(), Some(folder.path()));
                let name = target.file_name().unwrap().to_str().unwrap();
                prop_assert!(!name.starts_with('.') && asked.ends_with(name));
            }
        }
    }
}
