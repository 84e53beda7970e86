//! The functions that JavaScript calls, each a few lines over this crate's others.

use crate::content::Content;
use crate::proofs::{self, GivenLeaf, GivenPath};
use crate::refusal::Refusal;
use crate::{input, signatures};
use cairn_primitives::{ChunkIndex, chunk_tree, verify};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

/// Returns the value that JavaScript catches: the refusal's text.
fn thrown(refusal: impl Into<Refusal>) -> JsValue {
    JsValue::from_str(&refusal.into().to_string())
}

/// Returns the hash of a chunk.
#[wasm_bindgen(js_name = hashChunk)]
pub fn hash_chunk(tagged: bool, bytes: &[u8]) -> Vec<u8> {
    input::profile(tagged).chunk(bytes).as_bytes().to_vec()
}

/// Returns the number of chunks of content of a size.
#[wasm_bindgen(js_name = chunkCount)]
pub fn chunk_count(size: u64) -> u64 {
    chunk_tree::chunk_count(size)
}

/// Returns the length of a chunk of content of a size.
#[wasm_bindgen(js_name = chunkLength)]
pub fn chunk_length(index: u64, size: u64) -> Result<u32, JsValue> {
    let length = verify::chunk_length(ChunkIndex(index), size).map_err(thrown)?;
    u32::try_from(length).map_err(|error| thrown(Refusal::malformed(error)))
}

/// Returns the sizes of the parts that content of a size is split into, so that none has padding.
#[wasm_bindgen(js_name = splitWithoutPadding)]
pub fn split_without_padding(size: u64) -> Vec<u64> {
    chunk_tree::split_without_padding(size).collect()
}

/// Verifies a chunk against a data root and the size of the content.
#[wasm_bindgen(js_name = verifyChunk)]
pub fn verify_chunk(
    tagged: bool,
    bytes: &[u8],
    index: u64,
    siblings: &[u8],
    path: &[u8],
    data_root: &[u8],
    data_size: u64,
) -> Result<(), JsValue> {
    let path = GivenPath { siblings, path };
    proofs::verify_chunk(tagged, bytes, index, path, (data_root, data_size)).map_err(thrown)
}

/// Verifies a leaf at its index under a root.
#[wasm_bindgen(js_name = verifyLeaf)]
#[expect(
    clippy::too_many_arguments,
    reason = "JavaScript passes no structs without a heap of objects on this side"
)]
pub fn verify_leaf(
    tagged: bool,
    data_root: &[u8],
    data_size: u64,
    total_size: u64,
    peaks: &[u8],
    siblings: &[u8],
    path: &[u8],
    leaf_index: u64,
    leaf_count: u64,
    root: &[u8],
) -> Result<(), JsValue> {
    let leaf = GivenLeaf {
        data_root,
        data_size,
        total_size,
    };
    let path = (peaks, GivenPath { siblings, path });
    proofs::verify_leaf(tagged, leaf, path, leaf_index, (leaf_count, root)).map_err(thrown)
}

/// Verifies a `ChallengeResponse` in SCALE by the strict rule and by the chain's.
#[wasm_bindgen(js_name = verifyResponse)]
pub fn verify_response(
    tagged: bool,
    response: &[u8],
    leaf_index: u64,
    chunk_index: u64,
    leaf_count: u64,
    root: &[u8],
) -> Result<(), JsValue> {
    let (location, state) = ((leaf_index, chunk_index), (leaf_count, root));
    proofs::verify_response(tagged, response, location, state).map_err(thrown)
}

/// Returns the bytes that a provider signs for a commitment.
#[wasm_bindgen(js_name = commitmentPayload)]
pub fn commitment_payload(
    bucket: u64,
    root: &[u8],
    start_seq: u64,
    leaf_count: u64,
    nonce: Option<u64>,
) -> Result<Vec<u8>, JsValue> {
    signatures::payload(bucket, root, (start_seq, leaf_count), nonce).map_err(thrown)
}

/// Verifies a `MultiSignature` in SCALE over a message.
#[wasm_bindgen(js_name = verifySignature)]
pub fn verify_signature(message: &[u8], signature: &[u8], key: &[u8]) -> Result<(), JsValue> {
    signatures::verify_signature(message, signature, key).map_err(thrown)
}

/// Verifies an sr25519 signature of 64 bytes over a message.
#[wasm_bindgen(js_name = verifySr25519)]
pub fn verify_sr25519(message: &[u8], signature: &[u8], key: &[u8]) -> Result<(), JsValue> {
    signatures::verify_sr25519(message, signature, key).map_err(thrown)
}

/// Content that is hashed chunk by chunk.
#[wasm_bindgen(js_name = ContentHasher)]
#[derive(Debug)]
pub struct ContentHasher {
    content: Content,
    root: Option<chunk_tree::ContentRoot>,
}

#[wasm_bindgen(js_class = ContentHasher)]
impl ContentHasher {
    /// Begins content without chunks.
    #[wasm_bindgen(constructor)]
    pub fn new(tagged: bool) -> Self {
        Self {
            content: Content::new(tagged),
            root: None,
        }
    }

    /// Adds the next chunk, and returns the complete nodes: 96 bytes each, of its hash and its two
    /// children.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Vec<u8>, JsValue> {
        self.content.push(chunk).map_err(thrown)
    }

    /// Ends the content, and returns the nodes that are left.
    pub fn finish(&mut self) -> Result<Vec<u8>, JsValue> {
        let (nodes, root) = self.content.finish().map_err(thrown)?;
        self.root = Some(root);
        Ok(nodes)
    }

    /// Returns the data root, after the end.
    #[wasm_bindgen(getter, js_name = dataRoot)]
    pub fn data_root(&self) -> Option<Vec<u8>> {
        self.root.map(|root| root.root.as_bytes().to_vec())
    }

    /// Returns the bytes of content, after the end.
    #[wasm_bindgen(getter)]
    pub fn size(&self) -> Option<u64> {
        self.root.map(|root| root.subtree.bytes())
    }
}
