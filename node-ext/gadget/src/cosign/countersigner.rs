//! The countersigner: the one place that signs for checkpoints, this provider's own and those of
//! others, always through the signing gate (`signing`).
//!
//! Before a signature exists, the signed root is durable (I4), and so is the single commitment for a
//! window. So a process that is killed anywhere has a record of all that it signed.

use super::verify::verify;
use super::windows::{SigningWindow, WindowRecords};
use super::{CheckpointRequest, CosignRequest, HeldState, Refusal};
use cairn_bucket::{RecordRootError, StateRef};
use cairn_chain::{ChainClient, ChainError, Head};
use cairn_keys::Signer;
use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::onchain::{BucketInfo, PayloadFormat, RegisteredKey};
use cairn_primitives::{BucketId, Commitment, H256, PAYLOAD_VERSION, PAYLOAD_VERSION_WITH_NONCE};
use cairn_provider::{
    BucketStatus, IndexError, IndexedBucket, LeaseRequest, Provider, ProviderError,
};
use lru::LruCache;
use parking_lot::Mutex;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of buckets whose on-chain state is cached: as many as one account is asked to sign
/// for at one head. Each takes some hundred bytes.
const CACHED_BUCKETS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1_023);

/// How many anchor blocks the requester's finalized block may be ahead of ours.
const MAX_NONCE_LEAD: u64 = 10;

/// Signs for checkpoints what this provider holds, for any primary provider of a bucket that asks.
pub struct Countersigner {
    chain: Arc<dyn ChainClient>,
    provider: Arc<Provider>,
    signer: Signer,
    windows: WindowRecords,
    head: Mutex<Option<Head>>,
    /// The cached on-chain state of buckets.
    cache: Mutex<OnChainCache>,
    signed: AtomicU64,
    refused: AtomicU64,
}

impl std::fmt::Debug for Countersigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Countersigner")
            .field("head", &*self.head.lock())
            .finish_non_exhaustive()
    }
}

impl Countersigner {
    /// Creates a countersigner. The signer's key must be the one that is registered on chain for
    /// the account.
    ///
    /// It signs nothing before the first call of [`Countersigner::on_finalized_head`].
    ///
    /// # Errors
    ///
    /// [`IndexError`] if the record of earlier signatures cannot be read.
    pub fn new(
        chain: Arc<dyn ChainClient>,
        provider: Arc<Provider>,
        signer: Signer,
    ) -> Result<Self, IndexError> {
        let windows = WindowRecords::open(provider.index())?;
        Ok(Self {
            chain,
            provider,
            signer,
            windows,
            head: Mutex::new(None),
            cache: Mutex::new(OnChainCache {
                at: None,
                buckets: LruCache::new(CACHED_BUCKETS),
            }),
            signed: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// Sets the last finalized block, by which windows and agreements are judged.
    pub fn on_finalized_head(&self, head: Head) {
        if let Err(error) = self
            .windows
            .on_finalized_head(self.provider.index(), head.anchor)
        {
            tracing::error!(%error, "the index cannot be written; nothing is signed for windows");
        }
        *self.head.lock() = Some(head);
    }

    /// Returns what this provider could sign of a bucket and, given a window, what it has signed
    /// for that one.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if it would sign nothing.
    pub async fn held_state(
        self: &Arc<Self>,
        bucket: BucketId,
        window: Option<u64>,
    ) -> Result<HeldState, Refusal> {
        let countersigner = self.clone();
        run_blocking(bucket, move || {
            countersigner.held_state_blocking(bucket, window)
        })
        .await
    }

    /// Returns the newest commitment of a sound bucket. Never reindexes the bucket for it:
    /// strangers ask.
    fn newest(&self, bucket: BucketId) -> Result<Commitment, Refusal> {
        let noted = self.provider.indexed_bucket(bucket);
        let IndexedBucket {
            record, is_current, ..
        } = noted.ok_or(Refusal::NoSuchBucket)?;
        match record.status {
            BucketStatus::Quarantined(_) => Err(Refusal::Quarantined),
            BucketStatus::Lost => Err(Refusal::NoSuchBucket),
            BucketStatus::Sound if is_current => {
                match self.provider.signing_refusal(bucket, &record) {
                    None => Ok(record.commitment),
                    Some(_) => Err(Refusal::Unable),
                }
            }
            BucketStatus::Sound => {
                let lease = self.provider.blocking_lease(bucket, LeaseRequest::read());
                let lease = lease.map_err(|error| refusal_of_provider(bucket, &error))?;
                if lease.signing_refusal().is_some() {
                    return Err(Refusal::Unable);
                }
                let commitment = lease.run(|bucket| bucket.view(StateRef::Newest)?.commitment());
                let commitment = commitment.map_err(ProviderError::from);
                commitment.map_err(|error| refusal_of_provider(bucket, &error))
            }
        }
    }

    fn held_state_blocking(
        &self,
        bucket: BucketId,
        window: Option<u64>,
    ) -> Result<HeldState, Refusal> {
        let commitment = self.newest(bucket)?;
        let signed = window.map(|window| {
            let signed = self.windows.signed(self.provider.index(), bucket, window);
            signed.map_err(|error| unable(bucket, &error))
        });
        Ok(HeldState {
            start_seq: commitment.start_seq,
            leaf_count: commitment.leaf_count,
            signed: signed.transpose()?.flatten(),
        })
    }

    /// Returns a bucket's on-chain state in the last finalized block.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotReady`] before the first finalized block, and [`Refusal::Unable`] if the chain
    /// does not answer.
    pub async fn on_chain(&self, bucket: BucketId) -> Result<Option<BucketInfo>, Refusal> {
        let head = self.head.lock().ok_or(Refusal::NotReady)?;
        self.on_chain_at(head, bucket).await
    }

    /// Returns a bucket's on-chain state at a head. The chain is queried once for each, however
    /// often callers ask: a finalized block does not change.
    async fn on_chain_at(
        &self,
        head: Head,
        bucket: BucketId,
    ) -> Result<Option<BucketInfo>, Refusal> {
        if let Some(info) = self.cache.lock().get(head, bucket) {
            return Ok(info);
        }
        let info = self.chain.bucket(head.hash, bucket).await;
        let info = info.map_err(|error: ChainError| unable(bucket, &error))?;
        self.cache.lock().insert(head, bucket, info.clone());
        Ok(info)
    }

    /// Signs a request of another primary provider, if this one holds the commitment.
    ///
    /// # Errors
    ///
    /// [`Refusal`], in which case no signature exists.
    pub async fn countersign(
        self: &Arc<Self>,
        ask: &CosignRequest,
    ) -> Result<MultiSignature, Refusal> {
        let signed = self.check_and_countersign(ask).await;
        let counter = match &signed {
            Ok(_) => &self.signed,
            Err(refusal) => {
                let (bucket, asker) = (ask.request.bucket(), hex::encode(ask.requester.0));
                tracing::info!(%bucket, %asker, %refusal, "refused to sign for a checkpoint");
                &self.refused
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
        signed
    }

    /// Cheap checks come first: whether it can be signed at all, by local knowledge; only then is
    /// the chain queried about the asker.
    async fn check_and_countersign(
        self: &Arc<Self>,
        ask: &CosignRequest,
    ) -> Result<MultiSignature, Refusal> {
        let head = self.head.lock().ok_or(Refusal::NotReady)?;
        check_request(&ask.request, self.provider.payload_format(), head.anchor)?;
        let (countersigner, request) = (self.clone(), ask.request);
        run_blocking(request.bucket(), move || countersigner.check_held(&request)).await?;
        let (head, info) = self.on_chain_at_head(ask.request.bucket()).await?;
        let is_asker =
            |key: &RegisteredKey| verify(key, &ask.request.signed_bytes(), &ask.signature).is_ok();
        info.primary_providers
            .iter()
            .filter(|primary| primary.account == ask.requester)
            .find_map(|primary| primary.key.as_ref())
            .filter(|key| is_asker(key))
            .ok_or(Refusal::Stranger)?;
        self.sign_at(head, &info, ask.request).await
    }

    /// Signs for this provider's own checkpoint, under the same rules.
    pub(crate) async fn sign_at(
        self: &Arc<Self>,
        head: Head,
        info: &BucketInfo,
        request: CheckpointRequest,
    ) -> Result<MultiSignature, Refusal> {
        let turn = self.check_on_chain(head, info, &request)?;
        let countersigner = self.clone();
        let bucket = request.bucket();
        run_blocking(bucket, move || {
            countersigner.record_and_sign(&request, turn)
        })
        .await
    }

    /// Returns how often this provider has signed for others, and how often it has refused.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (read(&self.signed), read(&self.refused))
    }

    async fn on_chain_at_head(&self, bucket: BucketId) -> Result<(Head, BucketInfo), Refusal> {
        let head = self.head.lock().ok_or(Refusal::NotReady)?;
        let info = self.on_chain_at(head, bucket).await?;
        Ok((head, info.ok_or(Refusal::NotPrimary)?))
    }

    /// Checks that the commitment is held here, as far as that can be told without reading roots.
    fn check_held(&self, request: &CheckpointRequest) -> Result<(), Refusal> {
        let (asked, newest) = (request.commitment(), self.newest(request.bucket())?);
        if asked.start_seq != newest.start_seq {
            return Err(Refusal::OtherTree {
                start_seq: newest.start_seq,
            });
        }
        if asked.leaf_count > newest.leaf_count {
            return Err(Refusal::Behind {
                leaf_count: newest.leaf_count,
            });
        }
        Ok(())
    }

    /// Checks at a finalized block that the chain would accept the signature, and that it would not
    /// bind the account to a bucket that it has no part in.
    fn check_on_chain(
        &self,
        head: Head,
        info: &BucketInfo,
        request: &CheckpointRequest,
    ) -> Result<Option<SigningWindow>, Refusal> {
        check_request(request, self.provider.payload_format(), head.anchor)?;
        let commitment = request.commitment();
        let account = self.chain.account();
        let primary = info
            .primary_providers
            .iter()
            .find(|primary| primary.account == account)
            .ok_or(Refusal::NotPrimary)?;
        let public = self.signer.public();
        if primary.key.as_ref().is_none_or(|key| !key.is(&public)) {
            return Err(Refusal::OtherKey);
        }
        if primary
            .agreement
            .is_none_or(|agreement| !agreement.holds_at(head.anchor))
        {
            return Err(Refusal::Ended);
        }
        if let Some(start_seq) = info.frozen_start_seq
            && commitment.start_seq < start_seq
        {
            return Err(Refusal::Frozen { start_seq });
        }
        let Some(window) = request.window() else {
            return Ok(None);
        };
        let windows = info.window.ok_or(Refusal::NoWindows)?;
        let current = windows.window_of(head.anchor).ok_or(Refusal::NoWindows)?;
        // The asker may be one block ahead.
        if window != current && Some(window) != current.checked_add(1) {
            return Err(Refusal::OtherWindow { current });
        }
        let interval = windows.interval;
        Ok(Some(SigningWindow {
            window,
            current,
            interval,
        }))
    }

    fn record_and_sign(
        &self,
        request: &CheckpointRequest,
        turn: Option<SigningWindow>,
    ) -> Result<MultiSignature, Refusal> {
        let (bucket, commitment) = (request.bucket(), request.commitment());
        let leased = self.provider.blocking_lease(bucket, LeaseRequest::write());
        let lease = leased.map_err(|error| refusal_of_provider(bucket, &error))?;
        let permit = lease.permit(&self.signer);
        let permit = permit.map_err(|refused| unable(bucket, &refused))?;
        let signed_root = lease.run(|bucket| bucket.record_signed_root(commitment));
        let signed_root = signed_root.map_err(|error| refusal_of_record(bucket, &error))?;
        drop(lease);
        if let Some(turn) = turn {
            let index = self.provider.index();
            let taken = self.windows.reserve(index, (bucket, commitment), turn);
            taken.map_err(|error| unable(bucket, &error))??;
        }
        let signature = match request.window() {
            None => permit
                .sign_with_nonce(&signed_root, request.nonce())
                .map(|signed| signed.signature),
            Some(window) => permit.sign_for_window(&signed_root, window),
        };
        signature.map_err(|error| unable(bucket, &error))
    }
}

/// A cache of buckets' on-chain state at one head.
struct OnChainCache {
    at: Option<H256>,
    buckets: LruCache<BucketId, Option<BucketInfo>>,
}

impl OnChainCache {
    fn get(&mut self, head: Head, bucket: BucketId) -> Option<Option<BucketInfo>> {
        let is_of_it = self.at == Some(head.hash);
        is_of_it
            .then(|| self.buckets.get(&bucket).cloned())
            .flatten()
    }

    fn insert(&mut self, head: Head, bucket: BucketId, info: Option<BucketInfo>) {
        if self.at != Some(head.hash) {
            self.at = Some(head.hash);
            self.buckets.clear();
        }
        self.buckets.put(bucket, info);
    }
}

/// Rejects requests that nobody signs.
/// Checks the payload of a request: that it is of the version that the chain expects, with a nonce
/// near this anchor block if it has one.
///
/// A nonce of a later block would keep the signature usable for longer than the chain means it to
/// be.
fn check_request(
    request: &CheckpointRequest,
    format: PayloadFormat,
    anchor: u32,
) -> Result<(), Refusal> {
    let version = request.version();
    let expected = match (request, format) {
        (CheckpointRequest::Commitment(_), PayloadFormat::V2 { .. }) => PAYLOAD_VERSION_WITH_NONCE,
        (CheckpointRequest::Commitment(_) | CheckpointRequest::Proposal(_), _) => PAYLOAD_VERSION,
    };
    if version != expected {
        return Err(Refusal::Version { version });
    }
    if let (Some(nonce), PayloadFormat::V2 { max_age }) = (request.nonce(), format) {
        let now = u64::from(anchor);
        let is_near = nonce <= now.saturating_add(MAX_NONCE_LEAD)
            && now.saturating_sub(nonce) <= u64::from(max_age);
        if !is_near {
            return Err(Refusal::OtherNonce { anchor });
        }
    }
    if request.commitment().leaf_count.get() == 0 {
        return Err(Refusal::Empty);
    }
    Ok(())
}

/// Runs disk work on a blocking thread.
async fn run_blocking<T: Send + 'static>(
    bucket: BucketId,
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(unable(bucket, &error)),
    }
}

fn unable(bucket: BucketId, error: &dyn std::error::Error) -> Refusal {
    tracing::error!(%bucket, %error, "a checkpoint was not signed");
    Refusal::Unable
}

fn refusal_of_provider(bucket: BucketId, error: &ProviderError) -> Refusal {
    match error {
        ProviderError::NoSuchBucket { .. } | ProviderError::Lost { .. } => Refusal::NoSuchBucket,
        ProviderError::Quarantined { .. }
        | ProviderError::Behind { .. }
        | ProviderError::Open { .. } => {
            tracing::error!(%bucket, %error, "a checkpoint was not signed");
            Refusal::Quarantined
        }
        error => unable(bucket, error),
    }
}

fn refusal_of_record(bucket: BucketId, error: &RecordRootError) -> Refusal {
    match *error {
        RecordRootError::Empty { .. } => Refusal::Empty,
        RecordRootError::OtherTree { tree, .. } => Refusal::OtherTree { start_seq: tree },
        RecordRootError::Behind { have, .. } => Refusal::Behind { leaf_count: have },
        RecordRootError::OtherRoot { .. } => Refusal::OtherRoot,
        RecordRootError::NotWritable(_)
        | RecordRootError::Prove(_)
        | RecordRootError::Engine(_) => unable(bucket, error),
    }
}

#[cfg(test)]
mod tests;
