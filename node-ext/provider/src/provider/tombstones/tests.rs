//! Tombstones survive the loss of the bucket and of the index.

use super::*;
use crate::pool::LeaseRequest;
use crate::provider::ProviderOptions;
use cairn_bucket::{BasePath, BucketConfig, NewLeaf};
use cairn_engine::layout::{INDEX_DIR, bucket_dir_name};
use cairn_keys::Signer;
use cairn_primitives::challenge::{AccountId, MultiSignature};

const ID: BucketId = BucketId(7);

fn open(path: &Path) -> Provider {
    let base = BasePath::create(path).unwrap();
    Provider::open(base, ProviderOptions::default()).unwrap()
}

fn signer(provider: &Provider) -> Signer {
    provider.keys().insert("//Alice").unwrap();
    provider.keys().signer(None).unwrap()
}

fn sign(provider: &Provider, content: &[u8]) -> Commitment {
    let lease = provider.blocking_lease(ID, LeaseRequest::write()).unwrap();
    let stored = lease.run(|bucket| bucket.ingest(content)).unwrap();
    let leaf = NewLeaf {
        data_root: stored.data_root,
        data_size: stored.data_size,
    };
    let (_, signed) = lease.commit_signed(&[leaf], &signer(provider)).unwrap();
    signed.payload.commitment
}

#[test]
fn s1c_tombstones_survive_the_bucket_and_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let provider = open(folder.path());
    provider.create_bucket(ID, BucketConfig::default()).unwrap();
    let signed: Vec<_> = [&b"one"[..], b"two"]
        .map(|content| sign(&provider, content))
        .into();
    let lease = provider.blocking_lease(ID, LeaseRequest::write()).unwrap();
    lease.run(|bucket| bucket.prune(Sequence(1), None)).unwrap();
    lease.run(|bucket| bucket.release(Sequence(0))).unwrap();
    drop(lease);
    let newest = sign(&provider, b"three");
    provider.delete_bucket(ID).unwrap();
    drop(provider);
    std::fs::remove_dir_all(folder.path().join(INDEX_DIR)).unwrap();

    let provider = open(folder.path());
    let let_go = provider.tombstones(ID).unwrap();
    let most = |commitment: &Commitment| commitment.leaf_count;
    assert_eq!(let_go.trees[&Sequence(0)], (2, most(&signed[1])));
    assert_eq!(let_go.trees[&Sequence(1)], (1, most(&newest)));
    assert!(!let_go.is_incomplete);
    for gone in signed.iter().chain([&newest]) {
        let found = has_root(provider.path(), ID, gone.start_seq, &gone.mmr_root);
        assert!(found.unwrap(), "{gone:?}");
    }
    let unknown = H256::repeat_byte(1);
    assert!(!has_root(provider.path(), ID, Sequence(0), &unknown).unwrap());
    // A new bucket with the same id keeps the old one's tombstones.
    provider.create_bucket(ID, BucketConfig::default()).unwrap();
    sign(&provider, b"four");
    provider.delete_bucket(ID).unwrap();
    assert_eq!(provider.tombstones(ID).unwrap().trees[&Sequence(0)].0, 3);
    assert_eq!(
        provider.buckets_with_tombstones().unwrap(),
        BTreeSet::from([ID])
    );
}

#[test]
fn s1c_a_release_keeps_its_tombstones_with_the_bucket() {
    let folder = tempfile::tempdir().unwrap();
    let provider = open(folder.path());
    provider.create_bucket(ID, BucketConfig::default()).unwrap();
    let signed = sign(&provider, b"one");
    let lease = provider.blocking_lease(ID, LeaseRequest::write()).unwrap();
    lease.run(|bucket| bucket.prune(Sequence(1), None)).unwrap();
    let tombstones = lease.run(|bucket| Ok::<_, ProveError>(bucket.tombstones()?.count()));
    assert_eq!(tombstones.unwrap(), 0);
    lease.run(|bucket| bucket.release(Sequence(0))).unwrap();
    drop(lease);
    drop(provider);
    let provider = open(folder.path());
    let lease = provider.blocking_lease(ID, LeaseRequest::read()).unwrap();
    let gone = lease
        .run(|bucket| bucket.tombstone_of(Sequence(0), signed.mmr_root))
        .unwrap();
    assert_eq!(gone.unwrap().commitment, signed);
    assert!(provider.has_tombstones(ID).unwrap());
}

#[test]
fn s1c_tombstones_of_an_unreadable_bucket_use_the_index() {
    let folder = tempfile::tempdir().unwrap();
    let provider = open(folder.path());
    provider.create_bucket(ID, BucketConfig::default()).unwrap();
    let signed = sign(&provider, b"one");
    drop(provider);
    let bucket = folder.path().join("buckets").join(bucket_dir_name(ID));
    std::fs::remove_file(bucket.join("CURRENT")).unwrap();
    let provider = open(folder.path());
    provider.delete_bucket(ID).unwrap();
    let let_go = provider.tombstones(ID).unwrap();
    assert_eq!(let_go.trees[&Sequence(0)], (1, signed.leaf_count));
    assert!(let_go.is_incomplete);
}

#[test]
fn an_unsigned_bucket_leaves_no_tombstone() {
    let folder = tempfile::tempdir().unwrap();
    let provider = open(folder.path());
    provider.create_bucket(ID, BucketConfig::default()).unwrap();
    provider.delete_bucket(ID).unwrap();
    assert!(!provider.tombstones(ID).unwrap().has_any());
    assert!(!provider.has_tombstones(ID).unwrap());
}

#[test]
fn a_truncated_tombstone_file_is_reported_as_incomplete() {
    let folder = tempfile::tempdir().unwrap();
    let commitment = Commitment {
        mmr_root: H256::repeat_byte(2),
        start_seq: Sequence(3),
        leaf_count: LeafCount::new(4).unwrap(),
    };
    let deletion = AuthorisedDeletion {
        new_start_seq: Sequence(9),
        new_root: H256::repeat_byte(3),
        deletion: Deletion {
            admin: AccountId([5; 32]),
            signature: MultiSignature::Sr25519([6; 64]),
        },
    };
    let letting_go = TombstoneFile {
        is_incomplete: false,
        deletions: vec![deletion.clone()],
        commitments: vec![commitment; 2],
    };
    write(folder.path(), ID, &letting_go).unwrap();
    let path = files(folder.path()).unwrap()[&ID][0].clone();
    let read_all = || {
        let mut found = Vec::new();
        let (deletions, may_be_more) = read(&path, |commitment| found.push(commitment));
        (deletions, may_be_more, found.len())
    };
    assert_eq!(read_all(), (vec![deletion], false, 2));
    let bytes = std::fs::read(&path).unwrap();
    for end in 0..bytes.len() {
        std::fs::write(&path, &bytes[..end]).unwrap();
        let (_, may_be_more, found) = read_all();
        assert!(may_be_more, "{end}");
        assert!(found < 2);
        assert!(
            has_root(
                folder.path(),
                BucketId(8),
                Sequence(3),
                &commitment.mmr_root
            )
            .is_ok()
        );
    }
}
