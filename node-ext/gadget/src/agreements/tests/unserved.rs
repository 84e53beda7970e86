//! Agreements that hold and are not served: a bucket may be lost, or cannot be made or changed.

use super::*;
use cairn_bucket::BasePath;
use cairn_primitives::H256;
use cairn_primitives::checkpoint::BucketSnapshot;
use cairn_primitives::{Commitment, LeafCount, Sequence};
use cairn_provider::{BudgetRequest, OnCopy, ProviderOptions};

#[tokio::test]
async fn no_bucket_is_made_for_an_agreement_older_than_the_base_path() {
    let mut fixture = Fixture::without_pass();
    fixture.agree(ID, MIB, 1_000).await;
    let not_made = Some(AgreementState::Unserved(Unserved::NotMade));
    assert_eq!(fixture.state(ID), not_made);
    fixture.agree(BucketId(8), MIB, 1_000).await;
    assert!(fixture.exists(BucketId(8)), "it is new");
    fixture.restart_with(config(), |_| {});
    fixture.pass().await;
    assert_eq!(fixture.state(ID), not_made);
    assert!(!fixture.exists(ID));
    // The operator makes it.
    let made = fixture
        .provider()
        .create_bucket(ID, BucketConfig::default());
    made.unwrap();
    fixture.pass().await;
    assert_eq!(fixture.state(ID), Some(AgreementState::Active));
    assert_eq!(fixture.quota(ID), quota_for_content(MIB));
}

/// A new machine, whose node shows blocks from before the agreement first.
#[tokio::test]
async fn no_bucket_is_made_for_an_agreement_that_an_old_head_did_not_show() {
    let mut fixture = Fixture::without_pass();
    fixture.chain.set_syncing(true);
    fixture.pass().await;
    let records = AgreementRecords::read(fixture.provider().index()).unwrap();
    assert!(!records.are_complete());
    // Nothing is made of what a later head shows, either.
    fixture.agree(BucketId(8), MIB, 1_000).await;
    assert!(!fixture.exists(BucketId(8)));
    assert_eq!(fixture.worker.status.reports(), []);
    // At the tip, all agreements may be older than the base path.
    fixture.chain.set_syncing(false);
    fixture.agree(ID, MIB, 1_000).await;
    let not_made = Some(AgreementState::Unserved(Unserved::NotMade));
    for id in [ID, BucketId(8)] {
        assert_eq!(fixture.state(id), not_made, "{id}");
        assert!(!fixture.exists(id));
    }
    fixture.agree(BucketId(9), MIB, 1_000).await;
    assert!(fixture.exists(BucketId(9)), "it is new");
}

#[tokio::test]
async fn nothing_is_made_while_the_node_does_not_tell_whether_it_synchronises() {
    let mut fixture = Fixture::new().await;
    let account = fixture.account;
    fixture.chain.edit(move |pallet| {
        let agreement = Agreement::primary(OWNER, MIB, 1_000);
        pallet.add_bucket(ID, account, agreement);
    });
    let head = fixture.chain.advance();
    // The first question of a head.
    fixture.client.fail_next(1);
    fixture.worker.on_finalized_head(head).await;
    assert!(!fixture.exists(ID));
    assert_eq!(fixture.worker.status.known_at(), None);
    assert_eq!(fixture.worker.status.statistics().failed_passes, 1);
    fixture.pass().await;
    assert!(fixture.exists(ID));
}

/// While the node synchronises, old heads do not show an agreement. Its record must stay: without
/// it, the agreement would be new when it is shown again.
#[tokio::test]
async fn an_old_head_makes_no_record_forgotten() {
    let mut fixture = Fixture::new().await;
    fixture.agree(ID, MIB, 1_000).await;
    fixture.provider().delete_bucket(ID).unwrap();
    let removed = Some(AgreementState::Unserved(Unserved::Removed));
    fixture.pass().await;
    assert_eq!(fixture.state(ID), removed);
    fixture.chain.set_syncing(true);
    fixture.block(|pallet| pallet.buckets.clear()).await;
    fixture.chain.set_syncing(false);
    fixture.agree(ID, MIB, 1_000).await;
    assert_eq!(fixture.state(ID), removed);
    assert!(!fixture.exists(ID));
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_no_new_agreement() {
    let name = ID.0.to_be_bytes().to_vec();
    // Damaged, and of an unknown version.
    for value in [vec![1, 2, 3], [&[9][..], &[0; 47]].concat()] {
        let mut fixture = Fixture::new().await;
        let index = fixture.provider().index();
        let rows = [(name.clone(), Some(value))];
        let kind = cairn_provider::DutyKind::Agreement;
        index.write_duties(kind, &rows).unwrap();
        fixture.agree(ID, MIB, 1_000).await;
        let not_made = Some(AgreementState::Unserved(Unserved::NotMade));
        assert_eq!(fixture.state(ID), not_made);
        assert!(!fixture.exists(ID));
        // It is written again, as known and not here.
        let records = AgreementRecords::read(fixture.provider().index()).unwrap();
        assert!(!records.get(ID).unwrap().was_here);
        fixture.restart_with(config(), |_| {});
        fixture.pass().await;
        assert_eq!(fixture.state(ID), not_made);
        // Others are new as before.
        fixture.agree(BucketId(8), MIB, 1_000).await;
        assert!(fixture.exists(BucketId(8)));
    }
}

#[tokio::test]
async fn no_bucket_is_made_in_place_of_one_that_is_missing() {
    let mut fixture = Fixture::new().await;
    fixture.agree(ID, MIB, 1_000).await;
    fixture.provider().delete_bucket(ID).unwrap();
    fixture.pass().await;
    assert!(!fixture.exists(ID));
    assert_eq!(
        fixture.state(ID),
        Some(AgreementState::Unserved(Unserved::Removed))
    );
    // And for none with a checkpoint on chain.
    let account = fixture.account;
    let snapshot = BucketSnapshot {
        commitment: Commitment {
            mmr_root: H256::repeat_byte(1),
            start_seq: Sequence(0),
            leaf_count: LeafCount::new(1).unwrap(),
        },
        checkpoint_block: 1,
        primary_signers: vec![0],
    };
    let other = BucketId(9);
    fixture
        .block(move |pallet| {
            let agreement = Agreement::primary(OWNER, MIB, 1_000);
            pallet.add_bucket(other, account, agreement);
            pallet.buckets.get_mut(&other).unwrap().snapshot = Some(snapshot.clone());
        })
        .await;
    let has_checkpoint = AgreementState::Unserved(Unserved::HasCheckpoint);
    assert_eq!(fixture.state(other), Some(has_checkpoint));
    assert!(!fixture.exists(other));
    assert_eq!(fixture.worker.status.unserved().len(), 2);
}

#[tokio::test]
async fn an_accepted_copy_makes_no_bucket_that_it_does_not_know() {
    let mut fixture = Fixture::new().await;
    fixture.restart_with(config(), |path| {
        // As a copy: the file is another one now.
        let location = path.join("location");
        let bytes = std::fs::read(&location).unwrap();
        std::fs::remove_file(&location).unwrap();
        std::fs::write(&location, bytes).unwrap();
    });
    fixture.agree(ID, MIB, 1_000).await;
    assert_eq!(
        fixture.state(ID),
        Some(AgreementState::Unserved(Unserved::NotMade))
    );
}

#[tokio::test]
async fn a_full_disk_is_an_alarm_until_there_is_space() {
    let mut fixture = Fixture::new().await;
    fixture.provider = None;
    let (client, config) = (fixture.client.clone(), config());
    let worker_with = |path: &Path, reserve| {
        let base = BasePath::create(path).unwrap().with_reserve(Some(reserve));
        let options = ProviderOptions {
            budget: BudgetRequest {
                max_open: Some(4),
                memory_bytes: Some(128 << 20),
                ..BudgetRequest::default()
            },
            on_copy: OnCopy::Accept,
            ..ProviderOptions::default()
        };
        let provider = Arc::new(Provider::open(base, options).unwrap());
        AgreementWorker::new(client.clone(), provider, config)
    };
    let elsewhere = tempfile::tempdir().unwrap();
    fixture.worker = worker_with(elsewhere.path(), 0);
    fixture.worker = worker_with(fixture.folder.path(), u64::MAX);
    fixture.agree(ID, MIB, 1_000).await;
    let Some(AgreementState::Unserved(Unserved::Failed(reason))) = fixture.state(ID) else {
        panic!("{:?}", fixture.state(ID));
    };
    assert!(reason.contains("the disk is too full"), "{reason}");
    assert_eq!(fixture.worker.status.statistics().unserved, 1);
    fixture.worker = worker_with(elsewhere.path(), 0);
    fixture.worker = worker_with(fixture.folder.path(), 0);
    fixture.pass().await;
    assert_eq!(fixture.state(ID), Some(AgreementState::Active));
}

#[tokio::test]
async fn a_bucket_that_cannot_be_changed_harms_no_other() {
    let mut fixture = Fixture::new().await;
    fixture.agree(ID, MIB, 1_000).await;
    fixture.agree(BucketId(8), MIB, 1_000).await;
    fixture
        .provider()
        .quarantine(ID, "as the test has it".into());
    fixture
        .block(|pallet| {
            for info in pallet.buckets.values_mut() {
                let agreement = info.primary_providers[0].agreement.as_mut();
                agreement.unwrap().max_bytes = 2 * MIB;
            }
        })
        .await;
    let state = fixture.state(ID);
    assert!(
        matches!(&state, Some(AgreementState::Unserved(Unserved::Failed(why)))
            if why.contains("in quarantine")),
        "{state:?}"
    );
    assert_eq!(fixture.quota(BucketId(8)), quota_for_content(2 * MIB));
    assert_eq!(fixture.state(BucketId(8)), Some(AgreementState::Active));
}
