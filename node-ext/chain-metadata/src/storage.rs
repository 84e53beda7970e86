//! Storage items by name: their keys by the metadata's hashers, their values by its types.

use crate::value::{DecodeError, Decoder, Mismatch, Value, decode_all, encode};
use cairn_chain::ChainError;
use scale_info::PortableRegistry;
use sp_crypto_hashing::{blake2_128, blake2_256, twox_64, twox_128, twox_256};
use subxt_metadata::{Metadata, StorageEntryMetadata, StorageHasher};

/// A storage item of a runtime.
#[derive(Clone, Copy)]
pub(crate) struct StorageItem<'r> {
    pallet: &'r str,
    prefix: &'r str,
    entry: &'r StorageEntryMetadata,
    types: &'r PortableRegistry,
}

impl<'r> StorageItem<'r> {
    /// Finds an item.
    pub(crate) fn find(metadata: &'r Metadata, pallet: &str, name: &str) -> Result<Self, Mismatch> {
        let Some(found) = metadata.pallet_by_name(pallet) else {
            return Err(Mismatch(format!("there is no pallet {pallet}")));
        };
        let storage = found.storage();
        let entry = storage.and_then(|storage| Some((storage, storage.entry_by_name(name)?)));
        let Some((storage, entry)) = entry else {
            return Err(Mismatch(format!("there is no storage {pallet}.{name}")));
        };
        Ok(Self {
            pallet: found.name(),
            prefix: storage.prefix(),
            entry,
            types: metadata.types(),
        })
    }

    /// Returns the number of parts of a key.
    pub(crate) fn key_count(&self) -> usize {
        self.entry.keys().len()
    }

    /// Returns the type of the values.
    pub(crate) fn value_type(&self) -> u32 {
        self.entry.value_ty()
    }

    /// Returns the item's name.
    pub(crate) fn name(&self) -> &'r str {
        self.entry.name()
    }

    /// Returns the prefix of all keys of the item.
    pub(crate) fn prefix(&self) -> Vec<u8> {
        [
            twox_128(self.prefix.as_bytes()),
            twox_128(self.entry.name().as_bytes()),
        ]
        .concat()
    }

    /// Returns the key of a row.
    pub(crate) fn key(&self, parts: &[Value<'_>]) -> Result<Vec<u8>, Mismatch> {
        if parts.len() != self.key_count() {
            return Err(Mismatch(format!(
                "{}.{} has {} keys where Cairn has {}",
                self.pallet,
                self.entry.name(),
                self.key_count(),
                parts.len()
            )));
        }
        let mut key = self.prefix();
        for (info, part) in self.entry.keys().zip(parts) {
            let mut encoded = Vec::new();
            encode(self.types, info.key_id, part, &mut encoded)?;
            append_hashed(info.hasher, &encoded, &mut key);
        }
        Ok(key)
    }

    /// Reads the parts of a row's key back, which only some hashers allow.
    pub(crate) fn parts_of<'k>(&self, key: &'k [u8]) -> Result<Vec<Value<'k>>, Mismatch>
    where
        'r: 'k,
    {
        let Some(rest) = key.strip_prefix(&*self.prefix()) else {
            return Err(Mismatch("the key is of another item".to_owned()));
        };
        let types: &'k PortableRegistry = self.types;
        let mut decoder = Decoder::new(types, rest);
        let mut parts = Vec::new();
        for info in self.entry.keys() {
            let Some(hash_bytes) = readable(info.hasher) else {
                return Err(Mismatch(format!(
                    "the keys of {}.{} cannot be read back",
                    self.pallet,
                    self.entry.name()
                )));
            };
            let part = decoder
                .take(hash_bytes)
                .and_then(|_| decoder.value(info.key_id));
            parts.push(part.map_err(|error| Mismatch(format!("its key: {error}")))?);
        }
        decoder
            .finish()
            .map_err(|error| Mismatch(format!("its key: {error}")))?;
        Ok(parts)
    }

    /// Checks that keys can be read back.
    pub(crate) fn require_readable_keys(&self) -> Result<(), Mismatch> {
        match self
            .entry
            .keys()
            .all(|info| readable(info.hasher).is_some())
        {
            true => Ok(()),
            false => Err(Mismatch(format!(
                "the keys of {}.{} cannot be read back",
                self.pallet,
                self.entry.name()
            ))),
        }
    }

    /// Decodes a row.
    pub(crate) fn decode<'v>(&self, bytes: &'v [u8]) -> Result<Value<'v>, DecodeError>
    where
        'r: 'v,
    {
        decode_all(self.types, self.entry.value_ty(), bytes)
    }

    /// Decodes a row and reads it.
    pub(crate) fn read<T>(
        &self,
        key: &[u8],
        bytes: &[u8],
        read: impl FnOnce(&Value<'_>) -> Result<T, Mismatch>,
    ) -> Result<T, ChainError> {
        let read = match self.decode(bytes) {
            Ok(value) => read(&value).map_err(|Mismatch(why)| why),
            Err(error) => Err(error.to_string()),
        };
        read.map_err(|why| self.undecodable(key, why))
    }

    /// Returns the error of a row that does not decode.
    pub(crate) fn undecodable(&self, key: &[u8], reason: String) -> ChainError {
        ChainError::Undecodable {
            item: format!(
                "{}.{} 0x{}",
                self.pallet,
                self.entry.name(),
                hex::encode(key)
            ),
            reason,
        }
    }
}

/// Returns the number of hash bytes before a key, if the key follows its hash.
fn readable(hasher: StorageHasher) -> Option<usize> {
    match hasher {
        StorageHasher::Blake2_128Concat => Some(16),
        StorageHasher::Twox64Concat => Some(8),
        StorageHasher::Identity => Some(0),
        StorageHasher::Blake2_128
        | StorageHasher::Blake2_256
        | StorageHasher::Twox128
        | StorageHasher::Twox256 => None,
    }
}

fn append_hashed(hasher: StorageHasher, part: &[u8], key: &mut Vec<u8>) {
    match hasher {
        StorageHasher::Blake2_128 => key.extend(blake2_128(part)),
        StorageHasher::Blake2_256 => key.extend(blake2_256(part)),
        StorageHasher::Twox128 => key.extend(twox_128(part)),
        StorageHasher::Twox256 => key.extend(twox_256(part)),
        StorageHasher::Blake2_128Concat => {
            key.extend(blake2_128(part));
            key.extend(part);
        }
        StorageHasher::Twox64Concat => {
            key.extend(twox_64(part));
            key.extend(part);
        }
        StorageHasher::Identity => key.extend(part),
    }
}
