//! The group `cairnWrite_v1`: changing buckets, and writing to the provider's disk. All of its
//! methods are unsafe in Substrate's sense. Members of a bucket may call those that change this
//! bucket alone.

use crate::bytes::Bytes;
use crate::error::Error;
use crate::types::{
    BucketInfo, CommittedInfo, DeletionInfo, ExportForm, ExportInfo, LeafToCommit, NewBucket,
    PruneAuthorisation, PrunedInfo, U64OrHex,
};
use cairn_primitives::H256;
use jsonrpsee::proc_macros::rpc;

/// Changes buckets. These methods are unsafe in Substrate's sense: they are refused unless the
/// operator permits them to the caller. Those that change one bucket alone are also for its members
/// with a signed header: to store and commit for writers and admins, and to prune for admins.
#[rpc(client, server, namespace = "cairnWrite_v1")]
pub trait WriteApi {
    /// Creates an empty bucket.
    #[method(name = "createBucket", with_extensions)]
    async fn create_bucket(
        &self,
        bucket: U64OrHex,
        config: Option<NewBucket>,
    ) -> Result<BucketInfo, Error>;

    /// Stores a chunk of at most 256 KiB under its hash. Returns whether it is new.
    #[method(name = "putChunk", with_extensions)]
    async fn put_chunk(&self, bucket: U64OrHex, hash: H256, data: Bytes) -> Result<bool, Error>;

    /// Stores an interior node of a chunk tree under its hash, after its children. Returns
    /// whether it is new.
    #[method(name = "putNode", with_extensions)]
    async fn put_node(
        &self,
        bucket: U64OrHex,
        hash: H256,
        left: H256,
        right: H256,
    ) -> Result<bool, Error>;

    /// Commits content as leaves, all or none. When it returns, the commitment is durable and
    /// signed.
    #[method(name = "commit", with_extensions)]
    async fn commit(
        &self,
        bucket: U64OrHex,
        leaves: Vec<LeafToCommit>,
    ) -> Result<CommittedInfo, Error>;

    /// Returns the payload that an admin signs to authorise the deletion of all leaves before a
    /// sequence. Reads every leaf that stays.
    #[method(name = "deletionPayload", with_extensions)]
    async fn deletion_payload(
        &self,
        bucket: U64OrHex,
        #[argument(rename = "beforeSeq")] before_seq: U64OrHex,
    ) -> Result<DeletionInfo, Error>;

    /// Drops the leaves before a sequence, authorised by the signature of an account that is an
    /// admin of the bucket on chain. Signed states stay provable until the chain no longer holds
    /// the provider to them.
    #[method(name = "pruneBucket", with_extensions)]
    async fn prune_bucket(
        &self,
        bucket: U64OrHex,
        #[argument(rename = "beforeSeq")] before_seq: U64OrHex,
        authorisation: PruneAuthorisation,
    ) -> Result<PrunedInfo, Error>;

    /// Deletes a bucket of which nothing was signed, or of which the chain can no longer demand
    /// anything.
    #[method(name = "deleteBucket", with_extensions)]
    async fn delete_bucket(&self, bucket: U64OrHex) -> Result<(), Error>;

    /// Copies a bucket as it is now to a folder or an archive on the provider's machine. The copy
    /// gets a new name in the one folder that the operator has named for exports.
    #[method(name = "exportBucket", with_extensions)]
    async fn export_bucket(
        &self,
        bucket: U64OrHex,
        path: String,
        form: Option<ExportForm>,
    ) -> Result<ExportInfo, Error>;
}
