//! One version of a chain's runtime: its metadata, and what Cairn makes of it.

use crate::anchor::Clock;
use crate::capability::{Capability, Support};
use crate::features::Features;
use crate::names::PALLET;
use crate::node::RuntimeId;
use crate::storage::StorageItem;
use crate::value::{Decoder, Mismatch, Value, decode_all};
use cairn_chain::ChainError;
use codec::DecodeAll;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use subxt_metadata::Metadata;

/// The most bytes of metadata. A large chain has about two million.
const MAX_METADATA_BYTES: usize = 16 << 20;

/// A version of a runtime.
#[derive(Debug)]
pub(crate) struct Runtime {
    pub(crate) id: RuntimeId,
    pub(crate) metadata: Metadata,
    /// The features of the storage pallet, if there is one.
    pub(crate) features: Option<Features>,
    pub(crate) support: Vec<(Capability, Support)>,
    /// The clock in which the pallet counts, once it is known, for runtimes that do not
    /// tell it.
    pub(crate) clock: Mutex<Option<Clock>>,
    /// Set once it was logged that the clock cannot be told.
    pub(crate) has_logged_clock: AtomicBool,
    /// Set once it was logged that the state has a malformed constant.
    has_logged_constant: AtomicBool,
}

impl Runtime {
    /// Decodes metadata. Nothing has been tried on it yet: see [`crate::support::load`].
    pub(crate) fn decode(id: RuntimeId, bytes: &[u8]) -> Result<Self, ChainError> {
        if bytes.len() > MAX_METADATA_BYTES {
            return Err(ChainError::Unsupported(format!(
                "its metadata has {} bytes, more than {MAX_METADATA_BYTES}",
                bytes.len()
            )));
        }
        // Not `Metadata::decode_from`: it calls itself without end on bytes whose first number
        // is their length.
        let metadata = Metadata::decode_all(&mut &*bytes).map_err(|error| {
            // The codec's errors take a line for each level.
            let why = error.to_string();
            let why: Vec<&str> = why.split_whitespace().collect();
            ChainError::Unsupported(format!("its metadata cannot be read: {}", why.join(" ")))
        })?;
        let features = Features::detect(&metadata);
        Ok(Self {
            id,
            metadata,
            features,
            support: Vec::new(),
            clock: Mutex::new(None),
            has_logged_clock: AtomicBool::new(false),
            has_logged_constant: AtomicBool::new(false),
        })
    }

    /// Returns the features of the storage pallet.
    pub(crate) fn features(&self) -> Result<&Features, ChainError> {
        self.features
            .as_ref()
            .ok_or_else(|| ChainError::Unsupported(format!("there is no pallet {PALLET}")))
    }

    /// Checks that Cairn supports a capability on this runtime.
    pub(crate) fn require(&self, capability: Capability) -> Result<(), ChainError> {
        match self.support(capability) {
            Support::Supported => Ok(()),
            Support::NotOffered(why) | Support::Refused(why) => {
                Err(ChainError::Unsupported(why.clone()))
            }
        }
    }

    /// Returns whether Cairn can sign commitments here and answer challenges of them.
    pub(crate) fn is_answerable(&self) -> bool {
        let needed = [
            Capability::Sign,
            Capability::Answer,
            Capability::ReadChallenges,
            Capability::Extrinsics,
        ];
        needed
            .into_iter()
            .all(|capability| *self.support(capability) == Support::Supported)
    }

    /// Returns the support of a capability.
    pub(crate) fn support(&self, capability: Capability) -> &Support {
        const UNTRIED: &Support = &Support::Supported;
        let tried = self.support.iter().find(|(tried, _)| *tried == capability);
        tried.map_or(UNTRIED, |(_, support)| support)
    }

    /// Finds a storage item.
    pub(crate) fn storage(&self, pallet: &str, name: &str) -> Result<StorageItem<'_>, ChainError> {
        StorageItem::find(&self.metadata, pallet, name).map_err(unsupported)
    }

    /// Finds a storage item of the storage pallet.
    pub(crate) fn item(&self, name: &str) -> Result<StorageItem<'_>, ChainError> {
        self.storage(PALLET, name)
    }

    /// Returns a constant's value in the metadata.
    pub(crate) fn constant(&self, pallet: &str, name: &str) -> Result<Value<'_>, Mismatch> {
        let pallet_metadata = self.metadata.pallet_by_name(pallet);
        let constant = pallet_metadata.and_then(|found| found.constant_by_name(name));
        let Some(constant) = constant else {
            return Err(Mismatch(format!("there is no constant {pallet}.{name}")));
        };
        decode_all(self.metadata.types(), constant.ty(), constant.value())
            .map_err(|error| Mismatch(format!("{pallet}.{name}: {error}")))
    }

    /// Reads a constant of the storage pallet, whose value in a block's state comes first:
    /// such a constant changes without a new runtime.
    ///
    /// FRAME decodes the state's value from its beginning, whatever follows, and uses the code's
    /// own value if it does not decode. So does this, with the metadata's value.
    pub(crate) fn constant_at<T: TryFrom<u128>>(
        &self,
        name: &str,
        in_state: Option<&[u8]>,
    ) -> Result<T, ChainError> {
        let pallet = self.metadata.pallet_by_name(PALLET);
        let constant = pallet.and_then(|found| found.constant_by_name(name));
        if let (Some(bytes), Some(constant)) = (in_state, constant) {
            let value = Decoder::new(self.metadata.types(), bytes).value(constant.ty());
            let number = value
                .map_err(|error| error.to_string())
                .and_then(|value| value.number().map_err(|Mismatch(why)| why));
            match number {
                Ok(number) => return Ok(number),
                Err(reason) if !self.has_logged_constant.swap(true, Ordering::Relaxed) => {
                    tracing::error!(
                        item = format!(":{name}:"),
                        reason,
                        "a constant in the chain's state does not decode: the metadata's is used"
                    );
                }
                Err(_) => {}
            }
        }
        self.constant(PALLET, name)
            .and_then(|value| value.number())
            .map_err(unsupported)
    }
}

/// Returns the error of a runtime that lacks something.
pub(crate) fn unsupported(Mismatch(why): Mismatch) -> ChainError {
    ChainError::Unsupported(why)
}
