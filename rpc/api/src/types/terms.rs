//! Terms of agreements: what a provider offers, what a client asks for, and what is signed.

use super::number::{U64OrHex, U128OrHex};
use crate::bytes::Bytes;
use cairn_primitives::terms::{AgreementTerms, BucketTarget, ReplicaTerms, SignedTerms};
use cairn_primitives::{BucketId, H256};
use codec::Encode;
use serde::{Deserialize, Serialize};

/// The offer of a provider at its last finalized block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct OfferInfo {
    /// True if it signs terms for a primary provider.
    pub primary: bool,
    /// The price of a sync, if it signs terms for a replica, in the chain's smallest unit.
    pub sync_price: Option<U128OrHex>,
    /// The least anchor blocks between syncs of a replica.
    pub min_sync_interval: Option<u32>,
    /// The price of a byte for one anchor block, in the chain's smallest unit.
    pub price_per_byte: U128OrHex,
    /// The shortest agreement, in anchor blocks.
    pub min_duration: u32,
    /// The longest agreement, in anchor blocks.
    pub max_duration: u32,
    /// The most bytes of one agreement.
    pub max_bytes: U64OrHex,
    /// The bytes that it has space for now.
    pub available_bytes: U64OrHex,
    /// The last anchor block at which terms that are signed now may be redeemed.
    pub valid_until: u32,
}

/// A request for terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TermsToSign {
    /// The account that will redeem the terms, and owns the agreement.
    #[cfg_attr(feature = "schema", schemars(with = "crate::hex_schema::HexHash"))]
    pub owner: H256,
    /// The most bytes to store.
    pub max_bytes: U64OrHex,
    /// The agreement's duration, in anchor blocks.
    pub duration: u32,
    /// The most that the owner pays for a byte and an anchor block, in the chain's smallest unit;
    /// any price without it. The provider signs its own price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_price: Option<U128OrHex>,
    /// The existing bucket for a replica; without it a new bucket for a primary provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<U64OrHex>,
    /// The terms for a replica.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica: Option<ReplicaTermsInfo>,
}

/// The terms of a replica's syncs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReplicaTermsInfo {
    /// The balance that the owner sets aside for syncs, in the chain's smallest unit.
    pub sync_balance: U128OrHex,
    /// The least anchor blocks between two syncs.
    pub min_sync_interval: u32,
    /// The price of a sync, in the chain's smallest unit; in a request, the most that the owner
    /// pays.
    pub sync_price: U128OrHex,
}

/// Terms with the provider's signature, which the owner redeems on chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SignedTermsInfo {
    /// The account that may redeem them.
    #[cfg_attr(feature = "schema", schemars(with = "crate::hex_schema::HexHash"))]
    pub owner: H256,
    /// The most bytes that may be stored.
    pub max_bytes: U64OrHex,
    /// The agreement's duration from its redemption, in anchor blocks.
    pub duration: u32,
    /// The price of a byte for one anchor block, in the chain's smallest unit.
    pub price_per_byte: U128OrHex,
    /// The last anchor block at which they may be redeemed.
    pub valid_until: u32,
    /// Their number: no other terms of the provider have it.
    pub nonce: U64OrHex,
    /// The existing bucket; without it a new one.
    pub bucket: Option<U64OrHex>,
    /// The terms for a replica.
    pub replica: Option<ReplicaTermsInfo>,
    /// All of these as the chain's `AgreementTerms`, in SCALE.
    pub terms: Bytes,
    /// The provider's signature of them, a `MultiSignature` in SCALE.
    pub signature: Bytes,
}

impl From<ReplicaTermsInfo> for ReplicaTerms {
    fn from(info: ReplicaTermsInfo) -> Self {
        Self {
            sync_balance: info.sync_balance.0,
            min_sync_interval: info.min_sync_interval,
            sync_price: info.sync_price.0,
        }
    }
}

impl From<ReplicaTerms> for ReplicaTermsInfo {
    fn from(terms: ReplicaTerms) -> Self {
        Self {
            sync_balance: U128OrHex(terms.sync_balance),
            min_sync_interval: terms.min_sync_interval,
            sync_price: U128OrHex(terms.sync_price),
        }
    }
}

impl TermsToSign {
    /// Returns the requested bucket.
    pub fn target(&self) -> BucketTarget {
        match self.bucket {
            None => BucketTarget::New,
            Some(id) => BucketTarget::Existing(BucketId(id.0)),
        }
    }
}

impl From<SignedTerms> for SignedTermsInfo {
    fn from(signed: SignedTerms) -> Self {
        let AgreementTerms {
            owner,
            max_bytes,
            duration,
            price_per_byte,
            valid_until,
            nonce,
            bucket,
            replica,
        } = signed.terms;
        Self {
            owner: H256(owner.0),
            max_bytes: U64OrHex(max_bytes),
            duration,
            price_per_byte: U128OrHex(price_per_byte),
            valid_until,
            nonce: U64OrHex(nonce),
            bucket: match bucket {
                BucketTarget::New => None,
                BucketTarget::Existing(id) => Some(U64OrHex(id.0)),
            },
            replica: replica.map(Into::into),
            terms: Bytes(signed.terms.encode()),
            signature: Bytes(signed.signature.encode()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cairn_primitives::challenge::{AccountId, MultiSignature};
    use codec::DecodeAll;
    use serde_json::json;

    #[test]
    fn a_request_needs_only_owner_bytes_and_duration() {
        let owner = format!("0x{}", "07".repeat(32));
        let asked = json!({ "owner": owner, "maxBytes": "0x10", "duration": 5 });
        let asked: TermsToSign = serde_json::from_value(asked).unwrap();
        assert_eq!(asked.target(), BucketTarget::New);
        assert_eq!((asked.max_bytes, asked.max_price), (U64OrHex(16), None));
        let asked = json!({
            "owner": owner, "maxBytes": 1, "duration": 5, "bucket": 9,
            "replica": { "syncBalance": 1, "minSyncInterval": 2, "syncPrice": "0xffffffffffffffffff" },
        });
        let asked: TermsToSign = serde_json::from_value(asked).unwrap();
        assert_eq!(asked.target(), BucketTarget::Existing(BucketId(9)));
        let replica = ReplicaTerms::from(asked.replica.unwrap());
        assert_eq!(replica.sync_price, 0xff_ffff_ffff_ffff_ffff);
    }

    #[test]
    fn signed_terms_carry_the_bytes_that_the_chain_takes() {
        let terms = AgreementTerms {
            owner: AccountId([7; 32]),
            max_bytes: 1,
            duration: 2,
            price_per_byte: 3,
            valid_until: 4,
            nonce: 5 << 20,
            bucket: BucketTarget::Existing(BucketId(6)),
            replica: None,
        };
        let signature = MultiSignature::Sr25519([8; 64]);
        let info = SignedTermsInfo::from(SignedTerms {
            terms,
            signature: signature.clone(),
        });
        assert_eq!(AgreementTerms::decode_all(&mut &*info.terms.0), Ok(terms));
        let decoded = MultiSignature::decode_all(&mut &*info.signature.0);
        assert_eq!(decoded, Ok(signature));
        assert_eq!(info.bucket, Some(U64OrHex(6)));
        let json = serde_json::to_value(&info).unwrap();
        assert_eq!(json["nonce"], json!(5u64 << 20));
    }
}
