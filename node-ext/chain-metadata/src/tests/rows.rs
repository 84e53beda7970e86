//! Buckets, providers, agreements, funds, outcomes and constants, per variant.

use super::*;
use cairn_chain::{ChainError, Funds};
use cairn_primitives::challenge::{ChallengeId, Role, SlashReason};
use cairn_primitives::checkpoint::BucketSnapshot;
use cairn_primitives::onchain::{
    Agreement, CheckpointWindow, Outcome, PayloadFormat, RegisteredKey,
};
use cairn_primitives::terms::ReplayWindow;
use cairn_primitives::{BucketId, Commitment, H256, LeafCount, Sequence};
use codec::{Compact, Encode};

const PALLET: &str = "StorageProvider";

pub(super) fn key_of(item: &str, key: &impl Encode) -> Vec<u8> {
    [prefix(PALLET, item), blake2_concat(key)].concat()
}

pub(super) fn agreement_key(bucket: u64, account: AccountId) -> Vec<u8> {
    let parts = [blake2_concat(&bucket), blake2_concat(&account)].concat();
    [prefix(PALLET, "StorageAgreements"), parts].concat()
}

/// A provider's row. The counters of challenges are one on old chains, and two on new ones.
pub(super) fn provider_row(counters: &[u32], lost: u32, is_old: bool) -> Vec<u8> {
    provider_row_since(7, counters, lost, is_old)
}

/// The row of a provider that was registered in a block.
pub(super) fn provider_row_since(
    registered_at: u32,
    counters: &[u32],
    lost: u32,
    is_old: bool,
) -> Vec<u8> {
    let settings = (10_u32, 20_u32, 3_u128, true, Some(4_u128), false, 99_u64);
    let mut row = (
        b"/dns4/a.example/tcp/443".to_vec(),
        [5_u8; 32].to_vec(),
        1_000_u128,
        64_u64,
        settings,
    )
        .encode();
    row.extend((registered_at, 8_u32, 64_u64).encode());
    for counter in counters {
        row.extend(counter.encode());
    }
    row.extend(lost.encode());
    if !is_old {
        row.extend(5_u128.encode());
    }
    row.extend(Some(12_345_u32).encode());
    row
}

fn agreement_row(max_bytes: u64, replica: Option<u128>) -> Vec<u8> {
    let head = (OTHER, max_bytes, 1_u128, 2_u128, 50_000_u32, false).encode();
    let role = match replica {
        None => vec![0],
        Some(balance) => (1_u8, balance, 3_u128, 5_u32, None::<(H256, u32)>).encode(),
    };
    [head, role, 40_u32.encode()].concat()
}

/// A bucket with one checkpoint, one historical root and two members.
pub(super) fn bucket_row(options: Options) -> Vec<u8> {
    bucket_row_with(options, 9, 77)
}

/// A bucket with a checkpoint of a leaf count at a block.
pub(super) fn bucket_row_with(options: Options, leaves: u64, checkpoint_block: u32) -> Vec<u8> {
    let is_old = options.is_deployed || options.has_nonce;
    let mut row = vec![(OURS, 1_u8), (CHALLENGER, 0_u8)].encode();
    if !is_old {
        row.push(1);
    }
    row.extend((Some(4_u64), 1_u32, vec![OURS, OTHER]).encode());
    row.push(1);
    row.extend((H256(ROOT), 4_u64, leaves, checkpoint_block, vec![0b10_u8]).encode());
    if options.has_nonce {
        row.extend(70_u64.encode());
    }
    for place in 0..6_u32 {
        let root = match place {
            1 => [6_u8; 32],
            _ => [0; 32],
        };
        row.extend((place + 10, root).encode());
    }
    row.extend(3_u32.encode());
    row
}

#[tokio::test]
async fn a_bucket_is_read_with_its_providers_in_each_variant() {
    for options in VARIANTS {
        let is_old = options.is_deployed || options.has_nonce;
        let counters: &[u32] = if is_old { &[9] } else { &[4, 3] };
        let node = MemoryNode::new(options);
        node.change(|block| {
            block
                .storage
                .insert(key_of("Buckets", &3_u64), bucket_row(options));
            let row = provider_row(counters, 2, is_old);
            block.storage.insert(provider_key(OURS), row);
            block
                .storage
                .insert(agreement_key(3, OURS), agreement_row(64, None));
        });
        let chain = state(&node);
        let at = node.best_hash();
        let bucket = chain.bucket(at, BucketId(3)).await.unwrap().unwrap();
        assert_eq!(
            bucket.members,
            [(OURS, Role::Writer), (CHALLENGER, Role::Admin)]
        );
        assert_eq!(bucket.min_providers, 1);
        assert_eq!(bucket.frozen_start_seq, Some(Sequence(4)));
        let commitment = Commitment {
            mmr_root: H256(ROOT),
            start_seq: Sequence(4),
            leaf_count: LeafCount::new(9).unwrap(),
        };
        assert_eq!(
            bucket.snapshot,
            Some(BucketSnapshot {
                commitment,
                checkpoint_block: 77,
                primary_signers: vec![0b10],
            })
        );
        // The second place is that of the prime 7; zero roots are none.
        assert_eq!(bucket.historical_roots, [(7, 11, H256([6; 32]))]);
        let [ours, other] = &bucket.primary_providers[..] else {
            panic!("{bucket:?}");
        };
        assert_eq!(ours.account, OURS);
        assert_eq!(ours.key, Some(RegisteredKey::from([5; 32])));
        assert_eq!(ours.endpoint, b"/dns4/a.example/tcp/443");
        let expected = Agreement::primary(OTHER, 64, 50_000);
        assert_eq!(ours.agreement, Some(expected));
        assert_eq!((&other.key, &other.agreement), (&None, &None));
        // Windows are those that the chain gives a bucket by default.
        let window = is_old.then_some(CheckpointWindow {
            interval: 100,
            grace: 20,
        });
        assert_eq!(bucket.window, window);
        assert_eq!(bucket.last_window, None);
        assert_eq!(chain.bucket(at, BucketId(4)).await.unwrap(), None);

        let provider = chain.provider(at, OURS).await.unwrap().unwrap();
        assert_eq!((provider.stake, provider.committed_bytes), (1_000, 64));
        assert_eq!(provider.settings.replica_sync_price, Some(4));
        assert_eq!((provider.defended, provider.lost), (7, 2));
        assert_eq!(provider.deregister_at, Some(12_345));
        assert_eq!(chain.provider(at, CHALLENGER).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_window_that_is_off_is_none() {
    let node = MemoryNode::new(Options::NONCE);
    node.change(|block| {
        let storage = &mut block.storage;
        storage.insert(key_of("Buckets", &3_u64), bucket_row(Options::NONCE));
        let config = (50_u32, 5_u32, true).encode();
        storage.insert(key_of("CheckpointConfigs", &3_u64), config);
        storage.insert(key_of("LastCheckpointWindow", &3_u64), 8_u64.encode());
    });
    let chain = state(&node);
    let bucket = chain
        .bucket(node.best_hash(), BucketId(3))
        .await
        .unwrap()
        .unwrap();
    let window = CheckpointWindow {
        interval: 50,
        grace: 5,
    };
    assert_eq!((bucket.window, bucket.last_window), (Some(window), Some(8)));
    let at = node.next_block(|block| {
        let config = (50_u32, 5_u32, false).encode();
        block
            .storage
            .insert(key_of("CheckpointConfigs", &3_u64), config);
    });
    let bucket = chain.bucket(at, BucketId(3)).await.unwrap().unwrap();
    assert_eq!(bucket.window, None);
}

#[tokio::test]
async fn an_unmigrated_row_is_an_error_and_not_absent() {
    // Rows of the deployed chain, under the current runtime.
    let node = MemoryNode::new(Options::CURRENT);
    node.change(|block| {
        let row = bucket_row(Options::DEPLOYED);
        block.storage.insert(key_of("Buckets", &3_u64), row);
        let current = bucket_row(Options::CURRENT);
        block.storage.insert(key_of("Buckets", &4_u64), current);
        let row = provider_row(&[9], 2, true);
        block.storage.insert(provider_key(OURS), row);
        block.storage.insert(agreement_key(3, OURS), vec![1, 2]);
    });
    let chain = state(&node);
    let at = node.best_hash();
    for error in [
        chain.bucket(at, BucketId(3)).await.unwrap_err(),
        // The bucket is readable, but a provider of it is not.
        chain.bucket(at, BucketId(4)).await.unwrap_err(),
        chain.provider(at, OURS).await.unwrap_err(),
        chain.agreements(at, OURS).await.unwrap_err(),
    ] {
        assert!(matches!(error, ChainError::Undecodable { .. }), "{error}");
        assert!(!error.is_transient());
    }
}

#[tokio::test]
async fn agreements_of_the_account_are_found_among_others() {
    let node = MemoryNode::new(Options::CURRENT);
    node.change(|block| {
        for bucket in 0..1_500 {
            let row = agreement_row(1, None);
            block.storage.insert(agreement_key(bucket, OTHER), row);
        }
        let (primary, replica) = (agreement_row(64, None), agreement_row(32, Some(9)));
        block.storage.insert(agreement_key(700, OURS), primary);
        block.storage.insert(agreement_key(9, OURS), replica);
    });
    let chain = state(&node);
    let at = node.best_hash();
    assert_eq!(
        chain.buckets(at, OURS).await.unwrap(),
        [BucketId(9), BucketId(700)]
    );
    let replica = Agreement {
        is_replica: true,
        ..Agreement::primary(OTHER, 32, 50_000)
    };
    assert_eq!(
        chain.agreements(at, OURS).await.unwrap(),
        [
            (BucketId(9), replica),
            (BucketId(700), Agreement::primary(OTHER, 64, 50_000)),
        ]
    );
    let buckets = chain.buckets(at, CHALLENGER).await.unwrap();
    assert!(buckets.is_empty());
}

#[tokio::test]
async fn funds_are_what_can_pay_a_fee() {
    let node = MemoryNode::new(Options::CURRENT);
    let key = [prefix("System", "Account"), blake2_concat(&OURS)].concat();
    let chain = state(&node);
    let nothing = Funds {
        spendable: 0,
        held: 0,
    };
    let found = chain.funds(node.best_hash(), OURS).await.unwrap();
    assert_eq!(found, nothing);
    for (free, held, frozen, spendable) in [
        // The deposit that keeps the account stays.
        (1_000_u128, 400_u128, 0_u128, 990_u128),
        // A lock within what is held blocks nothing else.
        (1_000, 400, 300, 990),
        (1_000, 400, 900, 500),
        (5, 400, 0, 0),
    ] {
        let row = (0_u32, 1_u32, 0_u32, 0_u32, (free, held, frozen, 0_u128));
        let at = node.next_block(|block| {
            block.storage.insert(key.clone(), row.encode());
        });
        let found = chain.funds(at, OURS).await.unwrap();
        assert_eq!(found, Funds { spendable, held });
    }
}

/// An event of the pallet, in a record.
pub(super) fn record(phase: &[u8], variant: u8, fields: impl Encode) -> Vec<u8> {
    let event = [vec![crate::testing::PALLET_INDEX, variant], fields.encode()].concat();
    [phase.to_vec(), event, Compact(0_u32).encode()].concat()
}

#[tokio::test]
async fn outcomes_are_the_events_of_the_pallet_by_name() {
    let id = ChallengeId {
        deadline: 9,
        index: 2,
    };
    for options in VARIANTS {
        let node = MemoryNode::new(options);
        let applied = [vec![0], 1_u32.encode()].concat();
        let slashed = (id, OTHER, 5_u128, 6_u128);
        let slashed = match options.is_deployed {
            true => record(&[1], 21, slashed),
            false => record(&[2], 21, (slashed, 0_u8)),
        };
        let checkpointed = (3_u64, H256(ROOT), 4_u64, 9_u64, vec![OURS]);
        let records = [
            // Another pallet's event, and one that tells no outcome.
            [applied.clone(), vec![0, 0], 7_u32.encode(), vec![0]].concat(),
            record(&applied, 3, OURS),
            record(&applied, 20, (id, OURS, 4_u32)),
            slashed,
            record(&applied, 11, checkpointed),
        ];
        let bytes = [Compact(5_u32).encode(), records.concat()].concat();
        node.change(|block| {
            block
                .storage
                .insert(prefix("System", "Events"), bytes.clone());
        });
        let chain = state(&node);
        let reason = (!options.is_deployed).then_some(SlashReason::Timeout);
        assert_eq!(
            chain.outcomes(node.best_hash()).await.unwrap(),
            [
                Outcome::Defended { id, provider: OURS },
                Outcome::Slashed {
                    id,
                    provider: OTHER,
                    reason
                },
                Outcome::Checkpointed {
                    bucket_id: BucketId(3),
                    mmr_root: H256(ROOT)
                },
            ]
        );
        // An event that does not decode hides what follows it: no shorter list.
        let at = node.next_block(|block| {
            let cut = bytes[..bytes.len() - 3].to_vec();
            block.storage.insert(prefix("System", "Events"), cut);
        });
        let error = chain.outcomes(at).await.unwrap_err();
        assert!(error.to_string().contains("event 4"), "{error}");
    }
}

#[tokio::test]
async fn limits_are_those_of_the_variant() {
    for options in VARIANTS {
        let node = MemoryNode::new(options);
        let limits = state(&node).limits(node.best_hash()).await.unwrap();
        assert_eq!(limits.chunk_bytes, 262_144);
        assert_eq!(limits.primary_providers, 5);
        assert_eq!(limits.challenge_period, 28_800);
        let bound = if options.is_deployed { u32::MAX } else { 1000 };
        assert_eq!(limits.challenges_per_deadline, bound);
        assert_eq!(limits.strict_leaf_binding, options.binds_leaves);
        assert_eq!(limits.wrong_answers_slash, !options.is_deployed);
        assert_eq!(limits.challenge_ids_shift, options.is_deployed);
        let payload = match options.has_nonce {
            true => PayloadFormat::V2 { max_age: 600 },
            false => PayloadFormat::V1,
        };
        assert_eq!(limits.payload, payload);
    }
}

#[tokio::test]
async fn a_payload_that_names_agreements_is_unknown() {
    let node = MemoryNode::new(Options {
        names_agreements: true,
        ..Options::CURRENT
    });
    let limits = state(&node).limits(node.best_hash()).await.unwrap();
    assert_eq!(limits.payload, PayloadFormat::Unknown);
}

#[tokio::test]
async fn redeemed_nonces_are_read_and_terms_in_another_order_are_refused() {
    let node = MemoryNode::new(Options::CURRENT);
    let mut redeemed = [0; 32];
    redeemed[0] = 0b101;
    node.put(key_of("ProviderReplayStates", &OURS), (300_u64, redeemed));
    let chain = state(&node);
    let rules = chain.terms_rules(node.best_hash(), OURS).await.unwrap();
    assert_eq!(
        (rules.request_timeout, rules.min_stake_per_byte),
        (3600, 1000)
    );
    let window = ReplayWindow {
        highest: 300,
        redeemed,
    };
    assert_eq!(rules.nonces, window);
    let rules = chain.terms_rules(node.best_hash(), OTHER).await.unwrap();
    assert_eq!(rules.nonces, ReplayWindow::default());

    let node = MemoryNode::new(Options {
        swaps_terms: true,
        ..Options::CURRENT
    });
    let error = state(&node)
        .terms_rules(node.best_hash(), OURS)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("in another order"), "{error}");
}

#[tokio::test]
async fn the_anchor_jumps_with_the_relay_chain() {
    let node = MemoryNode::new(Options::CURRENT);
    let chain = state(&node);
    let first = chain.head(node.best_hash()).await.unwrap();
    assert_eq!((first.number, first.anchor), (0, 100));
    // Several blocks share an anchor block, and the next one is far.
    for anchor in [100_u32, 100, 9_000] {
        let at = node.next_block(|block| {
            let function = "StorageProviderApi_current_anchor_block".to_owned();
            block.functions.insert(function, anchor.encode());
        });
        assert_eq!(chain.head(at).await.unwrap().anchor, anchor);
    }
    // It is asked for once a block.
    let calls = node.calls_of("StorageProviderApi_current_anchor_block");
    chain.head(node.best_hash()).await.unwrap();
    assert_eq!(
        node.calls_of("StorageProviderApi_current_anchor_block"),
        calls
    );
}
