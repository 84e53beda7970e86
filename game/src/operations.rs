//! The operations of the command line and the RPC, as library calls. Nothing is forced, and what
//! they refuse is not done.

use crate::provider_process::ProviderProcess;
use cairn_bucket::{Authorisation, BasePath, BucketConfig, ImportCheck, ImportSource, NewLeaf};
use cairn_engine::layout::Deletion;
use cairn_engine::{Durability, SharedResources};
use cairn_keys::{SignedCommitment, Signer};
use cairn_primitives::{BucketId, Commitment, LeafCount, Sequence};
use cairn_provider::{BucketRecord, BucketStatus, LeaseRequest, Provider, ProviderOptions};
use std::path::Path;
use tokio::runtime::Runtime;

/// The text of a refusal.
pub(crate) type Refusal = String;

fn refusal(error: impl std::fmt::Display) -> Refusal {
    error.to_string()
}

/// Uploads and commits leaves and signs the commitment: the RPC's `cairnWrite_v1_commit`.
pub(crate) fn put(
    process: &ProviderProcess,
    bucket: BucketId,
    contents: &[Vec<u8>],
) -> Result<SignedCommitment, Refusal> {
    let leaves = upload(process.provider(), bucket, contents)?;
    let committed = process
        .provider()
        .commit_signed(bucket, &leaves, &process.signer);
    committed.map(|(_, signed)| signed).map_err(refusal)
}

fn upload(
    provider: &Provider,
    bucket: BucketId,
    contents: &[Vec<u8>],
) -> Result<Vec<NewLeaf>, Refusal> {
    let lease = provider
        .blocking_lease(bucket, LeaseRequest::write())
        .map_err(refusal)?;
    let ingested = contents.iter().map(|content| {
        let ingested = lease.run(|bucket| bucket.ingest(&**content));
        let ingested = ingested.map_err(refusal)?;
        Ok(NewLeaf {
            data_root: ingested.data_root,
            data_size: ingested.data_size,
        })
    });
    ingested.collect()
}

/// Uploads and commits leaves without a signature.
pub(crate) fn put_unsigned(
    process: &ProviderProcess,
    bucket: BucketId,
    contents: &[Vec<u8>],
) -> Result<Commitment, Refusal> {
    let provider = process.provider();
    let leaves = upload(provider, bucket, contents)?;
    let lease = provider
        .blocking_lease(bucket, LeaseRequest::write())
        .map_err(refusal)?;
    let committed = lease.run(|bucket| bucket.commit(&leaves, Durability::Synced));
    committed.map(|done| done.commitment).map_err(refusal)
}

/// `cairn put` while the provider is stopped.
pub(crate) fn put_offline(
    base: &Path,
    signer: &Signer,
    bucket: BucketId,
    content: &[u8],
) -> Result<SignedCommitment, Refusal> {
    let base = BasePath::create(base).map_err(refusal)?;
    let options = ProviderOptions {
        reindex_on_demand: true,
        ..ProviderOptions::default()
    };
    let provider = Provider::open(base, options).map_err(refusal)?;
    let leaves = upload(&provider, bucket, &[content.to_vec()])?;
    let signed = provider.commit_signed(bucket, &leaves, signer);
    signed.map(|(_, signed)| signed).map_err(refusal)
}

/// Returns the newest commitment, signed, as for any caller: the RPC's `cairnBucket_v1_commitment`.
pub(crate) fn sign_again(
    process: &ProviderProcess,
    bucket: BucketId,
) -> Result<SignedCommitment, Refusal> {
    let signed = process.provider().sign_again(bucket, &process.signer);
    let nothing = || "the newest commitment was never signed".to_owned();
    signed.map_err(refusal)?.ok_or_else(nothing)
}

/// Prunes a bucket, with an admin's authorisation if there is one.
pub(crate) fn prune(
    process: &ProviderProcess,
    bucket: BucketId,
    before: Sequence,
    admin: Option<impl FnOnce(Commitment) -> Deletion>,
) -> Result<Commitment, Refusal> {
    let lease = process
        .provider()
        .blocking_lease(bucket, LeaseRequest::write());
    let lease = lease.map_err(refusal)?;
    let authorisation = match admin {
        None => None,
        Some(admin) => {
            let after = lease
                .run(|bucket| bucket.preview_prune(before))
                .map_err(refusal)?;
            let deletion = Commitment::deletion(after.mmr_root, before);
            Some(Authorisation {
                deletion: admin(deletion),
                leaf_count: after.leaf_count,
            })
        }
    };
    let pruned = lease.run(|bucket| bucket.prune(before, authorisation));
    Ok(pruned.map_err(refusal)?.commitment)
}

/// `cairn bucket create`.
pub(crate) fn create(
    process: &ProviderProcess,
    id: BucketId,
    config: BucketConfig,
) -> Result<(), Refusal> {
    process
        .provider()
        .create_bucket(id, config)
        .map_err(refusal)
}

/// `cairn bucket import`, with the full check.
pub(crate) fn import(process: &ProviderProcess, folder: &Path) -> Result<Commitment, Refusal> {
    let imported = process.provider().import_bucket(
        ImportSource::Path(folder),
        ImportCheck::Full,
        &mut |_| {},
    );
    imported.map(|done| done.commitment).map_err(refusal)
}

/// The RPC's `cairnWrite_v1_deleteBucket`, with the same checks.
pub(crate) fn delete(
    process: &ProviderProcess,
    runtime: &Runtime,
    id: BucketId,
) -> Result<(), Refusal> {
    if process.handle.challenges.has_open_challenge(id) {
        return Err("a challenge of the bucket is open".into());
    }
    let may_delete = runtime.block_on(process.handle.retention.check_deletable(id));
    let may_delete = may_delete.map_err(refusal)?.map_err(refusal);
    let was_signed = process.provider().may_be_signed(id).map_err(refusal)?;
    let is_unsigned = |record: &BucketRecord| !was_signed && record.signed.is_none();
    let may = |record: Option<&BucketRecord>| may_delete.is_ok() || record.is_some_and(is_unsigned);
    match process.provider().delete_bucket_if(id, may) {
        Ok(true) => Ok(()),
        Ok(false) => may_delete,
        Err(error) => Err(refusal(error)),
    }
}

/// `cairn bucket accept`, without force.
pub(crate) fn accept(process: &ProviderProcess, id: BucketId) -> Result<(), Refusal> {
    process
        .provider()
        .accept(id, false)
        .map(drop)
        .map_err(refusal)
}

/// Returns true if the provider signs nothing because its base path is a copy.
pub(crate) fn is_unaccepted_copy(process: &ProviderProcess) -> bool {
    let off = process.provider().signing_off_reason();
    off.is_some_and(|reason| reason.contains("this is a copy"))
}

/// `cairn fsck --repair` while the provider is stopped.
pub(crate) fn repair(base: &Path, id: BucketId) -> Result<bool, Refusal> {
    let base = BasePath::create(base).map_err(refusal)?;
    let repaired = base.repair_bucket(id, &[], &SharedResources::default(), |_| {});
    let repaired = repaired.map_err(refusal)?;
    Ok(repaired.after.is_clean())
}

/// Returns the newest commitment of a bucket, and whether the bucket is sound.
pub(crate) fn newest(process: &ProviderProcess, id: BucketId) -> Option<(Commitment, bool)> {
    let record = process.provider().summary(id).ok()?;
    Some((record.commitment, record.status == BucketStatus::Sound))
}

/// Returns the start and the leaf count of a bucket's current tree.
pub(crate) fn leaves(process: &ProviderProcess, id: BucketId) -> (Sequence, LeafCount) {
    newest(process, id).map_or((Sequence(0), LeafCount::ZERO), |(newest, _)| {
        (newest.start_seq, newest.leaf_count)
    })
}

/// Returns the alarm about a bucket from any of the workers, or `None` if all is reported well.
pub(crate) fn alarm_about(process: &ProviderProcess, id: BucketId) -> Option<String> {
    let challenged = process.handle.challenges.alarms().into_iter();
    let mut challenged = challenged.filter(|duty| duty.challenge.bucket_id == id);
    if let Some(duty) = challenged.next() {
        return duty.alarm;
    }
    let quarantined = process.provider().quarantined().into_iter();
    if let Some((_, reason)) = quarantined.into_iter().find(|(bucket, _)| *bucket == id) {
        return Some(reason);
    }
    let problems = process.handle.signed_roots.problems().into_iter();
    if let Some((_, problem)) = problems.into_iter().find(|(bucket, _)| *bucket == id) {
        return Some(problem.to_string());
    }
    let stages = process.handle.checkpoints.buckets().into_iter();
    let stage = stages.into_iter().find(|(bucket, _)| *bucket == id);
    use cairn_gadget::{BlockedReason, CheckpointStage};
    match stage {
        Some((
            _,
            CheckpointStage::Blocked(why @ (BlockedReason::Missing | BlockedReason::Quarantined)),
        )) => Some(why.to_string()),
        _ => None,
    }
}
