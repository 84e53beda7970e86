//! Repeated signatures, the stream of signed roots, and conditional deletion.

use super::*;
use cairn_bucket::SignAgainError;
use cairn_primitives::LeafCount;
use substrate_prometheus_endpoint::Registry;

const ID: BucketId = BucketId(1);

fn with_bucket(path: &Path) -> Provider {
    let provider = start(path);
    provider.create_bucket(ID, BucketConfig::default()).unwrap();
    provider
}

#[test]
fn i4_only_signed_roots_are_signed_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("base");
    let signer = signer();
    let provider = with_bucket(&path);
    assert!(provider.sign_again(ID, &signer).unwrap().is_none());
    let first = put(&provider, 1, b"one");
    let second = put(&provider, 1, b"two");
    provider.close();

    let provider = start(&path);
    let opened = provider.statistics().opened;
    let again = provider.sign_again(ID, &signer).unwrap().unwrap();
    assert_eq!(again.payload, second.payload);
    assert!(again.is_valid());
    assert_eq!(provider.statistics().opened, opened);

    let lease = provider.blocking_lease(ID, LeaseRequest::write()).unwrap();
    let count = |leaves| LeafCount::new(leaves).unwrap();
    let earlier = lease.sign_again(count(1), &signer).unwrap();
    assert_eq!(earlier.payload, first.payload);
    assert!(earlier.is_valid());
    // Committed but never signed.
    let content = lease.run(|bucket| bucket.ingest(&b"three"[..])).unwrap();
    let leaf = NewLeaf {
        data_root: content.data_root,
        data_size: content.data_size,
    };
    lease
        .run(|bucket| bucket.commit(&[leaf], cairn_engine::Durability::Synced))
        .unwrap();
    for unsigned in [count(3), LeafCount::ZERO] {
        let error = lease.sign_again(unsigned, &signer).unwrap_err();
        assert!(matches!(error, SignAgainError::NotSigned { .. }), "{error}");
    }
    let error = lease.sign_again(count(4), &signer).unwrap_err();
    assert!(matches!(error, SignAgainError::Prove(_)), "{error}");
    drop(lease);
    assert!(provider.sign_again(ID, &signer).unwrap().is_none());
}

#[test]
fn each_signed_root_is_sent_and_counted_once_durable() {
    let folder = tempfile::tempdir().unwrap();
    let provider = with_bucket(&folder.path().join("base"));
    let registry = Registry::new();
    provider.register_metrics(&registry).unwrap();
    let mut signed_roots = provider.signed_roots();
    let signed = [put(&provider, 1, b"one"), put(&provider, 1, b"two")];
    for signed in signed {
        let (id, signed_root) = signed_roots.try_recv().unwrap();
        assert_eq!(
            (id, signed_root.commitment),
            (ID, signed.payload.commitment)
        );
    }
    assert!(signed_roots.try_recv().is_err());
    let value = |name: &str| {
        let families = registry.gather();
        let family = families.iter().find(|family| family.get_name() == name);
        let metric = family.unwrap().get_metric()[0].clone();
        metric.get_counter().get_value() + metric.get_gauge().get_value()
    };
    assert_eq!(value("cairn_buckets_signed_roots_total"), 2.0);
    assert_eq!(value("cairn_buckets_failed_writes_total"), 0.0);
    assert_eq!(value("cairn_buckets_quarantined"), 0.0);
    provider
        .inner
        .index_writer
        .quarantine(ID, "as the test has it".into());
    assert_eq!(value("cairn_buckets_quarantined"), 1.0);
    provider.close();
    // The registry outlives the provider.
    assert_eq!(value("cairn_buckets_signed_roots_total"), 0.0);
}

#[test]
fn a_conditional_deletion_checks_its_condition() {
    let folder = tempfile::tempdir().unwrap();
    let provider = with_bucket(&folder.path().join("base"));
    let unsigned = |record: Option<&BucketRecord>| record.is_none_or(|it| it.signed.is_none());
    put(&provider, 1, b"one");
    assert!(!provider.delete_bucket_if(ID, unsigned).unwrap());
    let lease = provider.blocking_lease(ID, LeaseRequest::read()).unwrap();
    assert_eq!(lease.commitment().leaf_count.get(), 1);
    drop(lease);
    let other = BucketId(2);
    provider
        .create_bucket(other, BucketConfig::default())
        .unwrap();
    assert!(provider.delete_bucket_if(other, unsigned).unwrap());
    assert!(provider.summary(other).is_err());
}
