//! Keys and signatures of all four schemes.

use crate::mock::*;
use crate::signatures::{by_account, by_key};
use cairn_primitives::challenge::MultiSignature;
use cairn_primitives::onchain::MultiSigner;
use codec::Encode;
use sp_core::{Pair, ecdsa, ed25519, sr25519};
use sp_runtime::AccountId32;
use sp_runtime::traits::IdentifyAccount;

const MESSAGE: &[u8] = b"what is promised";

/// Returns a key of each scheme, its signature, and its account.
fn each_scheme() -> [(MultiSigner, MultiSignature, AccountId32); 4] {
    let seed = [3; 32];
    let ed = ed25519::Pair::from_seed(&seed);
    let sr = sr25519::Pair::from_seed(&seed);
    let ec = ecdsa::Pair::from_seed(&seed);
    let eth = ecdsa::KeccakPair::from_seed(&seed);
    [
        (
            MultiSigner::Ed25519(ed.public().0),
            MultiSignature::Ed25519(ed.sign(MESSAGE).0),
            sp_runtime::MultiSigner::Ed25519(ed.public()).into_account(),
        ),
        (
            MultiSigner::Sr25519(sr.public().0),
            MultiSignature::Sr25519(sr.sign(MESSAGE).0),
            sp_runtime::MultiSigner::Sr25519(sr.public()).into_account(),
        ),
        (
            MultiSigner::Ecdsa(ec.public().0),
            MultiSignature::Ecdsa(ec.sign(MESSAGE).0),
            sp_runtime::MultiSigner::Ecdsa(ec.public()).into_account(),
        ),
        (
            MultiSigner::Eth(eth.public().0),
            MultiSignature::Eth(eth.sign(MESSAGE).0),
            sp_runtime::MultiSigner::Eth(eth.public()).into_account(),
        ),
    ]
}

#[test]
fn each_scheme_holds_for_its_own_key_and_message_alone() {
    new_test_ext().execute_with(|| {
        let schemes = each_scheme();
        for (n, (_, signature, _)) in schemes.iter().enumerate() {
            for (m, (key, _, account)) in schemes.iter().enumerate() {
                assert_eq!(by_key(signature, MESSAGE, key), n == m, "{n} {m}");
                assert_eq!(by_account(signature, MESSAGE, account), n == m, "{n} {m}");
            }
            let (key, _, account) = &schemes[n];
            assert!(!by_key(signature, b"another", key));
            assert!(!by_account(signature, b"another", account));
        }
    });
}

#[test]
fn keys_and_signatures_are_encoded_as_the_runtime_encodes_them() {
    let runtimes: [(sp_runtime::MultiSigner, sp_runtime::MultiSignature); 4] = {
        let seed = [3; 32];
        let ed = ed25519::Pair::from_seed(&seed);
        let sr = sr25519::Pair::from_seed(&seed);
        let ec = ecdsa::Pair::from_seed(&seed);
        let eth = ecdsa::KeccakPair::from_seed(&seed);
        [
            (ed.public().into(), ed.sign(MESSAGE).into()),
            (sr.public().into(), sr.sign(MESSAGE).into()),
            (ec.public().into(), ec.sign(MESSAGE).into()),
            (
                sp_runtime::MultiSigner::Eth(eth.public()),
                sp_runtime::MultiSignature::Eth(eth.sign(MESSAGE)),
            ),
        ]
    };
    for ((key, signature, _), (their_key, their_signature)) in each_scheme().iter().zip(&runtimes) {
        assert_eq!(key.encode(), their_key.encode());
        // Sr25519 signatures contain a random nonce.
        let (ours, theirs) = (signature.encode(), their_signature.encode());
        assert_eq!((ours[0], ours.len()), (theirs[0], theirs.len()));
    }
}
