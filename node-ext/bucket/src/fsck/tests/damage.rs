//! Each kind of derivable record, lost or changed.

use super::*;

pub(super) type Change = Box<dyn Fn(&Fixture, &mut Batch<'_>)>;

/// Makes a change to a bucket whose records are read before it is opened for that.
pub(super) fn damaged(whole: &Fixture, change: &Change) -> Fixture {
    let fixture = whole.copy();
    fixture.tamper(|batch| change(whole, batch));
    fixture.remove_second_copies();
    assert_ne!(fixture.records(), fixture.whole, "nothing was changed");
    fixture
}

pub(super) fn put(
    family: Family,
    key: impl AsRef<[u8]> + 'static,
    value: impl AsRef<[u8]> + 'static,
) -> Change {
    Box::new(move |_, batch| batch.put(family, key.as_ref(), value.as_ref()))
}

pub(super) fn delete(family: Family, key: impl AsRef<[u8]> + 'static) -> Change {
    Box::new(move |_, batch| batch.delete(family, key.as_ref()))
}

fn with_state(change: impl Fn(&mut StateRecord) + 'static) -> Change {
    Box::new(move |whole, batch| {
        let mut state = whole.state();
        change(&mut state);
        batch.put(Family::Tree, layout::STATE_KEY, &state.encode());
    })
}

fn with_interior(
    find: impl Fn(&Fixture) -> H256 + 'static,
    change: impl Fn(&mut InteriorValue) + 'static,
) -> Change {
    Box::new(move |whole, batch| {
        let hash = find(whole);
        let mut value = whole.interior(&hash);
        change(&mut value);
        batch.put(
            Family::Content,
            layout::interior_key(&hash),
            &value.to_bytes(),
        );
    })
}

/// The nodes of a leaf's chunk tree, each before its children.
fn nodes_of(whole: &Fixture, leaf: usize) -> Vec<H256> {
    let mut nodes = vec![];
    let mut to_visit = vec![whole.data_root(leaf)];
    let engine = whole.engine();
    while let Some(hash) = to_visit.pop() {
        let value = engine
            .get(Family::Content, &layout::interior_key(&hash))
            .unwrap();
        if let Some(value) = value {
            let value = InteriorValue::parse(&value).unwrap();
            to_visit.extend([value.right, value.left]);
            nodes.push(hash);
        }
    }
    nodes
}

fn shape(height: u32, chunks: u64, bytes: u64) -> Subtree {
    Subtree::from_parts(height, chunks, bytes).unwrap()
}

/// Rebuildable damage, with the place where the check must find it.
fn rebuildable() -> Vec<(&'static str, Change)> {
    const CHUNK: u64 = CHUNK_BYTES as u64;
    vec![
        ("node 2", delete(Family::Tree, node(2))),
        ("node 5", put(Family::Tree, node(5), [1; 32])),
        ("node 4", put(Family::Tree, node(4), [1; 31])),
        ("node 0", put(Family::Tree, node(0), [1; 32])),
        // The peaks of seven leaves.
        ("node 6", delete(Family::Tree, node(6))),
        ("node 9", put(Family::Tree, node(9), [1; 32])),
        ("node 10", delete(Family::Tree, node(10))),
        (
            "node 3",
            Box::new(|_, batch| (0..11).for_each(|at| batch.delete(Family::Tree, node(at)))),
        ),
        ("state", delete(Family::Tree, layout::STATE_KEY)),
        (
            "state",
            put(Family::Tree, layout::STATE_KEY, b"\x01\0\0\0junk"),
        ),
        (
            "state",
            with_state(|state| state.root = H256::repeat_byte(1)),
        ),
        (
            "state",
            with_state(|state| state.peaks[1] = H256::repeat_byte(1)),
        ),
        ("state", with_state(|state| state.total_size += 1)),
        (
            "state",
            Box::new(|whole, batch| {
                // Consistent in itself, but of another moment.
                let at = &whole.signed[4];
                let mut frontier = cairn_primitives::mmr::Frontier::empty(whole.profile);
                for leaf in &whole.leaves[..5] {
                    frontier
                        .append(whole.profile.leaf(leaf), |_, _| {})
                        .unwrap();
                }
                let state = StateRecord {
                    count: at.leaf_count,
                    root: at.mmr_root,
                    peaks: frontier.peaks().to_vec(),
                    total_size: whole.leaves[4].total_size,
                    ..whole.state()
                };
                batch.put(Family::Tree, layout::STATE_KEY, &state.encode());
            }),
        ),
        ("usage", delete(Family::Content, layout::USAGE_KEY)),
        ("usage", put(Family::Content, layout::USAGE_KEY, [0; 24])),
        ("usage", put(Family::Content, layout::USAGE_KEY, [0; 7])),
        (
            "chunk 0x",
            Box::new(|whole, batch| {
                batch.delete(
                    Family::Content,
                    layout::chunk_length_key(&whole.data_root(0)),
                )
            }),
        ),
        (
            "chunk 0x",
            Box::new(|whole, batch| {
                batch.delete(
                    Family::Content,
                    layout::chunk_length_key(&chunk(3, 2, whole.profile)),
                )
            }),
        ),
        (
            "chunk 0x",
            Box::new(|whole, batch| {
                batch.put(
                    Family::Content,
                    layout::chunk_length_key(&chunk(3, 1, whole.profile)),
                    &[0, 0, 0, 9],
                )
            }),
        ),
        (
            "chunk 0x",
            Box::new(|whole, batch| {
                batch.put(
                    Family::Content,
                    layout::chunk_length_key(&chunk(4, 5, whole.profile)),
                    &[1],
                )
            }),
        ),
        // Roots of depth 1, 2 and 3, and nodes within.
        (
            "node 0x",
            Box::new(|whole, batch| {
                batch.delete(Family::Content, layout::interior_key(&whole.data_root(1)))
            }),
        ),
        (
            "leaf 3",
            Box::new(|whole, batch| {
                batch.delete(Family::Content, layout::interior_key(&whole.data_root(3)))
            }),
        ),
        (
            "leaf 4",
            Box::new(|whole, batch| {
                batch.put(
                    Family::Content,
                    layout::interior_key(&whole.data_root(4)),
                    b"junk",
                )
            }),
        ),
        (
            "node 0x",
            Box::new(|whole, batch| {
                batch.put(
                    Family::Content,
                    layout::interior_key(&nodes_of(whole, 4)[2]),
                    b"junk",
                )
            }),
        ),
        (
            "node 0x",
            Box::new(|whole, batch| {
                batch.delete(
                    Family::Content,
                    layout::interior_key(&nodes_of(whole, 4)[1]),
                )
            }),
        ),
        // Over a chunk and padding.
        (
            "node 0x",
            Box::new(|whole, batch| {
                batch.delete(
                    Family::Content,
                    layout::interior_key(nodes_of(whole, 4).last().unwrap()),
                )
            }),
        ),
        (
            "node 0x",
            with_interior(
                |whole| whole.data_root(3),
                |value| value.left = H256::repeat_byte(1),
            ),
        ),
        (
            "node 0x",
            with_interior(
                |whole| nodes_of(whole, 3)[1],
                |value| value.subtree = shape(1, 2, 2 * CHUNK - 1),
            ),
        ),
        (
            "node 0x",
            with_interior(
                |whole| nodes_of(whole, 4)[1],
                |value| value.subtree = shape(5, 9, 8 * CHUNK + 1),
            ),
        ),
        (
            "node 0x",
            with_interior(
                |whole| whole.data_root(4),
                |value| value.subtree = shape(1, 2, CHUNK + 1),
            ),
        ),
        // A whole tree of nodes, and a node with the length of a chunk under it.
        (
            "node 0x",
            Box::new(|whole, batch| {
                for hash in nodes_of(whole, 3) {
                    batch.delete(Family::Content, layout::interior_key(&hash));
                }
            }),
        ),
        (
            "node 0x",
            Box::new(|whole, batch| {
                batch.delete(Family::Content, layout::interior_key(&whole.data_root(3)));
                batch.delete(
                    Family::Content,
                    layout::interior_key(&nodes_of(whole, 3)[2]),
                );
                batch.delete(
                    Family::Content,
                    layout::chunk_length_key(&chunk(3, 3, whole.profile)),
                );
            }),
        ),
    ]
}

#[test]
fn i7_rebuildable_records_are_rebuilt_to_the_exact_bytes() {
    for profile in [HashingProfile::Plain, HashingProfile::Tagged] {
        let whole = Fixture::new(profile);
        assert!(whole.check().is_clean(), "{:?}", whole.check());
        for (number, (place, change)) in rebuildable().into_iter().enumerate() {
            let fixture = damaged(&whole, &change);
            let as_damaged = fixture.records();
            let found = fixture.check();
            let name = format!("{number}: {place}: {found:#?}");
            assert!(
                found
                    .findings
                    .iter()
                    .any(|found| found.place.starts_with(place)),
                "{name}"
            );
            // A finding hidden by another one is found in the next round.
            assert!(found.rebuildable() > 0, "{name}");
            assert_eq!(
                fixture.records(),
                as_damaged,
                "a check changed something: {name}"
            );

            let repaired = fixture.repair();
            assert_eq!(repaired.before, found, "{name}");
            assert!(repaired.after.is_clean(), "{name}\n{:#?}", repaired.after);
            assert!(fixture.records() == fixture.whole, "{name}");
            fixture.prove_all_signed();
            // The backup holds the damaged bucket.
            let backup = repaired.backup.unwrap();
            assert_eq!(backup, fixture.folder.path().join("bucket.before-repair"));
            std::fs::rename(fixture.path(), fixture.folder.path().join("repaired")).unwrap();
            std::fs::rename(backup, fixture.path()).unwrap();
            assert_eq!(fixture.records(), as_damaged, "{name}");
        }
    }
}

#[test]
fn i7_only_rebuildable_findings_are_reported_as_such() {
    let whole = Fixture::new(HashingProfile::Plain);
    let report = |change: Change| damaged(&whole, &change).check();
    let remedies = |report: &FsckReport| -> Vec<String> {
        let shown = |found: &Finding| format!("{}: {}", found.place, found.remedy);
        report.findings.iter().map(shown).collect()
    };
    assert_eq!(
        remedies(&report(delete(Family::Tree, node(2)))),
        ["node 2: can be rebuilt from its leaves with --repair"]
    );
    let lost = report(delete(Family::Tree, leaf(2)));
    assert_eq!(
        remedies(&lost),
        ["leaf 2: cannot be rebuilt: a leaf cannot be derived from other records"]
    );
    let lost = report(Box::new(|whole, batch| {
        batch.delete(Family::Content, layout::interior_key(&whole.data_root(3)));
    }));
    assert_eq!(lost.rebuildable(), 2, "{lost:#?}");
}

#[test]
fn a_lost_state_is_reported_with_its_lost_quota() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bucket");
    let config = BucketConfig {
        profile: HashingProfile::Tagged,
        max_bytes: 10_000,
    };
    let bucket = Bucket::create(&path, ID, config, &SharedResources::default()).unwrap();
    let content = bucket.ingest(&b"x"[..]).unwrap();
    let leaf = NewLeaf {
        data_root: content.data_root,
        data_size: 1,
    };
    let (made, _) = bucket.commit_signed(&[leaf], &signer()).unwrap();
    bucket.close().unwrap();
    let shared = SharedResources::default();
    let engine = Engine::open(&path, Access::ReadWrite, &shared, DamagedLog::Refuse).unwrap();
    let mut batch = engine.batch();
    batch.delete(Family::Tree, layout::STATE_KEY);
    engine.write(batch, Durability::Synced).unwrap();
    drop(engine);
    // The journal still has the quota.
    std::fs::remove_file(path.join(JOURNAL_FILE)).unwrap();

    let repaired = repair(&path, ID, &[], &shared, &mut |_| {}).unwrap();
    assert!(
        repaired.before.findings[0].fault.contains("quota"),
        "{repaired:?}"
    );
    let bucket = Bucket::open(&path, Access::ReadOnly, &shared).unwrap();
    assert_eq!(bucket.commitment(), made.commitment);
    let config = bucket.config();
    assert_eq!(
        (config.profile, config.max_bytes),
        (HashingProfile::Tagged, u64::MAX)
    );
}

#[test]
fn another_bucket_and_another_format_are_not_repaired() {
    let whole = Fixture::new(HashingProfile::Plain);
    let shared = SharedResources::default();
    let refused = repair(&whole.path(), BucketId(8), &[], &shared, &mut |_| {}).unwrap_err();
    assert!(
        refused.to_string().contains("bucket 8 was expected"),
        "{refused}"
    );
    whole.tamper(|batch| batch.put(Family::Tree, layout::STATE_KEY, &[9, 0, 0, 0, 1]));
    let refused = repair(&whole.path(), ID, &[], &shared, &mut |_| {}).unwrap_err();
    assert!(
        refused.to_string().contains("format version 9"),
        "{refused}"
    );
    std::fs::remove_file(whole.path().join("CURRENT")).unwrap();
    let refused = repair(&whole.path(), ID, &[], &shared, &mut |_| {}).unwrap_err();
    assert!(
        refused.to_string().contains("format version 9"),
        "{refused}"
    );
    // A folder without a bucket is not made into one.
    let empty = whole.folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let refused = repair(&empty, ID, &[], &shared, &mut |_| {}).unwrap_err();
    assert!(
        refused.to_string().contains("a repair cannot restore this"),
        "{refused}"
    );
    assert_eq!(std::fs::read_dir(&empty).unwrap().count(), 0);
}

#[test]
fn an_interrupted_repair_is_finished_by_the_next() {
    let whole = Fixture::new(HashingProfile::Plain);
    let everything: Change = Box::new(|whole, batch| {
        (0..11).for_each(|at| batch.delete(Family::Tree, node(at)));
        batch.delete(Family::Tree, layout::STATE_KEY);
        batch.delete(Family::Content, layout::USAGE_KEY);
        for hash in nodes_of(whole, 3) {
            batch.delete(Family::Content, layout::interior_key(&hash));
        }
        let hash = chunk(4, 2, whole.profile);
        batch.delete(Family::Content, layout::chunk_length_key(&hash));
    });
    let diagnosed = damaged(&whole, &everything);
    let diagnosis = diagnose(
        &diagnosed.path(),
        ID,
        &SharedResources::default(),
        &mut |_| {},
    )
    .unwrap();
    let steps = diagnosis.writes.len();
    assert!(steps > 15, "{steps}");
    for step in 0..=steps {
        let fixture = diagnosed.copy();
        diagnosis.writes.write_first(step, &fixture.engine());
        let repaired = fixture.repair();
        assert!(repaired.after.is_clean(), "{step}: {:#?}", repaired.after);
        assert!(fixture.records() == whole.whole, "{step}");
    }
}

/// Returns the byte positions in a value that follow from other records. A state's format
/// version, bucket, profile, quota, tree and leaf count do not: the absence of leaves
/// never shows that there were none.
fn derived_bytes(key: &[u8], length: usize) -> Vec<usize> {
    let from = if key == layout::STATE_KEY { 37 } else { 0 };
    (from..length).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_damage_to_derived_bytes_is_undone_exactly(
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), 0u8..4, any::<u8>()), 1..12),
    ) {
        thread_local! {
            static WHOLE: Fixture = Fixture::new(HashingProfile::Tagged);
        }
        let fixture = WHOLE.with(Fixture::copy);
        // Leaves, chunks and signed roots are derived from nothing.
        let is_derived = |key: &[u8]| !b"lcrj".contains(&key[0]);
        let derived: Vec<_> = fixture.whole.iter().filter(|(key, _)| is_derived(key)).collect();
        fixture.tamper(|batch| for (which, how, byte) in &damage {
            let (key, value) = which.get(&derived);
            let family = if b"sn".contains(&key[0]) { Family::Tree } else { Family::Content };
            let mut value = value.to_vec();
            match how {
                0 => return batch.delete(family, key),
                1 => value.truncate(value.len() / 2),
                2 => value.push(*byte),
                _ => {
                    let derived = derived_bytes(key, value.len());
                    value[derived[usize::from(*byte) % derived.len()]] ^= byte | 1;
                }
            }
            batch.put(family, key, &value);
        });
        let repaired = fixture.repair();
        prop_assert!(repaired.after.is_clean(), "{:#?}\n{:#?}", repaired.before, repaired.after);
        prop_assert!(fixture.records() == fixture.whole);
    }
}
