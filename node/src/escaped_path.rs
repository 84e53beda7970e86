//! File names in output. A name may contain line ends, terminal control codes, and bytes
//! that are not text, all chosen by the person who created the file.

use crate::hex_text::to_hex;
use cairn_gadget::is_unprintable;
use serde::Serializer;
use std::fmt::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Escapes a path for text output: `\n`, `\u{1b}` and `\xff` for everything that is not
/// plain text, and `\\` for a backslash, so that no two paths look the same.
pub(crate) fn escaped(path: &Path) -> EscapedPath<'_> {
    EscapedPath(path.as_os_str().as_bytes())
}

/// See [`escaped`].
pub(crate) struct EscapedPath<'p>(&'p [u8]);

impl fmt::Display for EscapedPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.0.utf8_chunks() {
            for letter in part.valid().chars() {
                match letter {
                    '\\' => f.write_str("\\\\")?,
                    _ if is_unprintable(letter) => write!(f, "{}", letter.escape_default())?,
                    _ => f.write_char(letter)?,
                }
            }
            for byte in part.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Returns the bytes of a path in hex, if it is not UTF-8 and so cannot be a JSON string.
pub(crate) fn non_utf8_hex(path: &Path) -> Option<String> {
    let is_text = path.to_str().is_some();
    (!is_text).then(|| to_hex(path.as_os_str().as_bytes()))
}

/// Serializes a path as a JSON string, with U+FFFD for what is not UTF-8. For paths that
/// the reader has named.
pub(crate) fn json_path<S: Serializer>(
    path: &impl OptionalPath,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match path.path() {
        Some(path) => serializer.serialize_str(&path.to_string_lossy()),
        None => serializer.serialize_none(),
    }
}

/// A path or an optional path.
pub(crate) trait OptionalPath {
    fn path(&self) -> Option<&Path>;
}

impl OptionalPath for PathBuf {
    fn path(&self) -> Option<&Path> {
        Some(self)
    }
}

impl OptionalPath for Option<PathBuf> {
    fn path(&self) -> Option<&Path> {
        self.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::OsStr;

    fn named(name: &[u8]) -> &Path {
        Path::new(OsStr::from_bytes(name))
    }

    #[test]
    fn put_control_characters_in_a_name_are_escaped() {
        for (name, expected) in [
            (&b"plain name.txt"[..], "plain name.txt"),
            ("Grüße/日本".as_bytes(), "Grüße/日本"),
            (b"a\nb", "a\\nb"),
            (b"\x1b[2Jx", "\\u{1b}[2Jx"),
            (b"a\\nb", "a\\\\nb"),
            (b"\xff\xfe", "\\xff\\xfe"),
            ("\u{202e}gpj.exe".as_bytes(), "\\u{202e}gpj.exe"),
        ] {
            assert_eq!(escaped(named(name)).to_string(), expected);
        }
        assert_eq!(non_utf8_hex(named(b"a\n")), None);
        assert_eq!(non_utf8_hex(named(b"\xffa")).as_deref(), Some("0xff61"));
    }

    proptest! {
        #[test]
        fn no_two_names_look_the_same(
            one in proptest::collection::vec(any::<u8>(), 0..12),
            other in proptest::collection::vec(any::<u8>(), 0..12),
        ) {
            let (shown_one, shown_other) = (escaped(named(&one)), escaped(named(&other)));
            let (shown_one, shown_other) = (shown_one.to_string(), shown_other.to_string());
            prop_assert_eq!(shown_one == shown_other, one == other);
            prop_assert!(!shown_one.chars().any(char::is_control));
        }
    }
}
