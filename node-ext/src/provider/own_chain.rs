//! Which chain a base path belongs to, kept twice: in a small file beside the
//! buckets, and in the index, so that neither alone can be lost.
//!
//! Bucket ids are small numbers that each chain counts for itself. What another
//! chain says of bucket 7 is of another bucket 7, and must move nothing here.

use super::{Provider, ProviderError};
use crate::base_path::{BasePathError, io, read_small};
use crate::index::{Index, IndexError};
use crate::layout::CHAIN_FILE;
use cairn_primitives::H256;
use codec::{Decode, DecodeAll, Encode};
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The version of what the file holds.
const VERSION: u8 = 1;
/// More than the file can have, in bytes.
const MAX_BYTES: u64 = 256;
/// What the file's name ends with until it is whole.
const UNFINISHED: &str = "new";

/// The chain that a base path belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct OwnChain {
    pub(crate) genesis: H256,
    /// The longest challenge period that it was ever seen to have, in anchor
    /// blocks.
    pub(crate) longest_period: u32,
}

/// What to do where a base path meets another chain than its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnOtherChain {
    /// Refuse it.
    #[default]
    Refuse,
    /// Belong to it from now on, and forget what the old chain has told.
    Adopt,
}

/// The chain as the base path keeps it in memory, and where.
pub(super) struct Kept {
    path: PathBuf,
    chain: Option<OwnChain>,
    /// Whether both places have it.
    is_written: bool,
}

impl Kept {
    /// Reads which chain a base path belongs to, from either place. Where they
    /// differ, the index is that of another base path: what it has of a chain
    /// is forgotten.
    pub(super) fn read(base: &Path, index: &Index) -> Result<Self, ProviderError> {
        let path = base.join(CHAIN_FILE);
        let in_file = read(&path)?;
        let in_index = index.own_chain()?;
        let chain = match (in_file, in_index) {
            (Some(file), Some(kept)) if file.genesis != kept.genesis => {
                tracing::error!(
                    file = ?file.genesis, index = ?kept.genesis,
                    "the index is of another chain than the base path: what it has of that chain \
                     is forgotten"
                );
                index.forget_chain()?;
                Some(file)
            }
            (Some(file), Some(kept)) => Some(OwnChain {
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
            tracing::error!(%error, "which chain the base path belongs to is kept in one place only");
        }
        Ok(kept)
    }

    /// Writes it to both places, unless they have it.
    fn write(&mut self, index: &Index) -> Result<(), ProviderError> {
        let Some(chain) = self.chain.filter(|_| !self.is_written) else {
            return Ok(());
        };
        index.keep_own_chain(&chain)?;
        let bytes = (VERSION, chain).encode();
        replace_by(&self.path, |file| file.write_all(&bytes))
            .map_err(|source| io("keep the chain in", &self.path, source))?;
        self.is_written = true;
        Ok(())
    }

    /// Follows a chain, or gives back the genesis hash of the one that it has.
    fn follow(
        &mut self,
        genesis: H256,
        on_other: OnOtherChain,
        index: &Index,
    ) -> Result<Result<(), H256>, IndexError> {
        let found = OwnChain {
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
                // In this order: an end in between leaves the old chain's name
                // over nothing, and not the new one's over what the old one told.
                index.forget_chain()?;
                self.set(found, index);
            }
            None => self.set(found, index),
        }
        Ok(Ok(()))
    }

    fn set(&mut self, chain: OwnChain, index: &Index) {
        self.is_written &= self.chain == Some(chain);
        self.chain = Some(chain);
        // What cannot be written now is written with the next change, or at the
        // next start: a full disk keeps nobody from answering a challenge.
        if let Err(error) = self.write(index) {
            tracing::error!(%error, "which chain the base path belongs to is not kept yet");
        }
    }
}

impl Provider {
    /// The genesis hash of the chain that the base path belongs to, if it has
    /// ever followed one.
    pub fn own_genesis(&self) -> Option<H256> {
        self.inner.own_chain.lock().chain.map(|chain| chain.genesis)
    }

    /// Says that the chain with a genesis hash is to be followed. The first one
    /// is the base path's own from then on, durably. Adopting another forgets
    /// what only the old chain could tell: duties, what was signed for windows,
    /// when agreements ended. What was signed of buckets is kept: signatures
    /// name no chain.
    ///
    /// # Errors
    ///
    /// [`ProviderError::OtherChain`] where it is another one and is not to be
    /// adopted, and [`ProviderError::Index`] where adopting it fails.
    pub fn follow(&self, genesis: H256, on_other: OnOtherChain) -> Result<(), ProviderError> {
        let mut own = self.inner.own_chain.lock();
        let followed = own.follow(genesis, on_other, self.index())?;
        followed.map_err(|expected| ProviderError::OtherChain {
            path: self.inner.base.path().to_owned(),
            expected,
            found: genesis,
        })
    }

    /// The longest challenge period that the chain was ever seen to have, now
    /// that it says `period`, in anchor blocks.
    pub(crate) fn longest_period(&self, period: u32) -> u32 {
        let mut own = self.inner.own_chain.lock();
        let Some(chain) = own.chain else {
            return period;
        };
        let longest_period = chain.longest_period.max(period);
        let chain = OwnChain {
            longest_period,
            ..chain
        };
        own.set(chain, self.index());
        longest_period
    }
}

fn read(path: &Path) -> Result<Option<OwnChain>, BasePathError> {
    let Some(bytes) = read_small(path, MAX_BYTES)? else {
        return Ok(None);
    };
    let kept = parse(&bytes);
    if kept.is_none() {
        tracing::error!(
            path = %path.display(),
            "the file does not say which chain the base path belongs to; the index may"
        );
    }
    Ok(kept)
}

fn parse(bytes: &[u8]) -> Option<OwnChain> {
    let (version, chain) = <(u8, OwnChain)>::decode_all(&mut &*bytes).ok()?;
    (version == VERSION).then_some(chain)
}

/// Writes a file so that it is there as it was or as it is to be, durably.
pub(super) fn replace_by(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let Some(folder) = path.parent() else {
        return Err(ErrorKind::NotFound.into());
    };
    let unfinished = path.with_extension(UNFINISHED);
    let mut file = BufWriter::new(File::create(&unfinished)?);
    write(&mut file)?;
    file.into_inner()?.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    File::open(folder)?.sync_all()
}

impl Index {
    /// The chain that the index was written for.
    pub(super) fn own_chain(&self) -> Result<Option<OwnChain>, IndexError> {
        let kept = self.meta(CHAIN_KEY)?;
        Ok(kept.and_then(|value| OwnChain::decode_all(&mut &*value).ok()))
    }

    fn keep_own_chain(&self, chain: &OwnChain) -> Result<(), IndexError> {
        self.keep_meta(CHAIN_KEY, &chain.encode())
    }
}

/// Where the index's `meta` has the chain.
const CHAIN_KEY: &[u8] = b"chain";

#[cfg(test)]
mod tests;
