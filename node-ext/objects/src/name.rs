//! Names of objects: a key, or the path of a file. They name records, and never a file on disk.

use std::fmt;

/// The most bytes of a name: 1,024, as S3 and today's clients have it.
pub const MAX_NAME_BYTES: usize = 1_024;

/// A set of names of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Space {
    /// Keys of S3 objects.
    Keys,
    /// Paths of files and directories.
    Paths,
}

impl Space {
    /// Returns the byte that stands for it in the keys of records.
    pub(crate) const fn tag(self) -> u8 {
        match self {
            Self::Keys => b'k',
            Self::Paths => b'p',
        }
    }
}

/// A reason why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is empty.
    #[error("empty key")]
    Empty,
    /// It is too long.
    #[error("{bytes} bytes are more than 1024")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// It is no path.
    #[error("path must start with '/'")]
    NotAPath,
    /// It has a part `..`.
    #[error("path must not contain '..'")]
    Upward,
}

/// A name that a record may have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectName(String);

impl ObjectName {
    /// Checks a key.
    ///
    /// # Errors
    ///
    /// [`NameError`] if it is empty or too long.
    pub fn key(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        match text.len() {
            0 => Err(NameError::Empty),
            bytes if bytes > MAX_NAME_BYTES => Err(NameError::TooLong { bytes }),
            _ => Ok(Self(text)),
        }
    }

    /// Checks the path of a file, which begins with `/` and has no part `..`, as today's provider
    /// requires.
    ///
    /// # Errors
    ///
    /// [`NameError`] if it is no such path, or is too long.
    pub fn path(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        if !text.starts_with('/') {
            return Err(NameError::NotAPath);
        }
        match text.split('/').any(|part| part == "..") {
            true => Err(NameError::Upward),
            false => Self::key(text),
        }
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_not_empty_not_too_long_and_a_path_begins_with_a_slash() {
        assert_eq!(ObjectName::key("a/../b").unwrap().as_str(), "a/../b");
        assert_eq!(ObjectName::key(""), Err(NameError::Empty));
        assert!(ObjectName::key("k".repeat(1_024)).is_ok());
        let long = NameError::TooLong { bytes: 1_025 };
        assert_eq!(ObjectName::key("k".repeat(1_025)), Err(long));
        assert_eq!(ObjectName::path("a"), Err(NameError::NotAPath));
        assert_eq!(ObjectName::path(""), Err(NameError::NotAPath));
        assert!(ObjectName::path("/a").is_ok());
        assert!(ObjectName::path("/a..b/...").is_ok());
        for upward in ["/..", "/a/../b", "/a/.."] {
            assert_eq!(ObjectName::path(upward), Err(NameError::Upward));
        }
    }
}
