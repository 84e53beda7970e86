//! A finalized block and its events.

use subxt::dynamic::Value;

/// The storage pallet's name.
pub(crate) const STORAGE: &str = "StorageProvider";

/// A finalized block.
pub struct Block {
    /// The number.
    pub number: u32,
    /// The hash.
    pub hash: [u8; 32],
    /// The hash of each extrinsic.
    pub extrinsics: Vec<[u8; 32]>,
    /// The events, in order.
    pub events: Vec<Event>,
}

/// An event.
#[derive(Clone)]
pub struct Event {
    /// The pallet's name.
    pub pallet: String,
    /// The event's name.
    pub name: String,
    /// The extrinsic that caused it, by its place in the block. `None` for a hook.
    pub extrinsic: Option<u32>,
    /// The fields.
    pub fields: Value,
    /// The fields as SCALE.
    pub(crate) bytes: Vec<u8>,
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{} {}", self.pallet, self.name, self.fields)
    }
}

impl Event {
    /// Returns whether it is this event of the storage pallet.
    pub fn is_storage(&self, name: &str) -> bool {
        self.pallet == STORAGE && self.name == name
    }
}

/// An extrinsic in a finalized block.
#[derive(Clone, Debug)]
pub struct Included {
    /// The block's number.
    pub number: u32,
    /// Its events, in order.
    pub events: Vec<Event>,
}
