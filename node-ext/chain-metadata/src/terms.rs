//! Terms of agreements: whether the chain's terms are those that Cairn signs.
//!
//! The signature is over the terms in SCALE, so the order of their fields matters. Terms with
//! a value of its own in each field are encoded as the chain's type, and must give the same
//! bytes as Cairn's.

use crate::calls::account;
use crate::names::PALLET;
use crate::runtime::Runtime;
use crate::value::{Mismatch, Value, encode};
use cairn_primitives::BucketId;
use cairn_primitives::challenge::AccountId;
use cairn_primitives::terms::{AgreementTerms, BucketTarget, ReplayWindow, ReplicaTerms};
use codec::Encode;

/// The call that redeems terms.
const CALL: &str = "establish_storage_agreement";

/// Checks that the chain's terms are Cairn's.
pub(crate) fn try_on(runtime: &Runtime) -> Result<(), Mismatch> {
    let pallet = runtime.metadata.pallet_by_name(PALLET);
    let call = pallet.and_then(|pallet| pallet.call_variant_by_name(CALL));
    let Some(call) = call else {
        return Err(Mismatch(format!("there is no call {PALLET}.{CALL}")));
    };
    let terms = call
        .fields
        .iter()
        .find(|field| field.name.as_deref() == Some("terms"));
    let Some(terms) = terms else {
        return Err(Mismatch(format!("{PALLET}.{CALL} has no argument `terms`")));
    };
    let replica = ReplicaTerms {
        sync_balance: 8,
        min_sync_interval: 9,
        sync_price: 10,
    };
    for (bucket, replica) in [
        (BucketTarget::New, None),
        (BucketTarget::Existing(BucketId(7)), Some(replica)),
    ] {
        let sample = AgreementTerms {
            owner: AccountId([1; 32]),
            max_bytes: 2,
            duration: 3,
            price_per_byte: 4,
            valid_until: 5,
            nonce: 6,
            bucket,
            replica,
        };
        // Older chains name the bucket in another way, in the same bytes.
        let types = runtime.metadata.types();
        let newer = encoded(types, terms.ty.id, &sample, true);
        let bytes = newer.or_else(|_| encoded(types, terms.ty.id, &sample, false))?;
        if bytes != sample.encode() {
            return Err(Mismatch(
                "the terms of an agreement have the fields that Cairn knows in another order"
                    .to_owned(),
            ));
        }
    }
    Ok(())
}

fn encoded(
    types: &scale_info::PortableRegistry,
    ty: u32,
    terms: &AgreementTerms,
    is_newer: bool,
) -> Result<Vec<u8>, Mismatch> {
    let number = |number: u128| Value::Number(number);
    let bucket = match (terms.bucket, is_newer) {
        (BucketTarget::New, true) => Value::Variant("New", vec![]),
        (BucketTarget::New, false) => Value::Variant("None", vec![]),
        (BucketTarget::Existing(id), true) => Value::wrap("Existing", number(id.0.into())),
        (BucketTarget::Existing(id), false) => Value::wrap("Some", number(id.0.into())),
    };
    let replica = match terms.replica {
        None => Value::Variant("None", vec![]),
        Some(replica) => Value::wrap(
            "Some",
            Value::Fields(vec![
                ("sync_balance", number(replica.sync_balance)),
                (
                    "min_sync_interval",
                    number(replica.min_sync_interval.into()),
                ),
                ("sync_price", number(replica.sync_price)),
            ]),
        ),
    };
    let value = Value::Fields(vec![
        ("owner", account(&terms.owner)),
        ("max_bytes", number(terms.max_bytes.into())),
        ("duration", number(terms.duration.into())),
        ("price_per_byte", number(terms.price_per_byte)),
        ("valid_until", number(terms.valid_until.into())),
        ("nonce", number(terms.nonce.into())),
        (if is_newer { "bucket" } else { "bucket_id" }, bucket),
        ("replica_params", replica),
    ]);
    let mut bytes = Vec::new();
    encode(types, ty, &value, &mut bytes)
        .map_err(|Mismatch(why)| Mismatch(format!("the terms of an agreement: {why}")))?;
    Ok(bytes)
}

/// Reads the nonces of a provider that are redeemed.
pub(crate) fn replay_window(value: &Value<'_>) -> Result<ReplayWindow, Mismatch> {
    Ok(ReplayWindow {
        highest: value.read("hsn", Value::number)?,
        redeemed: value.read("bitmap", Value::array)?,
    })
}
