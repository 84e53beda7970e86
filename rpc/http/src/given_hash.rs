//! Hashes in requests. One of another length than 32 bytes is refused.

use crate::error::HttpError;
use crate::hex_text;
use cairn_primitives::H256;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// Reads a hash. Today's provider stops its thread at one of another length.
pub(crate) fn hash(text: &str) -> Result<H256, HttpError> {
    if let Some(bytes) = hex_text::array(text) {
        return Ok(H256(bytes));
    }
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let actual = match hex::decode(digits) {
        Ok(bytes) => format!("{} bytes", bytes.len()),
        Err(_) => "invalid hex".to_owned(),
    };
    Err(HttpError::InvalidHash {
        expected: text.to_owned(),
        actual,
    })
}

/// An entry of a list of hashes.
pub(crate) trait Entry: Sized {
    /// Decodes the entry, without keeping its text.
    fn decode(text: &str) -> Result<Self, HttpError>;
}

impl Entry for H256 {
    fn decode(text: &str) -> Result<Self, HttpError> {
        hash(text)
    }
}

/// A hash that is answered as the client has written it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrittenHash {
    pub(crate) hash: H256,
    has_prefix: bool,
    digits: [u8; 64],
}

impl Entry for WrittenHash {
    fn decode(text: &str) -> Result<Self, HttpError> {
        let hash = hash(text)?;
        let stripped = text.strip_prefix("0x");
        let digits = stripped.unwrap_or(text).as_bytes().try_into();
        Ok(Self {
            hash,
            has_prefix: stripped.is_some(),
            // A hash has as many digits.
            digits: digits.unwrap_or([b'0'; 64]),
        })
    }
}

impl fmt::Display for WrittenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.has_prefix { "0x" } else { "" })?;
        f.write_str(std::str::from_utf8(&self.digits).unwrap_or_default())
    }
}

/// The hashes of a list in a request. Each is decoded as it is read, so that a list takes little
/// more memory than its body: the sender is not authorised yet.
#[derive(Debug, PartialEq)]
pub(crate) struct GivenHashes<T = H256> {
    decoded: Vec<T>,
    /// The entries of the list, also those after the first that is no hash.
    given: usize,
    refused: Option<HttpError>,
}

impl<T> Default for GivenHashes<T> {
    fn default() -> Self {
        Self {
            decoded: Vec::new(),
            given: 0,
            refused: None,
        }
    }
}

impl<T: Entry> GivenHashes<T> {
    /// Returns the number of entries.
    pub(crate) const fn given(&self) -> usize {
        self.given
    }

    /// Returns the hashes, at most `max`.
    pub(crate) fn within(self, max: u32) -> Result<Vec<T>, HttpError> {
        let given = self.given;
        if !u32::try_from(given).is_ok_and(|given| given <= max) {
            return Err(HttpError::TooMany { given, max });
        }
        self.refused.map_or(Ok(self.decoded), Err)
    }

    fn add(&mut self, text: &str) {
        self.given = self.given.saturating_add(1);
        if self.refused.is_some() {
            return;
        }
        match T::decode(text) {
            Ok(hash) => self.decoded.push(hash),
            Err(error) => {
                self.decoded = Vec::new();
                self.refused = Some(error);
            }
        }
    }
}

impl<'de, T: Entry> Deserialize<'de> for GivenHashes<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Entry> Visitor<'de> for ListVisitor<T> {
    type Value = GivenHashes<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of hashes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<GivenHashes<T>, A::Error> {
        let mut hashes = GivenHashes::default();
        while entries.next_element_seed(Next(&mut hashes))?.is_some() {}
        Ok(hashes)
    }
}

/// The next entry of a list, which is added to it without a copy of its text.
struct Next<'l, T>(&'l mut GivenHashes<T>);

impl<'de, T: Entry> DeserializeSeed<'de> for Next<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_str(self)
    }
}

impl<T: Entry> Visitor<'_> for Next<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a hash in hex")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.0.add(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hash_is_exactly_32_bytes() {
        let digits = "0a".repeat(32);
        for text in [digits.clone(), format!("0x{digits}"), digits.to_uppercase()] {
            assert_eq!(hash(&text).unwrap(), H256::repeat_byte(10), "{text}");
        }
        let refused = |text: &str| match hash(text) {
            Err(HttpError::InvalidHash { actual, .. }) => actual,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused("0x0a"), "1 bytes");
        assert_eq!(refused(&"0a".repeat(33)), "33 bytes");
        for text in ["", "0x"] {
            assert_eq!(refused(text), "0 bytes");
        }
        for text in ["0x0", "0xzz", "ä", "0X00"] {
            assert_eq!(refused(text), "invalid hex");
        }
    }

    fn list<T: Entry>(json: &str) -> GivenHashes<T> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_list_keeps_its_hashes_and_counts_its_entries() {
        let digits = "0a".repeat(32);
        let two: GivenHashes = list(&format!(r#"["{digits}", "0x{digits}"]"#));
        assert_eq!(two.within(2), Ok(vec![H256::repeat_byte(10); 2]));
        let none: GivenHashes = list("[]");
        assert_eq!((none.given(), none.within(0)), (0, Ok(vec![])));
        // A list that is too long is that first, whatever is in it.
        let long: GivenHashes = list(&format!(r#"["{digits}", "00", "{digits}"]"#));
        assert!(long.decoded.is_empty(), "nothing of it is kept");
        let too_many = HttpError::TooMany { given: 3, max: 2 };
        assert_eq!(long.within(2), Err(too_many));
        let wrong = HttpError::InvalidHash {
            expected: "00".to_owned(),
            actual: "1 bytes".to_owned(),
        };
        let escaped: GivenHashes = list(r#"["\u0030\u0030", "zz"]"#);
        assert_eq!(escaped.within(2), Err(wrong));
        for json in ["null", "{}", "[null]", "[7]", r#""00""#] {
            let read = serde_json::from_str::<GivenHashes>(json);
            assert!(read.is_err(), "{json}");
        }
    }

    #[test]
    fn a_written_hash_is_written_again_as_it_was() {
        let digits = "0aBc".repeat(16);
        for text in [digits.clone(), format!("0x{digits}")] {
            let read: GivenHashes<WrittenHash> = list(&format!(r#"["{text}"]"#));
            let read = read.within(1).unwrap();
            assert_eq!(read[0].to_string(), text);
            assert_eq!(Ok(read[0].hash), hash(&text));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_hash_or_refused(text in ".*", bytes in any::<[u8; 32]>()) {
            let _ = hash(&text);
            prop_assert_eq!(hash(&hex_text::prefixed(bytes)).unwrap(), H256(bytes));
        }
    }
}
