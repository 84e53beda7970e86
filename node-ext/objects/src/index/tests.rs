//! The index over a real bucket: what is put is found, counted, listed page by page, and deleted.

use super::*;
use crate::record::Attributes;
use cairn_bucket::BucketConfig;
use cairn_engine::{Access, SharedResources};
use cairn_primitives::{BucketId, H256};
use proptest::prelude::*;
use std::collections::BTreeSet;
use tempfile::TempDir;

pub(super) fn bucket() -> (TempDir, Bucket) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bucket");
    let shared = SharedResources::default();
    let bucket = Bucket::create(&path, BucketId(1), BucketConfig::default(), &shared).unwrap();
    (folder, bucket)
}

pub(super) fn record(size: u64) -> ObjectRecord {
    ObjectRecord {
        kind: Kind::File,
        size,
        data_root: H256::from_low_u64_be(size),
        leaves: vec![H256::from_low_u64_be(size)],
        ..ObjectRecord::directory()
    }
}

pub(super) fn key(name: &str) -> ObjectName {
    ObjectName::key(name).unwrap()
}

fn names(page: &Listing) -> Vec<&str> {
    page.listed.iter().map(Listed::name).collect()
}

#[test]
fn what_is_put_is_found_counted_and_survives() {
    let (folder, bucket) = bucket();
    let index = Index::new(&bucket, Space::Keys);
    let put = |name: &str, size| index.put(&key(name), &record(size), Condition::Any);
    assert_eq!(put("a", 3).unwrap(), None);
    assert_eq!(put("b", 4).unwrap(), None);
    let replaced = put("a", 5).unwrap();
    assert_eq!(replaced.map(|before| before.size), Some(3));
    let stats = index.stats().unwrap();
    assert_eq!((stats.files, stats.total_size, stats.version), (2, 9, 3));
    // Another space is another index.
    let files = Index::new(&bucket, Space::Paths);
    assert_eq!(files.get("a").unwrap(), None);
    assert_eq!(files.stats().unwrap().version, 0);
    drop(bucket);

    let path = folder.path().join("bucket");
    let bucket = Bucket::open(&path, Access::ReadWrite, &SharedResources::default()).unwrap();
    let index = Index::new(&bucket, Space::Keys);
    assert_eq!(index.stats().unwrap(), stats);
    assert_eq!(
        index.get("a").unwrap(),
        Some(record(5)).map(|record| ObjectRecord {
            modified_s: index.get("a").unwrap().unwrap().modified_s,
            ..record
        })
    );
    assert!(index.delete("a").unwrap().is_some());
    assert_eq!(index.delete("a").unwrap(), None);
    assert_eq!(index.get("a").unwrap(), None);
    let empty = index.delete("b").unwrap();
    assert!(empty.is_some());
    let stats = index.stats().unwrap();
    assert_eq!(
        (stats.files, stats.total_size, stats.index_bytes),
        (0, 0, 0)
    );
}

#[test]
fn the_journal_has_a_copy_of_each_record() {
    let (folder, bucket) = bucket();
    let index = Index::new(&bucket, Space::Keys);
    index.put(&key("a"), &record(3), Condition::Any).unwrap();
    bucket.flush().unwrap();
    let journal = std::fs::read(folder.path().join("bucket/JOURNAL")).unwrap();
    let stored = record(3).to_bytes();
    // Without the time, which is not the same.
    let unchanging = &stored[..40];
    let is_there = journal
        .windows(unchanging.len())
        .any(|window| window == unchanging);
    assert!(is_there, "the journal has no copy of the record");
}

#[test]
fn conditions_hold_or_nothing_is_written() {
    let (_folder, bucket) = bucket();
    let index = Index::new(&bucket, Space::Keys);
    let put = |size, condition| index.put(&key("a"), &record(size), condition);
    let is = |size| Condition::Is(record(size).data_root);
    assert!(matches!(put(1, is(1)), Err(ObjectError::Condition { .. })));
    put(1, Condition::Absent).unwrap();
    let refused = put(2, Condition::Absent);
    assert!(matches!(refused, Err(ObjectError::Condition { .. })));
    assert!(matches!(put(2, is(3)), Err(ObjectError::Condition { .. })));
    put(2, is(1)).unwrap();
    assert_eq!(index.get("a").unwrap().unwrap().size, 2);
}

#[test]
fn a_directory_and_a_file_do_not_replace_each_other() {
    let (_folder, bucket) = bucket();
    let index = Index::new(&bucket, Space::Paths);
    let path = |text: &str| ObjectName::path(text).unwrap();
    assert!(index.make_directory(&path("/d")).unwrap());
    assert!(!index.make_directory(&path("/d")).unwrap());
    let refused = index.put(&path("/d"), &record(1), Condition::Any);
    assert!(matches!(refused, Err(ObjectError::OtherKind { .. })));
    index.put(&path("/f"), &record(1), Condition::Any).unwrap();
    let refused = index.make_directory(&path("/f"));
    assert!(matches!(refused, Err(ObjectError::OtherKind { .. })));
    let stats = index.stats().unwrap();
    assert_eq!((stats.files, stats.directories), (1, 1));
}

/// Writes bytes that are no record.
fn garble(bucket: &Bucket, name: &[u8]) {
    let garbled = bucket.change_objects(|changes| {
        changes.put(b'k', name, vec![9, 9]);
        Ok::<_, ObjectError>(())
    });
    garbled.unwrap();
}

#[test]
fn an_unreadable_record_is_an_error_of_its_name_only() {
    use cairn_bucket::IndicatesDamage as _;
    let (_folder, bucket) = bucket();
    let index = Index::new(&bucket, Space::Keys);
    for name in ["a", "b", "c", "d/1"] {
        index.put(&key(name), &record(1), Condition::Any).unwrap();
    }
    garble(&bucket, b"b");
    garble(&bucket, b"c\xff");
    garble(&bucket, b"d/0");
    let unreadable = |error: &ObjectError| {
        assert!(!error.indicates_damage(), "{error}");
        matches!(error, ObjectError::Unreadable { .. })
    };
    assert!(unreadable(&index.get("b").unwrap_err()));
    let put = index.put(&key("b"), &record(1), Condition::Any);
    assert!(unreadable(&put.unwrap_err()));
    assert!(unreadable(&index.root().unwrap_err()));
    assert!(index.get("a").unwrap().is_some());
    index.put(&key("a"), &record(2), Condition::Any).unwrap();
    let all = ListRequest::default();
    assert_eq!(names(&index.list(&all).unwrap()), ["a", "c", "d/1"]);
    let grouped = ListRequest {
        delimiter: Some("/"),
        most: 1,
        ..all
    };
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let request = ListRequest {
            token: token.as_deref(),
            ..grouped
        };
        let page = index.list(&request).unwrap();
        found.extend(names(&page).into_iter().map(str::to_owned));
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(found, ["a", "c", "d/"]);
}

#[test]
fn a_token_that_no_listing_has_returned_is_refused() {
    let (_folder, bucket) = bucket();
    let index = Index::new(&bucket, Space::Keys);
    for name in ["a", "b"] {
        index.put(&key(name), &record(1), Condition::Any).unwrap();
    }
    let first = ListRequest {
        most: 1,
        ..ListRequest::default()
    };
    let next = index.list(&first).unwrap().next.unwrap();
    assert_eq!(next, list_token(Space::Keys, "a"));
    let continued = |token| {
        let request = ListRequest {
            token: Some(token),
            ..first
        };
        index.list(&request)
    };
    assert_eq!(names(&continued(&next).unwrap()), ["b"]);
    let of_paths = list_token(Space::Paths, "a");
    for wrong in ["", "a", "a/b", &of_paths] {
        assert!(
            matches!(continued(wrong), Err(ObjectError::Token)),
            "{wrong:?}"
        );
    }
}

#[test]
fn the_root_and_the_numbers_are_of_one_moment() {
    use std::time::{Duration, Instant};
    let later = Instant::now() + Duration::from_secs(600);
    let all: Vec<String> = (0..60).map(|number| format!("n{number}")).collect();
    let roots: Vec<H256> = {
        let (_folder, bucket) = bucket();
        let index = Index::new(&bucket, Space::Keys);
        let put = |name: &String| {
            index.put(&key(name), &record(1), Condition::Any).unwrap();
            index.root().unwrap()
        };
        std::iter::once(H256::zero())
            .chain(all.iter().map(put))
            .collect()
    };
    let (_folder, bucket) = bucket();
    let index = Index::new(&bucket, Space::Keys);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for name in &all {
                index.put(&key(name), &record(1), Condition::Any).unwrap();
            }
        });
        loop {
            let is_last = writer.is_finished();
            let (root, stats) = index.root_with_stats(later).unwrap();
            assert_eq!(root, roots[stats.version as usize]);
            assert_eq!(stats.files, stats.version);
            if is_last {
                break;
            }
        }
    });
    let late = index.root_with_stats(Instant::now());
    assert!(matches!(late, Err(ObjectError::TooLate { .. })));
}

#[test]
fn a_listing_is_grouped_and_continued_without_repetition() {
    let (_folder, bucket) = bucket();
    let index = Index::new(&bucket, Space::Keys);
    for name in ["a", "b/", "b/1", "b/2", "b0", "c/x/1", "c/y", "d"] {
        index.put(&key(name), &record(1), Condition::Any).unwrap();
    }
    let request = ListRequest {
        delimiter: Some("/"),
        ..ListRequest::default()
    };
    let all = index.list(&request).unwrap();
    assert_eq!(names(&all), ["a", "b/", "b0", "c/", "d"]);
    assert!(matches!(&all.listed[1], Listed::Group(_)));
    assert_eq!(all.next, None);
    let below = ListRequest {
        prefix: "b/",
        ..request
    };
    let below = index.list(&below).unwrap();
    assert_eq!(names(&below), ["b/", "b/1", "b/2"]);
    assert!(matches!(&below.listed[0], Listed::Object(..)));
    let after = ListRequest {
        start_after: Some("b/1"),
        ..request
    };
    assert_eq!(names(&index.list(&after).unwrap()), ["b/", "b0", "c/", "d"]);
    let none = ListRequest {
        prefix: "zz",
        ..request
    };
    assert_eq!(index.list(&none).unwrap(), Listing::default());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn pages_together_are_the_whole_listing(
        all in proptest::collection::btree_set("[a-c/é]{1,5}", 1..30),
        prefix in "[a-c/]{0,2}",
        delimiter in proptest::option::of("/|b|"),
        most in 1u32..5,
    ) {
        let (_folder, bucket) = bucket();
        let index = Index::new(&bucket, Space::Keys);
        for name in &all {
            index.put(&key(name), &record(1), Condition::Any).unwrap();
        }
        // A listing by its definition.
        let delimiter = delimiter.as_deref();
        let expected: BTreeSet<String> = all
            .iter()
            .filter(|name| name.starts_with(&prefix))
            .map(|name| {
                let rest = &name[prefix.len()..];
                let end = delimiter
                    .filter(|delimiter| !delimiter.is_empty())
                    .and_then(|delimiter| Some(rest.find(delimiter)? + delimiter.len()));
                name[..end.map_or(name.len(), |end| prefix.len() + end)].to_owned()
            })
            .collect();
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let request = ListRequest {
                prefix: &prefix,
                delimiter,
                start_after: None,
                token: token.as_deref(),
                most,
            };
            let page = index.list(&request).unwrap();
            prop_assert!(page.listed.len() <= most as usize);
            found.extend(names(&page).iter().map(|name| (*name).to_owned()));
            match page.next {
                Some(next) => token = Some(next),
                None => break,
            }
        }
        prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
        let stats = index.stats().unwrap();
        prop_assert_eq!(stats.files, all.len() as u64);
    }
}

#[test]
fn attributes_are_kept() {
    let (_folder, bucket) = bucket();
    let index = Index::new(&bucket, Space::Keys);
    let pairs = vec![("author".to_owned(), "alice".to_owned())];
    let attributes = Attributes::new(Some("text/plain".into()), pairs).unwrap();
    let record = record(1).with_attributes(attributes.clone());
    index.put(&key("a"), &record, Condition::Any).unwrap();
    assert_eq!(index.get("a").unwrap().unwrap().attributes, attributes);
}
