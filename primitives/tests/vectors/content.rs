//! Content: hashes, sizes without padding, data roots, the nodes of an upload, chunk proofs.

use super::{hashes as all, hex, path};
use cairn_primitives::chunk_tree::{
    CHUNK_BYTES, TreeBuilder, chunk_count, depth, padding, split_without_padding,
};
use cairn_primitives::{ChunkIndex, H256, HashingProfile, MerkleProof, MmrLeaf, verify};
use serde_json::{Value, json};

const SIZES: [usize; 8] = [
    0,
    1,
    CHUNK_BYTES - 1,
    CHUNK_BYTES,
    CHUNK_BYTES + 1,
    2 * CHUNK_BYTES,
    3 * CHUNK_BYTES - 5,
    5 * CHUNK_BYTES + 17,
];

/// Content as the vectors' first lines define it.
pub(crate) fn bytes(size: usize) -> Vec<u8> {
    (0..size)
        .map(|i| (7 * i + 13 * (i >> 8) + 101 * (i >> 18)) as u8)
        .collect()
}

pub(crate) fn chunks(content: &[u8]) -> Vec<&[u8]> {
    match content.is_empty() {
        true => vec![content],
        false => content.chunks(CHUNK_BYTES).collect(),
    }
}

/// The padded tree, level by level, by its definition.
fn levels(profile: HashingProfile, content: &[u8]) -> Vec<Vec<H256>> {
    let mut level: Vec<H256> = chunks(content)
        .into_iter()
        .map(|chunk| profile.chunk(chunk))
        .collect();
    let mut levels = vec![];
    let mut height = 0;
    while level.len() > 1 {
        if level.len() % 2 == 1 {
            level.push(padding(profile, height));
        }
        let above = level
            .chunks(2)
            .map(|pair| profile.node(&pair[0], &pair[1]))
            .collect();
        levels.push(std::mem::replace(&mut level, above));
        height += 1;
    }
    levels.push(level);
    levels
}

pub(crate) fn leaf(profile: HashingProfile, content: &[u8]) -> MmrLeaf {
    MmrLeaf {
        data_root: levels(profile, content).last().unwrap()[0],
        data_size: content.len() as u64,
        total_size: content.len() as u64,
    }
}

pub(crate) fn prove(profile: HashingProfile, content: &[u8], index: usize) -> MerkleProof {
    let levels = levels(profile, content);
    let height = depth(content.len() as u64) as usize;
    MerkleProof {
        siblings: (0..height).map(|h| levels[h][(index >> h) ^ 1]).collect(),
        path: (0..height).map(|h| index >> h & 1 == 1).collect(),
    }
}

pub(crate) fn hashes(profile: HashingProfile) -> Vec<Value> {
    let (a, b) = (H256::repeat_byte(1), H256::repeat_byte(2));
    let leaf = MmrLeaf {
        data_root: a,
        data_size: 3,
        total_size: u64::MAX,
    };
    vec![json!({
        "profile": profile.to_string(),
        "chunk": { "bytes": hex("cairn"), "hash": hex(profile.chunk(b"cairn")) },
        "empty": hex(profile.chunk(b"")),
        "node": { "left": hex(a), "right": hex(b), "hash": hex(profile.node(&a, &b)) },
        "bag": { "peak": hex(a), "rest": hex(b), "hash": hex(profile.bag(&a, &b)) },
        "leaf": {
            "dataRoot": hex(a), "dataSize": "3", "totalSize": u64::MAX.to_string(),
            "hash": hex(profile.leaf(&leaf)),
        },
    })]
}

pub(crate) fn splits() -> Vec<Value> {
    let chunk = CHUNK_BYTES as u64;
    let sizes = [
        0,
        1,
        chunk,
        chunk + 1,
        3 * chunk - 5,
        7 * chunk,
        1 << 62,
        u64::MAX,
    ];
    let split = |size: u64| {
        let parts = split_without_padding(size).map(|part| part.to_string());
        json!({ "size": size.to_string(), "parts": parts.collect::<Vec<_>>() })
    };
    sizes.into_iter().map(split).collect()
}

pub(crate) fn contents(profile: HashingProfile) -> Vec<Value> {
    SIZES.into_iter().map(|size| case(profile, size)).collect()
}

fn case(profile: HashingProfile, size: usize) -> Value {
    let content = bytes(size);
    let leaf = leaf(profile, &content);
    let mut tree = TreeBuilder::new(profile);
    let mut nodes = vec![];
    for chunk in chunks(&content) {
        let hash = profile.chunk(chunk);
        tree.push(hash, chunk.len(), |node| nodes.push(node))
            .unwrap();
    }
    let built = tree.finish(|node| nodes.push(node)).unwrap();
    assert_eq!(built.root, leaf.data_root);
    let nodes: Vec<_> = nodes
        .iter()
        .map(|node| all([&node.hash, &node.left, &node.right]))
        .collect();
    let proofs = chunks(&content).into_iter().enumerate().map(|(k, chunk)| {
        let proof = prove(profile, &content, k);
        verify::chunk(profile, chunk, ChunkIndex(k as u64), &proof, &leaf).unwrap();
        path(&proof)
    });
    json!({
        "profile": profile.to_string(),
        "size": size.to_string(),
        "chunks": chunk_count(size as u64).to_string(),
        "dataRoot": hex(leaf.data_root),
        "nodes": nodes,
        "chunkProofs": proofs.collect::<Vec<_>>(),
    })
}
