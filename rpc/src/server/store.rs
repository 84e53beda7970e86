//! The methods that change buckets. Each asks first whether it may.

use super::{ProviderRpc, check_length};
use crate::api::BucketStoreApiServer;
use crate::error::{Code, Error};
use crate::lanes::Work;
use crate::types::{
    BucketInfo, CommittedInfo, DeletionInfo, ExportForm, ExportInfo, LeafToCommit, NewBucket,
    PruneAuthorisation, PrunedInfo, Uint,
};
use cairn_bucket::{Authorisation, BucketConfig, Form, NewLeaf, TransferError};
use cairn_engine::layout::Deletion;
use cairn_primitives::challenge::{AccountId, MultiSignature};
use cairn_primitives::{
    BucketId, Commitment, CommitmentPayload, H256, LeafCount, Sequence, chunk_tree,
};
use cairn_provider::{BucketRecord, Lease, ProviderError};
use codec::{DecodeAll, Encode};
use jsonrpsee::Extensions;
use jsonrpsee::core::async_trait;
use sp_core::Bytes;

impl ProviderRpc {
    /// Whether an account may have leaves deleted, by what the chain says. An
    /// answer to a challenge that shows another's signature is slashed.
    async fn check_admin(&self, bucket: BucketId, admin: &AccountId) -> Result<(), Error> {
        let on_chain = async { Ok(self.handle.desk.on_chain(bucket).await?) };
        let info = self.lanes.wait(Work::Signature, on_chain).await?;
        if info.is_some_and(|info| info.is_admin(admin)) {
            return Ok(());
        }
        let message = format!(
            "by the last finalized block the account is no admin of bucket {bucket}, whose \
             signature the chain would take"
        );
        Err(Error::coded(Code::NotAdmin, message))
    }

    /// Whether a bucket may be deleted with all that was signed of it, by what
    /// the chain says now; otherwise why not.
    async fn may_delete(&self, bucket: BucketId) -> Result<(), String> {
        if self.handle.challenges.is_asked_about(bucket) {
            return Err("a challenge to it is open".to_owned());
        }
        match self.handle.retention.may_delete(bucket).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(kept)) => Err(kept.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }
}

#[async_trait]
impl BucketStoreApiServer for ProviderRpc {
    async fn create(
        &self,
        extensions: &Extensions,
        bucket: Uint,
        config: Option<NewBucket>,
    ) -> Result<BucketInfo, Error> {
        self.check_unsafe(extensions)?;
        let NewBucket { hashing, max_bytes } = config.unwrap_or_default();
        let usual = BucketConfig::default();
        let config = BucketConfig {
            profile: hashing.map_or(usual.profile, Into::into),
            max_bytes: max_bytes.map_or(usual.max_bytes, |most| most.0),
        };
        let (provider, id) = (self.handle.provider.clone(), BucketId(bucket.0));
        let job = move |_| {
            provider.create_bucket(id, config)?;
            Ok(BucketInfo::new(&provider, id, &provider.summary(id)?))
        };
        self.lanes.run(Work::Write, "making a bucket", job).await
    }

    async fn put_chunk(
        &self,
        extensions: &Extensions,
        bucket: Uint,
        hash: H256,
        data: Bytes,
    ) -> Result<bool, Error> {
        self.check_unsafe(extensions)?;
        self.write(bucket, move |lease| {
            Ok(lease.run(|bucket| bucket.put_chunk(hash, &data.0))?)
        })
        .await
    }

    async fn put_node(
        &self,
        extensions: &Extensions,
        bucket: Uint,
        hash: H256,
        left: H256,
        right: H256,
    ) -> Result<bool, Error> {
        self.check_unsafe(extensions)?;
        self.write(bucket, move |lease| {
            Ok(lease.run(|bucket| bucket.put_node(hash, left, right))?)
        })
        .await
    }

    async fn commit(
        &self,
        extensions: &Extensions,
        bucket: Uint,
        leaves: Vec<LeafToCommit>,
    ) -> Result<CommittedInfo, Error> {
        self.check_unsafe(extensions)?;
        check_length("leaves", &leaves, self.limits.leaves)?;
        if leaves.is_empty() {
            let message = format!("there is nothing to commit to bucket {bucket}");
            return Err(Error::coded(Code::NothingToCommit, message));
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
                first_leaf: Uint(committed.first_leaf.0),
                signed: signed.into(),
            })
        };
        self.write(bucket, job).await
    }

    async fn deletion_payload(
        &self,
        extensions: &Extensions,
        bucket: Uint,
        before_seq: Uint,
    ) -> Result<DeletionInfo, Error> {
        self.check_unsafe(extensions)?;
        let before = Sequence(before_seq.0);
        let job = move |lease: &Lease| {
            let commitment = lease.run(|bucket| bucket.pruned(before))?;
            let deletion = Commitment::deletion(commitment.mmr_root, before);
            let payload = CommitmentPayload::new(lease.id(), deletion);
            Ok(DeletionInfo {
                commitment: commitment.into(),
                payload: Bytes(payload.encode()),
            })
        };
        self.read(bucket, job).await
    }

    async fn prune(
        &self,
        extensions: &Extensions,
        bucket: Uint,
        before_seq: Uint,
        authorisation: PruneAuthorisation,
    ) -> Result<PrunedInfo, Error> {
        self.check_unsafe(extensions)?;
        let undecodable = |_| Error::undecodable("authorisation.signature", "MultiSignature");
        let signature = MultiSignature::decode_all(&mut authorisation.signature.0.as_slice())
            .map_err(undecodable)?;
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
        let job = move |lease: &Lease| {
            let pruned = lease.run(|bucket| bucket.prune(before, Some(authorisation)))?;
            Ok(PrunedInfo {
                retired: pruned.retired.commitment.into(),
                commitment: pruned.commitment.into(),
            })
        };
        self.write(bucket, job).await
    }

    async fn delete(&self, extensions: &Extensions, bucket: Uint) -> Result<(), Error> {
        self.check_unsafe(extensions)?;
        let (this, id) = (self.clone(), BucketId(bucket.0));
        let may_delete = self.may_delete(id).await;
        let job = move |_| {
            let was_signed = this.handle.provider.was_signed(id)?;
            // A refusal must not hold the bucket, even shortly: challenges of it go on.
            if was_signed && let Err(why) = &may_delete {
                return Err(still_promised(id, why));
            }
            // Asked again when nobody can sign any more.
            let is_unsigned = |record: &BucketRecord| !was_signed && record.signed.is_none();
            let may = |record: Option<&BucketRecord>| {
                may_delete.is_ok() || record.is_some_and(is_unsigned)
            };
            if this.handle.provider.delete_bucket_if(id, may)? {
                return Ok(());
            }
            let why = may_delete.err().unwrap_or_default();
            Err(still_promised(id, &why))
        };
        self.lanes.run(Work::Write, "deleting a bucket", job).await
    }

    async fn export(
        &self,
        extensions: &Extensions,
        bucket: Uint,
        path: String,
        form: Option<ExportForm>,
    ) -> Result<ExportInfo, Error> {
        self.check_unsafe(extensions)?;
        let folder = self.exports.as_ref().ok_or_else(no_exports)?;
        let path = folder
            .place(&path)
            .map_err(|reason| Error::invalid("path", &reason))?;
        let form = match form.unwrap_or(ExportForm::Folder) {
            ExportForm::Folder => Form::Folder,
            ExportForm::Archive => Form::Archive,
        };
        let (provider, id) = (self.handle.provider.clone(), BucketId(bucket.0));
        let job = move |_| {
            let exported = provider.export_bucket(id, &path, form, &mut |_| {});
            let exported = exported.map_err(|error| not_exported(&path, error))?;
            let manifest = &exported.manifest;
            Ok(ExportInfo {
                commitment: manifest.commitment.into(),
                files: Uint(u64::try_from(manifest.files().len()).unwrap_or(u64::MAX)),
                bytes: Uint(manifest.bytes()),
                path,
            })
        };
        self.lanes.run(Work::Write, "copying a bucket", job).await
    }
}

/// Whether a leaf has no slot that only pads its chunk tree.
fn check_padding(leaf: &LeafToCommit) -> Result<(), Error> {
    let size = leaf.data_size.0;
    if !chunk_tree::has_padding(size) {
        return Ok(());
    }
    let parts: Vec<_> = chunk_tree::without_padding(size)
        .map(|part| part.to_string())
        .collect();
    let message = format!(
        "the chunks of {:?} are {}, no power of two: the chain lets anybody ask for a slot that \
         only pads their tree, and nobody can answer. Commit its {size} bytes as {} leaves, of {} \
         bytes",
        leaf.data_root,
        chunk_tree::chunk_count(size),
        parts.len(),
        parts.join(", ")
    );
    Err(Error::coded(Code::Shape, message))
}

fn still_promised(bucket: BucketId, why: &str) -> Error {
    let message = format!(
        "bucket {bucket} is not deleted: {why}. The stake hangs on it; with the provider stopped, \
         `cairn bucket delete --even-signed` deletes it all the same"
    );
    Error::coded(Code::StillPromised, message)
}

fn no_exports() -> Error {
    let message = "the provider's operator has named no folder for copies of buckets: it takes \
                   `cairn run --export-dir`, or `cairn bucket export` with the provider stopped";
    Error::coded(Code::NotExported, message)
}

/// Told in full: whoever may have files written may know why they are not.
fn not_exported(path: &std::path::Path, error: ProviderError) -> Error {
    match error {
        ProviderError::Transfer(
            error @ (TransferError::Exists { .. } | TransferError::NoName { .. }),
        ) => Error::invalid("path", &error.to_string()),
        ProviderError::Transfer(error) => {
            let message = format!("nothing was copied to {}: {error}", path.display());
            Error::coded(Code::NotExported, message)
        }
        error => error.into(),
    }
}
