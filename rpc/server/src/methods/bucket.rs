//! The group `cairnBucket_v1`.

use super::{ProviderRpc, check_length, events, proving};
use crate::convert::{bucket_info, signed_commitment_info, unread_bucket_info};
use crate::error::{MethodError, too_many};
use crate::lanes::WorkClass;
use crate::members::GuardError;
use cairn_bucket::{CommitError, SignAgainError, StoredContent};
use cairn_keys::SignedCommitment;
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::sp_mmr::MAX_PROVEN_LEAVES;
use cairn_primitives::{BucketId, ChunkIndex, H256, LeafCount, LeafIndex, StateRef};
use cairn_provider::{Lease, LeaseRequest};
use cairn_rpc_api::{
    AncestryProof, AtState, BucketApiServer, BucketInfo, BucketPage, Bytes, ChallengeResponseInfo,
    ChunkProofInfo, Error, FetchedNodes, LeafInfo, LeavesProof, MmrProofInfo, NodeContent,
    PeaksInfo, SignedCommitmentInfo, U64OrHex,
};
use jsonrpsee::PendingSubscriptionSink;
use jsonrpsee::core::{SubscriptionResult, async_trait};

/// Buckets in a page without a `limit`.
const DEFAULT_PAGE: u32 = 100;

fn state(at: Option<AtState>) -> Result<StateRef, Error> {
    at.unwrap_or_default().state_ref()
}

fn count(parameter: &str, count: U64OrHex) -> Result<LeafCount, Error> {
    LeafCount::new(count.0)
        .ok_or_else(|| Error::invalid(parameter, "no tree has more than 2^62 leaves"))
}

const fn location(leaf: U64OrHex, chunk: U64OrHex) -> ChunkLocation {
    ChunkLocation {
        leaf_index: LeafIndex(leaf.0),
        chunk_index: ChunkIndex(chunk.0),
    }
}

impl ProviderRpc {
    /// Signs the newest commitment again; returns `None` where it was not signed here before. A
    /// stranger's request never causes a first signature: the operator's side may not know that
    /// state yet.
    async fn newest_signed(&self, bucket: U64OrHex) -> Result<Option<SignedCommitment>, Error> {
        let (provider, id) = (self.handle.provider.clone(), BucketId(bucket.0));
        let signer = self.handle.signer.clone();
        let again = move |_| Ok(provider.sign_again(id, &signer)?);
        self.lanes.run(WorkClass::Read, "signing", again).await
    }

    /// Signs the newest commitment for the first time here, if a legacy provider signed it for
    /// anybody until its database was imported here; returns `None` for any other.
    ///
    /// Anyone who asks could have asked that provider. Few may have, so it is signed only where a
    /// challenge could be answered: this provider has an agreement for the bucket, and some leaf
    /// answers for padding slots, unless the operator accepts leaves with padding.
    async fn legacy_signed(&self, bucket: U64OrHex) -> Result<Option<SignedCommitment>, Error> {
        let (provider, id) = (self.handle.provider.clone(), BucketId(bucket.0));
        let look = move |_| Ok(provider.legacy_newest(id)?);
        let found = self.lanes.run(WorkClass::Read, "signing", look).await?;
        // Strangers make the provider ask the chain for these buckets only.
        let Some(commitment) = found else {
            return Ok(None);
        };
        if !self.members.is_ours(id).await {
            return Ok(None);
        }
        let guard = self.guard();
        let check = move |lease: &Lease| -> Result<bool, MethodError> {
            match guard.check_newest(lease) {
                Ok(()) => Ok(true),
                Err(GuardError::PaddingLeft(_)) => Ok(false),
                Err(error) => Err(error.into()),
            }
        };
        if !self.read(bucket, check).await? {
            return Ok(None);
        }
        let signer = self.handle.signer.clone();
        let sign = move |lease: &Lease| Ok(lease.sign_legacy(commitment, &signer)?);
        self.write(bucket, sign).await
    }

    /// Signs again the commitment that was signed before at a leaf count.
    async fn signed_again(
        &self,
        bucket: U64OrHex,
        count: LeafCount,
    ) -> Result<SignedCommitmentInfo, Error> {
        let signer = self.handle.signer.clone();
        let job =
            move |lease: &Lease| Ok(signed_commitment_info(lease.sign_again(count, &signer)?));
        self.read(bucket, job).await
    }
}

#[async_trait]
impl BucketApiServer for ProviderRpc {
    async fn list(&self, after: Option<U64OrHex>, limit: Option<u32>) -> Result<BucketPage, Error> {
        let limit = limit.unwrap_or(DEFAULT_PAGE);
        if limit > self.limits.page {
            let given = usize::try_from(limit).unwrap_or(usize::MAX);
            return Err(too_many("limit", given, self.limits.page));
        }
        let provider = self.handle.provider.clone();
        let job = move |_| {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let after = after.map(|after| BucketId(after.0));
            // One bucket more shows whether there is a next page.
            let mut page = provider.indexed_buckets(after, limit.saturating_add(1))?;
            let has_more = page.len() > limit;
            page.truncate(limit);
            let last = page.last().map(|noted| U64OrHex(noted.id.0));
            Ok(BucketPage {
                buckets: page
                    .iter()
                    .map(|noted| match noted.is_current {
                        true => bucket_info(&provider, noted.id, &noted.record),
                        false => unread_bucket_info(&provider, noted.id, &noted.record),
                    })
                    .collect(),
                next: last.filter(|_| has_more),
            })
        };
        self.lanes
            .run(WorkClass::Read, "listing buckets", job)
            .await
    }

    async fn info(&self, bucket: U64OrHex) -> Result<BucketInfo, Error> {
        let (provider, id) = (self.handle.provider.clone(), BucketId(bucket.0));
        let job = move |_| Ok(bucket_info(&provider, id, &provider.quick_summary(id)?));
        self.lanes
            .run(WorkClass::Read, "looking a bucket up", job)
            .await
    }

    async fn commitment(&self, bucket: U64OrHex) -> Result<SignedCommitmentInfo, Error> {
        if let Some(signed) = self.newest_signed(bucket).await? {
            return Ok(signed_commitment_info(signed));
        }
        if let Some(signed) = self.legacy_signed(bucket).await? {
            return Ok(signed_commitment_info(signed));
        }
        let (provider, id) = (self.handle.provider.clone(), BucketId(bucket.0));
        let leaf_count = move |_| Ok(provider.quick_summary(id)?.commitment.leaf_count);
        let count = self
            .lanes
            .run(WorkClass::Read, "looking a bucket up", leaf_count)
            .await?;
        if count == LeafCount::ZERO {
            return Err(MethodError::from(CommitError::NothingToSign { bucket: id }).into());
        }
        Err(MethodError::from(SignAgainError::NotSigned { bucket: id, count }).into())
    }

    async fn checkpoint_signature(
        &self,
        bucket: U64OrHex,
        leaf_count: U64OrHex,
    ) -> Result<SignedCommitmentInfo, Error> {
        let count = count("leafCount", leaf_count)?;
        match self.newest_signed(bucket).await? {
            Some(newest) if newest.payload.commitment.leaf_count == count => {
                Ok(signed_commitment_info(newest))
            }
            _ => self.signed_again(bucket, count).await,
        }
    }

    async fn peaks(&self, bucket: U64OrHex, at: Option<AtState>) -> Result<PeaksInfo, Error> {
        let at = state(at)?;
        self.view(bucket, at, proving::peaks).await
    }

    async fn leaf(
        &self,
        bucket: U64OrHex,
        leaf_index: U64OrHex,
        at: Option<AtState>,
    ) -> Result<LeafInfo, Error> {
        let (at, index) = (state(at)?, LeafIndex(leaf_index.0));
        self.view(bucket, at, move |view| proving::leaf(view, index))
            .await
    }

    async fn mmr_proof(
        &self,
        bucket: U64OrHex,
        leaf_index: U64OrHex,
        at: Option<AtState>,
    ) -> Result<MmrProofInfo, Error> {
        let (at, index) = (state(at)?, LeafIndex(leaf_index.0));
        self.view(bucket, at, move |view| proving::mmr_proof(view, index))
            .await
    }

    async fn chunk_proof(
        &self,
        bucket: U64OrHex,
        leaf_index: U64OrHex,
        chunk_index: U64OrHex,
        at: Option<AtState>,
    ) -> Result<ChunkProofInfo, Error> {
        let (at, location) = (state(at)?, location(leaf_index, chunk_index));
        self.read(bucket, move |lease| {
            proving::chunk_proof(lease, at, location)
        })
        .await
    }

    async fn challenge_response(
        &self,
        bucket: U64OrHex,
        leaf_index: U64OrHex,
        chunk_index: U64OrHex,
        at: Option<AtState>,
    ) -> Result<ChallengeResponseInfo, Error> {
        let (at, location) = (state(at)?, location(leaf_index, chunk_index));
        let open = match at {
            StateRef::Root(root) | StateRef::RootOf { root, .. } => {
                let board = &self.handle.challenges;
                board.deadline_of(BucketId(bucket.0), &root, location)
            }
            StateRef::Newest | StateRef::LeafCount(_) => None,
        };
        let (class, request) = match open {
            Some(deadline) => (WorkClass::Challenge(deadline), LeaseRequest::challenge()),
            None => (WorkClass::Read, LeaseRequest::read()),
        };
        let job = move |lease: &Lease| proving::challenge_response(lease, at, location);
        self.with_bucket(class, request, bucket, job).await
    }

    async fn generate_proof(
        &self,
        bucket: U64OrHex,
        leaf_indices: Vec<U64OrHex>,
        at: Option<AtState>,
    ) -> Result<LeavesProof, Error> {
        let max = u32::try_from(MAX_PROVEN_LEAVES).unwrap_or(u32::MAX);
        check_length("leafIndices", &leaf_indices, max)?;
        let at = state(at)?;
        let indices: Vec<_> = leaf_indices
            .iter()
            .map(|index| LeafIndex(index.0))
            .collect();
        self.read(bucket, move |lease| {
            proving::leaves_proof(lease, at, &indices)
        })
        .await
    }

    async fn ancestry_proof(
        &self,
        bucket: U64OrHex,
        prev_leaf_count: U64OrHex,
        at: Option<AtState>,
    ) -> Result<AncestryProof, Error> {
        let (at, prev) = (state(at)?, count("prevLeafCount", prev_leaf_count)?);
        self.read(bucket, move |lease| {
            proving::ancestry_proof(lease, at, prev)
        })
        .await
    }

    async fn verify_proof(&self, bucket: U64OrHex, proof: LeavesProof) -> Result<bool, Error> {
        let given = proving::GivenProof::decode(&proof)?;
        let at = StateRef::Root(proof.block_hash);
        self.read(bucket, move |lease| {
            proving::verify_leaves(lease, at, &given)
        })
        .await
    }

    async fn missing_nodes(&self, bucket: U64OrHex, hashes: Vec<H256>) -> Result<Vec<H256>, Error> {
        check_length("hashes", &hashes, self.limits.hashes)?;
        let job = move |lease: &Lease| {
            let mut missing = Vec::new();
            for hash in hashes {
                if !lease.run(|bucket| bucket.contains(&hash))? {
                    missing.push(hash);
                }
            }
            Ok(missing)
        };
        self.read(bucket, job).await
    }

    async fn fetch_nodes(
        &self,
        bucket: U64OrHex,
        hashes: Vec<H256>,
    ) -> Result<FetchedNodes, Error> {
        check_length("hashes", &hashes, self.limits.fetched)?;
        let max = self.limits.fetched_bytes;
        self.read(bucket, move |lease| fetch(lease, hashes, max))
            .await
    }

    async fn subscribe_commitments(
        &self,
        pending: PendingSubscriptionSink,
        bucket: Option<U64OrHex>,
    ) -> SubscriptionResult {
        let bucket = bucket.map(|bucket| BucketId(bucket.0));
        let provider = &self.handle.provider;
        // A subscription to a bucket that does not exist would stay silent.
        if let Some(id) = bucket {
            let provider = provider.clone();
            let look = move |_| Ok(provider.quick_summary(id).map(drop)?);
            let found = self
                .lanes
                .run(WorkClass::Read, "looking a bucket up", look)
                .await;
            if let Err(error) = found {
                pending.reject(error).await;
                return Ok(());
            }
        }
        events::stream_commitments(pending, provider.clone(), bucket).await
    }
}

/// Fetches the content of hashes, up to `max` bytes. The first one is returned whatever its size,
/// since no chunk is longer than an answer.
fn fetch(lease: &Lease, hashes: Vec<H256>, max: u64) -> Result<FetchedNodes, MethodError> {
    let mut fetched = FetchedNodes {
        nodes: Vec::new(),
        missing: Vec::new(),
        rest: Vec::new(),
    };
    let mut bytes = 0u64;
    for hash in hashes {
        let Some(length) = lease.run(|bucket| bucket.content_length(&hash))? else {
            fetched.missing.push(hash);
            continue;
        };
        let after = bytes.saturating_add(length);
        if after > max && !fetched.nodes.is_empty() {
            fetched.rest.push(hash);
            continue;
        }
        match lease.run(|bucket| bucket.fetch(&hash))? {
            Some(StoredContent::Chunk(chunk)) => {
                fetched.nodes.push((hash, NodeContent::Chunk(Bytes(chunk))));
            }
            Some(StoredContent::Node { left, right }) => {
                fetched.nodes.push((hash, NodeContent::Node([left, right])));
            }
            // Released since its length was read.
            None => {
                fetched.missing.push(hash);
                continue;
            }
        }
        bytes = after;
    }
    Ok(fetched)
}
