//! Proofs that a verifier must refuse, each with the code of the rule that it breaks.

use super::leaves::{Tree, proof as mmr_json};
use super::{code, content, hex, path};
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use cairn_primitives::{
    ChunkIndex, H256, HashingProfile, LeafCount, LeafIndex, MerkleProof, MmrLeaf, MmrProof, verify,
};
use serde_json::{Value, json};

pub(crate) fn leaves(profile: HashingProfile) -> Vec<Value> {
    let tree = Tree::of_numbers(profile, 11);
    let root = tree.root(11);
    let good = tree.prove(5, 11);
    let bend = |change: fn(&mut MmrProof)| {
        let mut bent = good.clone();
        change(&mut bent);
        (bent, 5, 11)
    };
    let cases: Vec<(&str, (MmrProof, u64, u64))> = vec![
        ("another size", bend(|p| p.leaf.data_size += 1)),
        ("another total", bend(|p| p.leaf.total_size += 1)),
        (
            "another data root",
            bend(|p| p.leaf.data_root = H256::zero()),
        ),
        (
            "another sibling",
            bend(|p| p.leaf_proof.siblings[1] = H256::zero()),
        ),
        ("another turn", bend(|p| p.leaf_proof.path[0] = false)),
        ("a bit too many", bend(|p| p.leaf_proof.path.push(false))),
        (
            "a sibling too few",
            bend(|p| {
                p.leaf_proof.siblings.pop();
            }),
        ),
        (
            "a level too many",
            bend(|p| {
                p.leaf_proof.path.push(false);
                p.leaf_proof.siblings.push(H256::zero());
            }),
        ),
        ("a peak too many", bend(|p| p.peaks.push(H256::zero()))),
        (
            "a peak too few",
            bend(|p| {
                p.peaks.pop();
            }),
        ),
        ("another last peak", bend(|p| p.peaks[2] = H256::zero())),
        ("peaks in another order", bend(|p| p.peaks.swap(0, 1))),
        ("the proof of the leaf before", (tree.prove(4, 11), 5, 11)),
        (
            "the proof of a leaf of another mountain",
            (tree.prove(10, 11), 5, 11),
        ),
        ("another leaf count", (good.clone(), 5, 12)),
        (
            "another leaf count with as many peaks",
            (tree.prove(9, 11), 9, 13),
        ),
        ("an index past the leaves", (good.clone(), 11, 11)),
        ("an index that wraps", (good.clone(), u64::MAX, 11)),
        ("no leaves", (good.clone(), 0, 0)),
    ];
    let judged = |(about, (proof, index, count)): (&str, (MmrProof, u64, u64))| {
        let leaf_count = LeafCount::new(count).unwrap();
        let refusal = verify::mmr_proof(profile, &proof, LeafIndex(index), leaf_count, &root);
        json!({
            "about": about,
            "profile": profile.to_string(),
            "leafIndex": index.to_string(),
            "leafCount": count.to_string(),
            "root": hex(root),
            "proof": mmr_json(&proof),
            "code": code(&refusal.unwrap_err()),
        })
    };
    cases.into_iter().map(judged).collect()
}

/// A chunk that a forger gives, as far as a file of vectors can hold it.
enum Given {
    /// A chunk of the content.
    Chunk(usize),
    /// That chunk without its last byte.
    Shortened(usize),
    Bytes(Vec<u8>),
}

pub(crate) fn chunks(profile: HashingProfile) -> Vec<Value> {
    let content = content::bytes(3 * CHUNK_BYTES - 5);
    let leaf = content::leaf(profile, &content);
    let good = content::prove(profile, &content, 1);
    let [_, top] = good.siblings[..] else {
        panic!("three chunks are two levels deep")
    };
    let hashes: Vec<H256> = content::chunks(&content)
        .into_iter()
        .map(|chunk| profile.chunk(chunk))
        .collect();
    let pair = profile.node(&hashes[0], &hashes[1]);
    let root_as_chunk = [pair.as_bytes(), top.as_bytes()].concat();
    let bend = |change: fn(&mut MerkleProof)| {
        let mut bent = good.clone();
        change(&mut bent);
        bent
    };
    let resized = |data_size| MmrLeaf { data_size, ..leaf };
    let cases = [
        ("another chunk", Given::Chunk(0), 1, good.clone(), leaf),
        ("a byte too few", Given::Shortened(1), 1, good.clone(), leaf),
        ("another index", Given::Chunk(1), 0, good.clone(), leaf),
        (
            "a padding slot",
            Given::Bytes(vec![]),
            3,
            content::prove(profile, &content, 2),
            leaf,
        ),
        (
            "an index past the tree",
            Given::Chunk(1),
            5,
            good.clone(),
            leaf,
        ),
        (
            "an index that wraps",
            Given::Chunk(1),
            u64::MAX,
            good.clone(),
            leaf,
        ),
        (
            "another turn",
            Given::Chunk(1),
            1,
            bend(|p| p.path[1] = true),
            leaf,
        ),
        (
            "another sibling",
            Given::Chunk(1),
            1,
            bend(|p| p.siblings[0] = H256::zero()),
            leaf,
        ),
        (
            "a level too few",
            Given::Chunk(1),
            1,
            bend(|p| {
                p.siblings.pop();
                p.path.pop();
            }),
            leaf,
        ),
        (
            "a sibling too many",
            Given::Chunk(1),
            1,
            bend(|p| p.siblings.push(H256::zero())),
            leaf,
        ),
        (
            "another data root",
            Given::Chunk(1),
            1,
            good.clone(),
            MmrLeaf {
                data_root: H256::zero(),
                ..leaf
            },
        ),
        (
            "the size of fewer chunks",
            Given::Chunk(1),
            1,
            good.clone(),
            resized(CHUNK_BYTES as u64 * 2),
        ),
        (
            "the bytes of the root as a chunk",
            Given::Bytes(root_as_chunk),
            0,
            MerkleProof::default(),
            leaf,
        ),
    ];
    let judged = |(about, given, index, proof, leaf): (&str, Given, u64, MerkleProof, MmrLeaf)| {
        let chunk = |k: usize| content::chunks(&content)[k];
        let (bytes, shown) = match given {
            Given::Chunk(k) => (
                chunk(k).to_vec(),
                json!({ "chunkOf": content.len(), "index": k }),
            ),
            Given::Shortened(k) => {
                let chunk = chunk(k);
                let shown = json!({ "chunkOf": content.len(), "index": k, "without": 1 });
                (chunk[..chunk.len() - 1].to_vec(), shown)
            }
            Given::Bytes(bytes) => {
                let shown = json!({ "bytes": hex(&bytes) });
                (bytes, shown)
            }
        };
        let refusal = verify::chunk(profile, &bytes, ChunkIndex(index), &proof, &leaf);
        json!({
            "about": about,
            "profile": profile.to_string(),
            "chunk": shown,
            "chunkIndex": index.to_string(),
            "proof": path(&proof),
            "dataRoot": hex(leaf.data_root),
            "dataSize": leaf.data_size.to_string(),
            "code": code(&refusal.unwrap_err()),
        })
    };
    cases.into_iter().map(judged).collect()
}
