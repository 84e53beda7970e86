//! JSON Schemas of all types that methods take and return.

use crate::bytes::Bytes;
use crate::hex_schema::HexHash;
use crate::types::{
    AncestryProof, AtState, BucketInfo, BucketPage, ChallengeEvent, ChallengeInfo,
    ChallengeResponseInfo, ChunkProofInfo, CommitmentEvent, CommittedInfo, DeletionInfo,
    ExportForm, ExportInfo, FetchedNodes, HeldStateInfo, LeafInfo, LeafToCommit, LeavesProof,
    MmrProofInfo, NewBucket, OfferInfo, PeaksInfo, ProviderHealth, ProviderStatus,
    PruneAuthorisation, PrunedInfo, SignedCommitmentInfo, SignedTermsInfo, TermsToSign, U64OrHex,
    U128OrHex,
};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

/// The path below which an OpenRPC document keeps its schemas.
const DEFINITIONS_PATH: &str = "/components/schemas";

/// Returns the schema of each type under the type's name, with references as an OpenRPC document
/// has them.
pub fn all() -> Map<String, Value> {
    let mut settings = SchemaSettings::draft2020_12().for_serialize();
    settings.definitions_path = DEFINITIONS_PATH.into();
    let mut generator = settings.into_generator();
    macro_rules! add {
        ($($ty:ty),* $(,)?) => {
            $(generator.subschema_for::<$ty>();)*
        };
    }
    // The types that methods name. Those within them follow.
    add!(
        AncestryProof,
        AtState,
        BucketInfo,
        BucketPage,
        Bytes,
        ChallengeEvent,
        ChallengeInfo,
        ChallengeResponseInfo,
        ChunkProofInfo,
        CommitmentEvent,
        CommittedInfo,
        DeletionInfo,
        ExportForm,
        ExportInfo,
        FetchedNodes,
        HeldStateInfo,
        HexHash,
        LeafInfo,
        LeafToCommit,
        LeavesProof,
        MmrProofInfo,
        NewBucket,
        OfferInfo,
        PeaksInfo,
        ProviderHealth,
        ProviderStatus,
        PruneAuthorisation,
        PrunedInfo,
        SignedCommitmentInfo,
        SignedTermsInfo,
        TermsToSign,
        U128OrHex,
        U64OrHex,
    );
    generator.take_definitions(true)
}
