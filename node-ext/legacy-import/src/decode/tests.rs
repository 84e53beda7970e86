//! The bytes of each era, written out by hand, and arbitrary bytes.

use super::*;
use LegacyEra::{A, B, C, D};
use proptest::prelude::*;

fn text(hash: &H256) -> Vec<u8> {
    let mut bytes = 66u64.to_le_bytes().to_vec();
    bytes.extend(format!("0x{}", hex::encode(hash)).bytes());
    bytes
}

fn scale_length(length: usize) -> Vec<u8> {
    codec::Encode::encode(&Compact(length as u32))
}

fn encoded_state(era: LegacyEra, state: &LegacyState) -> Vec<u8> {
    let hash = |hash: &H256| match era {
        A => text(hash),
        _ => hash.0.to_vec(),
    };
    let mut bytes = hash(&state.mmr_root);
    bytes.extend(state.start_seq.to_le_bytes());
    bytes.extend(match era {
        A => (state.leaves.len() as u64).to_le_bytes().to_vec(),
        _ => scale_length(state.leaves.len()),
    });
    for leaf in &state.leaves {
        bytes.extend(hash(&leaf.data_root));
        bytes.extend(leaf.data_size.to_le_bytes());
        bytes.extend(leaf.total_size.to_le_bytes());
    }
    bytes.extend(state.used_bytes.to_le_bytes());
    bytes.extend(state.max_bytes.to_le_bytes());
    bytes
}

fn encoded_node(era: LegacyEra, node: LegacyNode<'_>) -> Vec<u8> {
    let length = |length: usize| match era {
        A => (length as u64).to_le_bytes().to_vec(),
        _ => scale_length(length),
    };
    let hash = |hash: &H256| match era {
        A => text(hash),
        _ => hash.0.to_vec(),
    };
    match (era, node) {
        (A | B, LegacyNode::Chunk(bytes)) => [&length(bytes.len())[..], bytes, &[0]].concat(),
        (A | B, LegacyNode::Interior { left, right }) => [
            length(64),
            left.0.to_vec(),
            right.0.to_vec(),
            vec![1],
            length(2),
            hash(&left),
            hash(&right),
        ]
        .concat(),
        (C | D, LegacyNode::Chunk(bytes)) => [&[0], &length(bytes.len())[..], bytes].concat(),
        (C | D, LegacyNode::Interior { left, right }) => {
            [vec![1], left.0.to_vec(), right.0.to_vec()].concat()
        }
    }
}

fn a_state(leaves: usize) -> LegacyState {
    let leaf = MmrLeaf {
        data_root: H256::repeat_byte(0xc0),
        data_size: 3,
        total_size: 9,
    };
    LegacyState {
        mmr_root: H256::repeat_byte(0xab),
        start_seq: 5,
        leaves: vec![leaf; leaves],
        used_bytes: 1,
        max_bytes: u64::MAX,
    }
}

#[test]
fn a_state_has_the_documented_length_in_each_encoding() {
    // A hash is 74 bytes in bincode and a leaf 90; 32 and 48 in SCALE.
    assert_eq!(
        encoded_state(A, &a_state(2)).len(),
        74 + 8 + 8 + 2 * 90 + 16
    );
    assert_eq!(
        encoded_state(B, &a_state(2)).len(),
        32 + 8 + 1 + 2 * 48 + 16
    );
}

#[test]
fn an_upper_case_hash_is_not_one_of_era_a() {
    let mut value = encoded_state(A, &a_state(0));
    assert!(state(A, &value).is_ok());
    value[10] = b'A';
    assert_eq!(state(A, &value), Err(DecodeError::HashText));
}

#[test]
fn a_length_without_enough_bytes_allocates_nothing() {
    let mut bomb = text(&H256::zero());
    bomb.extend([0; 8]);
    bomb.extend(u64::MAX.to_le_bytes());
    assert_eq!(state(A, &bomb), Err(DecodeError::Short));
    let mut bomb = vec![0; 40];
    bomb.extend([0xfe, 0xff, 0xff, 0xff]);
    assert_eq!(state(B, &bomb), Err(DecodeError::Short));
}

#[test]
fn a_node_whose_bytes_are_not_its_childrens_is_refused() {
    let (left, right) = (H256::repeat_byte(1), H256::repeat_byte(2));
    for era in [A, B] {
        let mut value = encoded_node(era, LegacyNode::Interior { left, right });
        let place = value.len() - 100;
        assert!(node(era, &value).is_ok());
        value[place / 2] ^= 1;
        assert!(node(era, &value).is_err(), "{era:?}");
    }
    let lone = [&scale_length(0)[..], &[1], &scale_length(1), &[7; 32]].concat();
    assert_eq!(node(B, &lone), Err(DecodeError::Children(1)));
    assert_eq!(node(C, &[2]), Err(DecodeError::Tag(2)));
}

fn any_era() -> impl Strategy<Value = LegacyEra> {
    prop_oneof![Just(A), Just(B), Just(C), Just(D)]
}

proptest! {
    /// A value that decodes means what its encoding says: encoding it again gives the same
    /// bytes.
    #[test]
    fn decode_any_bytes(era in any_era(), bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(state) = state(era, &bytes) {
            prop_assert_eq!(encoded_state(era, &state), bytes.clone());
        }
        if let Ok(node) = node(era, &bytes) {
            prop_assert_eq!(encoded_node(era, node), bytes.clone());
        }
    }

    #[test]
    fn only_values_of_the_exact_length_decode(
        era in any_era(),
        leaves in 0usize..4,
        chunk in proptest::collection::vec(any::<u8>(), 0..100),
        is_chunk: bool,
        cut: proptest::sample::Index,
    ) {
        let written = a_state(leaves);
        let mut value = encoded_state(era, &written);
        prop_assert_eq!(state(era, &value), Ok(written));
        prop_assert!(state(era, &value[..cut.index(value.len())]).is_err());
        value.push(0);
        prop_assert!(state(era, &value).is_err());

        let (left, right) = (H256::repeat_byte(1), H256::repeat_byte(2));
        let written = match is_chunk {
            true => LegacyNode::Chunk(&chunk),
            false => LegacyNode::Interior { left, right },
        };
        let mut value = encoded_node(era, written);
        prop_assert_eq!(node(era, &value), Ok(written));
        prop_assert!(node(era, &value[..cut.index(value.len())]).is_err());
        value.push(0);
        prop_assert!(node(era, &value).is_err());
    }

    /// A valid value with one byte changed is rejected, or decodes to the other value that
    /// it then encodes.
    #[test]
    fn a_changed_byte_is_refused_or_decodes_to_what_it_encodes(
        era in any_era(),
        leaves in 0usize..4,
        place: proptest::sample::Index,
        to: u8,
    ) {
        let mut value = encoded_state(era, &a_state(leaves));
        let place = place.index(value.len());
        value[place] = to;
        if let Ok(state) = state(era, &value) {
            prop_assert_eq!(encoded_state(era, &state), value);
        }
    }
}
