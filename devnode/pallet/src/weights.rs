//! Weights of calls: not measured, but never less than a call's reads and writes, hashing
//! and signatures may cost. Good enough for a development chain.

use crate::Config;
use crate::types::ChallengeResponse;
use frame_support::traits::Get;
use frame_support::weights::Weight;

/// A call's own work without the database: 50 microseconds, in picoseconds.
const CALL_TIME: u64 = 50_000_000;
/// One signature: 100 microseconds.
const SIGNATURE_TIME: u64 = 100_000_000;
/// One byte hashed in WASM: 10 nanoseconds, so that a full chunk takes 2.7 ms.
const BYTE_TIME: u64 = 10_000;
/// A node of a path or a peak, hashed in WASM: 1 microsecond.
const NODE_TIME: u64 = 1_000_000;
/// The proof size of a call's rows, in bytes.
const CALL_PROOF_BYTES: u64 = 16_384;

/// The weight of a call that touches a few rows.
pub(crate) fn call<T: Config>() -> Weight {
    Weight::from_parts(CALL_TIME, CALL_PROOF_BYTES)
        .saturating_add(T::DbWeight::get().reads_writes(8, 8))
}

/// The weight of a call that checks signatures, each against its signer's row.
pub(crate) fn signed<T: Config>(signatures: usize) -> Weight {
    let each =
        Weight::from_parts(SIGNATURE_TIME, 1_024).saturating_add(T::DbWeight::get().reads(1));
    call::<T>().saturating_add(each.saturating_mul(number(signatures)))
}

/// The weight of an answer, by its hashing: the chunk's length varies most.
pub(crate) fn answer<T: Config>(response: &ChallengeResponse<T>) -> Weight {
    let checked = match response {
        ChallengeResponse::Proof {
            chunk_data,
            mmr_proof,
            chunk_proof,
        } => {
            let nodes = chunk_proof
                .siblings
                .len()
                .saturating_add(mmr_proof.leaf_proof.siblings.len())
                .saturating_add(mmr_proof.peaks.len());
            number(chunk_data.len())
                .saturating_mul(BYTE_TIME)
                .saturating_add(number(nodes).saturating_mul(NODE_TIME))
        }
        ChallengeResponse::Deleted { .. } => SIGNATURE_TIME,
        ChallengeResponse::Superseded => 0,
    };
    call::<T>().saturating_add(Weight::from_parts(checked, 0))
}

/// The weight of a block's sweep: a read for each deadline, and a call's work for each
/// slashed challenge.
#[cfg(relay_clock)]
pub(crate) fn sweep<T: Config>(deadlines: u32, slashed: u32) -> Weight {
    let passed = T::DbWeight::get().reads(u64::from(deadlines));
    T::DbWeight::get()
        .reads_writes(2, 1)
        .saturating_add(passed)
        .saturating_add(call::<T>().saturating_mul(u64::from(slashed)))
}

fn number(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
