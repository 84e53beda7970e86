//! What changes buckets: unsafe methods in Substrate's sense, which are refused
//! unless the operator has opened them.

use crate::error::Error;
use crate::types::{
    BucketInfo, CommittedInfo, DeletionInfo, ExportForm, ExportInfo, LeafToCommit, NewBucket,
    PruneAuthorisation, PrunedInfo, Uint,
};
use cairn_primitives::H256;
use jsonrpsee::proc_macros::rpc;
use sp_core::Bytes;

/// What changes buckets: unsafe methods in Substrate's sense, which are refused
/// unless the operator has opened them.
#[rpc(client, server, namespace = "bucket")]
pub trait BucketStoreApi {
    /// Makes an empty bucket.
    #[method(name = "create", with_extensions)]
    async fn create(&self, bucket: Uint, config: Option<NewBucket>) -> Result<BucketInfo, Error>;

    /// Stores a chunk of at most 256 KiB under its hash; whether it is new here.
    #[method(name = "putChunk", with_extensions)]
    async fn put_chunk(&self, bucket: Uint, hash: H256, data: Bytes) -> Result<bool, Error>;

    /// Stores an interior node of a chunk tree under its hash, after its
    /// children; whether it is new here.
    #[method(name = "putNode", with_extensions)]
    async fn put_node(
        &self,
        bucket: Uint,
        hash: H256,
        left: H256,
        right: H256,
    ) -> Result<bool, Error>;

    /// Commits content as leaves, all or none. When it returns, the commitment
    /// is durable and signed.
    #[method(name = "commit", with_extensions)]
    async fn commit(&self, bucket: Uint, leaves: Vec<LeafToCommit>)
    -> Result<CommittedInfo, Error>;

    /// What an admin signs to have all leaves before a sequence deleted. Reads
    /// every leaf that stays.
    #[method(name = "deletionPayload", with_extensions)]
    async fn deletion_payload(
        &self,
        bucket: Uint,
        #[argument(rename = "beforeSeq")] before_seq: Uint,
    ) -> Result<DeletionInfo, Error>;

    /// Drops the leaves before a sequence, by the signature of one whom the
    /// chain has as an admin of the bucket. What was signed stays provable until
    /// the chain lets it go.
    #[method(name = "prune", with_extensions)]
    async fn prune(
        &self,
        bucket: Uint,
        #[argument(rename = "beforeSeq")] before_seq: Uint,
        authorisation: PruneAuthorisation,
    ) -> Result<PrunedInfo, Error>;

    /// Deletes a bucket of which nothing was signed, or nothing can be asked for
    /// any more by what the chain says.
    #[method(name = "delete", with_extensions)]
    async fn delete(&self, bucket: Uint) -> Result<(), Error>;

    /// Copies a bucket as it is now to a folder or an archive on the provider's
    /// machine: under a name that nothing has, in the one folder that its operator
    /// has named for that with `--export-dir`.
    #[method(name = "export", with_extensions)]
    async fn export(
        &self,
        bucket: Uint,
        path: String,
        form: Option<ExportForm>,
    ) -> Result<ExportInfo, Error>;
}
