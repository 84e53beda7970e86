//! The policy, without a chain or a disk: a table of decisions, and properties of all of them.

use super::super::offer::{OfferFacts, content_for_quota};
use super::*;
use cairn_bucket::quota_for_content;
use cairn_primitives::onchain::{ProviderSettings, TermsRules};
use cairn_primitives::terms::{AgreementTerms, ReplayWindow, ReplicaTerms};
use proptest::prelude::*;

fn info() -> ProviderInfo {
    ProviderInfo {
        key: RegisteredKey::from([1; 32]),
        endpoint: vec![],
        stake: 1 << 60,
        committed_bytes: 10 * MIB,
        settings: ProviderSettings {
            min_duration: 10,
            max_duration: 1_000,
            price_per_byte: 4,
            accepting_primary: true,
            replica_sync_price: Some(7),
            accepting_extensions: true,
            max_capacity: 100 * MIB,
        },
        defended: 0,
        lost: 0,
        deregister_at: None,
    }
}

const RULES: TermsRules = TermsRules {
    request_timeout: 3_600,
    min_stake_per_byte: 1,
    nonces: ReplayWindow {
        highest: 0,
        redeemed: [0; 32],
    },
};

fn decide(
    policy: &TermsPolicy,
    info: &ProviderInfo,
    redeemable: &[AgreementTerms],
    free_bytes: u64,
    request: &TermsRequest,
) -> Result<AgreementTerms, TermsRefusal> {
    let facts = OfferFacts {
        anchor: 500,
        info,
        rules: &RULES,
        redeemable,
        free_bytes,
    };
    Offer::new(policy, &facts)?.decide(policy, redeemable, request)
}

fn replica(min_sync_interval: u32, sync_price: u128) -> TermsRequest {
    TermsRequest {
        bucket: BucketTarget::Existing(BucketId(7)),
        replica: Some(ReplicaTerms {
            sync_balance: 100,
            min_sync_interval,
            sync_price,
        }),
        ..request()
    }
}

#[test]
fn a_table_of_refusals_says_what_would_be_signed() {
    let policy = TermsPolicy {
        accepts_replica: true,
        min_duration: 20,
        max_duration: 2_000,
        max_bucket_bytes: 50 * MIB,
        max_agreed_bytes: Some(40 * MIB),
        owners: OwnerRule::Except(Arc::new(HashSet::from([AccountId([6; 32])]))),
        min_sync_interval: 30,
        ..policy()
    };
    let request = request();
    let cases = [
        (
            TermsRequest {
                owner: AccountId([6; 32]),
                ..request
            },
            TermsRefusal::Owner,
        ),
        (
            TermsRequest {
                max_bytes: 0,
                ..request
            },
            TermsRefusal::NoBytes,
        ),
        (
            TermsRequest {
                max_bytes: 50 * MIB + 1,
                ..request
            },
            TermsRefusal::TooLarge { most: 50 * MIB },
        ),
        (
            TermsRequest {
                max_bytes: 30 * MIB + 1,
                ..request
            },
            TermsRefusal::Capacity {
                available: 30 * MIB,
            },
        ),
        (
            TermsRequest {
                duration: 19,
                ..request
            },
            TermsRefusal::Duration {
                min: 20,
                max: 1_000,
            },
        ),
        (
            TermsRequest {
                duration: 1_001,
                ..request
            },
            TermsRefusal::Duration {
                min: 20,
                max: 1_000,
            },
        ),
        (
            TermsRequest {
                max_price: Some(2),
                ..request
            },
            TermsRefusal::Price { price: 3 },
        ),
        (
            TermsRequest {
                bucket: BucketTarget::Existing(BucketId(7)),
                ..request
            },
            TermsRefusal::Target,
        ),
        (
            TermsRequest {
                bucket: BucketTarget::New,
                ..replica(30, 7)
            },
            TermsRefusal::Target,
        ),
        (replica(29, 7), TermsRefusal::SyncInterval { least: 30 }),
        (replica(30, 6), TermsRefusal::SyncPrice { price: 7 }),
    ];
    for (request, refusal) in cases {
        let decided = decide(&policy, &info(), &[], u64::MAX, &request);
        assert_eq!(decided, Err(refusal), "{request:?}");
    }
    // And what each of them names is signed.
    for request in [
        request,
        TermsRequest {
            max_bytes: 30 * MIB,
            ..request
        },
        TermsRequest {
            duration: 20,
            ..request
        },
        TermsRequest {
            duration: 1_000,
            ..request
        },
        TermsRequest {
            max_price: Some(3),
            ..request
        },
        TermsRequest {
            max_price: None,
            ..request
        },
        replica(30, 9),
    ] {
        let terms = decide(&policy, &info(), &[], u64::MAX, &request).unwrap();
        assert_eq!(terms.price_per_byte, 3);
        assert_eq!(terms.valid_until, 550);
        // Replicas are synced at this provider's price, too.
        assert!(terms.replica.is_none_or(|replica| replica.sync_price == 7));
    }
}

#[test]
fn what_the_provider_has_on_chain_bounds_the_policy() {
    let refused = |policy: &TermsPolicy, info: &ProviderInfo| {
        decide(policy, info, &[], u64::MAX, &request()).unwrap_err()
    };
    let mut closed = info();
    closed.settings.accepting_primary = false;
    assert_eq!(refused(&policy(), &closed), TermsRefusal::NotOffered);
    let both = TermsPolicy {
        accepts_replica: true,
        ..policy()
    };
    assert_eq!(refused(&both, &closed), TermsRefusal::NoPrimary);
    let mut poor = info();
    poor.stake = u128::from(11 * MIB - 1);
    let available = MIB - 1;
    assert_eq!(
        refused(&policy(), &poor),
        TermsRefusal::Capacity { available }
    );
    // A price of 0 on chain is the default there, and not meant.
    let mut free = info();
    free.settings.price_per_byte = 0;
    let listed = TermsPolicy {
        price_per_byte: None,
        ..policy()
    };
    assert_eq!(refused(&listed, &free), TermsRefusal::NotOffered);
    let terms = decide(&listed, &info(), &[], u64::MAX, &request()).unwrap();
    assert_eq!(terms.price_per_byte, 4);
    let meant = TermsPolicy {
        price_per_byte: Some(0),
        ..policy()
    };
    assert!(decide(&meant, &free, &[], u64::MAX, &request()).is_ok());
    let dear = TermsPolicy {
        price_per_byte: Some(u128::MAX / 2),
        ..policy()
    };
    let any_price = TermsRequest {
        max_price: None,
        ..request()
    };
    let mut as_dear = info();
    as_dear.settings.price_per_byte = u128::MAX / 2;
    let refused = decide(&dear, &as_dear, &[], u64::MAX, &any_price);
    assert_eq!(refused, Err(TermsRefusal::Payment));
}

#[test]
fn nothing_is_offered_above_the_price_of_top_ups_and_extensions() {
    let at = |on_chain: u128| {
        let mut info = info();
        info.settings.price_per_byte = on_chain;
        // Top-ups need no extensions to be accepted.
        info.settings.accepting_extensions = false;
        let mismatch = policy().compare_price(&info.settings);
        (
            decide(&policy(), &info, &[], u64::MAX, &request()),
            mismatch,
        )
    };
    for on_chain in [0, 2] {
        let above = PriceMismatch::Above {
            policy: 3,
            on_chain,
        };
        assert_eq!(
            at(on_chain),
            (Err(TermsRefusal::NotOffered), Some(above)),
            "{on_chain}"
        );
    }
    let (offered, mismatch) = at(3);
    assert_eq!((offered.unwrap().price_per_byte, mismatch), (3, None));
    let (offered, mismatch) = at(4);
    let below = PriceMismatch::Below {
        policy: 3,
        on_chain: 4,
    };
    assert_eq!(
        (offered.unwrap().price_per_byte, mismatch),
        (3, Some(below))
    );
}

#[test]
fn agreements_that_cost_next_to_nothing_are_not_made() {
    let mut open = info();
    (open.settings.min_duration, open.settings.max_duration) = (0, u32::MAX);
    let by_default = TermsPolicy {
        accepts_primary: true,
        ..TermsPolicy::default()
    };
    let refused = |policy: &TermsPolicy, free_bytes, max_bytes, duration| {
        let request = TermsRequest {
            max_bytes,
            duration,
            ..request()
        };
        decide(policy, &open, &[], free_bytes, &request)
    };
    let (min, max) = (3_600, u32::MAX);
    assert_eq!(
        refused(&by_default, u64::MAX, MIB, 3_599),
        Err(TermsRefusal::Duration { min, max })
    );
    let least = MIB;
    assert_eq!(
        refused(&by_default, u64::MAX, MIB - 1, 3_600),
        Err(TermsRefusal::TooSmall { least })
    );
    assert!(refused(&by_default, u64::MAX, MIB, 3_600).is_ok());
    // Space for less than that is no space.
    let space = quota_for_content(MIB / 2);
    assert_eq!(
        refused(&by_default, space, MIB, 3_600),
        Err(TermsRefusal::Capacity { available: 0 })
    );
    // Not even if the policy has no bounds.
    let none = TermsPolicy {
        min_duration: 0,
        min_bucket_bytes: 0,
        ..by_default
    };
    assert_eq!(
        refused(&none, u64::MAX, 1, 0),
        Err(TermsRefusal::Duration { min: 1, max })
    );
    assert_eq!(refused(&none, u64::MAX, 0, 1), Err(TermsRefusal::NoBytes));
    assert!(refused(&none, u64::MAX, 1, 1).is_ok());
}

#[test]
fn a_full_disk_offers_no_space() {
    let refused = decide(&policy(), &info(), &[], 0, &request());
    assert_eq!(refused, Err(TermsRefusal::Capacity { available: 0 }));
    let free = quota_for_content(MIB) - 1;
    assert!(decide(&policy(), &info(), &[], free, &request()).is_err());
}

#[test]
fn a_policy_that_contradicts_itself_is_refused() {
    assert_eq!(policy().validate(), Ok(()));
    assert_eq!(TermsPolicy::default().validate(), Ok(()));
    let durations = TermsPolicy {
        min_duration: 5,
        max_duration: 4,
        ..policy()
    };
    assert!(matches!(
        durations.validate(),
        Err(TermsPolicyError::Durations { .. })
    ));
    let sizes = TermsPolicy {
        min_bucket_bytes: 5,
        max_bucket_bytes: 4,
        ..policy()
    };
    let (min, max) = (5, 4);
    assert_eq!(sizes.validate(), Err(TermsPolicyError::Sizes { min, max }));
    let never = TermsPolicy {
        validity: 0,
        ..policy()
    };
    assert_eq!(never.validate(), Err(TermsPolicyError::NoValidity));
    let many = TermsPolicy {
        max_redeemable: 257,
        ..policy()
    };
    assert!(matches!(
        many.validate(),
        Err(TermsPolicyError::TooManyRedeemable { .. })
    ));
    let only = OwnerRule::Only(Arc::new(HashSet::from([OWNER])));
    assert!(only.accepts(&OWNER) && !only.accepts(&AccountId([1; 32])));
}

fn earlier() -> impl Strategy<Value = Vec<AgreementTerms>> {
    let one = (0u64..20 * MIB, 500u32..600, 0u8..3);
    let one = one.prop_map(|(max_bytes, valid_until, owner)| AgreementTerms {
        owner: AccountId([owner; 32]),
        max_bytes,
        duration: 100,
        price_per_byte: 3,
        valid_until,
        nonce: 0,
        bucket: BucketTarget::New,
        replica: None,
    });
    proptest::collection::vec(one, 0..6)
}

proptest! {
    /// Signed terms keep every bound, together with those that were signed before.
    #[test]
    fn signed_terms_keep_every_bound(
        earlier in earlier(),
        free_bytes in 0u64..200 * MIB,
        max_agreed in proptest::option::of(0u64..200 * MIB),
        max_capacity in prop_oneof![Just(0), 1u64..200 * MIB],
        stake in 0u128..200 * u128::from(MIB),
        max_bytes in 0u64..60 * MIB,
        duration in 0u32..1_200,
        max_price in proptest::option::of(0u128..6),
        owner in 0u8..3,
        validity in 1u32..5_000,
    ) {
        let policy = TermsPolicy {
            max_agreed_bytes: max_agreed,
            max_redeemable: 5,
            max_redeemable_per_owner: 3,
            validity,
            ..policy()
        };
        let mut info = info();
        info.settings.max_capacity = max_capacity;
        info.stake = stake;
        let request = TermsRequest {
            owner: AccountId([owner; 32]), max_bytes, duration, max_price, ..request()
        };
        let decided = decide(&policy, &info, &earlier, free_bytes, &request);
        let promised: u64 = earlier.iter().map(|terms| terms.max_bytes).sum();
        let quotas: u64 = earlier.iter().map(|terms| quota_for_content(terms.max_bytes)).sum();
        let agreed = info.committed_bytes + promised + max_bytes;
        if let Ok(terms) = decided {
            prop_assert!(quotas + quota_for_content(max_bytes) <= free_bytes);
            prop_assert!(max_agreed.is_none_or(|most| agreed <= most));
            prop_assert!(max_capacity == 0 || agreed <= max_capacity);
            prop_assert!(u128::from(agreed) <= stake);
            prop_assert!(max_bytes > 0 && (10..=1_000).contains(&duration));
            prop_assert!(max_price.is_none_or(|most| most >= 3));
            prop_assert!(earlier.len() < 5);
            prop_assert!(terms.valid_until <= 500 + 3_600);
            prop_assert_eq!((terms.owner, terms.max_bytes), (request.owner, max_bytes));
        }
        // Space that a refusal names is signed for.
        if let Err(TermsRefusal::Capacity { available }) = decided
            && available > 0
        {
            let less = TermsRequest { max_bytes: available, ..request };
            let decided = decide(&policy, &info, &earlier, free_bytes, &less);
            let lacks_space = matches!(decided, Err(TermsRefusal::Capacity { .. }));
            prop_assert!(!lacks_space);
        }
    }

    #[test]
    fn content_for_a_quota_fits_into_it(quota: u64) {
        let bytes = content_for_quota(quota);
        prop_assert!(bytes == 0 || quota_for_content(bytes) <= quota);
        // And uses most of it.
        if quota > 64 * MIB {
            prop_assert!(bytes > quota - quota / 50);
        }
    }
}
