//! The methods about buckets that anybody may call.

use super::{ProviderRpc, check_length, news, proving};
use crate::api::BucketApiServer;
use crate::error::Error;
use crate::lanes::Work;
use crate::types::{
    AncestryProof, AtState, BucketInfo, BucketPage, ChallengeResponseInfo, ChunkProofInfo,
    FetchedNodes, LeafInfo, LeavesProof, MmrProofInfo, NodeContent, PeaksInfo,
    SignedCommitmentInfo, Uint,
};
use cairn_bucket::{At, CommitError, Content, SignAgainError};
use cairn_keys::SignedCommitment;
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::sp_mmr::MAX_PROVEN_LEAVES;
use cairn_primitives::{BucketId, ChunkIndex, H256, LeafCount, LeafIndex};
use cairn_provider::{Lease, Standing, Wanted};
use jsonrpsee::PendingSubscriptionSink;
use jsonrpsee::core::{SubscriptionResult, async_trait};
use sp_core::Bytes;

/// Buckets in a page whose length nobody has named.
const USUAL_PAGE: u32 = 100;

fn state(at: Option<AtState>) -> Result<At, Error> {
    at.unwrap_or_default().at()
}

fn count(parameter: &str, count: Uint) -> Result<LeafCount, Error> {
    LeafCount::new(count.0)
        .ok_or_else(|| Error::invalid(parameter, "no tree has more than 2^62 leaves"))
}

const fn location(leaf: Uint, chunk: Uint) -> ChunkLocation {
    ChunkLocation {
        leaf_index: LeafIndex(leaf.0),
        chunk_index: ChunkIndex(chunk.0),
    }
}

impl ProviderRpc {
    /// The newest commitment, signed again if it was signed here before; none if
    /// not. A stranger has nothing signed for the first time: that may be a state
    /// which nobody on the operator's side has looked at.
    async fn newest_signed(&self, bucket: Uint) -> Result<Option<SignedCommitment>, Error> {
        let (provider, id) = (self.handle.provider.clone(), BucketId(bucket.0));
        let signer = self.handle.signer.clone();
        let again = move |_| Ok(provider.sign_again(id, &signer)?);
        self.lanes.run(Work::Read, "signing", again).await
    }

    /// What was signed before at a leaf count, signed again.
    async fn signed_again(
        &self,
        bucket: Uint,
        count: LeafCount,
    ) -> Result<SignedCommitmentInfo, Error> {
        let signer = self.handle.signer.clone();
        let job = move |lease: &Lease| Ok(lease.sign_again(count, &signer)?.into());
        self.read(bucket, job).await
    }
}

#[async_trait]
impl BucketApiServer for ProviderRpc {
    async fn list(&self, after: Option<Uint>, limit: Option<u32>) -> Result<BucketPage, Error> {
        let limit = limit.unwrap_or(USUAL_PAGE);
        if limit > self.limits.page {
            let given = usize::try_from(limit).unwrap_or(usize::MAX);
            return Err(Error::too_many("limit", given, self.limits.page));
        }
        let provider = self.handle.provider.clone();
        let job = move |_| {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let after = after.map(|after| BucketId(after.0));
            // One more tells whether there is a next page.
            let mut page = provider.noted(after, limit.saturating_add(1))?;
            let has_more = page.len() > limit;
            page.truncate(limit);
            let last = page.last().map(|noted| Uint(noted.id.0));
            Ok(BucketPage {
                buckets: page
                    .iter()
                    .map(|noted| match noted.is_current {
                        true => BucketInfo::new(&provider, noted.id, &noted.record),
                        false => BucketInfo::learning(&provider, noted.id, &noted.record),
                    })
                    .collect(),
                next: last.filter(|_| has_more),
            })
        };
        self.lanes.run(Work::Read, "listing buckets", job).await
    }

    async fn info(&self, bucket: Uint) -> Result<BucketInfo, Error> {
        let (provider, id) = (self.handle.provider.clone(), BucketId(bucket.0));
        let job = move |_| Ok(BucketInfo::new(&provider, id, &provider.look(id)?));
        self.lanes.run(Work::Read, "looking a bucket up", job).await
    }

    async fn commitment(&self, bucket: Uint) -> Result<SignedCommitmentInfo, Error> {
        if let Some(signed) = self.newest_signed(bucket).await? {
            return Ok(signed.into());
        }
        let (provider, id) = (self.handle.provider.clone(), BucketId(bucket.0));
        let summed = move |_| Ok(provider.look(id)?.commitment.leaf_count);
        let count = self
            .lanes
            .run(Work::Read, "looking a bucket up", summed)
            .await?;
        if count == LeafCount::ZERO {
            return Err(CommitError::NothingToSign { bucket: id }.into());
        }
        Err(SignAgainError::NotSigned { bucket: id, count }.into())
    }

    async fn checkpoint_signature(
        &self,
        bucket: Uint,
        leaf_count: Uint,
    ) -> Result<SignedCommitmentInfo, Error> {
        let count = count("leafCount", leaf_count)?;
        match self.newest_signed(bucket).await? {
            Some(newest) if newest.payload.commitment.leaf_count == count => Ok(newest.into()),
            _ => self.signed_again(bucket, count).await,
        }
    }

    async fn peaks(&self, bucket: Uint, at: Option<AtState>) -> Result<PeaksInfo, Error> {
        let at = state(at)?;
        self.view(bucket, at, proving::peaks).await
    }

    async fn leaf(
        &self,
        bucket: Uint,
        leaf_index: Uint,
        at: Option<AtState>,
    ) -> Result<LeafInfo, Error> {
        let (at, index) = (state(at)?, LeafIndex(leaf_index.0));
        self.view(bucket, at, move |view| proving::leaf(view, index))
            .await
    }

    async fn mmr_proof(
        &self,
        bucket: Uint,
        leaf_index: Uint,
        at: Option<AtState>,
    ) -> Result<MmrProofInfo, Error> {
        let (at, index) = (state(at)?, LeafIndex(leaf_index.0));
        self.view(bucket, at, move |view| proving::mmr_proof(view, index))
            .await
    }

    async fn chunk_proof(
        &self,
        bucket: Uint,
        leaf_index: Uint,
        chunk_index: Uint,
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
        bucket: Uint,
        leaf_index: Uint,
        chunk_index: Uint,
        at: Option<AtState>,
    ) -> Result<ChallengeResponseInfo, Error> {
        let (at, location) = (state(at)?, location(leaf_index, chunk_index));
        let open = match at {
            At::Root(root) | At::RootOf { root, .. } => {
                let board = &self.handle.challenges;
                board.deadline_of(BucketId(bucket.0), &root, location)
            }
            At::Newest | At::LeafCount(_) => None,
        };
        let (work, wanted) = match open {
            Some(deadline) => (Work::Challenge(deadline), Wanted::challenge()),
            None => (Work::Read, Wanted::read()),
        };
        let job = move |lease: &Lease| proving::challenge_response(lease, at, location);
        self.with_bucket(work, wanted, bucket, job).await
    }

    async fn generate_proof(
        &self,
        bucket: Uint,
        leaf_indices: Vec<Uint>,
        at: Option<AtState>,
    ) -> Result<LeavesProof, Error> {
        let most = u32::try_from(MAX_PROVEN_LEAVES).unwrap_or(u32::MAX);
        check_length("leafIndices", &leaf_indices, most)?;
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
        bucket: Uint,
        prev_leaf_count: Uint,
        at: Option<AtState>,
    ) -> Result<AncestryProof, Error> {
        let (at, prev) = (state(at)?, count("prevLeafCount", prev_leaf_count)?);
        self.read(bucket, move |lease| {
            proving::ancestry_proof(lease, at, prev)
        })
        .await
    }

    async fn verify_proof(&self, bucket: Uint, proof: LeavesProof) -> Result<bool, Error> {
        let given = proving::ToJudge::decode(&proof)?;
        let at = At::Root(proof.block_hash);
        self.read(bucket, move |lease| proving::judge(lease, at, &given))
            .await
    }

    async fn exists(&self, bucket: Uint, hashes: Vec<H256>) -> Result<Vec<H256>, Error> {
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

    async fn fetch_nodes(&self, bucket: Uint, hashes: Vec<H256>) -> Result<FetchedNodes, Error> {
        check_length("hashes", &hashes, self.limits.fetched)?;
        let most = self.limits.fetched_bytes;
        self.read(bucket, move |lease| fetch(lease, hashes, most))
            .await
    }

    async fn subscribe_commitments(
        &self,
        pending: PendingSubscriptionSink,
        bucket: Option<Uint>,
    ) -> SubscriptionResult {
        let bucket = bucket.map(|bucket| BucketId(bucket.0));
        let provider = &self.handle.provider;
        // A subscription to what will never be would only be silent.
        if let Some(id) = bucket {
            let (summing, id) = (provider.clone(), id);
            let known = move |_| Ok(summing.look(id)?.standing == Standing::Lost);
            let known = self
                .lanes
                .run(Work::Read, "looking a bucket up", known)
                .await;
            if let Err(error) = known {
                pending.reject(error).await;
                return Ok(());
            }
        }
        news::of_commitments(pending, provider.clone(), bucket).await
    }
}

/// What is held of these hashes, up to so many bytes; one is given whatever its
/// size, since no chunk is longer than an answer.
fn fetch(lease: &Lease, hashes: Vec<H256>, most: u64) -> Result<FetchedNodes, Error> {
    let mut fetched = FetchedNodes {
        nodes: Vec::new(),
        missing: Vec::new(),
        rest: Vec::new(),
    };
    let mut bytes = 0u64;
    for hash in hashes {
        let Some(length) = lease.run(|bucket| bucket.length_of(&hash))? else {
            fetched.missing.push(hash);
            continue;
        };
        let after = bytes.saturating_add(length);
        if after > most && !fetched.nodes.is_empty() {
            fetched.rest.push(hash);
            continue;
        }
        match lease.run(|bucket| bucket.fetch(&hash))? {
            Some(Content::Chunk(chunk)) => {
                fetched.nodes.push((hash, NodeContent::Chunk(Bytes(chunk))));
            }
            Some(Content::Node { left, right }) => {
                fetched.nodes.push((hash, NodeContent::Node([left, right])));
            }
            // Released since it was looked for.
            None => {
                fetched.missing.push(hash);
                continue;
            }
        }
        bytes = after;
    }
    Ok(fetched)
}
