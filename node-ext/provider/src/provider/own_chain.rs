//! The chain that a base path belongs to, stored twice: in a small file next to the
//! buckets, and in the index, so that the loss of one does no harm.
//!
//! Each chain numbers its buckets itself. What another chain says of bucket 7 concerns
//! another bucket, and must have no effect here.

use super::{Provider, ProviderError};
use crate::index::{Index, IndexError};
use cairn_bucket::{BasePathError, read_bounded};
use cairn_engine::layout::CHAIN_FILE;
use cairn_fs::{FileError, replace_atomically};
use cairn_primitives::H256;
use codec::{Decode, DecodeAll, Encode};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The version of the file's format.
const VERSION: u8 = 1;
/// A bound on the size of the file, in bytes.
const MAX_BYTES: u64 = 256;

/// The chain that a base path belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct BoundChain {
    pub(crate) genesis: H256,
    /// The longest challenge period that it ever had, as far as seen, in anchor blocks.
    pub(crate) longest_period: u32,
}

/// The policy for a base path that meets another chain than its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnOtherChain {
    /// Refuse the chain.
    #[default]
    Refuse,
    /// Adopt the chain, and forget all data from the old one.
    Adopt,
}

/// The base path's chain in memory, and the state of its two copies on disk.
pub(super) struct ChainBinding {
    path: PathBuf,
    chain: Option<BoundChain>,
    /// True if the file and the index both have it.
    is_written: bool,
}

impl ChainBinding {
    /// Reads the chain of a base path from the file and the index. If they differ, the
    /// index is that of another base path, and its data from a chain is removed.
    pub(super) fn load(base: &Path, index: &Index) -> Result<Self, ProviderError> {
        let path = base.join(CHAIN_FILE);
        let in_file = read(&path)?;
        let in_index = index.own_chain()?;
        let chain = match (in_file, in_index) {
            (Some(file), Some(kept)) if file.genesis != kept.genesis => {
                tracing::error!(
                    file = ?file.genesis, index = ?kept.genesis,
                    "the index belongs to another chain than the base path: its data from that chain \
                     is removed"
                );
                index.remove_chain_data()?;
                Some(file)
            }
            (Some(file), Some(kept)) => Some(BoundChain {
                longest_period: file.longest_period.max(kept.longest_period),
                ..file
            }),
            (file, kept) => file.or(kept),
        };
        let mut kept = Self {
            path,
            is_written: chain.is_none() || (in_file == chain && in_index == chain),
            chain,
        };
        if let Err(error) = kept.write(index) {
            tracing::error!(%error, "the chain of the base path is stored in one place only");
        }
        Ok(kept)
    }

    /// Writes the chain to the file and the index, unless both have it.
    fn write(&mut self, index: &Index) -> Result<(), ProviderError> {
        let Some(chain) = self.chain.filter(|_| !self.is_written) else {
            return Ok(());
        };
        index.set_own_chain(&chain)?;
        let bytes = (VERSION, chain).encode();
        replace_atomically(&self.path, |file| file.write_all(&bytes))
            .map_err(FileError::wrap("write the chain to", &self.path))?;
        self.is_written = true;
        Ok(())
    }

    /// Follows a chain, or returns the genesis hash of the base path's own chain.
    fn follow(
        &mut self,
        genesis: H256,
        on_other: OnOtherChain,
        index: &Index,
    ) -> Result<Result<(), H256>, IndexError> {
        let found = BoundChain {
            genesis,
            longest_period: 0,
        };
        match self.chain {
            Some(chain) if chain.genesis == genesis => self.set(chain, index),
            Some(chain) if on_other == OnOtherChain::Refuse => return Ok(Err(chain.genesis)),
            Some(chain) => {
                tracing::warn!(
                    before = ?chain.genesis, now = ?genesis,
                    "the base path belongs to another chain from now on"
                );
                // In this order: a crash in between leaves the old chain with no data,
                // rather than the new chain with the old one's data.
                index.remove_chain_data()?;
                self.set(found, index);
            }
            None => self.set(found, index),
        }
        Ok(Ok(()))
    }

    fn set(&mut self, chain: BoundChain, index: &Index) {
        self.is_written &= self.chain == Some(chain);
        self.chain = Some(chain);
        // A failed write is repeated with the next change or at the next start: a full
        // disk must not prevent answers to challenges.
        if let Err(error) = self.write(index) {
            tracing::error!(%error, "the chain of the base path is not stored yet");
        }
    }
}

impl Provider {
    /// Returns the genesis hash of the base path's chain, if it has ever followed one.
    pub fn own_genesis(&self) -> Option<H256> {
        self.inner.own_chain.lock().chain.map(|chain| chain.genesis)
    }

    /// Follows the chain with a genesis hash. The first chain becomes the base path's
    /// own, durably. Adopting another one removes the data that came from the old chain:
    /// duties, signatures for windows, nonces of terms, and agreements. Signed roots of
    /// buckets stay, since signatures name no chain.
    ///
    /// # Errors
    ///
    /// [`ProviderError::OtherChain`] if it is another chain and is not to be adopted;
    /// [`ProviderError::Index`] if adopting it fails.
    pub fn follow(&self, genesis: H256, on_other: OnOtherChain) -> Result<(), ProviderError> {
        let mut own = self.inner.own_chain.lock();
        let is_other = own.chain.is_some_and(|chain| chain.genesis != genesis);
        let followed = own.follow(genesis, on_other, self.index())?;
        if is_other && followed.is_ok() {
            self.inner.forget_nonces();
        }
        followed.map_err(|expected| ProviderError::OtherChain {
            path: self.inner.base.path().to_owned(),
            expected,
            found: genesis,
        })
    }

    /// Updates the longest challenge period ever seen with the current `period`, and
    /// returns it, in anchor blocks.
    pub fn longest_period(&self, period: u32) -> u32 {
        let mut own = self.inner.own_chain.lock();
        let Some(chain) = own.chain else {
            return period;
        };
        let longest_period = chain.longest_period.max(period);
        let chain = BoundChain {
            longest_period,
            ..chain
        };
        own.set(chain, self.index());
        longest_period
    }
}

fn read(path: &Path) -> Result<Option<BoundChain>, BasePathError> {
    let Some(bytes) = read_bounded(path, MAX_BYTES)? else {
        return Ok(None);
    };
    let kept = parse(&bytes);
    if kept.is_none() {
        tracing::error!(
            path = %path.display(),
            "the file that names the chain of the base path is damaged; the index may have it"
        );
    }
    Ok(kept)
}

fn parse(bytes: &[u8]) -> Option<BoundChain> {
    let (version, chain) = <(u8, BoundChain)>::decode_all(&mut &*bytes).ok()?;
    (version == VERSION).then_some(chain)
}

impl Index {
    /// Returns the chain that the index was written for.
    pub(super) fn own_chain(&self) -> Result<Option<BoundChain>, IndexError> {
        let kept = self.meta(CHAIN_KEY)?;
        Ok(kept.and_then(|value| BoundChain::decode_all(&mut &*value).ok()))
    }

    fn set_own_chain(&self, chain: &BoundChain) -> Result<(), IndexError> {
        self.set_meta(CHAIN_KEY, &chain.encode())
    }
}

/// The key of the chain in the index's `meta` table.
const CHAIN_KEY: &[u8] = b"chain";

#[cfg(test)]
mod tests;
