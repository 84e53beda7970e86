//! Names, keys and values, compared with `docs/format.md` byte for byte.

use super::*;
use proptest::prelude::*;

#[test]
fn only_the_name_of_a_buckets_folder_parses_to_its_id() {
    let id = BucketId(0x00ab);
    assert_eq!(bucket_dir_name(id), "00000000000000ab");
    assert_eq!(parse_bucket_dir_name("00000000000000ab"), Some(id));
    for other in [
        "ab",
        "00000000000000AB",
        "+0000000000000ab",
        "00000000000000ab.tmp",
        "",
    ] {
        assert_eq!(parse_bucket_dir_name(other), None, "{other}");
    }
}

#[test]
fn keys_match_the_documented_format() {
    assert_eq!(hex::encode(leaf_key(Sequence(258))), "6c0000000000000102");
    assert_eq!(
        hex::encode(node_key(Sequence(1), Position(2))),
        "6e0000000000000001000000000000000002"
    );
    // Height 6 begins the second band, at the peak of 64 leaves.
    let peak = hex::encode(node_key(Sequence(1), Position(126)));
    assert_eq!(peak, "6e000000000000000101000000000000007e");
    let root = H256::repeat_byte(0xee);
    let key = signed_root_key(&root, Sequence(3));
    assert_eq!(
        hex::encode(key),
        format!("72{}0000000000000003", "ee".repeat(32))
    );
    assert!(key.starts_with(&signed_root_prefix(&root)) && key.starts_with(SIGNED_ROOTS));
    assert_eq!(parse_signed_root_key(&key), Some((root, Sequence(3))));
    assert_eq!(chunk_key(&root)[0], b'c');
    assert_eq!(chunk_length_key(&root)[0], b'h');
    assert_eq!(interior_key(&root)[0], b'i');
    assert_eq!(parse_content_key(&interior_key(&root)), Some((b'i', root)));
    assert_eq!(parse_content_key(USAGE_KEY), None);
}

/// Pinned, so that a change of format does not go unnoticed.
#[test]
fn a_state_record_matches_the_documented_format() {
    let record = StateRecord {
        format: FORMAT_VERSION,
        bucket: BucketId(7),
        profile: HashingProfile::Tagged,
        max_bytes: 1,
        tree: Sequence(2),
        count: LeafCount::new(1).unwrap(),
        total_size: 4,
        root: H256::repeat_byte(5),
        peaks: vec![H256::repeat_byte(6)],
    };
    let expected = [
        "01000000",
        "0700000000000000",
        "01",
        "0100000000000000",
        "0200000000000000",
        "0100000000000000",
        "0400000000000000",
        &"05".repeat(32),
        "04",
        &"06".repeat(32),
    ];
    assert_eq!(hex::encode(record.encode()), expected.concat());
    assert_eq!(StateRecord::parse(&record.encode()), Ok(record.clone()));

    let later = StateRecord {
        format: 2,
        ..record
    };
    assert_eq!(
        StateRecord::parse(&later.encode()),
        Err(StateRecordError::Format { found: 2 })
    );
}

proptest! {
    #[test]
    fn decode_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(record) = StateRecord::parse(&bytes) {
            prop_assert_eq!(record.encode(), bytes.clone());
        }
        if let Some(value) = InteriorValue::parse(&bytes) {
            prop_assert_eq!(&value.to_bytes()[..], &bytes[..]);
        }
        if let Some(value) = SignedRootValue::parse(&bytes) {
            prop_assert_eq!(&value.to_bytes()[..], &bytes[..]);
        }
        if let Some(record) = RetiredRecord::parse(&bytes) {
            prop_assert_eq!(record.encode(), bytes.clone());
        }
        if let Some((height, key)) = parse_release_list_key(&bytes) {
            prop_assert_eq!(&release_list_key(height, &key)[..], &bytes[..]);
        }
        if let Some(tree) = parse_retired_key(&bytes) {
            prop_assert_eq!(&retired_key(tree)[..], &bytes[..]);
        }
        let _ = parse_signed_root_key(&bytes);
        let _ = parse_chunk_length(&bytes);
        let _ = parse_bucket_dir_name(&String::from_utf8_lossy(&bytes));
    }

    /// A truncated record is rejected and never parsed as a shorter one.
    #[test]
    fn a_truncated_state_is_rejected(peaks in 0usize..5, cut: proptest::sample::Index) {
        let record = StateRecord {
            format: FORMAT_VERSION,
            bucket: BucketId(7),
            profile: HashingProfile::Plain,
            max_bytes: u64::MAX,
            tree: Sequence(0),
            count: LeafCount::ZERO,
            total_size: 0,
            root: H256::zero(),
            peaks: vec![H256::repeat_byte(1); peaks],
        };
        let bytes = record.encode();
        prop_assert!(StateRecord::parse(&bytes[..cut.index(bytes.len())]).is_err());
    }
}
