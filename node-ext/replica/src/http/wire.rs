//! The JSON of the HTTP API, as far as a copy needs it. Fields that are not needed are not read.

use crate::peer::{ClaimedContent, ClaimedLeaf, ContentQuery, PeerError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cairn_primitives::{BucketId, H256, MmrLeaf};
use serde::{Deserialize, Serialize};

/// The most siblings of a leaf: a tree has at most 2^62 leaves.
const MAX_SIBLINGS: usize = 64;

#[derive(Deserialize)]
struct LeafAnswer {
    leaf: Leaf,
    proof: LeafPath,
}

#[derive(Deserialize)]
struct Leaf {
    data_root: String,
    data_size: u64,
    total_size: u64,
}

/// The path and the peaks are not read: the index gives the one, and the wanted root the other.
#[derive(Deserialize)]
struct LeafPath {
    siblings: Vec<String>,
}

#[derive(Serialize)]
struct Question {
    bucket_id: u64,
    hashes: Vec<String>,
}

#[derive(Deserialize)]
struct ContentAnswer {
    nodes: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    hash: String,
    data: String,
    children: Option<Vec<String>>,
}

fn unreadable(what: &'static str, reason: impl ToString) -> PeerError {
    let reason = reason.to_string();
    PeerError::Unreadable { what, reason }
}

fn hash(what: &'static str, text: &str) -> Result<H256, PeerError> {
    let mut bytes = [0; 32];
    let text = text.strip_prefix("0x").unwrap_or(text);
    hex::decode_to_slice(text, &mut bytes).map_err(|error| unreadable(what, error))?;
    Ok(H256(bytes))
}

/// Reads the answer with a leaf.
pub(super) fn leaf(body: &[u8]) -> Result<ClaimedLeaf, PeerError> {
    let what = "/mmr_proof";
    let answer: LeafAnswer =
        serde_json::from_slice(body).map_err(|error| unreadable(what, error))?;
    if answer.proof.siblings.len() > MAX_SIBLINGS {
        return Err(PeerError::TooLong(what));
    }
    let siblings = answer.proof.siblings.iter().map(|text| hash(what, text));
    Ok(ClaimedLeaf {
        leaf: MmrLeaf {
            data_root: hash(what, &answer.leaf.data_root)?,
            data_size: answer.leaf.data_size,
            total_size: answer.leaf.total_size,
        },
        siblings: siblings.collect::<Result<_, _>>()?,
    })
}

/// Writes a question for content.
pub(super) fn question(bucket: BucketId, wanted: &[ContentQuery]) -> Vec<u8> {
    let hashes = wanted
        .iter()
        .map(|one| format!("0x{}", hex::encode(one.hash)));
    let question = Question {
        bucket_id: bucket.0,
        hashes: hashes.collect(),
    };
    // Numbers and texts always have a JSON form.
    serde_json::to_vec(&question).unwrap_or_default()
}

/// Reads the answer with content. What was not asked for is left out.
pub(super) fn content(
    wanted: &[ContentQuery],
    body: &[u8],
) -> Result<Vec<(H256, ClaimedContent)>, PeerError> {
    let what = "/fetch_nodes";
    let answer: ContentAnswer =
        serde_json::from_slice(body).map_err(|error| unreadable(what, error))?;
    let mut found = Vec::new();
    for entry in answer.nodes {
        let named = hash(what, &entry.hash)?;
        let Some(one) = wanted.iter().find(|one| one.hash == named) else {
            continue;
        };
        let claimed = match (one.chunk_bytes, entry.children.as_deref()) {
            (Some(_), _) => {
                let bytes = STANDARD.decode(&entry.data);
                ClaimedContent::Chunk(bytes.map_err(|error| unreadable(what, error))?)
            }
            (None, Some([left, right])) => {
                ClaimedContent::Node(hash(what, left)?, hash(what, right)?)
            }
            (None, Some(_)) => return Err(unreadable(what, "a node has two children")),
            (None, None) => node_of_data(what, &entry.data)?,
        };
        found.push((named, claimed));
    }
    Ok(found)
}

/// Takes a node from its data. Under the plain profile a node and a chunk of 64 bytes can share a
/// hash, and a peer may return the latter.
fn node_of_data(what: &'static str, data: &str) -> Result<ClaimedContent, PeerError> {
    let bytes = STANDARD.decode(data);
    let bytes = bytes.map_err(|error| unreadable(what, error))?;
    match bytes.split_at_checked(32) {
        Some((left, right)) if right.len() == 32 => Ok(ClaimedContent::Node(
            H256::from_slice(left),
            H256::from_slice(right),
        )),
        _ => Err(unreadable(what, "a node has no children")),
    }
}
