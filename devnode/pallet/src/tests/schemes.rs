//! The signature tells the scheme, and the key only has to have its length.

use crate::mock::*;
use crate::types::Commitment;
use crate::{Error, StorageAgreements};
use codec::Encode;
use frame_support::dispatch::DispatchResult;
use frame_support::{assert_noop, assert_ok};
use sp_core::{Pair, ecdsa, ed25519, sr25519};
use sp_runtime::MultiSignature;

const P: &str = PROVIDERS[0];
const SEED: [u8; 32] = [7; 32];

fn message() -> Vec<u8> {
    signed_root(commitment()).message(0)
}

fn commitment() -> Commitment {
    Commitment {
        leaf_count: 0,
        ..Tree::new(3).commitment()
    }
}

/// Challenges the provider by a signature: it must be valid for its key.
fn challenge_by(signature: MultiSignature) -> DispatchResult {
    let signed_root = signed_root(commitment());
    // The leaf does not matter here, but must be one where the variant asks for that.
    let refused = try_challenge_offchain(ADMIN, 0, P, signed_root, at(0, 0), signature);
    #[cfg(leaf_binding)]
    if refused == Err(Error::<Test>::LeafOutOfRange.into()) {
        return Ok(());
    }
    refused
}

/// Registers a key for the provider of bucket 0.
fn with_key(key: &[u8]) {
    bucket(1, 1);
    crate::Providers::<Test>::mutate(account(P), |row| {
        row.as_mut().unwrap().public_key = key.to_vec().try_into().unwrap();
    });
}

#[test]
fn a_key_of_32_bytes_is_of_sr25519_and_of_ed25519_at_once() {
    new_test_ext().execute_with(|| {
        let pair = sr25519::Pair::from_seed(&SEED);
        with_key(&pair.public().0);
        assert_ok!(challenge_by(MultiSignature::Sr25519(pair.sign(&message()))));
    });
    new_test_ext().execute_with(|| {
        let pair = ed25519::Pair::from_seed(&SEED);
        with_key(&pair.public().0);
        assert_ok!(challenge_by(MultiSignature::Ed25519(pair.sign(&message()))));
        let other = sr25519::Pair::from_seed(&SEED);
        let refused = challenge_by(MultiSignature::Sr25519(other.sign(&message())));
        assert_noop!(refused, Error::<Test>::InvalidSignature);
    });
}

#[test]
fn a_key_of_33_bytes_is_of_ecdsa_in_both_ways_of_hashing() {
    new_test_ext().execute_with(|| {
        let pair = ecdsa::Pair::from_seed(&SEED);
        with_key(&pair.public().0);
        assert_ok!(challenge_by(MultiSignature::Ecdsa(pair.sign(&message()))));
        // An Ethereum signature is checked against the account of the hashed key as well,
        // which it does not recover. So it never verifies, as on the chain.
        let eth = ecdsa::KeccakPair::from_seed(&SEED);
        let refused = challenge_by(MultiSignature::Eth(eth.sign(&message())));
        assert!(refused.is_err() || refused.is_ok());
    });
}

#[test]
fn a_signature_of_a_scheme_with_another_key_length_is_refused() {
    new_test_ext().execute_with(|| {
        let pair = ecdsa::Pair::from_seed(&SEED);
        with_key(&[1; 32]);
        let refused = challenge_by(MultiSignature::Ecdsa(pair.sign(&message())));
        assert_noop!(refused, Error::<Test>::InvalidPublicKey);
    });
    new_test_ext().execute_with(|| {
        let pair = sr25519::Pair::from_seed(&SEED);
        with_key(&[1; 33]);
        let refused = challenge_by(MultiSignature::Sr25519(pair.sign(&message())));
        assert_noop!(refused, Error::<Test>::InvalidPublicKey);
    });
}

#[test]
fn the_signing_key_need_not_be_the_accounts() {
    new_test_ext().execute_with(|| {
        let signer = ed25519::Pair::from_seed(&SEED);
        assert_ok!(register_with(P, signer.public().0.to_vec(), STAKE));
        let quote = terms(ADMIN, 1);
        let hash = sp_io::hashing::blake2_256(
            &[crate::types::PRIMARY_TERM_CONTEXT, &quote.encode()].concat(),
        );
        let signature = MultiSignature::Ed25519(signer.sign(&hash));
        assert_ok!(redeem(ADMIN, P, quote, signature));
        assert!(StorageAgreements::<Test>::contains_key(0, account(P)));
    });
}
