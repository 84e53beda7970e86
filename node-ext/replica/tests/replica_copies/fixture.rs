//! A bucket with leaves of many shapes, peers that serve it with faults, and a copy in a folder.

use async_trait::async_trait;
use cairn_bucket::{Bucket, BucketConfig, NewLeaf, StateRef, StoredContent};
use cairn_engine::{Access, Durability, SharedResources};
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::{BucketId, ChunkIndex, Commitment, H256, LeafIndex};
use cairn_replica::{
    ClaimedContent, ClaimedLeaf, ContentQuery, FolderOpenError, FolderStore, Peer, PeerError,
    Store, SyncFailure, SyncLimits, SyncRequest, Synced, sync,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

pub(crate) const ID: BucketId = BucketId(7);

/// A bucket on disk that peers serve.
pub(crate) struct Source {
    pub(crate) bucket: Arc<Bucket>,
    pub(crate) sizes: Vec<u64>,
    pub(crate) folder: TempDir,
}

pub(crate) fn content(seed: u8, size: usize) -> Vec<u8> {
    // Chunks differ, and so do contents of other seeds.
    (0..size)
        .map(|at| (at / 1_000 + at / CHUNK_BYTES) as u8 ^ seed)
        .collect()
}

impl Source {
    /// Creates a bucket with one leaf of each size.
    pub(crate) fn new(sizes: &[usize]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("source");
        let shared = SharedResources::default();
        let bucket = Bucket::create(&path, ID, BucketConfig::default(), &shared).unwrap();
        let source = Self {
            bucket: Arc::new(bucket),
            sizes: Vec::new(),
            folder,
        };
        sizes.iter().fold(source, |mut source, size| {
            source.grow(*size);
            source
        })
    }

    pub(crate) fn grow(&mut self, size: usize) {
        let seed = self.sizes.len() as u8;
        let stored = self.bucket.ingest(&content(seed, size)[..]).unwrap();
        let leaf = NewLeaf {
            data_root: stored.data_root,
            data_size: stored.data_size,
        };
        self.bucket.commit(&[leaf], Durability::Buffered).unwrap();
        self.sizes.push(stored.data_size);
    }

    pub(crate) fn commitment(&self) -> Commitment {
        self.bucket.commitment()
    }

    pub(crate) fn peer(&self, fault: Fault) -> Arc<BucketPeer> {
        Arc::new(BucketPeer {
            bucket: self.bucket.clone(),
            fault,
            calls: AtomicUsize::new(0),
            content_returned: AtomicUsize::new(0),
        })
    }
}

/// A fault of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// One bit of a chunk, or of a child's hash, is wrong.
    WrongBytes,
    /// A chunk ends early.
    Truncated,
    /// A leaf has another size.
    OtherLeaf,
    /// A sibling is wrong.
    OtherSibling,
    /// Fewer siblings than are needed.
    NoSiblings,
    /// A chunk is returned as a node and the other way round.
    OtherKind,
    /// Content that was not asked for, again and again.
    Unasked,
    /// Nothing is returned.
    Nothing,
    /// The time is up.
    Stall,
}

pub(crate) const FAULTS: [FaultKind; 9] = [
    FaultKind::WrongBytes,
    FaultKind::Truncated,
    FaultKind::OtherLeaf,
    FaultKind::OtherSibling,
    FaultKind::NoSiblings,
    FaultKind::OtherKind,
    FaultKind::Unasked,
    FaultKind::Nothing,
    FaultKind::Stall,
];

/// A fault that begins with a call; `None` for an honest peer.
pub(crate) type Fault = Option<(FaultKind, usize)>;

/// A peer over a bucket in this process.
pub(crate) struct BucketPeer {
    bucket: Arc<Bucket>,
    fault: Fault,
    calls: AtomicUsize,
    /// Chunks and nodes that were returned.
    pub(crate) content_returned: AtomicUsize,
}

impl BucketPeer {
    fn fault_now(&self) -> Option<FaultKind> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        self.fault
            .filter(|(_, from)| call >= *from)
            .map(|(kind, _)| kind)
    }

    fn content_of(&self, hash: &H256, is_chunk: bool) -> Option<ClaimedContent> {
        if !is_chunk && let Some((left, right)) = self.bucket.children_of(hash).unwrap() {
            return Some(ClaimedContent::Node(left, right));
        }
        match self.bucket.fetch(hash).unwrap()? {
            StoredContent::Chunk(bytes) => Some(ClaimedContent::Chunk(bytes)),
            StoredContent::Node { left, right } => Some(ClaimedContent::Node(left, right)),
        }
    }
}

fn spoilt(content: ClaimedContent, fault: FaultKind) -> ClaimedContent {
    match (content, fault) {
        (ClaimedContent::Chunk(mut bytes), FaultKind::WrongBytes) if !bytes.is_empty() => {
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
            ClaimedContent::Chunk(bytes)
        }
        (ClaimedContent::Node(left, mut right), FaultKind::WrongBytes) => {
            right.0[9] ^= 1;
            ClaimedContent::Node(left, right)
        }
        (ClaimedContent::Chunk(mut bytes), FaultKind::Truncated) => {
            bytes.pop();
            ClaimedContent::Chunk(bytes)
        }
        (ClaimedContent::Chunk(_), FaultKind::OtherKind) => {
            ClaimedContent::Node(H256::zero(), H256::zero())
        }
        (ClaimedContent::Node(left, right), FaultKind::OtherKind) => {
            ClaimedContent::Chunk([left.as_bytes(), right.as_bytes()].concat())
        }
        (content, _) => content,
    }
}

#[async_trait]
impl Peer for BucketPeer {
    fn name(&self) -> String {
        format!("{:?}", self.fault)
    }

    async fn leaf(&self, bucket: BucketId, index: LeafIndex) -> Result<ClaimedLeaf, PeerError> {
        assert_eq!(bucket, ID);
        let fault = self.fault_now();
        let view = self.bucket.view(StateRef::Newest).unwrap();
        let absent = |_| PeerError::Absent(format!("leaf {index}"));
        let proven = view.mmr_proof(index).map_err(absent)?;
        let proof = proven.proof();
        let mut claimed = ClaimedLeaf {
            leaf: proof.leaf,
            siblings: proof.leaf_proof.siblings.clone(),
        };
        match fault {
            Some(FaultKind::Stall) => return Err(PeerError::TooSlow("/mmr_proof")),
            Some(FaultKind::OtherLeaf) => claimed.leaf.data_size ^= 1,
            Some(FaultKind::OtherSibling) => {
                for sibling in &mut claimed.siblings {
                    sibling.0[3] ^= 1;
                }
            }
            Some(FaultKind::NoSiblings) => claimed.siblings.clear(),
            _ => {}
        }
        Ok(claimed)
    }

    async fn content(
        &self,
        bucket: BucketId,
        wanted: &[ContentQuery],
    ) -> Result<Vec<(H256, ClaimedContent)>, PeerError> {
        assert_eq!(bucket, ID);
        let fault = self.fault_now();
        match fault {
            Some(FaultKind::Stall) => return Err(PeerError::TooSlow("/fetch_nodes")),
            Some(FaultKind::Nothing) => return Ok(vec![]),
            Some(FaultKind::Unasked) => {
                let other = (H256::repeat_byte(9), ClaimedContent::Chunk(vec![1, 2, 3]));
                return Ok(vec![other; 8]);
            }
            _ => {}
        }
        let mut found = Vec::new();
        // A part at a time, as a server with a bound on its answers does.
        for one in wanted.iter().take(3) {
            if let Some(content) = self.content_of(&one.hash, one.chunk_bytes.is_some()) {
                self.content_returned.fetch_add(1, Ordering::Relaxed);
                let content = fault.map_or(content.clone(), |fault| spoilt(content, fault));
                found.push((one.hash, content));
            }
        }
        Ok(found)
    }
}

/// A folder in which a copy is made.
pub(crate) struct Copy {
    folder: TempDir,
}

impl Copy {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("copy")
    }

    pub(crate) fn store(&self) -> FolderStore {
        self.store_with(BucketConfig::default())
    }

    /// Waits for work of an earlier run, which goes on for a moment on its thread and locks the
    /// folder: with its process, it would end.
    pub(crate) fn store_with(&self, config: BucketConfig) -> FolderStore {
        for _ in 0..10_000 {
            let shared = SharedResources::default();
            match FolderStore::open(&self.path(), ID, config, shared) {
                Err(FolderOpenError::InUse { .. }) => {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                opened => return opened.unwrap(),
            }
        }
        panic!("the folder is locked for ever");
    }

    /// Synchronises, as a process does that ends afterwards.
    pub(crate) async fn sync(
        &self,
        peers: &[Arc<dyn Peer>],
        wanted: Commitment,
    ) -> Result<Synced, SyncFailure> {
        sync_store(Arc::new(self.store()), peers, wanted).await
    }

    pub(crate) fn commitment(&self) -> Option<Commitment> {
        let state = self.store().state().unwrap();
        state.map(|state| state.commitment)
    }

    /// Finishes the copy, and checks that it answers for everything in a source's tree.
    pub(crate) fn check_all_proofs(&self, source: &Source, wanted: Commitment) {
        self.store().finish().unwrap();
        let shared = SharedResources::default();
        let copy = Bucket::open(&self.path(), Access::ReadOnly, &shared).unwrap();
        let original = source.bucket.view(StateRef::Newest).unwrap();
        let count = wanted.leaf_count.get();
        for state in 1..=count {
            let leaf_count = cairn_primitives::LeafCount::new(state).unwrap();
            let at = source.bucket.view(StateRef::LeafCount(leaf_count)).unwrap();
            let root = at.commitment().unwrap().mmr_root;
            // Any of them may have been signed before the copy was lost.
            let view = copy.view(StateRef::Root(root)).unwrap();
            assert_eq!(view.count(), leaf_count);
            for index in 0..state {
                let leaf = original.leaf(LeafIndex(index)).unwrap();
                let chunks = cairn_primitives::chunk_tree::chunk_count(leaf.data_size);
                for chunk in 0..chunks {
                    let at = ChunkLocation {
                        leaf_index: LeafIndex(index),
                        chunk_index: ChunkIndex(chunk),
                    };
                    view.answer(at).unwrap();
                }
            }
        }
        let report = cairn_bucket::fsck(&copy, |_| {}).unwrap();
        assert!(report.is_clean(), "{report:?}");
    }
}

pub(crate) async fn sync_store(
    store: Arc<dyn Store>,
    peers: &[Arc<dyn Peer>],
    commitment: Commitment,
) -> Result<Synced, SyncFailure> {
    let request = SyncRequest {
        bucket: ID,
        commitment,
        max_leaf_bytes: 1 << 30,
    };
    let limits = SyncLimits {
        requests_at_once: 2,
        leaves_at_once: 2,
        ..SyncLimits::default()
    };
    sync(store, peers, request, limits, &|_| {}).await
}
