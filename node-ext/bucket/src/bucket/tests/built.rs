//! Builds of imported buckets: the result equals that of commits, and there is no bucket
//! before the last write.

use super::*;
use crate::bucket::{Builder, KeepBytes};
use cairn_engine::EngineError;
use cairn_engine::layout::{parse_signed_root_key, signed_root_key};
use cairn_primitives::chunk_tree::TreeBuilder;

fn contents() -> Vec<Vec<u8>> {
    let sizes = [0, 5, 64, 3 * CHUNK_BYTES + 1, 5, CHUNK_BYTES];
    let content = |(k, size): (u8, &usize)| vec![k % 4; *size];
    (0u8..).zip(&sizes).map(content).collect()
}

fn store(
    builder: &mut Builder,
    content: &[u8],
    profile: HashingProfile,
) -> Result<(), EngineError> {
    let mut tree = TreeBuilder::new(profile);
    let mut nodes = vec![];
    for chunk in content
        .chunks(CHUNK_BYTES)
        .chain(content.is_empty().then_some(&[][..]))
    {
        let hash = profile.chunk(chunk);
        builder.chunk(&hash, chunk)?;
        tree.push(hash, chunk.len(), |node| nodes.push(node))
            .unwrap();
    }
    tree.finish(|node| nodes.push(node)).unwrap();
    nodes.iter().try_for_each(|node| builder.interior(node))
}

fn begin(path: &Path, profile: HashingProfile) -> Builder {
    let config = BucketConfig {
        profile,
        max_bytes: u64::MAX,
    };
    let (id, tree, shared) = (BucketId(7), Sequence(0), SharedResources::default());
    Builder::begin(path, id, config, tree, KeepBytes::Yes, &shared).unwrap()
}

fn build(mut builder: Builder, leaves: &[MmrLeaf]) -> Result<(), EngineError> {
    let profile = builder.config.profile;
    for content in contents() {
        store(&mut builder, &content, profile)?;
    }
    for leaves in leaves.chunks(4) {
        builder.append(leaves)?.unwrap();
    }
    builder.finish()
}

/// A bucket of the same content, committed and signed leaf by leaf.
fn committed(profile: HashingProfile) -> Fixture {
    let mut fixture = Fixture::with_profile(profile);
    for content in contents() {
        let leaf = fixture.ingest(&content);
        fixture.bucket().commit_signed(&[leaf], &signer()).unwrap();
        fixture.expect(&[leaf]);
    }
    fixture
}

#[test]
fn i2_i3_a_build_has_the_same_records_as_commits() {
    for profile in PROFILES {
        let fixture = committed(profile);
        let mut expected = fixture.records();
        // The build has no journal yet.
        expected.retain(|(key, _)| **key != *cairn_engine::layout::JOURNAL_KEY);
        // A build records every root as signed, without a time.
        for (key, value) in &mut expected {
            if parse_signed_root_key(key).is_some() {
                value[8..].fill(0);
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("built");
        build(begin(&path, profile), &fixture.leaves).unwrap();
        let mut built = Fixture::with_profile(profile);
        let opened = Bucket::open(&path, Access::ReadWrite, &SharedResources::default()).unwrap();
        assert_eq!(opened.usage(), fixture.bucket().usage());
        built.bucket = Some(opened);
        assert!(built.records() == expected, "{profile}");
        let root = fixture.bucket().commitment().mmr_root;
        let key = signed_root_key(&root, Sequence(0));
        assert!(expected.iter().any(|(found, _)| **found == key));
    }
}

#[test]
fn a_build_is_no_bucket_before_its_last_write() {
    let fixture = committed(HashingProfile::Plain);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("built");
    let mut writes = 0;
    loop {
        let builder = begin(&path, HashingProfile::Plain);
        builder.engine.probe.fail_after(writes);
        if build(builder, &fixture.leaves).is_ok() {
            break;
        }
        let opened = Bucket::open(&path, Access::ReadOnly, &SharedResources::default());
        assert!(opened.is_err(), "after {writes} writes");
        writes += 1;
    }
    assert!(writes > 10);
    Bucket::open(&path, Access::ReadOnly, &SharedResources::default()).unwrap();
}

/// A removed leaf and a remaining flagged leaf share a chunk. The flagged leaf's node
/// has no shape.
#[test]
fn i1_a_release_keeps_content_under_nonconforming_nodes() {
    use cairn_engine::layout::{Child, FlagValue, NodeKind, NonconformingValue, ShapeDefect};
    let profile = HashingProfile::Plain;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("built");
    let mut builder = begin(&path, profile);
    let parts: [&[u8]; 2] = [b"shared by both", b"of the flagged one"];
    let [shared, own] = parts.map(|part| profile.chunk(part));
    for (hash, part) in [shared, own].iter().zip(parts) {
        builder.chunk(hash, part).unwrap();
    }
    let root = profile.node(&shared, &own);
    let chunk = |hash| Child {
        kind: NodeKind::Chunk,
        hash,
    };
    let node = NonconformingValue::Node {
        defect: ShapeDefect::ChunkNotFull,
        left: chunk(shared),
        right: chunk(own),
    };
    builder.nonconforming(&root, node).unwrap();
    let flag = FlagValue {
        root: NodeKind::Node,
        defect: ShapeDefect::ChunkNotFull,
    };
    builder.flag(Sequence(1), flag).unwrap();
    let plain = MmrLeaf {
        data_root: shared,
        data_size: 14,
        total_size: 14,
    };
    let flagged = MmrLeaf {
        data_root: root,
        data_size: 32,
        total_size: 46,
    };
    builder.append(&[plain, flagged]).unwrap().unwrap();
    builder.finish().unwrap();

    let bucket = Bucket::open(&path, Access::ReadWrite, &SharedResources::default()).unwrap();
    bucket.prune(Sequence(1), None).unwrap();
    bucket.release(Sequence(0)).unwrap();
    let mut read = vec![];
    let view = bucket.view(StateRef::Newest).unwrap();
    view.read_content(LeafIndex(0), &mut read).unwrap();
    assert_eq!(read, parts.concat());
    let report = crate::fsck::fsck(&bucket, |_| {}).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);

    // It does not prevent a release of the flagged leaf either.
    bucket.prune(Sequence(2), None).unwrap();
    bucket.release(Sequence(1)).unwrap();
    let report = crate::fsck::fsck(&bucket, |_| {}).unwrap();
    assert!(report.is_clean(), "{:?}", report.findings);
}
