//! Proofs of one bucket, alone, and then while others upload to another.

use super::CONNECTIONS;
use super::clients::{Request, Sent, connect, send_for};
use super::exchange::put_body;
use super::fixture::{QUIET, put_header};
use crate::Fallible;
use crate::data::{random, random_below, random_bytes};
use cairn_primitives::HashingProfile;
use cairn_primitives::chunk_tree::CHUNK_BYTES;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;

/// The number of the random content.
const STREAM: u64 = 20;

/// The requests for proofs, and the uploads meanwhile.
pub(super) struct Proofs {
    pub(super) idle: Sent,
    pub(super) storm: Sent,
    pub(super) uploads: Sent,
}

/// Asks for proofs of random leaves over one connection.
pub(super) async fn measure(
    address: SocketAddr,
    leaves: u64,
    lasting: Duration,
) -> Fallible<Proofs> {
    let mut quiet = connect(address, 1).await?;
    let proof = |number: u64| {
        let index = random_below(&mut random(number), leaves);
        Request::get(format!("/mmr_proof?bucket_id={QUIET}&leaf_index={index}"))
    };
    let idle = send_for(&mut quiet, lasting, proof).await?;
    let mut many = connect(address, CONNECTIONS).await?;
    let (header, content) = (put_header()?, random_bytes(STREAM, CHUNK_BYTES));
    let upload = move |number: u64| {
        let mut chunk = content.clone();
        if let Some(start) = chunk.first_chunk_mut() {
            *start = number.to_le_bytes();
        }
        let hash = HashingProfile::Plain.chunk(&chunk);
        Request::put("/node", &header, put_body(hash, &chunk, &Value::Null))
    };
    // On another thread than the proofs, whose client must not wait for chunks to be made.
    let uploading = tokio::spawn(async move { send_for(&mut many, lasting, upload).await });
    let storm = send_for(&mut quiet, lasting, proof).await?;
    Ok(Proofs {
        idle,
        storm,
        uploads: uploading.await??,
    })
}
