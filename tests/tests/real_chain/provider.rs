//! A provider under test, with the signatures that it gave out.

use cairn_bucket::{BasePath, BucketConfig, NewLeaf};
use cairn_chain_rpc::{RpcChainClient, RpcNode};
use cairn_devnode_user::{AccountId, Commitment, Key, Location, Signed};
use cairn_keys::SignedCommitment;
use cairn_node_ext::rpc::RpcCosigners;
use cairn_node_ext::{Extension, ExtensionHandle};
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::{BucketId, Sequence};
use cairn_provider::{LeaseRequest, Provider, ProviderOptions};
use codec::Encode;
use rand::{Rng, RngCore};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A bucket's signed commitments, and the length of each of its leaves by sequence.
#[derive(Default)]
pub(crate) struct Contents {
    pub(crate) signed: Vec<Signed>,
    sizes: Vec<usize>,
}

pub(crate) struct TestProvider {
    /// The account's key.
    pub(crate) key: Key,
    /// The key that is registered.
    pub(crate) signing: Key,
    pub(crate) handle: ExtensionHandle,
    pub(crate) buckets: BTreeMap<u64, Contents>,
    /// How it is stopped, unless the node does.
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl TestProvider {
    /// Takes the provider that a node has loaded.
    pub(crate) fn embedded(suri: &str, signing: &str, handle: &ExtensionHandle) -> Self {
        Self {
            key: Key::new(suri).unwrap(),
            signing: Key::new(signing).unwrap(),
            handle: handle.clone(),
            buckets: BTreeMap::new(),
            running: None,
        }
    }

    /// Starts a provider that follows a node over its WebSocket.
    pub(crate) fn remote(suri: &str, folder: &Path, url: &str) -> Self {
        let base = BasePath::create(folder).unwrap();
        base.keys().insert(suri).unwrap();
        let signer = base.keys().signer(None).unwrap();
        let chain = RpcChainClient::new(RpcNode::new(url), signer.clone());
        let provider = Provider::open(base, ProviderOptions::default()).unwrap();
        let extension = Extension::new(
            Arc::new(chain),
            Arc::new(provider),
            signer,
            Arc::new(RpcCosigners::new(Default::default())),
            Default::default(),
        )
        .unwrap();
        let handle = extension.handle();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(extension.run(async {
            let _ = stopped.await;
        }));
        Self {
            running: Some((stop, running)),
            ..Self::embedded(suri, suri, &handle)
        }
    }

    pub(crate) fn account(&self) -> AccountId {
        self.key.account()
    }

    /// Creates a bucket that was established on chain, unless the provider did so by itself.
    pub(crate) async fn open_bucket(&mut self, bucket: u64) {
        self.buckets.insert(bucket, Contents::default());
        let (provider, id) = (self.handle.provider.clone(), BucketId(bucket));
        let created = move || provider.create_bucket(id, BucketConfig::default());
        if let Err(error) = tokio::task::spawn_blocking(created).await.unwrap() {
            assert!(error.to_string().contains("already there"), "{error}");
        }
    }

    /// Stores leaves with random content in a bucket, and has the provider sign the root.
    pub(crate) async fn commit(&mut self, bucket: u64, leaves: usize, random: &mut impl RngCore) {
        let contents: Vec<_> = (0..leaves).map(|_| content(random)).collect();
        let sizes = contents.iter().map(Vec::len);
        self.buckets.get_mut(&bucket).unwrap().sizes.extend(sizes);
        self.commit_content(bucket, contents).await;
    }

    async fn commit_content(&mut self, bucket: u64, contents: Vec<Vec<u8>>) {
        let mut heads = self.handle.challenges.events();
        let contents = Arc::new(contents);
        let signed = loop {
            let (handle, contents) = (self.handle.clone(), contents.clone());
            let commit = move || commit(&handle, bucket, &contents);
            match tokio::task::spawn_blocking(commit).await.unwrap() {
                Ok(signed) => break signed,
                // Right after its start, the provider has not yet compared what the chain has
                // of it, and refuses to sign.
                Err(error) if error.contains("not yet") => {}
                // In the block that replaces the runtime, the new clock meets the old rows, and
                // agreements look expired until all are read again.
                Err(error) if error.contains("quota") => {}
                Err(error) => panic!("{error}"),
            }
            heads.changed().await.unwrap();
        };
        let payload = signed.payload.encode();
        let signed = Signed::decode(&payload, &signed.signature.encode()).unwrap();
        let by_registered = self.signing.verify(&payload, &signed.signature);
        assert_eq!((signed.bucket, by_registered), (bucket, Some(true)));
        self.buckets.get_mut(&bucket).unwrap().signed.push(signed);
    }

    /// Removes the first half of a bucket's leaves.
    pub(crate) async fn prune_half(&self, bucket: u64) {
        let before = Sequence(self.buckets[&bucket].sizes.len() as u64 / 2);
        let provider = self.handle.provider.clone();
        let prune = move || {
            let id = BucketId(bucket);
            let lease = provider.blocking_lease(id, LeaseRequest::write()).unwrap();
            lease.run(|bucket| bucket.prune(before, None)).unwrap();
        };
        tokio::task::spawn_blocking(prune).await.unwrap();
    }

    /// Returns whether a bucket can be read.
    pub(crate) async fn holds(&self, bucket: u64) -> bool {
        let provider = self.handle.provider.clone();
        let read = move || {
            provider
                .blocking_lease(BucketId(bucket), LeaseRequest::read())
                .is_ok()
        };
        tokio::task::spawn_blocking(read).await.unwrap()
    }

    pub(crate) fn newest(&self, bucket: u64) -> &Signed {
        self.buckets[&bucket].signed.last().unwrap()
    }

    /// Returns a random chunk under a commitment of a bucket. Some indices are past the
    /// padded size, as the chain allows.
    pub(crate) fn location(
        &self,
        bucket: u64,
        under: &Commitment,
        random: &mut impl RngCore,
    ) -> Location {
        let leaf_index = random.gen_range(0..under.leaf_count);
        let size = self.buckets[&bucket].sizes[(under.start_seq + leaf_index) as usize];
        let chunks = size.div_ceil(CHUNK_BYTES).max(1) as u64;
        let mut chunk_index = random.gen_range(0..chunks);
        if random.gen_range(0..10) == 0 {
            chunk_index += chunks.next_power_of_two() * random.gen_range(1..1000u64);
        }
        Location {
            leaf_index,
            chunk_index,
        }
    }

    pub(crate) async fn stop(self) {
        if let Some((stop, running)) = self.running {
            let _ = stop.send(());
            running.await.unwrap();
        }
    }
}

/// Stores contents as leaves, and has the provider sign the root.
fn commit(
    handle: &ExtensionHandle,
    bucket: u64,
    contents: &[Vec<u8>],
) -> Result<SignedCommitment, String> {
    let id = BucketId(bucket);
    let lease = handle.provider.blocking_lease(id, LeaseRequest::write());
    let lease = lease.unwrap();
    let mut leaves = Vec::new();
    for content in contents {
        let stored = lease.run(|bucket| bucket.ingest(&content[..]));
        let stored = stored.map_err(|error| error.to_string())?;
        leaves.push(NewLeaf {
            data_root: stored.data_root,
            data_size: stored.data_size,
        });
    }
    let committed = lease.commit_signed(&leaves, &handle.signer);
    Ok(committed.map_err(|error| error.to_string())?.1)
}

/// Returns content of a boundary length, or of a random one.
fn content(random: &mut impl RngCore) -> Vec<u8> {
    let length = match random.gen_range(0..6) {
        0 => random.gen_range(0..2),
        1 => CHUNK_BYTES - 1 + random.gen_range(0..3usize),
        2 => CHUNK_BYTES * random.gen_range(2..5usize) + random.gen_range(0..2usize),
        _ => random.gen_range(2..60_000),
    };
    let mut bytes = vec![0; length];
    random.fill_bytes(&mut bytes);
    bytes
}
