//! Proofs of objects for readers who trust nobody, and objects whose leaves are gone.

use crate::fixture::*;
use crate::objects::{client_root, get, put, refusing};
use cairn_primitives::{
    H256, HashingProfile, LeafCount, LeafIndex, MerkleProof, MmrLeaf, MmrProof, verify,
};
use serde_json::{Value, json};

fn hash_of(value: &Value) -> H256 {
    let text = value.as_str().unwrap().strip_prefix("0x").unwrap();
    H256::from_slice(&hex::decode(text).unwrap())
}

fn hashes(value: &Value) -> Vec<H256> {
    value.as_array().unwrap().iter().map(hash_of).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_checks_an_object_without_trust_in_the_gateway() {
    let face = refusing().await;
    put(&face, "/s3/7/object?key=before", b"before").await;
    let bytes = content(7);
    put(&face, "/s3/7/object?key=a", &bytes).await;
    put(&face, "/s3/7/object?key=after", b"after").await;
    let proof = get(&face, "/s3/7/proof?key=a").await.ok();
    let signed = &proof["commitment"];
    let root = hash_of(&signed["mmr_root"]);
    let count = LeafCount::new(signed["leaf_count"].as_u64().unwrap()).unwrap();
    assert_eq!(count.get(), 5);
    crate::content::check_signature(&face, signed);
    let mut rest = &bytes[..];
    for leaf in proof["leaves"].as_array().unwrap() {
        let size = leaf["leaf"]["data_size"].as_u64().unwrap();
        let mmr_leaf = MmrLeaf {
            data_root: hash_of(&leaf["leaf"]["data_root"]),
            data_size: size,
            total_size: leaf["leaf"]["total_size"].as_u64().unwrap(),
        };
        let path = leaf["proof"]["path"].as_array().unwrap();
        let mmr_proof = MmrProof {
            peaks: hashes(&leaf["proof"]["peaks"]),
            leaf: mmr_leaf,
            leaf_proof: MerkleProof {
                siblings: hashes(&leaf["proof"]["siblings"]),
                path: path.iter().map(|side| side.as_bool().unwrap()).collect(),
            },
        };
        let index = LeafIndex(leaf["leaf_index"].as_u64().unwrap());
        verify::mmr_proof(HashingProfile::Plain, &mmr_proof, index, count, &root).unwrap();
        // The content of the leaf is a part of the object.
        let (part, after) = rest.split_at(size as usize);
        assert_eq!(client_root(part), mmr_proof.leaf.data_root);
        rest = after;
    }
    assert!(rest.is_empty());
    assert_eq!(proof["data_root"], format!("{:?}", client_root(&bytes)));
    let absent = get(&face, "/s3/7/proof?key=none").await;
    assert_eq!(absent.json()["error"], "object_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_leaves_were_pruned_and_released_is_gone() {
    let face = Face::new().await;
    put(&face, "/s3/7/object?key=old", &content(2)).await;
    put(&face, "/s3/7/object?key=new", b"new").await;
    let request = cairn_provider::LeaseRequest::write();
    let lease = face
        .handle
        .provider
        .blocking_lease(BUCKET, request)
        .unwrap();
    let pruned = lease
        .run(|bucket| bucket.prune(cairn_primitives::Sequence(1), None))
        .unwrap();
    // Until then it can be read: a challenge may ask for it.
    assert_eq!(get(&face, "/s3/7/object?key=old").await.status, 200);
    let tree = pruned.retired.commitment.start_seq;
    lease.run(|bucket| bucket.release(tree)).unwrap();
    drop(lease);
    let gone = get(&face, "/s3/7/object?key=old").await;
    assert_eq!(
        (gone.status.as_u16(), &gone.json()["error"]),
        (404, &json!("root_not_found"))
    );
    // Once the new tree is signed.
    put(&face, "/s3/7/object?key=newer", b"newer").await;
    let proof = get(&face, "/s3/7/proof?key=old").await;
    assert_eq!(proof.status, 404, "{}", proof.text());
    assert_eq!(get(&face, "/s3/7/proof?key=new").await.status, 200);
    assert_eq!(get(&face, "/s3/7/object?key=new").await.text(), "new");
}
