//! The runtimes of blocks: which one wrote a block's state, and which one answers calls there.
//!
//! The two differ at one block of each upgrade. Its state holds the new code, but was written
//! by the old one, and is migrated with the next block. So rows and events are read by the
//! runtime that last ran there, which FRAME keeps in `System.LastRuntimeUpgrade`.

use crate::anchor::Anchor;
use crate::node::{NodeState, RuntimeId};
use crate::runtime::Runtime;
use cairn_chain::ChainError;
use cairn_primitives::H256;
use codec::{Compact, Decode, DecodeLimit, Encode};
use futures::future::try_join;
use parking_lot::Mutex;
use sp_crypto_hashing::twox_128;
use std::collections::VecDeque;
use std::sync::Arc;

/// Metadata versions that describe runtime APIs, the best first.
const METADATA_VERSIONS: [u32; 2] = [16, 15];
/// The number of runtimes kept: those of the finalized and the best block, and before them.
const MAX_RUNTIMES: usize = 4;
/// The number of blocks whose runtimes are kept.
const MAX_BLOCKS: usize = 64;
/// The deepest nesting of what is decoded without metadata.
const MAX_DEPTH: u32 = 4;

/// A block with its runtimes.
#[derive(Clone)]
pub(crate) struct Block {
    pub(crate) hash: H256,
    /// The runtime that wrote the state and the events.
    pub(crate) layout: Arc<Runtime>,
    /// The runtime that answers calls and executes the next block.
    pub(crate) code: Arc<Runtime>,
    /// The anchor block, once it was read.
    pub(crate) anchor: Arc<tokio::sync::OnceCell<Anchor>>,
}

impl Block {
    /// Returns whether the next block changes the layout of the state.
    pub(crate) fn is_being_upgraded(&self) -> bool {
        !Arc::ptr_eq(&self.layout, &self.code)
    }
}

/// Loads and keeps runtimes and blocks.
#[derive(Default)]
pub(crate) struct Blocks {
    /// Locked while a runtime is loaded, so that it is loaded once.
    runtimes: tokio::sync::Mutex<Vec<Arc<Runtime>>>,
    blocks: Mutex<VecDeque<Block>>,
}

impl Blocks {
    /// Returns a block.
    pub(crate) async fn at<S: NodeState>(
        &self,
        state: &S,
        hash: H256,
    ) -> Result<Block, ChainError> {
        let known = self
            .blocks
            .lock()
            .iter()
            .find(|block| block.hash == hash)
            .cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let (id, last_run) = try_join(state.runtime(hash), last_run(state, hash)).await?;
        let code = self.runtime(state, hash, id).await?;
        let layout = match last_run {
            // A version that only ever falls back is not written.
            Some(version) if version < code.id.spec_version => {
                self.earlier(state, hash, version).await?
            }
            _ => code.clone(),
        };
        let block = Block {
            hash,
            layout,
            code,
            anchor: Arc::default(),
        };
        let mut blocks = self.blocks.lock();
        if blocks.len() >= MAX_BLOCKS {
            blocks.pop_front();
        }
        blocks.push_back(block.clone());
        Ok(block)
    }

    /// Returns the runtime of a version that wrote a block's state, but is not in it.
    async fn earlier<S: NodeState>(
        &self,
        state: &S,
        hash: H256,
        version: u32,
    ) -> Result<Arc<Runtime>, ChainError> {
        let kept = self.runtimes.lock().await;
        let known = kept
            .iter()
            .rev()
            .find(|runtime| runtime.id.spec_version == version);
        if let Some(known) = known {
            return Ok(known.clone());
        }
        drop(kept);
        let parent = state.header(hash).await?.parent;
        let id = state.runtime(parent).await?;
        if id.spec_version != version {
            return Err(ChainError::NoSuchBlock {
                block: hex::encode(hash),
                reason: format!(
                    "its state was written by version {version} of the runtime, whose metadata is \
                     not known"
                ),
            });
        }
        self.runtime(state, parent, id).await
    }

    async fn runtime<S: NodeState>(
        &self,
        state: &S,
        at: H256,
        id: RuntimeId,
    ) -> Result<Arc<Runtime>, ChainError> {
        let mut kept = self.runtimes.lock().await;
        if let Some(known) = kept.iter().find(|known| known.id == id) {
            return Ok(known.clone());
        }
        let runtime = Arc::new(load(state, at, id).await?);
        if kept.len() >= MAX_RUNTIMES {
            kept.remove(0);
        }
        let is_first = kept.is_empty();
        kept.push(runtime.clone());
        drop(kept);
        if !is_first {
            tracing::info!(
                spec_version = runtime.id.spec_version,
                "the chain has a new runtime"
            );
        }
        crate::support::log(&runtime);
        Ok(runtime)
    }
}

/// Returns the version of the runtime that last ran at a block, as FRAME keeps it: a compact
/// number and a name.
async fn last_run<S: NodeState>(state: &S, at: H256) -> Result<Option<u32>, ChainError> {
    let key = [twox_128(b"System"), twox_128(b"LastRuntimeUpgrade")].concat();
    let values = state.values(at, vec![key]).await?;
    let Some(Some(bytes)) = values.into_iter().next() else {
        return Ok(None);
    };
    match Compact::<u32>::decode(&mut &*bytes) {
        Ok(version) => Ok(Some(version.0)),
        Err(error) => Err(ChainError::Undecodable {
            item: "System.LastRuntimeUpgrade".to_owned(),
            reason: error.to_string(),
        }),
    }
}

async fn load<S: NodeState>(state: &S, at: H256, id: RuntimeId) -> Result<Runtime, ChainError> {
    let offered: Vec<u32> = call(state, at, "Metadata_metadata_versions", Vec::new()).await?;
    let wanted = METADATA_VERSIONS
        .into_iter()
        .find(|version| offered.contains(version));
    let wanted = wanted.ok_or_else(|| {
        ChainError::Unsupported(format!(
            "it offers metadata versions {offered:?}, but 15 or 16 is needed, which describe \
             runtime APIs"
        ))
    })?;
    let function = "Metadata_metadata_at_version";
    let metadata: Option<Vec<u8>> = call(state, at, function, wanted.encode()).await?;
    let metadata = metadata.ok_or_else(|| {
        ChainError::Unsupported(format!(
            "{function} returns nothing for version {wanted}, which is listed"
        ))
    })?;
    // On a blocking thread: the metadata takes megabytes.
    tokio::task::spawn_blocking(move || crate::support::load(id, &metadata))
        .await
        .map_err(|error| ChainError::Unreachable(format!("reading its metadata failed: {error}")))?
}

/// Calls a function of the runtime whose result is of a type that every runtime has.
pub(crate) async fn call<S: NodeState, R: Decode>(
    state: &S,
    at: H256,
    function: &'static str,
    arguments: Vec<u8>,
) -> Result<R, ChainError> {
    let answer = state.call(at, function, arguments).await?;
    R::decode_all_with_depth_limit(MAX_DEPTH, &mut answer.as_slice()).map_err(|error| {
        ChainError::Unsupported(format!(
            "the result of {function} cannot be decoded: {error}"
        ))
    })
}
