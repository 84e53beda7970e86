//! The group `cairnWrite_v1`. Each method first checks that the caller may call it: the operator
//! any, and members of a bucket those that change this bucket alone.

use super::{ProviderRpc, check_length};
use crate::convert::{bucket_info, signed_commitment_info};
use crate::error::{MethodError, undecodable};
use crate::lanes::WorkClass;
use crate::members::Right;
use cairn_bucket::{Authorisation, BucketConfig, ExportFormat, NewLeaf, TransferError};
use cairn_engine::layout::Deletion;
use cairn_primitives::challenge::{AccountId, MultiSignature};
use cairn_primitives::{
    BucketId, Commitment, CommitmentPayload, H256, LeafCount, Sequence, chunk_tree,
};
use cairn_provider::{BucketRecord, Lease, ProviderError};
use cairn_rpc_api::{
    BucketInfo, Bytes, Code, CommittedInfo, DeletionInfo, Error, ExportForm, ExportInfo,
    LeafToCommit, NewBucket, PruneAuthorisation, PrunedInfo, U64OrHex, WriteApiServer,
};
use codec::{DecodeAll, Encode};
use jsonrpsee::Extensions;
use jsonrpsee::core::async_trait;

impl ProviderRpc {
    /// Checks that the chain has an account as an admin of a bucket. A challenge response with
    /// the signature of anybody else is slashed.
    async fn check_admin(&self, bucket: BucketId, admin: &AccountId) -> Result<(), Error> {
        let on_chain = async { Ok(self.handle.countersigner.on_chain(bucket).await?) };
        let info = self.lanes.wait(WorkClass::Signature, on_chain).await?;
        if info.is_some_and(|info| info.is_admin(admin)) {
            return Ok(());
        }
        let message = format!(
            "by the last finalized block the account is no admin of bucket {bucket}: the chain \
             takes an admin's signature only"
        );
        Err(Error::new(Code::NotAdmin, message))
    }

    /// Checks with the chain that a bucket may be deleted with all that was signed of it; returns
    /// the reason if not.
    async fn may_delete(&self, bucket: BucketId) -> Result<(), String> {
        if self.handle.challenges.has_open_challenge(bucket) {
            return Err("a challenge of it is open".to_owned());
        }
        match self.handle.retention.check_deletable(bucket).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(kept)) => Err(kept.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[async_trait]
impl WriteApiServer for ProviderRpc {
    async fn create_bucket(
        &self,
        extensions: &Extensions,
        bucket: U64OrHex,
        config: Option<NewBucket>,
    ) -> Result<BucketInfo, Error> {
        self.check_unsafe(extensions)?;
        let NewBucket { hashing, max_bytes } = config.unwrap_or_default();
        let defaults = BucketConfig::default();
        let config = BucketConfig {
            profile: hashing.map_or(defaults.profile, Into::into),
            max_bytes: max_bytes.map_or(defaults.max_bytes, |max| max.0),
        };
        let (provider, id) = (self.handle.provider.clone(), BucketId(bucket.0));
        let job = move |_| {
            provider.create_bucket(id, config)?;
            Ok(bucket_info(&provider, id, &provider.summary(id)?))
        };
        self.lanes
            .run(WorkClass::Write, "creating a bucket", job)
            .await
    }

    async fn put_chunk(
        &self,
        extensions: &Extensions,
        bucket: U64OrHex,
        hash: H256,
        data: Bytes,
    ) -> Result<bool, Error> {
        self.check_member(extensions, bucket, Right::Write).await?;
        self.write(bucket, move |lease| {
            Ok(lease.run(|bucket| bucket.put_chunk(hash, &data.0))?)
        })
        .await
    }

    async fn put_node(
        &self,
        extensions: &Extensions,
        bucket: U64OrHex,
        hash: H256,
        left: H256,
        right: H256,
    ) -> Result<bool, Error> {
        self.check_member(extensions, bucket, Right::Write).await?;
        self.write(bucket, move |lease| {
            Ok(lease.run(|bucket| bucket.put_node(hash, left, right))?)
        })
        .await
    }

    async fn commit(
        &self,
        extensions: &Extensions,
        bucket: U64OrHex,
        leaves: Vec<LeafToCommit>,
    ) -> Result<CommittedInfo, Error> {
        self.check_member(extensions, bucket, Right::Write).await?;
        check_length("leaves", &leaves, self.limits.leaves)?;
        if leaves.is_empty() {
            let message = format!("the commit to bucket {bucket} has no leaves");
            return Err(Error::new(Code::NothingToCommit, message));
        }
        if self.refuses_padding {
            leaves.iter().try_for_each(check_padding)?;
        }
        let leaves: Vec<_> = leaves
            .iter()
            .map(|leaf| NewLeaf {
                data_root: leaf.data_root,
                data_size: leaf.data_size.0,
            })
            .collect();
        let signer = self.handle.signer.clone();
        let job = move |lease: &Lease| {
            let (committed, signed) = lease.commit_signed(&leaves, &signer)?;
            Ok(CommittedInfo {
                first_leaf: U64OrHex(committed.first_leaf.0),
                signed: signed_commitment_info(signed),
            })
        };
        self.write(bucket, job).await
    }

    async fn deletion_payload(
        &self,
        extensions: &Extensions,
        bucket: U64OrHex,
        before_seq: U64OrHex,
    ) -> Result<DeletionInfo, Error> {
        self.check_member(extensions, bucket, Right::Admin).await?;
        let before = Sequence(before_seq.0);
        let job = move |lease: &Lease| {
            let commitment = lease.run(|bucket| bucket.preview_prune(before))?;
            let deletion = Commitment::deletion(commitment.mmr_root, before);
            let payload = CommitmentPayload::new(lease.id(), deletion);
            Ok(DeletionInfo {
                commitment: commitment.into(),
                payload: Bytes(payload.encode()),
            })
        };
        self.read(bucket, job).await
    }

    async fn prune_bucket(
        &self,
        extensions: &Extensions,
        bucket: U64OrHex,
        before_seq: U64OrHex,
        authorisation: PruneAuthorisation,
    ) -> Result<PrunedInfo, Error> {
        self.check_member(extensions, bucket, Right::Admin).await?;
        let signature = MultiSignature::decode_all(&mut authorisation.signature.0.as_slice())
            .map_err(|_| undecodable("authorisation.signature", "MultiSignature"))?;
        let leaf_count = LeafCount::new(authorisation.leaf_count.0).ok_or_else(|| {
            Error::invalid(
                "authorisation.leafCount",
                "no tree has more than 2^62 leaves",
            )
        })?;
        let admin = AccountId(authorisation.admin.0);
        self.check_admin(BucketId(bucket.0), &admin).await?;
        let authorisation = Authorisation {
            deletion: Deletion { admin, signature },
            leaf_count,
        };
        let before = Sequence(before_seq.0);
        let is_operator = self.policy.allows_unsafe(extensions);
        let guard = self.guard();
        let job = move |lease: &Lease| {
            let pruned = match is_operator {
                true => lease.run(|bucket| bucket.prune(before, Some(authorisation)))?,
                false => guard.prune(lease, before, Some(authorisation))?,
            };
            Ok(PrunedInfo {
                retired: pruned.retired.commitment.into(),
                commitment: pruned.commitment.into(),
            })
        };
        self.write(bucket, job).await
    }

    async fn delete_bucket(&self, extensions: &Extensions, bucket: U64OrHex) -> Result<(), Error> {
        self.check_unsafe(extensions)?;
        let (this, id) = (self.clone(), BucketId(bucket.0));
        let may_delete = self.may_delete(id).await;
        let job = move |_| {
            let was_signed = this.handle.provider.may_be_signed(id)?;
            // Refused before the bucket is reserved, so that it can still answer challenges.
            if was_signed && let Err(why) = &may_delete {
                return Err(still_held_to(id, why).into());
            }
            // Checked again once nobody can sign any more.
            let is_unsigned = |record: &BucketRecord| !was_signed && record.signed.is_none();
            let may = |record: Option<&BucketRecord>| {
                may_delete.is_ok() || record.is_some_and(is_unsigned)
            };
            if this.handle.provider.delete_bucket_if(id, may)? {
                return Ok(());
            }
            let why = may_delete.err().unwrap_or_default();
            Err(still_held_to(id, &why).into())
        };
        self.lanes
            .run(WorkClass::Write, "deleting a bucket", job)
            .await
    }

    async fn export_bucket(
        &self,
        extensions: &Extensions,
        bucket: U64OrHex,
        path: String,
        form: Option<ExportForm>,
    ) -> Result<ExportInfo, Error> {
        self.check_unsafe(extensions)?;
        let folder = self.exports.as_ref().ok_or_else(no_exports)?;
        let path = folder
            .target(&path)
            .map_err(|reason| Error::invalid("path", &reason))?;
        let form = match form.unwrap_or(ExportForm::Folder) {
            ExportForm::Folder => ExportFormat::Folder,
            ExportForm::Archive => ExportFormat::Archive,
        };
        let (provider, id) = (self.handle.provider.clone(), BucketId(bucket.0));
        let job = move |_| {
            let exported = provider.export_bucket(id, &path, form, &mut |_| {});
            let exported = exported.map_err(|error| not_exported(&path, error))?;
            let manifest = &exported.manifest;
            Ok(ExportInfo {
                commitment: manifest.commitment.into(),
                files: U64OrHex(u64::try_from(manifest.files().len()).unwrap_or(u64::MAX)),
                bytes: U64OrHex(manifest.bytes()),
                path,
            })
        };
        self.lanes
            .run(WorkClass::Write, "exporting a bucket", job)
            .await
    }
}

/// Refuses a leaf whose chunk tree has padding slots.
fn check_padding(leaf: &LeafToCommit) -> Result<(), Error> {
    let size = leaf.data_size.0;
    if !chunk_tree::has_padding(size) {
        return Ok(());
    }
    let parts: Vec<_> = chunk_tree::split_without_padding(size)
        .map(|part| part.to_string())
        .collect();
    let message = format!(
        "{:?} has {} chunks, no power of two: anyone may challenge a padding slot of their tree, \
         which nobody can answer. Commit its {size} bytes as {} leaves, of {} bytes",
        leaf.data_root,
        chunk_tree::chunk_count(size),
        parts.len(),
        parts.join(", ")
    );
    Err(Error::new(Code::Shape, message))
}

fn still_held_to(bucket: BucketId, why: &str) -> Error {
    let message = format!(
        "bucket {bucket} is not deleted, since the stake depends on it: {why}. The operator can \
         delete it all the same while the provider is stopped"
    );
    Error::new(Code::StillHeldTo, message)
}

fn no_exports() -> Error {
    let message = "the provider's operator has named no folder for exports of buckets";
    Error::new(Code::NotExported, message)
}

/// Returns the reason in full: a caller who may write files may know why it failed.
fn not_exported(path: &std::path::Path, error: ProviderError) -> MethodError {
    match error {
        ProviderError::Transfer(
            error @ (TransferError::Exists { .. } | TransferError::NoName { .. }),
        ) => Error::invalid("path", &error.to_string()).into(),
        ProviderError::Transfer(error) => {
            let message = format!("nothing was exported to {}: {error}", path.display());
            Error::new(Code::NotExported, message).into()
        }
        error => error.into(),
    }
}
