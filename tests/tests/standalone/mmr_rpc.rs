//! Responses in the format of `mmr-rpc` are accepted by the code of its clients.

use crate::fixture::{BUCKET, Fixture};
use cairn_primitives::{H256, MmrLeaf};
use codec::Decode;
use mmr_rpc::LeavesProof;
use serde_json::json;
use sp_mmr_primitives::{AncestryProof, DataOrHash, EncodableOpaqueLeaf, LeafProof};
use sp_runtime::traits::BlakeTwo256;

#[test]
fn proofs_decode_as_mmr_rpc_types_and_verify() {
    let stage = Fixture::new(&[]);
    let mut client = stage.connect();
    for content in [&b"one"[..], b"two", b"three"] {
        stage.commit(&mut client, content);
    }
    let peaks = client.request("cairnBucket_v1_peaks", json!([BUCKET]));
    let root: H256 = serde_json::from_value(peaks["result"]["palletMmrRoot"].clone()).unwrap();

    let given = client.request("cairnBucket_v1_generateProof", json!([BUCKET, [0, 3, 4]]));
    let proof: LeavesProof<H256> = serde_json::from_value(given["result"].clone()).unwrap();
    assert_eq!(
        json!(proof.block_hash),
        peaks["result"]["commitment"]["mmrRoot"]
    );
    // As one of its clients does.
    let leaves = Vec::<EncodableOpaqueLeaf>::decode(&mut &proof.leaves.0[..]).unwrap();
    let decoded = LeafProof::<H256>::decode(&mut &proof.proof.0[..]).unwrap();
    assert_eq!(decoded.leaf_indices, [0, 3, 4]);
    let leaves: Vec<_> = leaves
        .into_iter()
        .map(|leaf| {
            let leaf = leaf.into_opaque_leaf().try_decode::<MmrLeaf>().unwrap();
            DataOrHash::<BlakeTwo256, MmrLeaf>::Data(leaf)
        })
        .collect();
    pallet_mmr::verify_leaves_proof::<BlakeTwo256, MmrLeaf>(root, leaves, decoded).unwrap();
    let judged = client.request(
        "cairnBucket_v1_verifyProof",
        json!([BUCKET, given["result"]]),
    );
    assert_eq!(judged["result"], json!(true));
    let mut bent = given["result"].clone();
    bent["blockHash"] = json!(stage.signed_root());
    let refused = client.request("cairnBucket_v1_verifyProof", json!([BUCKET, bent]));
    assert_eq!(refused["error"]["code"], json!(12_038), "{refused}");

    let given = client.request("cairnBucket_v1_ancestryProof", json!([BUCKET, 2]));
    let proof: AncestryProof<H256> = serde_json::from_value(given["result"].clone()).unwrap();
    let earlier = json!([BUCKET, { "leafCount": 2 }]);
    let earlier =
        client.request("cairnBucket_v1_peaks", earlier)["result"]["palletMmrRoot"].clone();
    let proven = pallet_mmr::verify_ancestry_proof::<BlakeTwo256, MmrLeaf>(root, proof).unwrap();
    assert_eq!(json!(proven), earlier);
}
