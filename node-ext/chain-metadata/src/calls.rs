//! The pallet's calls by name, with their arguments by name. The metadata decides their
//! order and encoding.

use crate::value::{Field, Value};
use cairn_chain::{ProviderCall, Submission, SyncConfirmation};
use cairn_primitives::challenge::{AccountId, ChallengeId, ChallengeResponse, MultiSignature};
use cairn_primitives::onchain::{PrimarySignature, ProviderSettings};
use cairn_primitives::{BucketId, Commitment, H256, MerkleProof, MmrLeaf, MmrProof};

/// A call of the storage pallet.
#[derive(Clone, Debug)]
pub(crate) struct Call<'s> {
    pub(crate) name: &'static str,
    pub(crate) arguments: Vec<Field<'s>>,
}

/// Returns the call of a submission. `is_flat` tells whether a call takes the fields of the
/// commitment as arguments of its own.
pub(crate) fn call_of(submission: &Submission, is_flat: impl Fn(&str) -> bool) -> Call<'_> {
    match submission {
        Submission::Response { id, response } => respond(*id, response),
        Submission::Checkpoint {
            bucket,
            commitment,
            window,
            nonce,
            signatures,
        } => {
            let name = match window {
                Some(_) => "provider_checkpoint",
                None => "checkpoint",
            };
            let mut arguments = vec![("bucket_id", bucket_id(*bucket))];
            match is_flat(name) {
                true => arguments.extend(commitment_fields(commitment)),
                false => arguments.push(("commitment", commitment_value(commitment))),
            }
            if let Some(nonce) = nonce {
                arguments.push(("nonce", Value::Number((*nonce).into())));
            }
            if let Some(window) = window {
                arguments.push(("window", Value::Number((*window).into())));
            }
            let pairs = signatures.iter().map(signature_pair).collect();
            arguments.push(("signatures", Value::List(pairs)));
            Call { name, arguments }
        }
        Submission::ConfirmSync(confirmation) => confirm_sync(confirmation),
        Submission::Provider(call) => provider_call(call),
    }
}

/// Returns the call by which a replica confirms what it has.
pub(crate) fn confirm_sync(confirmation: &SyncConfirmation) -> Call<'_> {
    let roots = confirmation.roots.iter().map(|root| match root {
        None => Value::Variant("None", vec![]),
        Some(root) => Value::wrap("Some", hash(root)),
    });
    Call {
        name: "confirm_replica_sync",
        arguments: vec![
            ("bucket_id", bucket_id(confirmation.bucket)),
            ("roots", Value::List(roots.collect())),
            ("signature", signature(&confirmation.signature)),
        ],
    }
}

/// Returns the call that answers a challenge.
pub(crate) fn respond(id: ChallengeId, response: &ChallengeResponse) -> Call<'_> {
    Call {
        name: "respond_to_challenge",
        arguments: vec![
            (
                "challenge_id",
                Value::Fields(vec![
                    ("deadline", Value::Number(id.deadline.into())),
                    ("index", Value::Number(id.index.into())),
                ]),
            ),
            ("response", response_value(response)),
        ],
    }
}

fn provider_call(call: &ProviderCall) -> Call<'_> {
    let number = Value::Number;
    let (name, arguments) = match call {
        ProviderCall::Register {
            multiaddr,
            public_key,
            stake,
        } => (
            "register_provider",
            vec![
                ("multiaddr", Value::Bytes(multiaddr.as_bytes())),
                ("public_key", Value::Bytes(&public_key.0)),
                ("stake", number(*stake)),
            ],
        ),
        ProviderCall::AddStake(amount) => ("add_stake", vec![("amount", number(*amount))]),
        ProviderCall::UpdateSettings(settings) => (
            "update_provider_settings",
            vec![("settings", settings_value(settings))],
        ),
        ProviderCall::UpdateMultiaddr(multiaddr) => (
            "update_provider_multiaddr",
            vec![("multiaddr", Value::Bytes(multiaddr.as_bytes()))],
        ),
        ProviderCall::AnnounceDeregister => ("deregister_provider", vec![]),
        ProviderCall::CompleteDeregister => ("complete_deregister", vec![]),
        ProviderCall::CancelDeregister => ("cancel_deregister", vec![]),
        ProviderCall::ClaimExpiredAgreement(bucket) => (
            "claim_expired_agreement",
            vec![("bucket_id", bucket_id(*bucket))],
        ),
        ProviderCall::SetExtensionsBlocked { bucket, blocked } => (
            "set_extensions_blocked",
            vec![
                ("bucket_id", bucket_id(*bucket)),
                ("blocked", Value::Bool(*blocked)),
            ],
        ),
    };
    Call { name, arguments }
}

fn bucket_id(bucket: BucketId) -> Value<'static> {
    Value::Number(bucket.0.into())
}

fn hash(hash: &H256) -> Value<'_> {
    Value::Bytes(hash.as_bytes())
}

/// Returns an account.
pub(crate) fn account(account: &AccountId) -> Value<'_> {
    Value::Bytes(&account.0)
}

/// Returns a signature of any scheme.
pub(crate) fn signature(signature: &MultiSignature) -> Value<'_> {
    let (scheme, bytes): (_, &[u8]) = match signature {
        MultiSignature::Ed25519(bytes) => ("Ed25519", bytes),
        MultiSignature::Sr25519(bytes) => ("Sr25519", bytes),
        MultiSignature::Ecdsa(bytes) => ("Ecdsa", bytes),
        MultiSignature::Eth(bytes) => ("Eth", bytes),
    };
    Value::wrap(scheme, Value::Bytes(bytes))
}

fn signature_pair((signer, by): &PrimarySignature) -> Value<'_> {
    Value::Fields(vec![("", account(signer)), ("", signature(by))])
}

fn commitment_fields(commitment: &Commitment) -> Vec<Field<'_>> {
    vec![
        ("mmr_root", hash(&commitment.mmr_root)),
        ("start_seq", Value::Number(commitment.start_seq.0.into())),
        (
            "leaf_count",
            Value::Number(commitment.leaf_count.get().into()),
        ),
    ]
}

fn commitment_value(commitment: &Commitment) -> Value<'_> {
    Value::Fields(commitment_fields(commitment))
}

fn merkle_proof(proof: &MerkleProof) -> Value<'_> {
    Value::Fields(vec![
        (
            "siblings",
            Value::List(proof.siblings.iter().map(hash).collect()),
        ),
        (
            "path",
            Value::List(proof.path.iter().map(|bit| Value::Bool(*bit)).collect()),
        ),
    ])
}

fn leaf(leaf: &MmrLeaf) -> Value<'_> {
    Value::Fields(vec![
        ("data_root", hash(&leaf.data_root)),
        ("data_size", Value::Number(leaf.data_size.into())),
        ("total_size", Value::Number(leaf.total_size.into())),
    ])
}

fn mmr_proof(proof: &MmrProof) -> Value<'_> {
    Value::Fields(vec![
        ("peaks", Value::List(proof.peaks.iter().map(hash).collect())),
        ("leaf", leaf(&proof.leaf)),
        ("leaf_proof", merkle_proof(&proof.leaf_proof)),
    ])
}

fn response_value(response: &ChallengeResponse) -> Value<'_> {
    match response {
        ChallengeResponse::Proof {
            chunk_data,
            mmr_proof: of_leaf,
            chunk_proof,
        } => Value::Variant(
            "Proof",
            vec![
                ("chunk_data", Value::Bytes(chunk_data)),
                ("mmr_proof", mmr_proof(of_leaf)),
                ("chunk_proof", merkle_proof(chunk_proof)),
            ],
        ),
        ChallengeResponse::Deleted {
            new_mmr_root,
            new_start_seq,
            admin,
            admin_signature,
        } => Value::Variant(
            "Deleted",
            vec![
                ("new_mmr_root", hash(new_mmr_root)),
                ("new_start_seq", Value::Number(new_start_seq.0.into())),
                ("admin", account(admin)),
                ("admin_signature", signature(admin_signature)),
            ],
        ),
        ChallengeResponse::Superseded => Value::Variant("Superseded", vec![]),
    }
}

fn settings_value(settings: &ProviderSettings) -> Value<'static> {
    let sync_price = match settings.replica_sync_price {
        None => Value::Variant("None", vec![]),
        Some(price) => Value::wrap("Some", Value::Number(price)),
    };
    Value::Fields(vec![
        ("min_duration", Value::Number(settings.min_duration.into())),
        ("max_duration", Value::Number(settings.max_duration.into())),
        ("price_per_byte", Value::Number(settings.price_per_byte)),
        ("accepting_primary", Value::Bool(settings.accepting_primary)),
        ("replica_sync_price", sync_price),
        (
            "accepting_extensions",
            Value::Bool(settings.accepting_extensions),
        ),
        ("max_capacity", Value::Number(settings.max_capacity.into())),
    ])
}
