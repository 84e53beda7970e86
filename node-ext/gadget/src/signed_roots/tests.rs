//! A chain that has our signature over more than this provider holds.

use super::*;
use crate::network::{ID, Network, NetworkProvider, commit, open};
use crate::{BlockedReason, CheckpointConfig, CheckpointStage};
use cairn_bucket::ProveError;
use cairn_primitives::challenge::ChunkLocation;
use cairn_primitives::checkpoint::BucketSnapshot;
use cairn_primitives::{ChunkIndex, H256, LeafCount, LeafIndex, Sequence};
use cairn_provider::{LeaseRequest, ProviderError};
use cairn_testing::{LIMITS, NewChallenge};
use std::path::Path;
use substrate_prometheus_endpoint::Registry;

mod replicas;
mod unreadable;

fn network() -> Network {
    Network::new(1, 1, None, CheckpointConfig::default())
}

fn worker(peer: &NetworkProvider) -> SignedRootWorker {
    SignedRootWorker::new(
        peer.client.clone(),
        peer.provider().clone(),
        peer.signer.public(),
        SignedRootConfig { interval: 0 },
    )
}

/// Puts a checkpoint with some primaries' signatures on chain.
fn checkpoint(network: &Network, commitment: Commitment, bits: u8) {
    network.edit(move |info| {
        info.snapshot = Some(BucketSnapshot {
            commitment,
            checkpoint_block: 1,
            primary_signers: vec![bits],
        });
    });
}

/// Commits a leaf and signs.
fn sign(peer: &NetworkProvider, number: u64) -> Commitment {
    commit(peer.provider(), number);
    let lease = peer
        .provider()
        .blocking_lease(ID, LeaseRequest::write())
        .unwrap();
    let signed = lease.commit_signed(&[], &peer.signer).unwrap().1;
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
fn while_stopped(network: &mut Network, act: impl FnOnce(&Path)) {
    let path = network.providers[0].path().to_owned();
    network.kill(0);
    act(&path);
    network.start(0);
}

/// A provider whose whole base path was restored from a backup with two leaves; it signed three,
/// and the chain has them.
fn network_restored_from_backup() -> (Network, Commitment) {
    let mut network = network();
    (1..=2).for_each(|number| _ = sign(&network.providers[0], number));
    let backup = tempfile::tempdir().unwrap();
    while_stopped(&mut network, |path| copy(path, backup.path()));
    let signed = sign(&network.providers[0], 3);
    while_stopped(&mut network, |path| {
        for part in ["buckets", "index"] {
            std::fs::remove_dir_all(path.join(part)).unwrap();
            copy(&backup.path().join(part), &path.join(part));
        }
    });
    checkpoint(&network, signed, 1);
    network.chain.advance();
    (network, signed)
}

#[tokio::test]
async fn s6a_a_base_path_from_an_older_backup_signs_nothing() {
    let (network, signed) = network_restored_from_backup();
    let peer = &network.providers[0];
    let mut watch = worker(peer);
    assert!(!watch.status().has_compared());
    watch
        .on_finalized_head(network.chain.finalized_head())
        .await;
    let missing = SignedRootProblem::Missing { commitment: signed };
    assert_eq!(watch.status().problems(), [(ID, missing)]);
    assert!(watch.status().has_compared());
    let refused = peer.provider().blocking_lease(ID, LeaseRequest::write());
    let Err(ProviderError::Quarantined { reason, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(reason.contains("which is missing here"), "{reason}");
    // The existing leaves are still proven.
    assert!(
        peer.provider()
            .blocking_lease(ID, LeaseRequest::challenge())
            .is_ok()
    );
    let registry = Registry::new();
    watch.status().register_metrics(&registry).unwrap();
    let missing = registry.gather().into_iter();
    let mut missing = missing.filter(|family| family.get_name() == "cairn_signed_roots_missing");
    let missing = missing.next().unwrap();
    assert_eq!(missing.get_metric()[0].get_gauge().get_value(), 1.0);
}

#[tokio::test]
async fn s6_nothing_is_signed_before_the_first_comparison() {
    let network = network();
    let peer = &network.providers[0];
    let mut watch = worker(peer);
    let before = self::sign(peer, 1);
    peer.provider().defer_signing_until_compared();
    commit(peer.provider(), 2);
    let sign = || {
        let lease = peer
            .provider()
            .blocking_lease(ID, LeaseRequest::write())
            .unwrap();
        lease.commit_signed(&[], &peer.signer)
    };
    let refused = || sign().unwrap_err().to_string();
    assert!(refused().contains("not yet been compared"), "{}", refused());
    // Repeating an earlier signature is allowed.
    let lease = peer
        .provider()
        .blocking_lease(ID, LeaseRequest::read())
        .unwrap();
    let again = lease.sign_again(before.leaf_count, &peer.signer).unwrap();
    assert_eq!(again.payload.commitment, before);
    drop(lease);
    peer.client.disconnect();
    watch.on_finalized_head(network.chain.advance()).await;
    assert!(refused().contains("not yet been compared"), "{}", refused());
    peer.client.connect();
    watch.on_finalized_head(network.chain.advance()).await;
    sign().unwrap();
}

#[tokio::test]
async fn s6a_a_bucket_behind_the_chain_gets_no_checkpoint() {
    let (mut network, _) = network_restored_from_backup();
    // New leaves by local knowledge: another third leaf, and a fourth.
    for number in [33, 44] {
        commit(network.providers[0].provider(), number);
    }
    for _ in 0..5 {
        network.block().await;
    }
    let status = network.providers[0].worker().status();
    let stopped = CheckpointStage::Blocked(BlockedReason::Quarantined);
    assert_eq!(status.buckets(), [(ID, stopped)]);
    assert!(network.submitters().is_empty());
    assert!(network.cosigners.signed.lock().is_empty());
}

#[tokio::test]
async fn s6a_the_quarantine_lasts_until_the_right_copy_is_accepted() {
    let mut network = network();
    (1..=2).for_each(|number| _ = sign(&network.providers[0], number));
    let [older, newer] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    while_stopped(&mut network, |path| copy(path, older.path()));
    let signed = sign(&network.providers[0], 3);
    while_stopped(&mut network, |path| copy(path, newer.path()));
    checkpoint(&network, signed, 1);
    network.chain.advance();
    let restore = |path: &Path, from: &Path, parts: &[&str]| {
        for part in parts {
            std::fs::remove_dir_all(path.join(part)).unwrap();
            copy(&from.join(part), &path.join(part));
        }
    };
    while_stopped(&mut network, |path| {
        restore(path, older.path(), &["buckets", "index"]);
    });
    let mut looking = worker(&network.providers[0]);
    looking
        .on_finalized_head(network.chain.finalized_head())
        .await;
    drop(looking);
    while_stopped(&mut network, |_| {});
    let provider = network.providers[0].provider();
    assert!(provider.blocking_lease(ID, LeaseRequest::write()).is_err());
    // S6c: the older copy is not accepted as the right one, and says what it lacks.
    let refused = provider.accept(ID, false).unwrap_err();
    let ProviderError::MissingSignedRoots { lost, .. } = &refused else {
        panic!("{refused}");
    };
    assert_eq!(lost.missing[0].commitment, signed);
    assert!(
        refused.to_string().contains("lacks these signed roots"),
        "{refused}"
    );
    assert!(provider.blocking_lease(ID, LeaseRequest::write()).is_err());
    while_stopped(&mut network, |path| {
        restore(path, newer.path(), &["buckets"])
    });
    let peer = &network.providers[0];
    peer.provider().accept(ID, false).unwrap();
    let mut watch = worker(peer);
    watch.on_finalized_head(network.chain.advance()).await;
    assert_eq!(watch.status().problems(), []);
    assert_eq!(sign(peer, 4).leaf_count.get(), 4);
}

#[tokio::test]
async fn s6c_a_bucket_accepted_behind_stays_reported() {
    let (network, signed) = network_restored_from_backup();
    let peer = &network.providers[0];
    let mut watch = worker(peer);
    watch
        .on_finalized_head(network.chain.finalized_head())
        .await;
    let record = peer.provider().accept(ID, true).unwrap();
    assert_eq!(record.commitment.leaf_count.get(), 2);
    let let_go = peer.provider().tombstones(ID).unwrap();
    assert_eq!(let_go.trees[&signed.start_seq], (1, signed.leaf_count));
    assert!(let_go.is_incomplete);
    // The operator decided that it signs on, and it stays visible that this may cost the stake.
    watch.on_finalized_head(network.chain.advance()).await;
    assert_eq!(
        watch.status().problems(),
        [(ID, SignedRootProblem::Released)]
    );
    assert!(
        peer.provider()
            .blocking_lease(ID, LeaseRequest::write())
            .is_ok()
    );
}

#[tokio::test]
async fn s6d_a_fork_with_more_leaves_is_found() {
    let mut network = network();
    sign(&network.providers[0], 1);
    let backup = tempfile::tempdir().unwrap();
    while_stopped(&mut network, |path| copy(path, backup.path()));
    let signed = sign(&network.providers[0], 2);
    checkpoint(&network, signed, 1);
    network.chain.advance();
    // Another provider's copy, with a different second and third leaf; the index is lost, so
    // nothing local shows it.
    while_stopped(&mut network, |path| {
        for part in ["buckets", "index"] {
            std::fs::remove_dir_all(path.join(part)).unwrap();
        }
        copy(&backup.path().join("buckets"), &path.join("buckets"));
    });
    let peer = &network.providers[0];
    (22..=23).for_each(|number| _ = sign(peer, number));
    assert_eq!(peer.commitment().leaf_count.get(), 3);
    let mut watch = worker(peer);
    watch
        .on_finalized_head(network.chain.finalized_head())
        .await;
    let missing = SignedRootProblem::Missing { commitment: signed };
    assert_eq!(watch.status().problems(), [(ID, missing)]);
    assert!(
        peer.provider()
            .blocking_lease(ID, LeaseRequest::write())
            .is_err()
    );
    let refused = peer.provider().accept(ID, false).unwrap_err();
    assert!(
        matches!(refused, ProviderError::MissingSignedRoots { .. }),
        "{refused}"
    );
}

#[tokio::test]
async fn s6_foreign_and_sound_signatures_raise_no_alarm() {
    let network = Network::new(2, 1, None, CheckpointConfig::default());
    let peer = &network.providers[0];
    let mut watch = worker(peer);
    let other = Commitment {
        mmr_root: H256::repeat_byte(9),
        start_seq: Sequence(0),
        leaf_count: LeafCount::new(9).unwrap(),
    };
    // Listed without any signature; a checkpoint that others signed; historical roots of theirs.
    watch.on_finalized_head(network.chain.advance()).await;
    checkpoint(&network, other, 0b10);
    network.edit(move |info| info.historical_roots = vec![(3, 1, other.mmr_root)]);
    watch.on_finalized_head(network.chain.advance()).await;
    // Our own signatures, the newest and an older one, before and after a prune.
    let older = sign(peer, 1);
    let newer = sign(peer, 2);
    for commitment in [newer, older] {
        checkpoint(&network, commitment, 0b11);
        watch.on_finalized_head(network.chain.advance()).await;
    }
    let lease = peer
        .provider()
        .blocking_lease(ID, LeaseRequest::write())
        .unwrap();
    lease.run(|bucket| bucket.prune(Sequence(1), None)).unwrap();
    drop(lease);
    watch.on_finalized_head(network.chain.advance()).await;
    assert_eq!(watch.status().problems(), []);
    assert_eq!(peer.provider().quarantined(), []);
    // A chain that does not answer proves nothing.
    peer.client.disconnect();
    watch.on_finalized_head(network.chain.advance()).await;
    assert_eq!(watch.status().problems(), []);
}

#[tokio::test]
async fn s6_an_unrecorded_signed_root_is_recorded() {
    let network = network();
    let peer = &network.providers[0];
    (1..=3).for_each(|number| commit(peer.provider(), number));
    let lease = peer
        .provider()
        .blocking_lease(ID, LeaseRequest::read())
        .unwrap();
    let at = cairn_bucket::StateRef::LeafCount(LeafCount::new(2).unwrap());
    let signed = lease.run(|bucket| bucket.view(at)?.commitment()).unwrap();
    drop(lease);
    checkpoint(&network, signed, 1);
    let mut watch = worker(peer);
    watch.on_finalized_head(network.chain.advance()).await;
    assert_eq!(watch.status().problems(), []);
    let lease = peer
        .provider()
        .blocking_lease(ID, LeaseRequest::read())
        .unwrap();
    let signed_roots = lease
        .run(|bucket| bucket.signed_leaf_count(signed.start_seq, &signed.mmr_root))
        .unwrap();
    assert_eq!(signed_roots, Some(signed.leaf_count));
}

#[tokio::test]
async fn s6a_a_missing_bucket_is_reported_and_not_recreated() {
    let mut network = network();
    let signed = sign(&network.providers[0], 1);
    checkpoint(&network, signed, 1);
    network.chain.advance();
    // As with a disk that is not mounted.
    while_stopped(&mut network, |path| {
        for part in ["buckets", "index"] {
            std::fs::remove_dir_all(path.join(part)).unwrap();
        }
        drop(open(path));
    });
    let peer = &network.providers[0];
    let mut watch = worker(peer);
    watch
        .on_finalized_head(network.chain.finalized_head())
        .await;
    let missing = SignedRootProblem::BucketMissing { commitment: signed };
    assert_eq!(watch.status().problems(), [(ID, missing)]);
    peer.provider()
        .create_bucket(ID, cairn_bucket::BucketConfig::default())
        .unwrap();
    watch.on_finalized_head(network.chain.advance()).await;
    assert!(
        peer.provider()
            .blocking_lease(ID, LeaseRequest::write())
            .is_err()
    );
}

#[tokio::test]
async fn s6a_a_challenge_of_a_missing_root_quarantines_at_once() {
    let (network, _) = network_restored_from_backup();
    let peer = &network.providers[0];
    network.edit(|info| info.snapshot = None);
    let mut watch = SignedRootWorker::new(
        peer.client.clone(),
        peer.provider().clone(),
        peer.signer.public(),
        SignedRootConfig::default(),
    );
    watch.on_finalized_head(network.chain.advance()).await;
    assert_eq!(watch.status().problems(), []);
    let commitment = Commitment {
        mmr_root: H256::repeat_byte(3),
        start_seq: Sequence(0),
        leaf_count: LeafCount::new(3).unwrap(),
    };
    network.chain.challenge(NewChallenge {
        provider: peer.account,
        challenger: AccountId([9; 32]),
        bucket: ID,
        commitment,
        location: ChunkLocation {
            leaf_index: LeafIndex(2),
            chunk_index: ChunkIndex(0),
        },
        period: Some(LIMITS.challenge_period),
    });
    watch.on_finalized_head(network.chain.advance()).await;
    assert_eq!(watch.status().statistics().missing, 1);
    assert!(
        peer.provider()
            .blocking_lease(ID, LeaseRequest::write())
            .is_err()
    );
}

#[test]
fn an_incomplete_view_is_no_proof() {
    let network = network();
    let signed = sign(&network.providers[0], 1);
    let unknown = Commitment {
        mmr_root: H256::repeat_byte(1),
        ..signed
    };
    let provider = network.providers[0].provider();
    let found = |commitment| provider.find_signed(ID, &commitment).unwrap();
    assert_eq!(found(signed), SignedRootState::Provable);
    assert_eq!(found(unknown), SignedRootState::Missing);
    let lease = provider.blocking_lease(ID, LeaseRequest::read()).unwrap();
    let at = cairn_bucket::StateRef::RootOf {
        root: unknown.mmr_root,
        tree: unknown.start_seq,
    };
    let found = lease.run(|bucket| bucket.view(at)?.commitment());
    assert!(matches!(found, Err(ProveError::UnknownRoot { .. })));
}

#[tokio::test]
async fn another_key_on_chain_stops_signing_until_it_is_registered() {
    let network = network();
    let peer = &network.providers[0];
    let mut watch = worker(peer);
    let (account, public) = (peer.account, peer.signer.public());
    watch.on_finalized_head(network.chain.advance()).await;
    assert_eq!(peer.provider().signing_off_reason(), None);
    network
        .chain
        .edit(move |pallet| pallet.register(account, [3; 32].into()));
    watch.on_finalized_head(network.chain.advance()).await;
    let reason = peer.provider().signing_off_reason().unwrap();
    assert!(reason.contains(&hex::encode([3; 32])), "{reason}");
    assert!(reason.contains(&hex::encode(public)), "{reason}");
    // A node that cannot tell changes nothing.
    peer.client.remove_methods(&["provider"]);
    watch.on_finalized_head(network.chain.advance()).await;
    assert!(peer.provider().signing_off_reason().is_some());
    peer.client.remove_methods(&[]);
    network
        .chain
        .edit(move |pallet| pallet.register(account, public.into()));
    watch.on_finalized_head(network.chain.advance()).await;
    assert_eq!(peer.provider().signing_off_reason(), None);
    // An account that is not registered may yet register this key.
    network.chain.edit(|pallet| pallet.providers.clear());
    watch.on_finalized_head(network.chain.advance()).await;
    assert_eq!(peer.provider().signing_off_reason(), None);
}
