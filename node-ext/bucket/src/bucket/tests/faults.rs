//! Failed writes, damaged records, and folders that cannot be opened.

use super::*;
use crate::error::OpenError;
use crate::fsck::fsck;

fn open(fixture: &Fixture, access: Access) -> Result<Bucket, OpenError> {
    Bucket::open(&fixture.path(), access, &SharedResources::default())
}

#[test]
fn i9_a_failed_write_poisons_the_bucket_until_it_is_reopened() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    fixture.commit(3);
    let new = fixture.next(1);
    let probe = &fixture.bucket().engine.probe;
    probe.fail_after(0);
    let first = fixture
        .bucket()
        .commit(&new, Durability::Synced)
        .unwrap_err();
    assert!(matches!(first, CommitError::Engine(_)), "{first}");
    // Writes would succeed again, but the state on disk is unknown.
    probe.stop_failing();
    let again = fixture
        .bucket()
        .commit(&new, Durability::Synced)
        .unwrap_err();
    assert!(
        matches!(
            again,
            CommitError::NotWritable(NotWritable::Poisoned { .. })
        ),
        "{again}"
    );
    assert!(
        again.to_string().contains("a failure made by a test"),
        "{again}"
    );
    let refused = fixture.bucket().ingest(&b"more"[..]).unwrap_err();
    assert!(
        matches!(
            refused,
            IngestError::NotWritable(NotWritable::Poisoned { .. })
        ),
        "{refused}"
    );
    fixture.bucket().commit_signed(&[], &signer()).unwrap_err();
    fixture.bucket().sync().unwrap_err();
    // Committed leaves can still be proven.
    fixture
        .bucket()
        .view(StateRef::Newest)
        .unwrap()
        .mmr_proof(LeafIndex(0))
        .unwrap();

    fixture.reopen();
    fixture.check_newest();
    fixture.bucket().commit(&new, Durability::Synced).unwrap();
    fixture.expect(&new);
    fixture.check_newest();
}

#[test]
fn i9_commits_queued_behind_a_failed_write_fail_too() {
    let fixture = Fixture::with_profile(HashingProfile::Plain);
    let leaf = fixture.ingest(b"x");
    fixture.bucket().engine.probe.fail_after(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                fixture
                    .bucket()
                    .commit(&[leaf], Durability::Synced)
                    .unwrap_err()
            });
        }
    });
    assert_eq!(fixture.bucket().commitment().leaf_count, LeafCount::ZERO);
}

#[test]
fn i11_a_bucket_whose_records_disagree_is_not_opened() {
    let fresh = || {
        let mut fixture = Fixture::with_profile(HashingProfile::Plain);
        fixture.commit(7);
        fixture
    };
    let refused = |mut fixture: Fixture, change: &dyn Fn(&mut cairn_engine::Batch<'_>)| {
        tamper(&mut fixture, |batch| change(batch));
        for access in [Access::ReadWrite, Access::ReadOnly] {
            match open(&fixture, access) {
                Err(OpenError::Damaged { what, path }) => {
                    assert_eq!(path, fixture.path());
                    assert!(!what.is_empty());
                }
                other => panic!("{other:?}"),
            }
        }
    };
    let peak = |n: usize| layout::node_key(Sequence(0), mmr::peak_positions(count(7))[n]);
    refused(fresh(), &|batch| batch.delete(Family::Tree, peak(0)));
    refused(fresh(), &|batch| batch.put(Family::Tree, peak(2), &[7; 32]));
    refused(fresh(), &|batch| batch.put(Family::Tree, peak(1), &[7; 31]));
    refused(fresh(), &|batch| {
        batch.delete(Family::Tree, layout::leaf_key(Sequence(6)))
    });
    let past_the_end = layout::leaf_key(Sequence(7));
    refused(fresh(), &|batch| {
        batch.put(Family::Tree, past_the_end, &[0; 48])
    });
    refused(fresh(), &|batch| {
        batch.delete(Family::Tree, layout::STATE_KEY)
    });
    refused(fresh(), &|batch| {
        batch.put(Family::Tree, layout::STATE_KEY, b"\x01\0\0\0junk")
    });
    refused(fresh(), &|batch| {
        batch.delete(Family::Content, layout::USAGE_KEY)
    });

    // An older state, consistent in itself.
    let mut fixture = fresh();
    let state = fixture
        .bucket()
        .engine
        .get(Family::Tree, layout::STATE_KEY)
        .unwrap()
        .unwrap();
    fixture.commit(2);
    refused(fixture, &|batch| {
        batch.put(Family::Tree, layout::STATE_KEY, &state)
    });
}

#[test]
fn an_unknown_format_version_is_refused() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    tamper(&mut fixture, |batch| {
        batch.put(Family::Tree, layout::STATE_KEY, &[9, 0, 0, 0, 1])
    });
    let refused = open(&fixture, Access::ReadWrite).unwrap_err();
    assert!(
        matches!(
            refused,
            OpenError::Format {
                found: 9,
                known: 1,
                ..
            }
        ),
        "{refused}"
    );
}

#[test]
fn i11_i12_a_lost_or_changed_node_is_an_error() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    fixture.commit(8);
    // Position 2 is the parent of leaves 0 and 1, position 3 is leaf 2.
    let node = |position| layout::node_key(Sequence(0), Position(position));
    tamper(&mut fixture, |batch| {
        batch.delete(Family::Tree, node(2));
        batch.put(Family::Tree, node(3), &[1; 32]);
    });
    fixture.reopen();
    let view = fixture.bucket().view(StateRef::Newest).unwrap();
    let proof = |leaf| view.mmr_proof(LeafIndex(leaf));
    assert!(matches!(
        proof(2),
        Err(ProveError::MissingNode {
            position: Position(2),
            tree: Sequence(0),
            ..
        })
    ));
    proof(0).unwrap();
    proof(5).unwrap();
    let report = fsck(fixture.bucket(), |_| {}).unwrap();
    let places = places(&report);
    assert!(
        places.contains(&"node 3") && places.contains(&"node 2"),
        "{places:?}"
    );

    tamper(&mut fixture, |batch| {
        batch.delete(Family::Tree, layout::leaf_key(Sequence(4)))
    });
    fixture.reopen();
    let view = fixture.bucket().view(StateRef::Newest).unwrap();
    let lost = view.mmr_proof(LeafIndex(4)).unwrap_err();
    assert!(
        matches!(
            lost,
            ProveError::MissingLeaf {
                sequence: Sequence(4),
                ..
            }
        ),
        "{lost}"
    );
}

/// Peaks and root agree here, so that only the check of the proof finds the damage.
#[test]
fn i12_no_proof_is_given_of_a_changed_node_or_leaf() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    fixture.commit(8);
    let changed = MmrLeaf {
        data_size: 1,
        ..fixture.leaves[6]
    };
    tamper(&mut fixture, |batch| {
        // The sibling of leaf 3, and leaf 6 itself.
        let sibling = layout::node_key(Sequence(0), Position(3));
        batch.put(Family::Tree, sibling, &[1; 32]);
        batch.put(
            Family::Tree,
            layout::leaf_key(Sequence(6)),
            &changed.encode(),
        );
    });
    fixture.reopen();
    let view = fixture.bucket().view(StateRef::Newest).unwrap();
    for leaf in [3, 6] {
        let refused = view.mmr_proof(LeafIndex(leaf));
        assert!(
            matches!(refused, Err(ProveError::Damaged { .. })),
            "{refused:?}"
        );
        view.answer(at(leaf, 0)).unwrap_err();
    }
    for leaf in [0, 1, 4, 5, 7] {
        view.mmr_proof(LeafIndex(leaf)).unwrap();
    }
}

#[test]
fn i12_changed_content_is_never_returned() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    fixture.commit(3);
    let changed = layout::chunk_key(&fixture.leaves[1].data_root);
    let lost = layout::chunk_key(&fixture.leaves[2].data_root);
    let length = Fixture::content(1).len();
    tamper(&mut fixture, |batch| {
        batch.put(Family::Content, changed, &vec![0; length]);
        batch.delete(Family::Content, lost);
    });
    fixture.reopen();
    let view = fixture.bucket().view(StateRef::Newest).unwrap();
    view.answer(at(0, 0)).unwrap();
    assert!(matches!(
        view.answer(at(1, 0)),
        Err(ProveError::Damaged { .. })
    ));
    assert!(matches!(
        view.answer(at(2, 0)),
        Err(ProveError::MissingContent { .. })
    ));
    let mut sink = vec![];
    assert!(view.read_content(LeafIndex(1), &mut sink).is_err());
    assert!(sink.is_empty());
    let report = fsck(fixture.bucket(), |_| {}).unwrap();
    let places = places(&report);
    assert_eq!(places[..2], ["leaf 1", "leaf 2"]);
    assert!(
        places[2..]
            .iter()
            .all(|place| place.starts_with("chunk 0x")),
        "{places:?}"
    );
    assert_eq!(places.len(), 4);
}

#[test]
fn fsck_rebuilds_every_signed_root_from_chunk_bytes() {
    for profile in PROFILES {
        let mut fixture = Fixture::with_profile(profile);
        let signer = signer();
        for size in [3, 1, 4] {
            fixture.commit(size);
            fixture.bucket().commit_signed(&[], &signer).unwrap();
        }
        let mut progress = vec![];
        let report = fsck(fixture.bucket(), |leaves| progress.push(leaves)).unwrap();
        assert!(report.is_clean(), "{:?}", report.findings);
        assert_eq!((report.leaves, report.signed_roots), (8, 3));
        assert_eq!(progress, (1..=8).collect::<Vec<_>>());
        assert_eq!(
            report.bytes,
            fixture
                .leaves
                .iter()
                .map(|leaf| leaf.data_size)
                .sum::<u64>()
        );

        // A chunk that the usage does not count.
        let key = layout::chunk_length_key(&H256::repeat_byte(3));
        tamper(&mut fixture, |batch| {
            batch.put(Family::Content, key, &[0, 0, 0, 1])
        });
        fixture.reopen();
        let report = fsck(fixture.bucket(), |_| {}).unwrap();
        let places: Vec<_> = report
            .findings
            .iter()
            .map(|found| &found.place[..5])
            .collect();
        assert_eq!(places, ["chunk", "usage"]);
        tamper(&mut fixture, |batch| batch.delete(Family::Content, key));

        // A signed root that no stored tree has.
        let root = H256::repeat_byte(9);
        let key = layout::signed_root_key(&root, Sequence(0));
        let value = layout::SignedRootValue {
            count: count(5),
            signed_ms: 0,
        }
        .to_bytes();
        tamper(&mut fixture, |batch| batch.put(Family::Tree, key, &value));
        fixture.reopen();
        let report = fsck(fixture.bucket(), |_| {}).unwrap();
        assert_eq!(report.findings.len(), 1);
        assert!(
            report.findings[0].place.contains("signed root"),
            "{:?}",
            report.findings
        );
    }
}

#[test]
fn a_folder_without_a_bucket_is_refused_and_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |path: &std::path::Path| {
        let error = Bucket::open(path, Access::ReadWrite, &SharedResources::default()).unwrap_err();
        assert!(matches!(error, OpenError::NotABucket { .. }), "{error}");
    };
    refused(&folder.path().join("nowhere"));
    refused(folder.path());
    std::fs::write(folder.path().join("CURRENT"), "not a manifest").unwrap();
    let error = Bucket::open(
        folder.path(),
        Access::ReadWrite,
        &SharedResources::default(),
    )
    .unwrap_err();
    assert!(matches!(error, OpenError::Engine(_)), "{error}");
    assert_eq!(
        std::fs::read(folder.path().join("CURRENT")).unwrap(),
        b"not a manifest"
    );
}

#[test]
fn a_bucket_has_one_writer_and_may_have_readers() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    fixture.commit(3);
    fixture.bucket().sync().unwrap();
    match open(&fixture, Access::ReadWrite).unwrap_err() {
        OpenError::Engine(error) => assert_eq!(error.kind, FaultKind::Locked, "{error}"),
        other => panic!("{other}"),
    }
    let reader = open(&fixture, Access::ReadOnly).unwrap();
    assert_eq!(reader.commitment(), fixture.replayed(3));
    reader
        .view(StateRef::Newest)
        .unwrap()
        .answer(at(2, 0))
        .unwrap();
    let leaf = NewLeaf {
        data_root: fixture.leaves[0].data_root,
        data_size: 1,
    };
    let refused = reader.commit(&[leaf], Durability::Buffered).unwrap_err();
    assert!(
        matches!(
            refused,
            CommitError::NotWritable(NotWritable::ReadOnly { .. })
        ),
        "{refused}"
    );
    assert!(reader.ingest(&b"x"[..]).is_err());
}

#[test]
fn an_existing_bucket_is_not_overwritten() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    fixture.commit(2);
    fixture.bucket = None;
    let again = Bucket::create(
        &fixture.path(),
        BucketId(7),
        BucketConfig::default(),
        &SharedResources::default(),
    );
    assert!(matches!(again, Err(CreateError::Exists { .. })));
    fixture.reopen();
    fixture.check_newest();
}

#[test]
fn an_unfinished_creation_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bucket");
    let left_behind = folder.path().join("bucket.creating");
    std::fs::create_dir(&left_behind).unwrap();
    std::fs::write(left_behind.join("CURRENT"), "half").unwrap();
    let config = BucketConfig::default();
    Bucket::create(&path, BucketId(1), config, &SharedResources::default()).unwrap();
    assert!(!left_behind.exists());

    let nowhere = folder.path().join("no").join("such").join("folder");
    let refused = Bucket::create(&nowhere, BucketId(1), config, &SharedResources::default());
    assert!(
        matches!(refused, Err(CreateError::Folder { .. })),
        "{refused:?}"
    );
}

/// Bytes that the file system allocates for a folder, as `du` counts them.
fn allocated(path: &std::path::Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let own = std::fs::metadata(path).unwrap().blocks() * 512;
    let inside = std::fs::read_dir(path).unwrap().map(|entry| {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            allocated(&entry.path())
        } else {
            entry.metadata().unwrap().blocks() * 512
        }
    });
    own + inside.sum::<u64>()
}

#[test]
fn an_empty_bucket_takes_at_most_64_kib_of_disk() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    fixture.bucket = None;
    assert!(
        allocated(&fixture.path()) <= 64 << 10,
        "closed: {}",
        allocated(&fixture.path())
    );
    fixture.reopen();
    assert!(
        allocated(&fixture.path()) <= 64 << 10,
        "open: {}",
        allocated(&fixture.path())
    );
}

#[test]
fn a_hundred_reopens_do_not_add_files() {
    let mut fixture = Fixture::with_profile(HashingProfile::Plain);
    fixture.commit(5);
    fixture.reopen();
    let files = |fixture: &Fixture| std::fs::read_dir(fixture.path()).unwrap().count();
    let (files_before, bytes_before) = (files(&fixture), allocated(&fixture.path()));
    for _ in 0..100 {
        fixture.reopen();
    }
    assert!(
        files(&fixture) <= files_before + 2,
        "{} files",
        files(&fixture)
    );
    assert!(allocated(&fixture.path()) <= bytes_before + (16 << 10));
    fixture.check_newest();
}
