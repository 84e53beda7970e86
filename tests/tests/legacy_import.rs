//! The import from a legacy provider: its database, in each of the four eras, becomes buckets
//! with the same roots, whose proofs pass, and with the names of their objects. A fault in one
//! bucket affects only that bucket, and the source is only read.

#[path = "legacy_import/faulty.rs"]
mod faulty;
#[path = "legacy_import/interrupted.rs"]
mod interrupted;
#[path = "legacy_import/last_commitment.rs"]
mod last_commitment;
#[path = "legacy_import/locked.rs"]
mod locked;
#[path = "legacy_import/named.rs"]
mod named;
#[path = "legacy_import/names.rs"]
mod names;
#[path = "legacy_import/support.rs"]
mod support;
#[path = "legacy_import/unprovable.rs"]
mod unprovable;
#[path = "legacy_import/writer.rs"]
mod writer;

use cairn_bucket::{IngestError, NewLeaf, StateRef, fsck};
use cairn_engine::Access;
use cairn_legacy_import::{LegacyMode, LegacySource, LegacyStatus};
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::{
    ChunkIndex, H256, HashingProfile, LeafCount, LeafIndex, Sequence, chain_rule, verify,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use support::{LegacyFixture, bytes, entry, listing};
use writer::{CHUNK, ERAS, Era, State, Writer};

/// A written bucket: its state, and the content of each leaf.
struct Written {
    id: u64,
    state: State,
    contents: Vec<Vec<u8>>,
}

fn written(writer: &Writer, id: u64, start: (u64, u64), contents: Vec<Vec<u8>>) -> Written {
    let leaves: Vec<_> = contents
        .iter()
        .map(|bytes| (writer.content(bytes), bytes.len() as u64))
        .collect();
    let state = writer.bucket(id, start.0, start.1, &leaves);
    Written {
        id,
        state,
        contents,
    }
}

/// Buckets of all kinds, half of them in files and half in the log.
fn write_many(writer: &Writer) -> Vec<Written> {
    let of_sizes = |sizes: &[usize]| {
        let content = |(seed, size): (u64, &usize)| bytes(seed, *size);
        (0u64..).zip(sizes).map(content).collect::<Vec<_>>()
    };
    let mut all = vec![written(writer, 0, (0, 0), vec![])];
    let sizes = [0, 1, 64, CHUNK, CHUNK + 1, 3 * CHUNK, 4 * CHUNK + 64, 100];
    all.push(written(writer, 7, (41, 5_000_000), of_sizes(&sizes)));
    writer.flush();
    // Keys are little-endian, so this one sorts between the two before.
    let mut shared = of_sizes(&sizes);
    shared.reverse();
    shared.push(shared[0].clone());
    shared.push(bytes(9, 2 * CHUNK + 9));
    all.push(written(writer, 256, (0, 0), shared));
    let many = (0..3000).map(|k| bytes(k % 2500, (k % 60) as usize));
    all.push(written(writer, u64::MAX, (1 << 40, 77), many.collect()));
    if writer.era != Era::A && writer.era != Era::B {
        writer.metadata("nonce_counter", &0x0102_0304_0506u64.to_le_bytes());
    }
    all
}

/// Creates a source with all kinds of buckets.
fn fixture_of_many(era: Era) -> (LegacyFixture, Vec<Written>) {
    let mut all = vec![];
    let fixture = LegacyFixture::new(era, |writer| all = write_many(writer));
    (fixture, all)
}

fn profile(era: Era) -> HashingProfile {
    match era {
        Era::D => HashingProfile::Tagged,
        _ => HashingProfile::Plain,
    }
}

/// Compares a bucket with the written one, and proves random leaves at random counts, by both
/// rules.
fn check_imported(fixture: &LegacyFixture, era: Era, written: &Written, random: &mut ChaCha8Rng) {
    let bucket = fixture.open(written.id, Access::ReadOnly);
    let State {
        mmr_root,
        start_seq,
        leaves,
        max_bytes,
        ..
    } = &written.state;
    let commitment = bucket.commitment();
    assert_eq!(commitment.mmr_root, *mmr_root);
    assert_eq!(commitment.start_seq, Sequence(*start_seq));
    assert_eq!(commitment.leaf_count.get(), leaves.len() as u64);
    assert_eq!(bucket.config().profile, profile(era));
    assert_eq!(bucket.config().max_bytes, *max_bytes);
    assert_eq!(bucket.id().0, written.id);
    for _ in 0..40.min(leaves.len()) {
        let count = random.gen_range(1..=leaves.len());
        let index = random.gen_range(0..count);
        let root = era.root(&leaves[..count]);
        let (leaf, content) = (leaves[index], &written.contents[index]);
        let chunks = content.len().div_ceil(CHUNK).max(1);
        let chunk = random.gen_range(0..chunks);
        let location = ChunkLocation {
            leaf_index: LeafIndex(index as u64),
            chunk_index: ChunkIndex(chunk as u64),
        };
        // By its root alone, as a challenge names it (I10).
        let view = bucket.view(StateRef::Root(root)).unwrap();
        assert_eq!(view.count().get(), count as u64);
        let answer = view.answer(location).unwrap();
        let end = content.len().min((chunk + 1) * CHUNK);
        assert_eq!(answer.chunk_data(), &content[chunk * CHUNK..end]);
        assert_eq!(answer.leaf(), leaf);
        verify::mmr_proof(
            profile(era),
            answer.mmr_proof(),
            location.leaf_index,
            LeafCount::new(count as u64).unwrap(),
            &root,
        )
        .unwrap();
        chain_rule::proof_response(
            profile(era),
            answer.chunk_data(),
            answer.mmr_proof(),
            answer.chunk_proof(),
            location.chunk_index,
            &root,
        )
        .unwrap();
        let mut read = vec![];
        view.read_content(location.leaf_index, &mut read).unwrap();
        assert!(read == *content, "leaf {index} of bucket {}", written.id);
    }
}

#[test]
fn every_era_is_imported_with_its_roots_and_its_proofs_pass() {
    for era in ERAS {
        let (fixture, all) = fixture_of_many(era);
        let report = fixture.import();
        assert!(!report.has_findings(), "{:?}", report.summary);
        let summary = &report.summary;
        assert_eq!(summary.era.to_string(), format!("{era:?}"));
        assert_eq!((summary.buckets, summary.imported), (4, 4));
        let nonce = matches!(era, Era::C | Era::D).then_some(0x0102_0304_0506);
        assert_eq!(summary.nonce_counter, nonce);
        let mut random = ChaCha8Rng::seed_from_u64(5);
        for written in &all {
            check_imported(&fixture, era, written, &mut random);
            let report = entry(&report, written.id);
            assert_eq!(report.status, LegacyStatus::Imported);
            assert_eq!(report.leaves, written.contents.len() as u64);
            let mut chunks: Vec<_> = written
                .contents
                .iter()
                .flat_map(|c| c.chunks(CHUNK))
                .collect();
            chunks.sort();
            chunks.dedup();
            let used = chunks.iter().map(|chunk| chunk.len() as u64).sum::<u64>();
            assert_eq!((report.used_bytes, report.old_used_bytes), (used, 1));
            assert_eq!(report.uneven_sizes, 0);
            assert!(!report.over_quota);
        }
        assert_eq!(fixture.bucket_folders().len(), all.len());
    }
}

#[test]
fn imported_buckets_pass_fsck_and_take_commits() {
    for era in ERAS {
        let (fixture, all) = fixture_of_many(era);
        fixture.import();
        for written in &all {
            let bucket = fixture.open(written.id, Access::ReadWrite);
            let report = fsck(&bucket, |_| {}).unwrap();
            assert!(report.is_clean(), "{:?}", report.findings);
            assert_eq!(report.leaves, written.contents.len() as u64);
            // Any root that the tree has had may have been signed.
            assert_eq!(report.signed_roots, report.leaves);
            assert_eq!(report.unprovable_leaves, 0);

            let before = bucket.total_size();
            let content = bucket.ingest(&b"and on it goes"[..]).unwrap();
            let (data_root, data_size) = (content.data_root, content.data_size);
            let leaf = NewLeaf {
                data_root,
                data_size,
            };
            let committed = bucket
                .commit(&[leaf], cairn_engine::Durability::Synced)
                .unwrap();
            assert_eq!(committed.first_leaf.0, report.leaves);
            let mut leaves = written.state.leaves.clone();
            leaves.push(bucket.leaf(committed.first_leaf).unwrap());
            assert_eq!(leaves.last().unwrap().total_size, before + 14);
            assert_eq!(committed.commitment.mmr_root, era.root(&leaves));
        }
    }
}

/// It is not known which roots the legacy provider signed, so each of them must be provable.
#[test]
fn i10_every_possibly_signed_root_leads_to_its_leaf_count() {
    let (fixture, all) = fixture_of_many(Era::B);
    fixture.import();
    let written = all.last().unwrap();
    let bucket = fixture.open(written.id, Access::ReadOnly);
    for count in 1..=300 {
        let root = Era::B.root(&written.state.leaves[..count]);
        assert_eq!(
            bucket.view(StateRef::Root(root)).unwrap().count().get(),
            count as u64
        );
    }
    let signed_roots: Vec<_> = bucket.signed_roots().unwrap().map(Result::unwrap).collect();
    assert_eq!(signed_roots.len(), written.contents.len());
    assert!(
        signed_roots
            .iter()
            .all(|signed_root| signed_root.signed_ms == 0)
    );
}

#[test]
fn the_source_is_only_read() {
    for era in ERAS {
        let (fixture, _) = fixture_of_many(era);
        let before = listing(&fixture.source());
        fixture.run(LegacyMode::DryRun);
        fixture.import();
        let after = listing(&fixture.source());
        assert!(before.keys().eq(after.keys()), "{:?}", after.keys());
        assert!(before == after, "a file of the source has changed");
    }
}

#[test]
fn a_dry_run_reports_like_an_import_and_writes_nothing() {
    for era in ERAS {
        let (fixture, _) = fixture_of_many(era);
        let before = listing(&fixture.base());
        let dry = fixture.run(LegacyMode::DryRun);
        assert!(before == listing(&fixture.base()));
        let mut real = fixture.import();
        assert!(dry.summary.dry_run && !real.summary.dry_run);
        for bucket in &mut real.buckets {
            assert_eq!(bucket.status, LegacyStatus::Imported);
            bucket.status = LegacyStatus::Importable;
        }
        assert_eq!(dry.buckets, real.buckets);
        assert_eq!(dry.summary.used_bytes, real.summary.used_bytes);
    }
}

#[test]
fn a_second_import_changes_nothing() {
    let (fixture, all) = fixture_of_many(Era::D);
    fixture.import();
    let before = listing(&fixture.base());
    let again = fixture.import();
    assert!(!again.has_findings());
    assert_eq!(
        (again.summary.imported, again.summary.already_there),
        (0, 4)
    );
    let after = listing(&fixture.base());
    assert!(before == after, "a file of a bucket has changed");

    for written in &all {
        let bucket = fixture.open(written.id, Access::ReadWrite);
        let content = bucket.ingest(&b"more"[..]).unwrap();
        let (data_root, data_size) = (content.data_root, content.data_size);
        let leaf = NewLeaf {
            data_root,
            data_size,
        };
        bucket
            .commit(&[leaf], cairn_engine::Durability::Synced)
            .unwrap();
    }
    let again = fixture.import();
    assert_eq!((again.summary.refused, again.summary.already_there), (0, 4));
    for written in &all {
        let leaves = fixture
            .open(written.id, Access::ReadOnly)
            .commitment()
            .leaf_count;
        assert_eq!(leaves.get(), written.contents.len() as u64 + 1);
    }
}

#[test]
fn a_bucket_above_its_quota_accepts_no_more() {
    for era in ERAS {
        let fixture = LegacyFixture::new(era, |writer| {
            let content = bytes(1, 2 * CHUNK);
            let leaf = (writer.content(&content), content.len() as u64);
            let mut state = writer.bucket(3, 0, 0, &[leaf]);
            state.max_bytes = CHUNK as u64;
            writer.state(3, &state);
        });
        let report = fixture.import();
        assert!(!report.has_findings());
        assert!(entry(&report, 3).over_quota);
        let bucket = fixture.open(3, Access::ReadWrite);
        assert_eq!(bucket.config().max_bytes, CHUNK as u64);
        assert_eq!(bucket.usage().bytes, 2 * CHUNK as u64);
        assert!(matches!(
            bucket.ingest(&b"x"[..]),
            Err(IngestError::Quota { .. })
        ));
        // Existing content may be committed again.
        assert_eq!(
            bucket.ingest(&bytes(1, 2 * CHUNK)[..]).unwrap().new_bytes,
            0
        );
    }
}

/// Nodes over padding only need not be stored, in either database.
#[test]
fn padding_nodes_need_not_be_stored() {
    for era in ERAS {
        let content = bytes(1, 4 * CHUNK + 1);
        let mut state = None;
        let fixture = LegacyFixture::new(era, |writer| {
            let leaf = (writer.content(&content), content.len() as u64);
            let nothing = writer.interior(H256::zero(), H256::zero());
            writer.delete("nodes", nothing.as_bytes());
            state = Some(writer.bucket(3, 0, 0, &[leaf]));
        });
        let report = fixture.import();
        assert!(!report.has_findings(), "{:?}", report.buckets);
        let bucket = fixture.open(3, Access::ReadOnly);
        assert_eq!(bucket.commitment().mmr_root, state.unwrap().mmr_root);
        // 5 chunks: 2 pairs and 1 with padding, 2 above them, 1 root.
        assert_eq!(bucket.usage().interior_nodes, 6);
    }
}

#[test]
fn the_report_serializes_to_json() {
    let (fixture, _) = fixture_of_many(Era::C);
    let report = serde_json::to_value(fixture.import()).unwrap();
    assert_eq!(report["summary"]["era"], "C");
    assert_eq!(report["summary"]["hashing"], "plain");
    assert_eq!(report["summary"]["nonce_counter"], 0x0102_0304_0506u64);
    let bucket = &report["buckets"][1];
    assert_eq!(
        (&bucket["bucket"], &bucket["status"]),
        (&7.into(), &"imported".into())
    );
    assert_eq!(bucket["start_seq"], 41);
    let root = bucket["mmr_root"].as_str().unwrap();
    assert!(root.starts_with("0x") && root.len() == 66);
}

#[test]
fn an_empty_database_has_nothing_to_import() {
    let fixture = LegacyFixture::new(Era::A, |_| {});
    let source = LegacySource::open(&fixture.source()).unwrap();
    assert_eq!(source.buckets().unwrap().ids, []);
    drop(source);
    assert_eq!(fixture.import().summary.buckets, 0);
}
