//! Reads a chain's state at a block.

use super::InMemoryNode;
use crate::NodeError;
use cairn_devnode_runtime::frame_system::EventRecord;
use cairn_devnode_runtime::{Hash, RuntimeEvent};
use codec::Decode;
use sc_client_api::StorageProvider;
use sp_blockchain::HeaderBackend;
use sp_core::storage::StorageKey;
use sp_io::hashing::twox_128;

impl InMemoryNode {
    /// Returns the hash of the last finalized block.
    pub fn finalized(&self) -> Hash {
        self.client().info().finalized_hash
    }

    /// Returns a value of the chain's storage at a block, by its key. A pallet's storage
    /// types compute the key (`hashed_key`, `hashed_key_for`).
    pub fn storage<T: Decode>(&self, at: Hash, key: Vec<u8>) -> Result<Option<T>, NodeError> {
        let Some(value) = self.client().storage(at, &StorageKey(key))? else {
            return Ok(None);
        };
        let value = T::decode(&mut value.0.as_slice()).map_err(|e| NodeError::Decode {
            what: "a value in the storage",
            block: at,
            reason: e.to_string(),
        })?;
        Ok(Some(value))
    }

    /// Returns all events of a block, in order, with their causes.
    pub fn events(&self, at: Hash) -> Result<Vec<EventRecord<RuntimeEvent, Hash>>, NodeError> {
        let key = [twox_128(b"System"), twox_128(b"Events")].concat();
        Ok(self.storage(at, key)?.unwrap_or_default())
    }
}
