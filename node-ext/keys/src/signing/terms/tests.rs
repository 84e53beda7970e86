//! Signatures of terms, and what is none.

use super::*;
use cairn_primitives::challenge::{AccountId, MultiSignature};
use cairn_primitives::checkpoint::CheckpointProposal;
use cairn_primitives::terms::{BucketTarget, MAX_SIGNING_PAYLOAD, ReplicaTerms};
use cairn_primitives::{BucketId, CommitmentPayload};
use codec::DecodeAll;
use sp_core::{Pair, sr25519};
use std::collections::HashMap;

fn terms(nonce: u64) -> AgreementTerms {
    AgreementTerms {
        owner: AccountId([1; 32]),
        max_bytes: 1 << 30,
        duration: 100,
        price_per_byte: 2,
        valid_until: 900,
        nonce,
        bucket: BucketTarget::Existing(BucketId(7)),
        replica: Some(ReplicaTerms {
            sync_balance: 3,
            min_sync_interval: 4,
            sync_price: 5,
        }),
    }
}

fn signer() -> Signer {
    Signer::from_pair(sr25519::Pair::generate().0)
}

#[test]
fn terms_are_signed_as_the_chain_verifies_them() {
    let (signer, gate) = (signer(), Gate::new(None, HashMap::new()));
    let permit = gate.permit_terms(&signer).unwrap();
    let signed = permit.sign(ReservedTerms::reserved(terms(9))).unwrap();
    assert_eq!(signed.terms, terms(9));
    let MultiSignature::Sr25519(signature) = signed.signature else {
        panic!("{:?}", signed.signature);
    };
    let verified = |bytes: &[u8]| {
        sr25519::Pair::verify(
            &sr25519::Signature::from_raw(signature),
            bytes,
            &sr25519::Public::from_raw(signer.public()),
        )
    };
    assert!(verified(&terms(9).signing_hash().0));
    assert!(!verified(&terms(8).signing_hash().0));
    assert!(!verified(&terms(9).signing_payload()));
}

#[test]
fn terms_are_refused_while_signing_is_off() {
    let (signer, gate) = (signer(), Gate::new(None, HashMap::new()));
    gate.turn_off("copy", "this is a copy".into());
    let refused = gate.permit_terms(&signer).err().unwrap();
    assert_eq!(refused.to_string(), "signing is off: this is a copy");
    gate.turn_on("copy");
    gate.set_uncompared(true);
    assert!(gate.permit_terms(&signer).is_err());
    gate.set_uncompared(false);
    assert!(gate.permit_terms(&signer).is_ok());
}

#[test]
fn no_other_signature_is_one_of_terms() {
    let signer = signer();
    let payload = terms(9).signing_payload();
    let refused = signer.sign_extrinsic(&payload);
    assert!(matches!(refused, Err(SignError::NotAnExtrinsic)));
    let hash = terms(9).signing_hash().0;
    assert!(CommitmentPayload::decode_all(&mut &hash[..]).is_err());
    assert!(CheckpointProposal::decode_all(&mut &hash[..]).is_err());
    // Extrinsics' payloads up to this length are signed as they are.
    const { assert!(MAX_SIGNING_PAYLOAD <= 256) };
}
