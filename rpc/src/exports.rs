//! The one folder that copies of buckets may be made in over the RPC. Its operator
//! names it; without one there are none. What is made lies in it, under one name,
//! so that no link and no `..` leads anywhere else.

use std::io;
use std::path::{Component, Path, PathBuf};

/// The longest name, in bytes: what file systems take, less what is added to it
/// while the copy is made.
const LONGEST: usize = 200;

/// A folder for copies of buckets.
#[derive(Clone, Debug)]
pub struct ExportFolder {
    /// As the operator named it, from the root on.
    named: PathBuf,
    /// Where that leads, found once: what is made goes there.
    real: PathBuf,
}

impl ExportFolder {
    /// Takes a folder that is there.
    ///
    /// # Errors
    ///
    /// The system's, where it is not there or is no folder.
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

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.real
    }

    /// The place for a copy: a name in the folder, by itself or behind the
    /// folder's own path.
    pub(crate) fn place(&self, asked: &str) -> Result<PathBuf, String> {
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
                "a copy is made in {} alone: give it a name there, without a folder",
                self.named.display()
            )
        };
        let name = name.ok_or_else(outside)?;
        let mut components = Path::new(name).components();
        let one = (components.next(), components.next());
        if !matches!(one, (Some(Component::Normal(only)), None) if only == name) {
            return Err(outside());
        }
        if name.starts_with('.') || name.len() > LONGEST || name.chars().any(char::is_control) {
            return Err(format!(
                "a copy's name has at most {LONGEST} bytes, does not begin with a dot, and has no \
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
    fn s7b_a_copy_is_made_in_the_folder_and_nowhere_else() {
        let root = tempfile::tempdir().unwrap();
        let real = std::fs::canonicalize(root.path()).unwrap().join("exports");
        std::fs::create_dir(&real).unwrap();
        let link = root.path().join("link");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let folder = ExportFolder::open(&link).unwrap();
        let place = |asked: &str| folder.place(asked);
        for asked in ["copy", "7.tar", &real.join("copy").display().to_string()] {
            let place = place(asked).unwrap();
            assert_eq!(place.parent(), Some(real.as_path()), "{asked}");
        }
        let by_link = link.join("copy").display().to_string();
        assert_eq!(place(&by_link).unwrap(), real.join("copy"));
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
            &within("-beside/a"),
        ] {
            assert!(place(asked).is_err(), "{asked:?}");
        }
        assert!(ExportFolder::open(&real.join("none")).is_err());
        let file = root.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(ExportFolder::open(&file).is_err());
    }

    proptest! {
        #[test]
        fn s7b_whatever_is_asked_for_is_in_the_folder_or_refused(
            asked in "(/tmp)?[./a\u{0}-\u{7f}é]{0,12}"
        ) {
            let folder = ExportFolder::open(Path::new("/tmp")).unwrap();
            if let Ok(place) = folder.place(&asked) {
                prop_assert_eq!(place.parent(), Some(folder.path()));
                let name = place.file_name().unwrap().to_str().unwrap();
                prop_assert!(!name.starts_with('.') && asked.ends_with(name));
            }
        }
    }
}
