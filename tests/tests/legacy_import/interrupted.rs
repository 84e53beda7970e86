//! An import that is interrupted anywhere leaves only whole buckets, and the next import makes
//! the rest.

use crate::locked::helper;
use crate::support::{LegacyFixture, bytes, listing};
use crate::writer::{CHUNK, Era, State, Writer};
use cairn_bucket::fsck;
use cairn_engine::{Access, SharedResources};
use cairn_legacy_import::{LegacyImport, LegacyMode, LegacySource};
use std::io::{BufRead, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Three buckets, whose import has about 20 steps.
fn three_buckets(writer: &Writer) -> Vec<(u64, State)> {
    let big = bytes(1, 3 * CHUNK + 1);
    let big = (writer.content(&big), big.len() as u64);
    let small = |seed| (writer.content(&bytes(seed, 99)), 99);
    let leaves: Vec<_> = (0..7).map(small).chain([big]).collect();
    [(1, &leaves[..]), (2, &leaves[5..]), (3, &leaves[..1])]
        .map(|(id, leaves)| (id, writer.bucket(id, 10 * id, 0, leaves)))
        .to_vec()
}

fn fixture() -> (LegacyFixture, Vec<(u64, State)>) {
    let mut states = vec![];
    let fixture = LegacyFixture::new(Era::C, |writer| states = three_buckets(writer));
    (fixture, states)
}

/// Asserts that every imported bucket is whole. Returns their number.
fn check_whole(fixture: &LegacyFixture, states: &[(u64, State)]) -> usize {
    let mut whole = 0;
    for (id, state) in states {
        if fixture.bucket_path(*id).exists() {
            let bucket = fixture.open(*id, Access::ReadOnly);
            assert_eq!(bucket.commitment().mmr_root, state.mmr_root);
            assert!(fsck(&bucket, |_| {}).unwrap().is_clean());
            whole += 1;
        }
    }
    whole
}

fn finishes(fixture: &LegacyFixture, states: &[(u64, State)], already_there: usize) {
    let report = fixture.import();
    assert!(!report.has_findings(), "{:?}", report.buckets);
    assert_eq!(report.summary.already_there, already_there as u64);
    assert_eq!(check_whole(fixture, states), states.len());
    // And there are no other files.
    assert_eq!(fixture.bucket_folders().len(), states.len());
}

/// Runs an import that panics at its `step`-th step. Returns true if it came that far.
fn panics_at(fixture: &LegacyFixture, step: u64) -> bool {
    let source = LegacySource::open(&fixture.source()).unwrap();
    let import = LegacyImport::new(&source, &fixture.base(), LegacyMode::Import);
    let mut steps = 0;
    let ended = catch_unwind(AssertUnwindSafe(|| {
        import.import_all(&SharedResources::default(), |_, _| {
            assert_ne!(steps, step, "as the test wants it");
            steps += 1;
        })
    }));
    ended.is_err()
}

#[test]
fn an_import_that_fails_at_any_step_is_finished_by_the_next() {
    let mut step = 0;
    loop {
        let (fixture, states) = fixture();
        let interrupted = panics_at(&fixture, step);
        let whole = check_whole(&fixture, &states);
        finishes(&fixture, &states, whole);
        if !interrupted {
            break;
        }
        step += 1;
    }
    assert!(step > 15, "{step} steps are too few to mean anything");
}

#[test]
fn a_partial_folder_is_started_over() {
    let (fixture, states) = fixture();
    let left = fixture.base().join("buckets/0000000000000002.importing");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("CURRENT"), b"MANIFEST-000009\n").unwrap();
    std::fs::write(left.join("000012.sst"), b"half").unwrap();
    finishes(&fixture, &states, 0);
}

/// Kills the import after each of its first steps.
#[test]
fn an_import_that_is_killed_is_finished_by_the_next() {
    for lines in [0, 1, 4, 8, 9, 10, 13, 14] {
        let (fixture, states) = fixture();
        let mut child = helper("import", &[fixture.source(), fixture.base()]);
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let steps = said.by_ref().filter(|line| {
            let line = line.as_ref().unwrap();
            line.starts_with("step ")
        });
        assert_eq!(steps.take(lines).count(), lines);
        child.kill().unwrap();
        child.wait().unwrap();
        let whole = check_whole(&fixture, &states);
        let source = listing(&fixture.source());
        finishes(&fixture, &states, whole);
        assert!(source == listing(&fixture.source()));
    }
}
