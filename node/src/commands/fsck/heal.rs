//! Heals a bucket from other providers: content that a damaged one has lost, and a lost one as a
//! whole, up to a commitment that is on chain or that the operator states.

use crate::escaped_path::json_path;
use crate::failure::Failure;
use crate::globals::Globals;
use crate::hashing::Hashing;
use crate::hex_text::{parse_hash, to_hex};
use crate::operator::{chain_url, new_runtime};
use crate::provider_args::open_provider;
use crate::{progress, quantity};
use cairn_bucket::{BasePath, BasePathError, BucketConfig};
use cairn_chain::ChainClient;
use cairn_chain_rpc::{RpcChainClient, RpcNode};
use cairn_engine::SharedResources;
use cairn_engine::layout::{BUCKETS_DIR, bucket_dir_name};
use cairn_primitives::challenge::AccountId;
use cairn_primitives::{BucketId, Commitment, H256, LeafCount, Sequence};
use cairn_replica::{
    FolderStore, HealingPeers, HttpPeer, HttpPeerLimits, Peer, SyncLimits, SyncRequest, sync,
};
use clap::Args;
use futures::StreamExt;
use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Runtime;

/// The commitment up to which a lost bucket is rebuilt.
#[derive(Args, Debug)]
pub(super) struct LostBucketArgs {
    /// Rebuild a bucket that is lost as a whole, up to its last checkpoint on this chain:
    /// WebSocket of a node, such as ws://127.0.0.1:9944
    #[arg(long, value_name = "URL", value_parser = chain_url, requires = "from", conflicts_with = "all")]
    chain: Option<String>,
    /// Rebuild a bucket that is lost as a whole, up to the commitment with this root
    #[arg(long, value_name = "ROOT", value_parser = parse_hash, requires_all = ["from", "leaves"], conflicts_with_all = ["chain", "all"])]
    root: Option<H256>,
    /// Leaf count of that commitment
    #[arg(long, value_name = "N", requires = "root")]
    leaves: Option<u64>,
    /// First sequence of that commitment
    #[arg(long, value_name = "N", requires = "root", default_value_t = 0)]
    start_seq: u64,
    /// Hashing of a rebuilt bucket
    #[arg(long, value_enum, default_value_t = Hashing::Plain)]
    hashing: Hashing,
}

impl LostBucketArgs {
    pub(super) const fn is_given(&self) -> bool {
        self.chain.is_some() || self.root.is_some()
    }

    fn commitment(
        &self,
        runtime: &Runtime,
        own_chain: Option<H256>,
        id: BucketId,
    ) -> Result<Commitment, Failure> {
        if let Some(url) = &self.chain {
            return runtime.block_on(last_checkpoint(url, own_chain, id));
        }
        let leaves = self.leaves.and_then(LeafCount::new);
        let (Some(mmr_root), Some(leaf_count)) = (self.root, leaves) else {
            let reason = "no tree has that many leaves";
            return Err(Failure::Failed(reason.into()));
        };
        Ok(Commitment {
            mmr_root,
            start_seq: Sequence(self.start_seq),
            leaf_count,
        })
    }
}

/// Returns the commitment of a bucket's last checkpoint that is final, on the chain that the base
/// path belongs to: another one, or a fork, may have anything under the same id.
async fn last_checkpoint(
    url: &str,
    own_chain: Option<H256>,
    id: BucketId,
) -> Result<Commitment, Failure> {
    // Only read: the account does not matter.
    let node = RpcNode::new(url).expecting(own_chain);
    let client = RpcChainClient::watching(node, AccountId([0; 32]));
    let found = client.genesis().await?;
    if let Some(expected) = own_chain.filter(|expected| *expected != found) {
        return Err(Failure::Refused(format!(
            "{url} is of the chain with the genesis {}, and the base path belongs to {}",
            to_hex(found),
            to_hex(expected)
        )));
    }
    let head = client.finalized_heads().await?.next().await;
    let lost = || Failure::Failed(format!("{url} tells no finalized block"));
    let info = client.bucket(head.ok_or_else(lost)?.hash, id).await?;
    let snapshot = info.and_then(|info| info.snapshot);
    snapshot
        .map(|snapshot| snapshot.commitment)
        .ok_or_else(|| Failure::Refused(format!("bucket {id} has no checkpoint on chain")))
}

/// Splits sources into URLs of providers, and files.
pub(super) fn split_sources(sources: &[PathBuf]) -> (Vec<String>, Vec<PathBuf>) {
    let url_in = |source: &Path| {
        let text = source.to_str()?;
        let is_url = text.starts_with("http://") || text.starts_with("https://");
        is_url.then(|| text.to_owned())
    };
    let (mut urls, mut files) = (Vec::new(), Vec::new());
    for source in sources {
        match url_in(source) {
            Some(url) => urls.push(url),
            None => files.push(source.clone()),
        }
    }
    (urls, files)
}

/// Other providers, and the threads on which they are asked.
pub(super) struct Peers {
    runtime: Runtime,
    peers: Vec<Arc<dyn Peer>>,
}

impl Peers {
    pub(super) fn new(urls: &[String]) -> Result<Self, Failure> {
        // The operator has named them.
        let limits = HttpPeerLimits {
            allow_private: true,
            ..HttpPeerLimits::default()
        };
        let peers = urls.iter().map(|url| {
            let peer = HttpPeer::new(url, limits);
            let peer = peer.map_err(|error| Failure::Failed(format!("{url}: {error}")))?;
            Ok::<Arc<dyn Peer>, Failure>(Arc::new(peer))
        });
        Ok(Self {
            peers: peers.collect::<Result<_, _>>()?,
            runtime: new_runtime()?,
        })
    }

    /// Returns them as a source for the repair of a bucket, if there are any.
    pub(super) fn source(&self, id: BucketId) -> Option<HealingPeers> {
        let runtime = self.runtime.handle().clone();
        let is_any = !self.peers.is_empty();
        is_any.then(|| HealingPeers::new(runtime, id, self.peers.clone()))
    }
}

/// The output for a bucket that was rebuilt.
#[derive(Serialize)]
struct RebuiltBucket {
    bucket: u64,
    #[serde(serialize_with = "json_path")]
    path: PathBuf,
    mmr_root: String,
    start_seq: u64,
    leaf_count: u64,
    leaves_fetched: u64,
    bytes_fetched: u64,
    /// The reason why nothing is signed for it, if there is one.
    not_signed: Option<String>,
}

impl fmt::Display for RebuiltBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "rebuilt bucket {} with {} ({}, {} fetched)\nroot {}",
            self.bucket,
            quantity::format_count_as(self.leaf_count, "leaf", "leaves"),
            quantity::format_count_as(self.leaves_fetched, "leaf", "leaves"),
            quantity::format_bytes(self.bytes_fetched),
            self.mmr_root,
        )?;
        match &self.not_signed {
            Some(reason) => write!(f, "\nnothing is signed for it: {reason}"),
            None => Ok(()),
        }
    }
}

/// Rebuilds a bucket that is lost as a whole, next to the others, and adopts it once it is
/// complete. An interrupted rebuild continues.
pub(super) fn rebuild(
    base: BasePath,
    id: BucketId,
    peers: &Peers,
    args: &LostBucketArgs,
    globals: &Globals,
) -> Result<(), Failure> {
    if base.buckets()?.contains(&id) {
        return Err(Failure::Refused(format!(
            "bucket {id} is here: a repair without --chain and --root heals it, and it is rebuilt \
             as a whole only after its folder was moved away"
        )));
    }
    let provider = open_provider(base)?;
    let commitment = args.commitment(&peers.runtime, provider.own_genesis(), id)?;
    let path = provider.healing_path(id).map_err(BasePathError::from)?;
    let config = BucketConfig {
        profile: args.hashing.into(),
        max_bytes: u64::MAX,
    };
    let refused = |error: &dyn fmt::Display| Failure::Failed(error.to_string());
    let store = FolderStore::open(&path, id, config, SharedResources::default());
    let store = Arc::new(store.map_err(|error| refused(&error))?);
    let request = SyncRequest {
        bucket: id,
        commitment,
        max_leaf_bytes: u64::MAX,
    };
    let bar = progress::item_bar(commitment.leaf_count.get());
    bar.set_message(format!("leaves of bucket {id}"));
    let shown = bar.clone();
    let synced = peers.runtime.block_on(sync(
        store.clone(),
        &peers.peers,
        request,
        SyncLimits::default(),
        &move |done| shown.set_position(done.leaves),
    ));
    bar.finish_and_clear();
    let synced = synced.map_err(|error| {
        Failure::Refused(format!(
            "bucket {id} was not rebuilt: {error}; what was fetched is kept, and the same command \
             continues"
        ))
    })?;
    // Nothing else has it: all work on it has ended.
    let store = Arc::into_inner(store).ok_or_else(|| refused(&"the copy is still in use"))?;
    store.finish().map_err(|error| refused(&error))?;
    let quarantine = provider.adopt_healed(id)?;
    let not_signed = match quarantine {
        Some(reason) => Some(reason),
        None => {
            let record = provider.summary(id)?;
            let refused = provider.signing_refusal(id, &record);
            refused.map(|refused| refused.to_string())
        }
    };
    globals.output().answer(&RebuiltBucket {
        bucket: id.0,
        path: provider.path().join(BUCKETS_DIR).join(bucket_dir_name(id)),
        mmr_root: to_hex(commitment.mmr_root),
        start_seq: commitment.start_seq.0,
        leaf_count: commitment.leaf_count.get(),
        leaves_fetched: synced.leaves_added,
        bytes_fetched: synced.bytes_added,
        not_signed,
    })
}
