//! A chain that has our signature over more than this provider holds.

use super::*;
use crate::village::{ID, Neighbour, Village, commit, open};
use crate::{CheckpointConfig, CheckpointStage, Stopped};
use cairn_bucket::ProveError;
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::checkpoint::BucketSnapshot;
use cairn_primitives::{ChunkIndex, H256, LeafCount, LeafIndex, Sequence};
use cairn_provider::{ProviderError, Wanted};
use cairn_testing::{Ask, LIMITS};
use std::path::Path;
use substrate_prometheus_endpoint::Registry;

fn village() -> Village {
    Village::new(1, 1, None, CheckpointConfig::default())
}

fn watch(neighbour: &Neighbour) -> PromiseWatch {
    PromiseWatch::new(
        neighbour.client.clone(),
        neighbour.provider().clone(),
        PromiseConfig { every: 0 },
    )
}

/// Puts a checkpoint with some primaries' signatures on chain.
fn checkpoint(village: &Village, commitment: Commitment, bits: u8) {
    village.edit(move |info| {
        info.snapshot = Some(BucketSnapshot {
            commitment,
            checkpoint_block: 1,
            primary_signers: vec![bits],
        });
    });
}

/// Commits a leaf and signs.
fn sign(neighbour: &Neighbour, number: u64) -> Commitment {
    commit(neighbour.provider(), number);
    let lease = neighbour.provider().lease(ID, Wanted::write()).unwrap();
    let signed = lease.commit_signed(&[], &neighbour.signer).unwrap().1;
    signed.payload.commitment
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Calls `act` with the base path while the provider is stopped.
fn while_stopped(village: &mut Village, act: impl FnOnce(&Path)) {
    let path = village.neighbours[0].path().to_owned();
    village.kill(0);
    act(&path);
    village.start(0);
}

/// A provider whose whole base path was restored from a backup with two leaves; it signed three,
/// and the chain has them.
fn restored() -> (Village, Commitment) {
    let mut village = village();
    (1..=2).for_each(|number| _ = sign(&village.neighbours[0], number));
    let backup = tempfile::tempdir().unwrap();
    while_stopped(&mut village, |path| copy(path, backup.path()));
    let signed = sign(&village.neighbours[0], 3);
    while_stopped(&mut village, |path| {
        for part in ["buckets", "index"] {
            std::fs::remove_dir_all(path.join(part)).unwrap();
            copy(&backup.path().join(part), &path.join(part));
        }
    });
    checkpoint(&village, signed, 1);
    village.chain.advance();
    (village, signed)
}

#[tokio::test]
async fn s6a_a_base_path_that_was_restored_from_an_older_backup_signs_nothing() {
    let (village, signed) = restored();
    let neighbour = &village.neighbours[0];
    let mut watch = watch(neighbour);
    assert!(!watch.board().has_looked());
    watch.saw(village.chain.finalized_head()).await;
    let missing = PromiseTrouble::Missing { commitment: signed };
    assert_eq!(watch.board().troubles(), [(ID, missing)]);
    assert!(watch.board().has_looked());
    let refused = neighbour.provider().lease(ID, Wanted::write());
    let Err(ProviderError::Quarantined { reason, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(reason.contains("which is missing here"), "{reason}");
    // The existing leaves are still proven.
    assert!(neighbour.provider().lease(ID, Wanted::challenge()).is_ok());
    let registry = Registry::new();
    watch.board().register_metrics(&registry).unwrap();
    let missing = registry.gather().into_iter();
    let mut missing = missing.filter(|family| family.get_name() == "cairn_promises_missing");
    let missing = missing.next().unwrap();
    assert_eq!(missing.get_metric()[0].get_gauge().get_value(), 1.0);
}

#[tokio::test]
async fn s6_nothing_is_signed_before_the_first_comparison_with_the_chain() {
    let village = village();
    let neighbour = &village.neighbours[0];
    let mut watch = watch(neighbour);
    let before = self::sign(neighbour, 1);
    neighbour.provider().sign_once_compared();
    commit(neighbour.provider(), 2);
    let sign = || {
        let lease = neighbour.provider().lease(ID, Wanted::write()).unwrap();
        lease.commit_signed(&[], &neighbour.signer)
    };
    let refused = || sign().unwrap_err().to_string();
    assert!(refused().contains("not yet been compared"), "{}", refused());
    // Repeating an earlier signature is allowed.
    let lease = neighbour.provider().lease(ID, Wanted::read()).unwrap();
    let again = lease
        .sign_again(before.leaf_count, &neighbour.signer)
        .unwrap();
    assert_eq!(again.payload.commitment, before);
    drop(lease);
    neighbour.client.disconnect();
    watch.saw(village.chain.advance()).await;
    assert!(refused().contains("not yet been compared"), "{}", refused());
    neighbour.client.connect();
    watch.saw(village.chain.advance()).await;
    sign().unwrap();
}

#[tokio::test]
async fn s6a_no_checkpoint_is_brought_of_a_bucket_that_is_behind_the_chain() {
    let (mut village, _) = restored();
    // New leaves by local knowledge: another third leaf, and a fourth.
    for number in [33, 44] {
        commit(village.neighbours[0].provider(), number);
    }
    for _ in 0..5 {
        village.block().await;
    }
    let board = village.neighbours[0].scheduler().board();
    let stopped = CheckpointStage::Stopped(Stopped::Quarantined);
    assert_eq!(board.buckets(), [(ID, stopped)]);
    assert!(village.submitters().is_empty());
    assert!(village.wire.signed.lock().is_empty());
}

#[tokio::test]
async fn s6a_the_quarantine_outlives_a_restart_and_ends_when_the_right_copy_is_accepted() {
    let mut village = village();
    (1..=2).for_each(|number| _ = sign(&village.neighbours[0], number));
    let [older, newer] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    while_stopped(&mut village, |path| copy(path, older.path()));
    let signed = sign(&village.neighbours[0], 3);
    while_stopped(&mut village, |path| copy(path, newer.path()));
    checkpoint(&village, signed, 1);
    village.chain.advance();
    let restore = |path: &Path, from: &Path, parts: &[&str]| {
        for part in parts {
            std::fs::remove_dir_all(path.join(part)).unwrap();
            copy(&from.join(part), &path.join(part));
        }
    };
    while_stopped(&mut village, |path| {
        restore(path, older.path(), &["buckets", "index"]);
    });
    let mut looking = watch(&village.neighbours[0]);
    looking.saw(village.chain.finalized_head()).await;
    drop(looking);
    while_stopped(&mut village, |_| {});
    let provider = village.neighbours[0].provider();
    assert!(provider.lease(ID, Wanted::write()).is_err());
    // S6c: the older copy is not accepted as the right one, and says what it lacks.
    let refused = provider.accept(ID, false).unwrap_err();
    let ProviderError::WouldLose { lost, .. } = &refused else {
        panic!("{refused}");
    };
    assert_eq!(lost.lost[0].commitment, signed);
    assert!(
        refused.to_string().contains("lacks these signed roots"),
        "{refused}"
    );
    assert!(provider.lease(ID, Wanted::write()).is_err());
    while_stopped(&mut village, |path| {
        restore(path, newer.path(), &["buckets"])
    });
    let neighbour = &village.neighbours[0];
    neighbour.provider().accept(ID, false).unwrap();
    let mut watch = watch(neighbour);
    watch.saw(village.chain.advance()).await;
    assert_eq!(watch.board().troubles(), []);
    assert_eq!(sign(neighbour, 4).leaf_count.get(), 4);
}

#[tokio::test]
async fn s6c_a_bucket_that_is_accepted_behind_is_told_of_for_as_long_as_the_chain_asks_for_it() {
    let (village, signed) = restored();
    let neighbour = &village.neighbours[0];
    let mut watch = watch(neighbour);
    watch.saw(village.chain.finalized_head()).await;
    let record = neighbour.provider().accept(ID, true).unwrap();
    assert_eq!(record.commitment.leaf_count.get(), 2);
    let let_go = neighbour.provider().let_go(ID).unwrap();
    assert_eq!(let_go.trees[&signed.start_seq], (1, signed.leaf_count));
    assert!(let_go.may_be_more);
    // The operator decided that it signs on, and it stays visible that this may cost the stake.
    watch.saw(village.chain.advance()).await;
    assert_eq!(watch.board().troubles(), [(ID, PromiseTrouble::LetGo)]);
    assert!(neighbour.provider().lease(ID, Wanted::write()).is_ok());
}

#[tokio::test]
async fn s6d_a_fork_with_more_leaves_is_found_by_the_chains_word() {
    let mut village = village();
    sign(&village.neighbours[0], 1);
    let backup = tempfile::tempdir().unwrap();
    while_stopped(&mut village, |path| copy(path, backup.path()));
    let signed = sign(&village.neighbours[0], 2);
    checkpoint(&village, signed, 1);
    village.chain.advance();
    // Another provider's copy, with a different second and third leaf; the index is lost, so
    // nothing local shows it.
    while_stopped(&mut village, |path| {
        for part in ["buckets", "index"] {
            std::fs::remove_dir_all(path.join(part)).unwrap();
        }
        copy(&backup.path().join("buckets"), &path.join("buckets"));
    });
    let neighbour = &village.neighbours[0];
    (22..=23).for_each(|number| _ = sign(neighbour, number));
    assert_eq!(neighbour.commitment().leaf_count.get(), 3);
    let mut watch = watch(neighbour);
    watch.saw(village.chain.finalized_head()).await;
    let missing = PromiseTrouble::Missing { commitment: signed };
    assert_eq!(watch.board().troubles(), [(ID, missing)]);
    assert!(neighbour.provider().lease(ID, Wanted::write()).is_err());
    let refused = neighbour.provider().accept(ID, false).unwrap_err();
    assert!(
        matches!(refused, ProviderError::WouldLose { .. }),
        "{refused}"
    );
}

#[tokio::test]
async fn s6_what_is_not_ours_and_what_is_well_raises_no_alarm() {
    let village = Village::new(2, 1, None, CheckpointConfig::default());
    let neighbour = &village.neighbours[0];
    let mut watch = watch(neighbour);
    let other = Commitment {
        mmr_root: H256::repeat_byte(9),
        start_seq: Sequence(0),
        leaf_count: LeafCount::new(9).unwrap(),
    };
    // Listed without any signature; a checkpoint that others signed; historical roots of theirs.
    watch.saw(village.chain.advance()).await;
    checkpoint(&village, other, 0b10);
    village.edit(move |info| info.historical_roots = vec![(3, 1, other.mmr_root)]);
    watch.saw(village.chain.advance()).await;
    // Our own signatures, the newest and an older one, before and after a prune.
    let older = sign(neighbour, 1);
    let newer = sign(neighbour, 2);
    for commitment in [newer, older] {
        checkpoint(&village, commitment, 0b11);
        watch.saw(village.chain.advance()).await;
    }
    let lease = neighbour.provider().lease(ID, Wanted::write()).unwrap();
    lease.run(|bucket| bucket.prune(Sequence(1), None)).unwrap();
    drop(lease);
    watch.saw(village.chain.advance()).await;
    assert_eq!(watch.board().troubles(), []);
    assert_eq!(neighbour.provider().quarantined(), []);
    // A chain that does not answer proves nothing.
    neighbour.client.disconnect();
    watch.saw(village.chain.advance()).await;
    assert_eq!(watch.board().troubles(), []);
}

#[tokio::test]
async fn s6_a_root_that_is_here_and_not_noted_as_signed_is_noted() {
    let village = village();
    let neighbour = &village.neighbours[0];
    (1..=3).for_each(|number| commit(neighbour.provider(), number));
    let lease = neighbour.provider().lease(ID, Wanted::read()).unwrap();
    let at = cairn_bucket::At::LeafCount(LeafCount::new(2).unwrap());
    let signed = lease.run(|bucket| bucket.view(at)?.commitment()).unwrap();
    drop(lease);
    checkpoint(&village, signed, 1);
    let mut watch = watch(neighbour);
    watch.saw(village.chain.advance()).await;
    assert_eq!(watch.board().troubles(), []);
    let lease = neighbour.provider().lease(ID, Wanted::read()).unwrap();
    let promised = lease
        .run(|bucket| bucket.promise_of(signed.start_seq, &signed.mmr_root))
        .unwrap();
    assert_eq!(promised, Some(signed.leaf_count));
}

#[tokio::test]
async fn s6a_a_bucket_that_is_not_here_is_told_of_and_is_not_begun_anew() {
    let mut village = village();
    let signed = sign(&village.neighbours[0], 1);
    checkpoint(&village, signed, 1);
    village.chain.advance();
    // As with a disk that is not mounted.
    while_stopped(&mut village, |path| {
        for part in ["buckets", "index"] {
            std::fs::remove_dir_all(path.join(part)).unwrap();
        }
        drop(open(path));
    });
    let neighbour = &village.neighbours[0];
    let mut watch = watch(neighbour);
    watch.saw(village.chain.finalized_head()).await;
    let missing = PromiseTrouble::NoBucket { commitment: signed };
    assert_eq!(watch.board().troubles(), [(ID, missing)]);
    neighbour
        .provider()
        .create_bucket(ID, cairn_bucket::BucketConfig::default())
        .unwrap();
    watch.saw(village.chain.advance()).await;
    assert!(neighbour.provider().lease(ID, Wanted::write()).is_err());
}

#[tokio::test]
async fn s6a_a_challenge_of_what_is_not_here_sets_its_bucket_apart_with_the_next_head() {
    let (village, _) = restored();
    let neighbour = &village.neighbours[0];
    village.edit(|info| info.snapshot = None);
    let mut watch = PromiseWatch::new(
        neighbour.client.clone(),
        neighbour.provider().clone(),
        PromiseConfig::default(),
    );
    watch.saw(village.chain.advance()).await;
    assert_eq!(watch.board().troubles(), []);
    let commitment = Commitment {
        mmr_root: H256::repeat_byte(3),
        start_seq: Sequence(0),
        leaf_count: LeafCount::new(3).unwrap(),
    };
    village.chain.challenge(Ask {
        provider: neighbour.account,
        challenger: AccountId([9; 32]),
        bucket: ID,
        commitment,
        location: ChunkLocation {
            leaf_index: LeafIndex(2),
            chunk_index: ChunkIndex(0),
        },
        period: Some(LIMITS.challenge_period),
    });
    watch.saw(village.chain.advance()).await;
    assert_eq!(watch.board().statistics().missing, 1);
    assert!(neighbour.provider().lease(ID, Wanted::write()).is_err());
}

#[test]
fn a_view_that_lacks_a_node_is_no_proof() {
    let village = village();
    let signed = sign(&village.neighbours[0], 1);
    let unknown = Commitment {
        mmr_root: H256::repeat_byte(1),
        ..signed
    };
    let provider = village.neighbours[0].provider();
    let found = |commitment| provider.find_signed(ID, &commitment).unwrap();
    assert_eq!(found(signed), Found::Provable);
    assert_eq!(found(unknown), Found::Missing);
    let lease = provider.lease(ID, Wanted::read()).unwrap();
    let at = cairn_bucket::At::RootOf {
        root: unknown.mmr_root,
        tree: unknown.start_seq,
    };
    let found = lease.run(|bucket| bucket.view(at)?.commitment());
    assert!(matches!(found, Err(ProveError::UnknownRoot { .. })));
}
