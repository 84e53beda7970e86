//! The error of a failed file operation.

use std::io;
use std::path::{Path, PathBuf};

/// A file operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}: {source}", .path.display())]
pub struct FileError {
    /// The attempted operation, as a verb: "read".
    pub doing: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The underlying error.
    pub source: io::Error,
}

impl FileError {
    /// Returns a conversion of I/O errors, for `map_err`.
    pub fn wrap<'p>(doing: &'static str, path: &'p Path) -> impl Fn(io::Error) -> Self + use<'p> {
        move |source| Self {
            doing,
            path: path.to_owned(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_the_operation_the_file_and_the_cause() {
        let path = Path::new("/no/such/file");
        let error = std::fs::read(path).map_err(FileError::wrap("read", path));
        let error = error.unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("cannot read /no/such/file: "), "{text}");
        assert_eq!(error.source.kind(), io::ErrorKind::NotFound);
    }
}
