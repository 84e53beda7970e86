//! The encoding of terms, and the chain's rule for nonces.

use super::*;
use codec::DecodeAll;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::{format, vec};

fn terms() -> AgreementTerms {
    AgreementTerms {
        owner: AccountId([0xaa; 32]),
        max_bytes: 0x0102_0304_0506_0708,
        duration: 0x1112_1314,
        price_per_byte: 0x21,
        valid_until: 0x3132_3334,
        nonce: 0x4142_4344_4546_4748,
        bucket: BucketTarget::New,
        replica: None,
    }
}

fn hex(bytes: &[u8]) -> std::string::String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of the fields of [`terms`] but for the last two.
const FIELDS: &str = concat!(
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "0807060504030201",
    "14131211",
    "21000000000000000000000000000000",
    "34333231",
    "4847464544434241",
);

#[test]
fn terms_have_the_chains_bytes() {
    assert_eq!(hex(&terms().encode()), format!("{FIELDS}0000"));
    let replica = AgreementTerms {
        bucket: BucketTarget::Existing(BucketId(7)),
        replica: Some(ReplicaTerms {
            sync_balance: 5,
            min_sync_interval: 6,
            sync_price: 9,
        }),
        ..terms()
    };
    let rest = concat!(
        "010700000000000000",
        "01",
        "05000000000000000000000000000000",
        "06000000",
        "09000000000000000000000000000000",
    );
    assert_eq!(hex(&replica.encode()), format!("{FIELDS}{rest}"));
    assert_eq!(
        AgreementTerms::decode_all(&mut &*replica.encode()),
        Ok(replica)
    );
    assert_eq!(replica.signing_payload().len(), MAX_SIGNING_PAYLOAD);
    let longest = AgreementTerms::max_encoded_len() + PRIMARY_TERMS_CONTEXT.len();
    assert_eq!(longest, MAX_SIGNING_PAYLOAD);
}

#[test]
fn older_chains_optional_bucket_has_the_same_bytes() {
    assert_eq!(BucketTarget::New.encode(), None::<u64>.encode());
    let existing = BucketTarget::Existing(BucketId(9));
    assert_eq!(existing.encode(), Some(9u64).encode());
}

#[test]
fn the_role_decides_the_context_that_is_signed() {
    let primary = terms();
    let replica = AgreementTerms {
        replica: Some(ReplicaTerms {
            sync_balance: 0,
            min_sync_interval: 0,
            sync_price: 0,
        }),
        ..primary
    };
    let expected = [b"primary-term-v1:", &*primary.encode()].concat();
    assert_eq!(primary.signing_payload(), expected);
    assert_eq!(primary.signing_hash(), blake2_256(&expected));
    let expected = [b"replica-term-v1:", &*replica.encode()].concat();
    assert_eq!(replica.signing_payload(), expected);
    for payload in [primary.signing_payload(), replica.signing_payload()] {
        assert!(AgreementTerms::is_signing_payload(&payload));
    }
    assert!(!AgreementTerms::is_signing_payload(&primary.encode()));
}

#[test]
fn terms_are_valid_at_their_last_block() {
    let terms = terms();
    assert!(terms.is_valid_at(terms.valid_until));
    assert!(!terms.is_valid_at(terms.valid_until + 1));
}

#[test]
fn a_payment_that_the_chain_cannot_count_is_none() {
    let cheap = AgreementTerms {
        max_bytes: 3,
        duration: 5,
        price_per_byte: 7,
        ..terms()
    };
    assert_eq!(cheap.payment(), Some(105));
    let dear = AgreementTerms {
        price_per_byte: u128::MAX / 8,
        ..cheap
    };
    assert_eq!(dear.payment(), None);
}

#[test]
fn each_refusal_decodes_again_and_has_its_index() {
    let refusals = vec![
        (TermsRefusal::NotOffered, 0),
        (TermsRefusal::Leaving { at: 3 }, 3),
        (TermsRefusal::Duration { min: 1, max: 2 }, 10),
        (TermsRefusal::Price { price: 7 }, 11),
        (TermsRefusal::Unable, 17),
    ];
    for (refusal, index) in refusals {
        let bytes = refusal.encode();
        assert_eq!(bytes.first(), Some(&index));
        assert_eq!(TermsRefusal::decode_all(&mut &*bytes), Ok(refusal));
    }
}

#[test]
fn a_window_takes_the_edge_and_nothing_below_it() {
    let mut window = ReplayWindow::default();
    window.redeem(300).unwrap();
    assert_eq!(window.check(300 - 255), Ok(()));
    assert_eq!(window.check(300 - 256), Err(NonceRefused::TooOld));
    assert_eq!(window.check(300), Err(NonceRefused::Redeemed));
    assert_eq!(window.check(u64::MAX), Ok(()));
    let mut bytes = 300u64.to_le_bytes().to_vec();
    bytes.push(1);
    bytes.resize(40, 0);
    assert_eq!(window.encode(), bytes);
}

proptest! {
    /// Compares the window with a set of all nonces that were ever redeemed.
    #[test]
    fn the_window_agrees_with_a_set_of_nonces(nonces in proptest::collection::vec(
        prop_oneof![1u64..20, 200u64..600, 1u64..2_000], 0..120
    )) {
        let (mut window, mut redeemed) = (ReplayWindow::default(), BTreeSet::new());
        for nonce in nonces {
            let highest = redeemed.last().copied().unwrap_or(0);
            let expected = if redeemed.contains(&nonce) && highest - nonce < 256 {
                Err(NonceRefused::Redeemed)
            } else if highest >= nonce + 256 {
                Err(NonceRefused::TooOld)
            } else {
                redeemed.insert(nonce);
                Ok(())
            };
            prop_assert_eq!(window.check(nonce), expected);
            prop_assert_eq!(window.redeem(nonce), expected);
            prop_assert_eq!(window.highest, redeemed.last().copied().unwrap_or(0));
        }
    }

    #[test]
    fn any_bytes_of_terms_decode_or_are_refused(bytes: Vec<u8>) {
        if let Ok(terms) = AgreementTerms::decode_all(&mut &*bytes) {
            prop_assert_eq!(terms.encode(), bytes);
        }
    }
}
