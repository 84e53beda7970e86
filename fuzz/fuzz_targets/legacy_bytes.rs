//! Arbitrary bytes as a legacy provider's record of a bucket or a node, in each era: reading
//! must not panic or exceed its memory bounds, and no two encodings may mean the same.
#![no_main]

// The name by which the sources below import it.
extern crate parity_scale_codec as codec;

// The sources themselves: they are private, and their crate would link RocksDB.
#[path = "../../node-ext/legacy-import/src/decode.rs"]
mod decode;
#[expect(dead_code, reason = "the target only reads, and imports nothing")]
#[path = "../../node-ext/legacy-import/src/era.rs"]
mod era;

use decode::LegacyNode;
use era::LegacyEra;
use libfuzzer_sys::fuzz_target;

const ERAS: [LegacyEra; 4] = [LegacyEra::A, LegacyEra::B, LegacyEra::C, LegacyEra::D];

fuzz_target!(|bytes: &[u8]| {
    let _ = decode::era_of_state(bytes);
    for era in ERAS {
        if let Ok(state) = decode::state(era, bytes) {
            let leaf_bytes = if era == LegacyEra::A { 90 } else { 48 };
            assert!(state.leaves.len() * leaf_bytes < bytes.len());
            assert!(decode::state(era, &bytes[..bytes.len() - 1]).is_err());
        }
        match decode::node(era, bytes) {
            Ok(LegacyNode::Chunk(chunk)) => assert!(chunk.len() < bytes.len()),
            Ok(LegacyNode::Interior { .. }) => assert!(bytes.len() >= 65),
            Err(_) => {}
        }
    }
});
