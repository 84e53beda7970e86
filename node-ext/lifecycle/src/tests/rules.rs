//! A call is refused here if the chain refuses it, with the same error, and an accepted call
//! changes the facts as it changes the chain. The simulated pallet is the judge: it shares no code.

use super::fixture::ACCOUNT;
use crate::Facts;
use cairn_chain::{ChainClient, Head, ProviderCall, RegistrationRules};
use cairn_primitives::challenge::{AccountId, ChallengeId, ChunkLocation, Role};
use cairn_primitives::onchain::{
    Agreement, BucketInfo, OpenChallenge, PrimaryProvider, ProviderSettings, RegisteredKey,
};
use cairn_primitives::{BucketId, ChunkIndex, H256, LeafIndex, Sequence};
use cairn_testing::{LIMITS, Pallet, SimulatedChain};
use futures::executor::block_on;
use proptest::prelude::*;

const ANCHOR: u32 = 100;

fn settings() -> impl Strategy<Value = ProviderSettings> {
    (
        0u32..3,
        0u32..3,
        any::<bool>(),
        prop_oneof![Just(0), 1u64..30, Just(u64::MAX)],
    )
        .prop_map(
            |(min_duration, max_duration, accepts, max_capacity)| ProviderSettings {
                min_duration,
                max_duration,
                price_per_byte: 1,
                accepting_primary: accepts,
                replica_sync_price: accepts.then_some(2),
                accepting_extensions: accepts,
                max_capacity,
            },
        )
}

pub(super) fn call() -> impl Strategy<Value = ProviderCall> {
    let multiaddr = "[a-z]{0,12}";
    let key = prop_oneof![Just(32), Just(33), 0usize..40];
    prop_oneof![
        (multiaddr, key, 0u128..40).prop_map(|(multiaddr, length, stake)| {
            ProviderCall::Register {
                multiaddr,
                public_key: RegisteredKey(vec![1; length]),
                stake,
            }
        }),
        (0u128..40).prop_map(ProviderCall::AddStake),
        settings().prop_map(ProviderCall::UpdateSettings),
        multiaddr.prop_map(ProviderCall::UpdateMultiaddr),
        Just(ProviderCall::AnnounceDeregister),
        Just(ProviderCall::CompleteDeregister),
        Just(ProviderCall::CancelDeregister),
        (0u64..3).prop_map(|bucket| ProviderCall::ClaimExpiredAgreement(BucketId(bucket))),
        (0u64..3, any::<bool>()).prop_map(|(bucket, blocked)| {
            ProviderCall::SetExtensionsBlocked {
                bucket: BucketId(bucket),
                blocked,
            }
        }),
    ]
}

fn bucket(expires_at: u32) -> BucketInfo {
    BucketInfo {
        members: vec![(AccountId([1; 32]), Role::Admin)],
        min_providers: 1,
        primary_providers: vec![PrimaryProvider {
            account: ACCOUNT,
            key: None,
            endpoint: vec![],
            agreement: Some(Agreement::primary(AccountId([1; 32]), 5, expires_at)),
        }],
        frozen_start_seq: None,
        snapshot: None,
        historical_roots: vec![],
        window: None,
        last_window: None,
    }
}

pub(crate) fn open_challenge(bucket: u64) -> OpenChallenge {
    OpenChallenge {
        id: ChallengeId {
            deadline: ANCHOR + 10,
            index: 0,
        },
        bucket_id: BucketId(bucket),
        provider: ACCOUNT,
        challenger: AccountId([3; 32]),
        mmr_root: H256::zero(),
        start_seq: Sequence(0),
        leaf_count: None,
        location: ChunkLocation {
            leaf_index: LeafIndex(0),
            chunk_index: ChunkIndex(0),
        },
        asked_at: ANCHOR,
    }
}

prop_compose! {
    fn pallet()(
        balance in 0u128..60,
        record in proptest::option::of((0u128..40, 0u64..12, settings(), proptest::option::of(90u32..110))),
        ends in proptest::collection::vec(80u32..120, 0..3),
        challenged in proptest::option::of(0u64..3),
    ) -> Pallet {
        let mut pallet = Pallet::new(LIMITS, ANCHOR);
        pallet.registration = RegistrationRules {
            min_stake: 10,
            min_stake_per_byte: 2,
            max_multiaddr_bytes: 8,
            deregister_notice: 7,
            settlement_period: 5,
            anchor_block_millis: None,
        };
        pallet.fee_per_byte = 0;
        pallet.balances.insert(ACCOUNT.0, balance);
        if let Some((stake, committed, settings, deregister_at)) = record {
            pallet.register(ACCOUNT, RegisteredKey(vec![1; 32]));
            let record = pallet.providers.get_mut(&ACCOUNT.0).unwrap();
            record.stake = stake;
            record.committed_bytes = committed;
            record.settings = settings;
            record.deregister_at = deregister_at;
            for (id, end) in ends.into_iter().enumerate() {
                pallet.buckets.insert(BucketId(u64::try_from(id).unwrap()), bucket(end));
            }
            if let Some(challenged) = challenged {
                let open = open_challenge(challenged);
                pallet.open.insert(open.id, open);
            }
        }
        pallet
    }
}

fn facts_of(pallet: &Pallet) -> Facts {
    let chain = SimulatedChain::new(LIMITS);
    let state = pallet.clone();
    chain.edit(move |at| {
        *at = Pallet {
            anchor: at.anchor,
            ..state.clone()
        }
    });
    chain.advance();
    let mut facts = block_on(Facts::read(&*chain.client(ACCOUNT))).unwrap();
    facts.head = Head {
        anchor: pallet.anchor,
        ..facts.head
    };
    facts
}

proptest! {
    #[test]
    fn the_chain_and_the_rules_agree(mut pallet in pallet(), call in call()) {
        let mut facts = facts_of(&pallet);
        let ours = facts.check(&call);
        let theirs = pallet.apply(ACCOUNT, &call);
        match (ours, theirs) {
            (Ok(()), Ok(())) => {
                facts.apply(&call);
                let after = facts_of(&pallet);
                prop_assert_eq!(facts.provider, after.provider);
                prop_assert_eq!(facts.funds, after.funds);
                prop_assert_eq!(facts.agreements, after.agreements);
            }
            (Err(refusal), Err(error)) => {
                // The claim of a challenged bucket has an error of its own.
                let is_claim = matches!(call, ProviderCall::ClaimExpiredAgreement(_));
                let expected = match refusal.pallet_error() {
                    None => "BadFormat",
                    Some("ProviderHasPendingChallenges") if is_claim => {
                        "AgreementHasPendingChallenge"
                    }
                    Some(error) => error,
                };
                prop_assert_eq!(error, expected);
            }
            (ours, theirs) => prop_assert!(false, "{:?} here, {:?} there", ours, theirs),
        }
    }
}

#[test]
fn a_row_that_cannot_be_read_is_an_error_and_not_the_end_of_challenges() {
    let chain = SimulatedChain::new(LIMITS);
    chain.edit(|pallet| {
        let open = open_challenge(1);
        pallet.open.insert(open.id, open);
        pallet.unreadable.insert(open.id);
    });
    chain.advance();
    let client = chain.client(ACCOUNT);
    assert_eq!(client.account(), ACCOUNT);
    assert!(block_on(Facts::read(&*client)).is_err());
}
