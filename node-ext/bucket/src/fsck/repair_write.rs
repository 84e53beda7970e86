//! The writes of a repair: records whose right content the check has established.

use cairn_engine::layout::{self, InteriorValue, StateRecord, StorageUsage};
use cairn_engine::{Durability, Engine, EngineError, Family};
use cairn_primitives::{H256, Position, Sequence};
use codec::Encode;

/// Upper bound on the writes held in one round; the next round finds the others
/// again.
const MAX_WRITES: usize = 1 << 20;

/// Records in one write batch, some 100 bytes each.
const BATCH_RECORDS: usize = 4096;

/// A record to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RepairWrite {
    State(Box<StateRecord>),
    Node {
        tree: Sequence,
        position: Position,
        hash: H256,
    },
    ChunkLength {
        hash: H256,
        length: u32,
    },
    Interior {
        hash: H256,
        value: InteriorValue,
    },
    Usage(StorageUsage),
}

impl RepairWrite {
    /// Sort key: a record comes after those that it relies on, so that an interrupted
    /// repair leaves no node without its children.
    fn order(&self) -> u64 {
        match self {
            Self::Node { .. } => 0,
            Self::ChunkLength { .. } => 1,
            Self::Interior { value, .. } => u64::from(value.subtree.height()).saturating_add(1),
            Self::Usage(_) => u64::MAX.saturating_sub(1),
            Self::State(_) => u64::MAX,
        }
    }

    fn put(&self, batch: &mut cairn_engine::Batch<'_>) {
        match self {
            Self::State(state) => batch.put(Family::Tree, layout::STATE_KEY, &state.encode()),
            Self::Node {
                tree,
                position,
                hash,
            } => {
                let key = layout::node_key(*tree, *position);
                batch.put(Family::Tree, key, hash.as_bytes());
            }
            Self::ChunkLength { hash, length } => {
                let value = layout::chunk_length_value(*length);
                batch.put(Family::Content, layout::chunk_length_key(hash), &value);
            }
            Self::Interior { hash, value } => {
                let value = value.to_bytes();
                batch.put(Family::Content, layout::interior_key(hash), &value);
            }
            Self::Usage(usage) => {
                batch.put(Family::Content, layout::USAGE_KEY, &usage.encode());
            }
        }
    }
}

/// The records that a check has established and a repair must write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RepairWrites(Vec<RepairWrite>);

impl RepairWrites {
    pub(super) fn add(&mut self, write: RepairWrite) {
        if self.0.len() < MAX_WRITES {
            self.0.push(write);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }

    /// Writes all records durably, in batches that each leave the bucket better than
    /// before. After an interruption the next repair finds the rest.
    pub(super) fn write(mut self, engine: &Engine) -> Result<(), EngineError> {
        self.0.sort_by_key(RepairWrite::order);
        self.0.chunks(BATCH_RECORDS).try_for_each(|writes| {
            let mut batch = engine.batch();
            writes.iter().for_each(|write| write.put(&mut batch));
            engine.write(batch, Durability::Synced)
        })
    }

    /// Writes the first `number` records, as an interrupted repair does.
    #[cfg(test)]
    pub(super) fn write_first(&self, number: u64, engine: &Engine) {
        let mut some = self.clone();
        some.0.sort_by_key(RepairWrite::order);
        some.0.truncate(number as usize);
        some.write(engine).unwrap();
    }
}
