//! Index files as the legacy provider writes them, with faults in some places, and arbitrary bytes.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Copied from a file of the legacy provider.
const OBJECTS: &str = r#"{
  "objects": {
    "photos/cat.png": {
      "data_root": "0xabababababababababababababababababababababababababababababababab",
      "size": 1234,
      "content_type": "image/png",
      "etag": "0xabab",
      "last_modified": 1700000000,
      "user_metadata": [
        [
          "owner",
          "alice"
        ]
      ],
      "leaf_index": 7
    }
  },
  "object_count": 1,
  "total_size": 1234
}"#;

fn cat() -> LegacyEntry {
    LegacyEntry {
        kind: Kind::File,
        data_root: H256::repeat_byte(0xab),
        size: 1234,
        content_type: "image/png".to_owned(),
        modified_s: 1_700_000_000,
        metadata: vec![("owner".to_owned(), "alice".to_owned())],
        leaf_index: 7,
    }
}

fn file(kind: &str) -> Value {
    json!({
        "entry_type": kind,
        "data_root": format!("0x{}", "ab".repeat(32)),
        "size": 5,
        "content_type": "text/plain",
        "mtime": 9,
        "leaf_index": 1,
    })
}

fn parsed(space: Space, text: &str) -> LegacyIndex {
    parse(text.as_bytes(), space)
}

fn names(index: &LegacyIndex) -> Vec<(&str, bool)> {
    let entries = index.entries.iter();
    entries
        .map(|(name, entry)| (name.as_str(), entry.is_some()))
        .collect()
}

#[test]
fn an_index_of_objects_is_read_with_all_that_it_says() {
    let index = parsed(Space::Keys, OBJECTS);
    assert_eq!(index.fault, None);
    let expected = [("photos/cat.png".to_owned(), Some(Box::new(cat())))];
    assert_eq!(index.entries, BTreeMap::from(expected));
}

#[test]
fn an_index_of_files_has_directories() {
    let text = json!({
        "entries": { "/d": file("directory"), "/d/f": file("file"), "/pipe": file("pipe") },
        "file_count": 1, "dir_count": 1, "total_size": 5,
    });
    let index = parsed(Space::Paths, &text.to_string());
    assert_eq!(index.fault, None);
    let kinds = index.entries.values();
    let kinds: Vec<_> = kinds
        .map(|entry| entry.as_ref().map(|one| one.kind))
        .collect();
    assert_eq!(kinds, [Some(Kind::Directory), Some(Kind::File), None]);
    let file = index.entries["/d/f"].as_ref().unwrap();
    assert_eq!((file.size, file.modified_s, file.leaf_index), (5, 9, 1));
    assert_eq!(file.content_type, "text/plain");
}

#[test]
fn an_entry_that_makes_no_sense_costs_no_other() {
    let mut index: Value = serde_json::from_str(OBJECTS).unwrap();
    let good = index["objects"]["photos/cat.png"].clone();
    let with = |field: &str, value: Value| {
        let mut entry = good.clone();
        entry[field] = value;
        entry
    };
    let mut lacks_size = good.clone();
    lacks_size.as_object_mut().unwrap().remove("size");
    let long = "x".repeat(MAX_ENTRY_BYTES);
    for (name, entry) in [
        ("a number", json!(3)),
        ("a list", json!([[[]]])),
        ("null", json!(null)),
        ("a negative size", with("size", json!(-1))),
        ("a large size", with("size", json!(1e30))),
        ("no size", lacks_size),
        ("a short root", with("data_root", json!("0xab"))),
        ("a root of other letters", with("data_root", json!("0xzz"))),
        (
            "metadata of three",
            with("user_metadata", json!([["a", "b", "c"]])),
        ),
        ("a long entry", with("content_type", json!(long))),
    ] {
        index["objects"][name] = entry;
    }
    // Fields that are not known are ignored.
    index["objects"]["unknown"] = with("version", json!({ "a": [1] }));
    index["version"] = json!({ "a": [1] });
    let index = parsed(Space::Keys, &index.to_string());
    assert_eq!(index.fault, None);
    assert_eq!(index.entries.len(), 12);
    let sound: Vec<_> = names(&index).into_iter().filter(|(_, is)| *is).collect();
    assert_eq!(sound, [("photos/cat.png", true), ("unknown", true)]);
}

#[test]
fn what_comes_before_a_fault_in_the_file_is_kept() {
    let end = OBJECTS.find("\n  },").unwrap();
    let (begin, rest) = OBJECTS.split_at(end);
    let torn = format!("{begin},\n\"next\": {{\"data_root\": \"0xab");
    for text in [
        torn,
        format!("{begin},\n\"\\ud800\": {{}}{rest}"),
        format!("{OBJECTS}{{}}"),
        begin.to_owned(),
    ] {
        let index = parsed(Space::Keys, &text);
        assert_eq!(names(&index), [("photos/cat.png", true)], "{text}");
        assert!(index.fault.is_some(), "{text}");
    }
}

#[test]
fn what_is_no_index_has_a_fault_and_no_names() {
    let deep = format!("{{\"objects\": {}", "[".repeat(100_000));
    let entries = "{\"entries\": {}}";
    for text in [
        "",
        "{}",
        "[]",
        "3",
        "{\"objects\": 3}",
        entries,
        deep.as_str(),
    ] {
        let index = parsed(Space::Keys, text);
        assert!(index.entries.is_empty(), "{text:.20}");
        assert!(index.fault.is_some(), "{text:.20}");
    }
    let long = format!("{{\"objects\": \"{}\"}}", "x".repeat(10_000));
    let fault = parsed(Space::Keys, &long).fault.unwrap();
    assert_eq!(fault.chars().count(), MAX_FAULT_CHARS);
}

#[test]
fn a_name_that_is_there_twice_has_its_last_entry() {
    let entry = |size: u64| format!(r#""a": {{"size": {size}, {}"#, rest_of_cat());
    let text = format!(r#"{{"objects": {{{}, {}}}}}"#, entry(1), entry(2));
    let index = parsed(Space::Keys, &text);
    assert_eq!(index.fault, None);
    assert_eq!(index.entries["a"].as_ref().unwrap().size, 2);
}

fn rest_of_cat() -> &'static str {
    r#""data_root": "abababababababababababababababababababababababababababababababab",
       "content_type": "", "last_modified": 0, "user_metadata": [], "leaf_index": 0}"#
}

#[test]
fn too_many_names_are_a_fault() {
    let mut text = String::from("{\"objects\": {");
    for number in 0..=MAX_INDEX_NAMES {
        text.push_str(&format!("\"{number}\":0,"));
    }
    let index = parsed(Space::Keys, &text);
    assert_eq!(index.entries.len(), MAX_INDEX_NAMES);
    let fault = index.fault.unwrap();
    assert!(fault.contains("more than 1000000 names"), "{fault}");
}

#[test]
fn a_file_that_is_absent_too_large_or_no_file_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bucket_7_index.json");
    assert_eq!(read(&path, Space::Keys), None);
    std::fs::create_dir(&path).unwrap();
    let fault = read(&path, Space::Keys).unwrap().fault.unwrap();
    assert!(fault.contains("not a file"), "{fault}");
    std::fs::remove_dir(&path).unwrap();
    std::fs::write(&path, OBJECTS).unwrap();
    let index = read(&path, Space::Keys).unwrap();
    assert_eq!((index.entries.len(), index.fault), (1, None));
    // A hole in the file, and no bytes on the disk.
    let file = File::options().write(true).open(&path).unwrap();
    file.set_len(MAX_INDEX_BYTES + 1).unwrap();
    let index = read(&path, Space::Keys).unwrap();
    assert!(index.entries.is_empty());
    let fault = index.fault.unwrap();
    assert!(fault.contains("268435457 bytes"), "{fault}");
}

#[test]
fn a_file_is_of_one_bucket_by_its_exact_name() {
    for space in [Space::Keys, Space::Paths] {
        for id in [0, 7, u64::MAX] {
            let name = file_name(space, BucketId(id));
            assert_eq!(bucket_of(space, &name), Some(BucketId(id)), "{name}");
        }
    }
    for name in [
        "bucket_07_index.json",
        "bucket_+7_index.json",
        "bucket__index.json",
        "bucket_18446744073709551616_index.json",
        "bucket_7_index.json.tmp",
        "drive_7_index.json",
    ] {
        assert_eq!(bucket_of(Space::Keys, name), None, "{name}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_an_index_or_a_fault(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for space in [Space::Keys, Space::Paths] {
            let index = parse(&bytes[..], space);
            let has_brace = bytes.contains(&b'{');
            prop_assert!(index.fault.is_some() || has_brace);
        }
    }

    /// Any change of a byte, and any end, of a sound index.
    #[test]
    fn a_damaged_index_is_read_without_a_panic(
        at in 0..OBJECTS.len(), byte in any::<u8>(), end in 0..=OBJECTS.len()
    ) {
        let mut bytes = OBJECTS.as_bytes().to_vec();
        bytes[at] = byte;
        bytes.truncate(end);
        let index = parse(&bytes[..], Space::Keys);
        prop_assert!(index.entries.len() <= 1);
        // What is left is as it was, and not whole.
        prop_assert!(at < end || index.fault.is_some());
    }

    /// Against a reading by the format's own types.
    #[test]
    fn any_index_of_objects_comes_back(
        names in proptest::collection::btree_map("\\PC{0,20}", (any::<u64>(), any::<u64>()), 0..8)
    ) {
        let mut objects = serde_json::Map::new();
        for (name, (size, time)) in &names {
            objects.insert(name.clone(), json!({
                "data_root": format!("0x{}", "ab".repeat(32)),
                "size": size,
                "content_type": name,
                "etag": "",
                "last_modified": time,
                "user_metadata": [[name, "v"]],
                "leaf_index": size,
            }));
        }
        let text = serde_json::to_string_pretty(&json!({ "objects": objects })).unwrap();
        let index = parsed(Space::Keys, &text);
        prop_assert_eq!(&index.fault, &None);
        prop_assert_eq!(index.entries.len(), names.len());
        for (name, (size, time)) in names {
            let entry = index.entries[&name].as_ref().unwrap();
            prop_assert_eq!((entry.size, entry.modified_s, entry.leaf_index), (size, time, size));
            prop_assert_eq!(&entry.content_type, &name);
            prop_assert_eq!(&entry.metadata, &vec![(name, "v".to_owned())]);
        }
    }
}
