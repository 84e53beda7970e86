//! JSON Schemas of all types that methods take and return.

use crate::bytes::Bytes;
use crate::types::{
    AncestryProof, AtState, BucketInfo, BucketPage, ChallengeEvent, ChallengeInfo,
    ChallengeResponseInfo, ChunkProofInfo, CommitmentEvent, CommittedInfo, DeletionInfo,
    ExportForm, ExportInfo, FetchedNodes, HeldStateInfo, LeafInfo, LeafToCommit, LeavesProof,
    MmrProofInfo, NewBucket, PeaksInfo, ProviderHealth, ProviderStatus, PruneAuthorisation,
    PrunedInfo, SignedCommitmentInfo, U64OrHex,
};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};
use std::borrow::Cow;

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
        PeaksInfo,
        ProviderHealth,
        ProviderStatus,
        PruneAuthorisation,
        PrunedInfo,
        SignedCommitmentInfo,
        U64OrHex,
    );
    generator.take_definitions(true)
}

/// Stands for `H256`, a type of another crate.
pub(crate) struct HexHash;

impl JsonSchema for HexHash {
    fn schema_name() -> Cow<'static, str> {
        "H256".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^0x([0-9a-f]{2}){32}$",
            "description": "A hash or a public key, 32 bytes in hex.",
        })
    }
}

impl JsonSchema for Bytes {
    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^0x([0-9a-f]{2})*$",
            "description": "Bytes in hex; SCALE, where a chain reads it.",
        })
    }
}

impl JsonSchema for U64OrHex {
    fn schema_name() -> Cow<'static, str> {
        "U64OrHex".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "oneOf": [
                { "type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991u64 },
                { "type": "string", "pattern": "^0x[0-9a-f]{1,16}$" },
            ],
            "description": "A number below 2^64: a number up to 2^53 - 1, and hex above.",
        })
    }
}
