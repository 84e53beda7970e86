//! Keys on disk, in the files that Substrate nodes use: one file for each key, named
//! by type and public key, with the secret as a JSON string. A key moves between a
//! node and a standalone provider by copying its file.

use crate::signing::{KEY_TYPE, Signer};
use cairn_fs::{FileError, create_dir_durably};
use sp_core::{Pair, sr25519};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// An error of reading, writing or choosing a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file operation on the folder or a file in it failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file does not contain the key that its name says.
    #[error("{path} does not contain the secret of the key in its name")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The text is not a secret.
    #[error("not a secret phrase, seed or derivation path: {0}")]
    NotASecret(String),
    /// The keystore has no key to sign with.
    #[error("there is no key in {path}")]
    None {
        /// The keystore.
        path: PathBuf,
    },
    /// The keystore has several keys, and none was named.
    #[error(
        "{path} has {} keys, and none of them is chosen: {}", .keys.len(), .keys.join(", ")
    )]
    Ambiguous {
        /// The keystore.
        path: PathBuf,
        /// The public keys, in hex.
        keys: Vec<String>,
    },
    /// The keystore lacks the named key.
    #[error("there is no key {key} in {path}")]
    NoSuchKey {
        /// The keystore.
        path: PathBuf,
        /// The public key, in hex.
        key: String,
    },
}

/// A folder of keys.
#[derive(Clone, Debug)]
pub struct KeyFolder {
    path: PathBuf,
}

impl KeyFolder {
    /// Creates a handle on the keys in `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Lists the public keys of the provider's key type, sorted by their bytes.
    ///
    /// # Errors
    ///
    /// [`KeyError::File`] when the folder cannot be read.
    pub fn list(&self) -> Result<Vec<[u8; 32]>, KeyError> {
        let entries = match std::fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(FileError::wrap("read", &self.path)(source).into()),
        };
        let mut keys = Vec::new();
        for entry in entries {
            let entry = entry.map_err(FileError::wrap("read", &self.path))?;
            keys.extend(entry.file_name().to_str().and_then(parse_file_name));
        }
        keys.sort_unstable();
        Ok(keys)
    }

    /// Lists the key files that other users of this machine may read or write, by
    /// their modes.
    ///
    /// # Errors
    ///
    /// [`KeyError::File`] when the folder cannot be read.
    pub fn exposed(&self) -> Result<Vec<PathBuf>, KeyError> {
        let files = self.list()?.into_iter().map(|key| file_name(&key));
        let paths = files.map(|name| self.path.join(name));
        Ok(paths.filter(|path| is_exposed(path)).collect())
    }

    /// Generates and stores a key. Returns its public key.
    ///
    /// # Errors
    ///
    /// [`KeyError::File`] when it cannot be written.
    pub fn generate(&self) -> Result<[u8; 32], KeyError> {
        let (pair, phrase, _) = sr25519::Pair::generate_with_phrase(None);
        self.write(pair.public().0, &phrase)
    }

    /// Stores the key of a secret: a phrase, a `0x` seed, or either with a derivation
    /// path, as Substrate's tools take it. Returns its public key.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotASecret`], or [`KeyError::File`].
    pub fn insert(&self, secret: &str) -> Result<[u8; 32], KeyError> {
        let pair = sr25519::Pair::from_string(secret, None)
            .map_err(|error| KeyError::NotASecret(format!("{error:?}")))?;
        self.write(pair.public().0, secret)
    }

    /// Returns a signer with the key `public`, or with the only key if none is named.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when there is no such key, or more than one to choose from.
    pub fn signer(&self, public: Option<[u8; 32]>) -> Result<Signer, KeyError> {
        let keys = self.list()?;
        let path = || self.path.clone();
        let key = match (public, keys.as_slice()) {
            (Some(key), _) if keys.contains(&key) => key,
            (Some(key), _) => {
                return Err(KeyError::NoSuchKey {
                    path: path(),
                    key: hex::encode(key),
                });
            }
            (None, []) => return Err(KeyError::None { path: path() }),
            (None, [key]) => *key,
            (None, _) => {
                let keys = keys.iter().map(hex::encode).collect();
                return Err(KeyError::Ambiguous { path: path(), keys });
            }
        };
        let file = self.path.join(file_name(&key));
        if is_exposed(&file) {
            // Not refused: a provider that does not sign loses its stake.
            tracing::warn!(
                file = %file.display(),
                "other users of this machine may read or replace the key: set its mode to 600 and \
                 consider registering another key"
            );
        }
        let text = std::fs::read_to_string(&file).map_err(FileError::wrap("read", &file))?;
        let damaged = || KeyError::Damaged { path: file.clone() };
        let secret: String = serde_json::from_str(&text).map_err(|_| damaged())?;
        let pair = sr25519::Pair::from_string(&secret, None).map_err(|_| damaged())?;
        if pair.public().0 != key {
            return Err(damaged());
        }
        Ok(Signer::from_pair(pair))
    }

    fn write(&self, public: [u8; 32], secret: &str) -> Result<[u8; 32], KeyError> {
        // The keystore may be created before the base path that contains it.
        create_dir_durably(&self.path).map_err(FileError::wrap("make", &self.path))?;
        let file = self.path.join(file_name(&public));
        let unfinished = self.path.join(format!("{}.new", file_name(&public)));
        let text = serde_json::Value::from(secret).to_string();
        // A file left by an earlier attempt would keep its mode.
        let _ = std::fs::remove_file(&unfinished);
        let mut options = std::fs::OpenOptions::new();
        // Nobody but the owner may read a secret.
        options.write(true).create_new(true).mode(0o600);
        // Replaced by renaming: the registered key may be in the file's place.
        options
            .open(&unfinished)
            .and_then(|mut file| {
                file.write_all(text.as_bytes())
                    .and_then(|()| file.sync_all())
            })
            .and_then(|()| std::fs::rename(&unfinished, &file))
            .and_then(|()| std::fs::File::open(&self.path)?.sync_all())
            .map_err(FileError::wrap("write", &file))?;
        Ok(public)
    }
}

/// Returns whether anybody but its owner may read or write a file.
fn is_exposed(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|file| file.mode() & 0o077 != 0)
}

fn file_name(public: &[u8; 32]) -> String {
    format!("{}{}", hex::encode(KEY_TYPE.0), hex::encode(public))
}

fn parse_file_name(name: &str) -> Option<[u8; 32]> {
    let mut public = [0; 32];
    let key = name.strip_prefix(&hex::encode(KEY_TYPE.0))?;
    hex::decode_to_slice(key, &mut public).ok()?;
    (file_name(&public) == name).then_some(public)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_stored_as_substrate_stores_them() {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFolder::new(folder.path().join("keystore"));
        assert!(matches!(keys.signer(None), Err(KeyError::None { .. })));
        let alice = keys.insert("//Alice").unwrap();
        assert_eq!(
            hex::encode(alice),
            "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d"
        );
        let name = format!("73746f72{}", hex::encode(alice));
        let file = folder.path().join("keystore").join(name);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "\"//Alice\"");
        assert_eq!(keys.signer(None).unwrap().public(), alice);

        let other = keys.generate().unwrap();
        assert!(matches!(keys.signer(None), Err(KeyError::Ambiguous { .. })));
        assert_eq!(keys.signer(Some(other)).unwrap().public(), other);
        assert!(matches!(
            keys.signer(Some([0; 32])),
            Err(KeyError::NoSuchKey { .. })
        ));

        std::fs::write(&file, "\"//Bob\"").unwrap();
        assert!(matches!(
            keys.signer(Some(alice)),
            Err(KeyError::Damaged { .. })
        ));
        assert!(matches!(
            keys.insert("no phrase"),
            Err(KeyError::NotASecret(_))
        ));
    }

    #[test]
    fn l5_a_key_that_others_can_read_is_reported_but_signs() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFolder::new(folder.path().join("base/keystore"));
        let key = keys.generate().unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&folder.path().join("base")), 0o700);
        assert_eq!(mode(&folder.path().join("base/keystore")), 0o700);
        assert_eq!(keys.exposed().unwrap(), Vec::<PathBuf>::new());

        let file = folder.path().join("base/keystore").join(file_name(&key));
        for exposed in [0o640, 0o604, 0o660] {
            std::fs::set_permissions(&file, PermissionsExt::from_mode(exposed)).unwrap();
            assert_eq!(keys.exposed().unwrap(), std::slice::from_ref(&file));
            assert_eq!(keys.signer(None).unwrap().public(), key);
        }
    }
}
