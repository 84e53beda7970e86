//! The hashing profiles: the only file in which two digests become one.
//!
//! | what              | `Plain`                   | `Tagged`                          |
//! |-------------------|---------------------------|-----------------------------------|
//! | chunk             | `blake2_256(bytes)`       | `blake2_256(0x00 ++ bytes)`       |
//! | MMR leaf          | `blake2_256(SCALE(leaf))` | `blake2_256(0x00 ++ SCALE(leaf))` |
//! | interior node     | `blake2_256(l ++ r)`      | `blake2_256(0x01 ++ l ++ r)`      |
//! | bagging two peaks | `blake2_256(peak ++ rest)`| `blake2_256(0x02 ++ peak ++ rest)`|

use crate::leaf::MmrLeaf;
use blake2b_simd::Params;
use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use core::fmt;
use primitive_types::H256;

/// The prefixes of the `Tagged` profile.
const TAG_LEAF: u8 = 0x00;
const TAG_NODE: u8 = 0x01;
const TAG_BAG: u8 = 0x02;

/// The hashing of a bucket. Fixed for the bucket's whole life, since a signed root cannot
/// be converted.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Encode,
    Decode,
    DecodeWithMemTracking,
    MaxEncodedLen,
)]
#[cfg_attr(feature = "type-info", derive(scale_info::TypeInfo))]
pub enum HashingProfile {
    /// The profile that the deployed pallet verifies.
    #[default]
    Plain,
    /// The profile that a later pallet verifies: a prefix keeps a node's bytes from
    /// passing as those of a leaf.
    Tagged,
}

impl fmt::Display for HashingProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Tagged => "tagged",
        })
    }
}

impl HashingProfile {
    /// Hashes a chunk of content.
    pub fn chunk(self, bytes: &[u8]) -> H256 {
        self.digest(TAG_LEAF, &[bytes])
    }

    /// Hashes an MMR leaf.
    pub fn leaf(self, leaf: &MmrLeaf) -> H256 {
        self.digest(TAG_LEAF, &[&leaf.to_bytes()])
    }

    /// Hashes an interior node of a chunk tree or an MMR.
    pub fn node(self, left: &H256, right: &H256) -> H256 {
        self.digest(TAG_NODE, &[left.as_bytes(), right.as_bytes()])
    }

    /// Makes one step of bagging: hashes a peak with the bagged peaks to its right.
    pub fn bag(self, peak: &H256, rest: &H256) -> H256 {
        self.digest(TAG_BAG, &[peak.as_bytes(), rest.as_bytes()])
    }

    fn digest(self, tag: u8, parts: &[&[u8]]) -> H256 {
        let mut params = Params::new();
        params.hash_length(32);
        let mut state = params.to_state();
        if self == Self::Tagged {
            state.update(&[tag]);
        }
        for part in parts {
            state.update(part);
        }
        H256::from_slice(state.finalize().as_bytes())
    }
}

/// Hashes with `blake2_256`, which both profiles use.
pub fn blake2_256(bytes: &[u8]) -> H256 {
    HashingProfile::Plain.chunk(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn h(hex_text: &str) -> H256 {
        H256::from_slice(&hex::decode(hex_text).unwrap())
    }

    /// Values from Python's `hashlib.blake2b(.., digest_size=32)`.
    #[test]
    fn digests_match_another_implementation() {
        let (a, b) = (H256::repeat_byte(1), H256::repeat_byte(2));
        let plain = HashingProfile::Plain;
        let tagged = HashingProfile::Tagged;
        assert_eq!(
            plain.chunk(b""),
            h("0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8")
        );
        assert_eq!(plain.chunk(b"cairn"), h(CAIRN));
        assert_eq!(tagged.chunk(b"cairn"), h(CAIRN_TAGGED));
        assert_eq!(plain.node(&a, &b), plain.bag(&a, &b));
        assert_eq!(plain.node(&a, &b), h(NODE));
        assert_eq!(tagged.node(&a, &b), h(NODE_TAGGED));
        assert_eq!(tagged.bag(&a, &b), h(BAG_TAGGED));
    }

    const CAIRN: &str = "3b991a0445791cd81841e6e768c0db4c62b36f9f23ac1059bb41991ca224be38";
    const CAIRN_TAGGED: &str = "8b9dfe0cb23d5a1b06b2512917b5fc76d7174b2346b39877172b839385933f03";
    const NODE: &str = "30b600fb1f0cc0b3f0fc28cdcb7389405a6659be81c7d5c5905725aa3a5119ce";
    const NODE_TAGGED: &str = "81f855f6e4eac8d9e571c539b652e1574f085015711abed480cf6defe7a1f1ac";
    const BAG_TAGGED: &str = "39ffd1718a7a2d0f61de8f7902cb47d9661392d004d5b91e835ccd3d475cd035";
}
