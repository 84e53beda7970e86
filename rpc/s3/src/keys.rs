//! The operator's file of access keys: who may do what with which buckets.
//!
//! ```toml
//! [[key]]
//! access-key = "photos-app"
//! secret = "…"
//!
//! [[key.bucket]]
//! name = "photos"
//! id = 7
//! access = "write"
//! ```

use cairn_primitives::BucketId;
use s3s::auth::SecretKey;
use serde::Deserialize;
use std::collections::HashMap;

/// The least length of a secret, in characters: 16. A stranger who has seen one request can try
/// secrets at home.
const MIN_SECRET: usize = 16;

/// A reason why a file of keys is refused. None repeats a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// It is no such TOML.
    #[error("{0}")]
    Syntax(String),
    /// It has no key.
    #[error("it has no [[key]]")]
    Empty,
    /// Two keys have one name.
    #[error("the access key {0:?} is there twice")]
    Twice(String),
    /// A secret is too short.
    #[error("the secret of {0:?} has fewer than 16 characters")]
    ShortSecret(String),
    /// S3 clients do not take a name.
    #[error(
        "{0:?} is no name of an S3 bucket: it takes 3 to 63 lower-case letters, digits, dots and \
         hyphens"
    )]
    Name(String),
    /// A key has two buckets of one name.
    #[error("{key:?} has two buckets with the name {name:?}")]
    SameName {
        /// The access key.
        key: String,
        /// The name.
        name: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    key: Vec<KeyEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct KeyEntry {
    access_key: String,
    secret: String,
    #[serde(default)]
    bucket: Vec<BucketEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BucketEntry {
    name: String,
    id: u64,
    access: Access,
}

/// The right of a key in a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Access {
    Read,
    Write,
}

/// A bucket of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) bucket: BucketId,
    pub(crate) access: Access,
}

struct Key {
    secret: SecretKey,
    buckets: HashMap<String, Grant>,
}

/// The access keys with their buckets.
#[derive(Default)]
pub struct AccessKeys(HashMap<String, Key>);

impl std::fmt::Debug for AccessKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl AccessKeys {
    /// Parses the text of a file.
    ///
    /// # Errors
    ///
    /// [`KeysError`] with what is wrong.
    pub fn parse(text: &str) -> Result<Self, KeysError> {
        let file: File = toml::from_str(text).map_err(|error: toml::de::Error| {
            // Its own text shows the line, which may have the secret.
            let at = error.span().map_or(0, |span| {
                let before = text.get(..span.start).unwrap_or_default();
                before.lines().count()
            });
            KeysError::Syntax(format!("near line {at}: {}", error.message()))
        })?;
        let mut keys = HashMap::new();
        for entry in file.key {
            let name = entry.access_key;
            if entry.secret.chars().count() < MIN_SECRET {
                return Err(KeysError::ShortSecret(name));
            }
            let key = Key {
                secret: entry.secret.into(),
                buckets: buckets_of(&name, entry.bucket)?,
            };
            if keys.insert(name.clone(), key).is_some() {
                return Err(KeysError::Twice(name));
            }
        }
        match keys.is_empty() {
            true => Err(KeysError::Empty),
            false => Ok(Self(keys)),
        }
    }

    pub(crate) fn secret(&self, key: &str) -> Option<SecretKey> {
        self.0.get(key).map(|key| key.secret.clone())
    }

    /// Returns what a key may do with a bucket by its name.
    pub(crate) fn grant(&self, key: &str, bucket: &str) -> Option<Grant> {
        self.0.get(key)?.buckets.get(bucket).copied()
    }

    /// Returns the names of a key's buckets, in order.
    pub(crate) fn names(&self, key: &str) -> Vec<String> {
        let names = self.0.get(key).map(|key| key.buckets.keys().cloned());
        let mut names: Vec<_> = names.into_iter().flatten().collect();
        names.sort();
        names
    }
}

fn buckets_of(key: &str, entries: Vec<BucketEntry>) -> Result<HashMap<String, Grant>, KeysError> {
    let mut buckets = HashMap::new();
    for entry in entries {
        if !s3s::path::check_bucket_name(&entry.name) {
            return Err(KeysError::Name(entry.name));
        }
        let grant = Grant {
            bucket: BucketId(entry.id),
            access: entry.access,
        };
        if buckets.insert(entry.name.clone(), grant).is_some() {
            return Err(KeysError::SameName {
                key: key.to_owned(),
                name: entry.name,
            });
        }
    }
    Ok(buckets)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = r#"
        [[key]]
        access-key = "app"
        secret = "a-secret-of-some-length"
        [[key.bucket]]
        name = "photos"
        id = 7
        access = "write"
        [[key.bucket]]
        name = "archive"
        id = 8
        access = "read"

        [[key]]
        access-key = "other"
        secret = "another-secret-of-some-length"
    "#;

    #[test]
    fn a_key_has_its_buckets_and_no_others() {
        let keys = AccessKeys::parse(SOUND).unwrap();
        let grant = keys.grant("app", "photos").unwrap();
        assert_eq!((grant.bucket, grant.access), (BucketId(7), Access::Write));
        assert_eq!(keys.grant("app", "archive").unwrap().access, Access::Read);
        assert_eq!(keys.grant("other", "photos"), None);
        assert_eq!(keys.grant("nobody", "photos"), None);
        assert_eq!(keys.names("app"), ["archive", "photos"]);
        assert!(keys.secret("other").is_some());
        assert!(keys.secret("nobody").is_none());
        assert!(!format!("{keys:?}").contains("secret"));
    }

    #[test]
    fn what_is_wrong_is_said_without_a_secret() {
        let refused = |text: &str| AccessKeys::parse(text).unwrap_err();
        assert_eq!(refused(""), KeysError::Empty);
        let short = SOUND.replace("another-secret-of-some-length", "hunter2");
        let error = refused(&short);
        assert_eq!(error, KeysError::ShortSecret("other".into()));
        assert!(!error.to_string().contains("hunter2"));
        let twice = refused(&SOUND.replace("other", "app"));
        assert_eq!(twice, KeysError::Twice("app".into()));
        let name = refused(&SOUND.replace("photos", "Photos"));
        assert_eq!(name, KeysError::Name("Photos".into()));
        let same = refused(&SOUND.replace("archive", "photos"));
        assert!(matches!(same, KeysError::SameName { .. }));
        for text in [
            &SOUND.replace("access = \"read\"", "access = \"all\"")[..],
            &SOUND.replace("id = 8", "id = -8"),
            &SOUND.replace("secret = \"a-", "secret = unquoted-"),
            &SOUND.replace("access-key", "access_key"),
        ] {
            let error = refused(text).to_string();
            assert!(error.contains("near line"), "{error}");
            assert!(!error.contains("of-some-length"), "{error}");
        }
    }
}
