//! A manifest is read back as it was written, and anything else is rejected.

use super::*;
use proptest::prelude::*;

fn manifest() -> Manifest {
    let file = |name: &str, size| ManifestFile::new(name, size, H256::repeat_byte(9)).unwrap();
    Manifest {
        bucket: BucketId(u64::MAX),
        config: BucketConfig {
            profile: HashingProfile::Tagged,
            max_bytes: 1 << 30,
        },
        commitment: Commitment {
            mmr_root: H256::repeat_byte(0xab),
            start_seq: Sequence(5),
            leaf_count: LeafCount::new(6).unwrap(),
        },
        total_size: 7,
        used_bytes: 8,
        files: vec![file("CURRENT", 16), file("000012.sst", u64::MAX - 16)],
        bytes: u64::MAX,
    }
}

fn json() -> String {
    String::from_utf8(manifest().to_json().unwrap()).unwrap()
}

#[test]
fn a_manifest_is_pinned_and_read_back() {
    let expected = format!(
        r#"{{
  "format": "cairn-bucket",
  "version": 1,
  "notice": "Only one provider may go on signing for this bucket: two that do promise different things, and are slashed for it.",
  "bucket": 18446744073709551615,
  "hashing": "tagged",
  "commitment": {{
    "mmr_root": "0x{}",
    "start_seq": 5,
    "leaf_count": 6
  }},
  "total_size": 7,
  "used_bytes": 8,
  "quota_bytes": 1073741824,
  "files": [
    {{
      "name": "CURRENT",
      "size": 16,
      "blake2_256": "0x{nines}"
    }},
    {{
      "name": "000012.sst",
      "size": 18446744073709551599,
      "blake2_256": "0x{nines}"
    }}
  ]
}}
"#,
        "ab".repeat(32),
        nines = "09".repeat(32)
    );
    assert_eq!(json(), expected);
    assert_eq!(Manifest::parse(expected.as_bytes()), Ok(manifest()));
}

#[test]
fn only_names_that_a_database_gives_its_files_are_taken() {
    for name in [
        "CURRENT",
        "IDENTITY",
        "MANIFEST-000005",
        "OPTIONS-000007",
        "000012.sst",
        "18446744073709551615.blob",
        "000004.log",
    ] {
        assert!(is_database_file(name), "{name}");
    }
    for name in [
        "",
        ".",
        "..",
        "../CURRENT",
        "/CURRENT",
        "./CURRENT",
        "CURRENT/",
        "CURRENT/../x",
        "current",
        "LOCK",
        "LOG",
        "MANIFEST-",
        "MANIFEST-../1",
        "MANIFEST-1.sst",
        "OPTIONS-1a",
        "OPTIONS-000005.dbtmp",
        ".sst",
        "../1.sst",
        "/1.sst",
        "a/1.sst",
        "1.sst/2.sst",
        "-1.sst",
        "1.sst\0",
        "1.sst ",
        "\u{661}.sst",
        "1.dbtmp",
        "0000000000000000000000000000000001.sst",
    ] {
        assert!(!is_database_file(name), "{name:?}");
        let escaped = serde_json::to_string(name).unwrap();
        let json = json().replace("\"CURRENT\"", &escaped);
        let fault = Manifest::parse(json.as_bytes()).unwrap_err();
        assert!(matches!(fault, ManifestError::Name(_)), "{name:?}: {fault}");
    }
}

#[test]
fn other_formats_and_versions_are_rejected_with_a_reason() {
    let altered = |from: &str, to: &str| {
        assert!(json().contains(from), "{from}");
        Manifest::parse(json().replacen(from, to, 1).as_bytes()).unwrap_err()
    };
    assert_eq!(
        altered("cairn-bucket", "cairn-proof"),
        ManifestError::Format("cairn-proof".into())
    );
    assert_eq!(
        altered("\"version\": 1", "\"more\": [], \"version\": 2"),
        ManifestError::Version(2)
    );
    assert_eq!(
        altered("000012.sst", "CURRENT"),
        ManifestError::Twice("CURRENT".into())
    );
    assert_eq!(altered("\"size\": 16", "\"size\": 17"), ManifestError::Size);
    let most = cairn_primitives::MAX_LEAF_COUNT;
    assert_eq!(
        altered(
            "\"leaf_count\": 6",
            &format!("\"leaf_count\": {}", most + 1)
        ),
        ManifestError::LeafCount(most + 1)
    );
    for (from, to, reason) in [
        (
            "\"total_size\"",
            "\"surplus\": 1, \"total_size\"",
            "unknown field `surplus`",
        ),
        (
            "\"start_seq\"",
            "\"surplus\": 1, \"start_seq\"",
            "unknown field `surplus`",
        ),
        (
            "\"size\"",
            "\"surplus\": 1, \"size\"",
            "unknown field `surplus`",
        ),
        (
            "\"notice\"",
            "\"bucket\": 1, \"notice\"",
            "duplicate field `bucket`",
        ),
        ("\"total_size\": 7,", "", "missing field `total_size`"),
        ("tagged", "salted", "unknown variant"),
        ("0xab", "ab", "lacks its 0x"),
        ("0xab", "0x", "64 hex digits"),
        ("\"size\": 16", "\"size\": -16", "invalid value"),
        ("]\n}\n", "]\n} x", "trailing"),
    ] {
        let fault = altered(from, to).to_string();
        assert!(fault.contains(reason), "{reason}: {fault}");
    }
}

#[test]
fn a_manifest_is_read_up_to_its_bound() {
    let mut json = json().into_bytes();
    json.resize(usize::try_from(MAX_BYTES).unwrap(), b' ');
    assert_eq!(Manifest::parse(&json), Ok(manifest()));
    json.push(b' ');
    assert_eq!(Manifest::parse(&json), Err(ManifestError::TooLong));
}

proptest! {
    #[test]
    fn parse_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Manifest::parse(&bytes);
    }

    #[test]
    fn an_altered_manifest_is_rejected_or_round_trips(
        place in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let mut json = json().into_bytes();
        let at = place.index(json.len());
        let end = (at + bytes.len()).min(json.len());
        json.splice(at..end, bytes);
        if let Ok(read) = Manifest::parse(&json) {
            prop_assert_eq!(Manifest::parse(&read.to_json().unwrap()), Ok(read));
        }
    }
}
