//! Verifies what a storage provider answers to a challenge, without a provider: a client
//! needs the commitment that was signed, the chunk and the two proofs.
//!
//! Run it with `cargo run -p cairn-primitives --example verify_proof`.

use cairn_primitives::chunk_tree::{ContentHasher, ShapeError};
use cairn_primitives::mmr::Frontier;
use cairn_primitives::{
    ChunkIndex, HashingProfile, LeafIndex, MerkleProof, MmrLeaf, MmrProof, verify,
};

const PROFILE: HashingProfile = HashingProfile::Plain;

/// Returns the leaf of content that fits in one chunk.
fn leaf_of(content: &[u8], before: u64) -> Result<MmrLeaf, ShapeError> {
    let mut hasher = ContentHasher::new(PROFILE);
    hasher.push(content)?;
    let data_size = content.len() as u64;
    Ok(MmrLeaf {
        data_root: hasher.finish().root,
        data_size,
        total_size: before + data_size,
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A bucket of three leaves. A provider stores the nodes that `append` reports.
    let contents: [&[u8]; 3] = [b"first", b"second", b"third"];
    let mut frontier = Frontier::empty(PROFILE);
    let (mut leaves, mut total) = (Vec::new(), 0);
    for content in contents {
        let leaf = leaf_of(content, total)?;
        total = leaf.total_size;
        frontier.append(PROFILE.leaf(&leaf), |_position, _hash| {});
        leaves.push(leaf);
    }
    let (root, count) = (frontier.root(), frontier.count());

    // The provider proves leaf 0. Its mountain has two leaves, so its path has one sibling.
    let [first, second, _] = leaves.as_slice() else {
        return Err("the bucket has three leaves".into());
    };
    let proof = MmrProof {
        peaks: frontier.peaks().to_vec(),
        leaf: *first,
        leaf_proof: MerkleProof {
            siblings: vec![PROFILE.leaf(second)],
            path: vec![false],
        },
    };
    // Content of one chunk needs no path: its hash is the leaf's data root.
    let chunk_proof = MerkleProof::default();

    verify::mmr_proof(PROFILE, &proof, LeafIndex(0), count, &root)?;
    verify::chunk(PROFILE, b"first", ChunkIndex(0), &chunk_proof, &proof.leaf)?;
    println!("leaf 0 of {count} and its chunk are proven under {root:?}");

    // Neither the proof nor the chunk passes for another.
    for (claim, refused) in [
        (
            "the proof of leaf 0 as that of leaf 1",
            verify::mmr_proof(PROFILE, &proof, LeafIndex(1), count, &root),
        ),
        (
            "another chunk",
            verify::chunk(PROFILE, b"forge", ChunkIndex(0), &chunk_proof, &proof.leaf),
        ),
    ] {
        match refused {
            Err(reason) => println!("{claim} is refused: {reason}"),
            Ok(()) => return Err(format!("{claim} was accepted").into()),
        }
    }
    Ok(())
}
