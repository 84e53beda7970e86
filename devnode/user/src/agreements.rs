//! Agreements: terms that a provider signs, and that the owner of a bucket redeems.

use crate::UserError;
use crate::block::STORAGE;
use crate::chain::Chain;
use crate::keys::{AccountId, Key, Signature};
use crate::values::{self, named, option, small};
use sp_crypto_hashing::blake2_256;
use subxt::dynamic::Value;
use subxt::ext::scale_encode::EncodeAsType;

/// The prefix of primary terms in the hash that is signed.
const PRIMARY_TERMS: &[u8] = b"primary-term-v1:";
/// The prefix of a replica's terms in the hash that is signed.
const REPLICA_TERMS: &[u8] = b"replica-term-v1:";

/// The further terms of a replica's agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicaTerms {
    /// The balance that pays for confirmations.
    pub sync_balance: u128,
    /// The least anchor blocks between two confirmations.
    pub min_sync_interval: u32,
    /// The price of a confirmation.
    pub sync_price: u128,
}

/// The terms of an agreement: of a primary provider about a new bucket, or of a replica about one
/// that there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The account that redeems them.
    pub owner: AccountId,
    /// The quota.
    pub max_bytes: u64,
    /// Anchor blocks from the redemption to the end.
    pub duration: u32,
    /// The price of a byte for an anchor block.
    pub price_per_byte: u128,
    /// The last anchor block in which they can be redeemed.
    pub valid_until: u32,
    /// The provider's number for them.
    pub nonce: u64,
    /// The bucket, if it is not a new one.
    pub bucket: Option<u64>,
    /// The further terms, if they are a replica's.
    pub replica: Option<ReplicaTerms>,
}

impl Terms {
    fn to_value(&self) -> Value {
        let id = self.bucket.map(|id| Value::u128(id.into()));
        let target = match &id {
            None => Value::unnamed_variant("New", []),
            Some(id) => Value::unnamed_variant("Existing", [id.clone()]),
        };
        Value::named_composite([
            ("owner", values::account(self.owner)),
            ("max_bytes", Value::u128(self.max_bytes.into())),
            ("duration", Value::u128(self.duration.into())),
            ("price_per_byte", Value::u128(self.price_per_byte)),
            ("valid_until", Value::u128(self.valid_until.into())),
            ("nonce", Value::u128(self.nonce.into())),
            ("bucket", target),
            ("bucket_id", option(id)),
            (
                "replica_params",
                option(self.replica.map(ReplicaTerms::to_value)),
            ),
        ])
    }
}

impl ReplicaTerms {
    fn to_value(self) -> Value {
        let interval = Value::u128(self.min_sync_interval.into());
        Value::named_composite([
            ("sync_balance", Value::u128(self.sync_balance)),
            ("min_sync_interval", interval),
            ("sync_price", Value::u128(self.sync_price)),
        ])
    }
}

impl Chain {
    /// Returns the bytes that a provider signs for terms.
    ///
    /// # Errors
    ///
    /// [`UserError::Metadata`] if the chain's terms have other fields.
    pub async fn terms_message(&self, terms: &Terms) -> Result<[u8; 32], UserError> {
        const CALL: &str = "establish_storage_agreement";
        let metadata = self.now().await?.metadata();
        let argument = metadata
            .pallet_by_name(STORAGE)
            .and_then(|pallet| pallet.call_variant_by_name(CALL))
            .and_then(|call| {
                let mut fields = call.fields.iter();
                fields.find(|field| field.name.as_deref() == Some("terms"))
            })
            .ok_or_else(|| UserError::metadata(CALL, "it has no argument `terms`"))?;
        let context = match terms.replica {
            None => PRIMARY_TERMS,
            Some(_) => REPLICA_TERMS,
        };
        let mut message = context.to_vec();
        terms
            .to_value()
            .encode_as_type_to(argument.ty.id, metadata.types(), &mut message)
            .map_err(|error| UserError::metadata(CALL, error))?;
        Ok(blake2_256(&message))
    }

    /// Redeems terms that a provider signed, for a public bucket. Returns the bucket.
    ///
    /// # Errors
    ///
    /// As of [`Self::submit`].
    pub async fn establish(
        &self,
        owner: &Key,
        provider: AccountId,
        terms: &Terms,
        signature: &Signature,
    ) -> Result<u64, UserError> {
        let arguments = named([
            ("provider", values::account(provider)),
            ("terms", terms.to_value()),
            ("sig", signature.to_value()),
            ("visibility", Value::unnamed_variant("Public", [])),
        ]);
        let included = self
            .call_storage(owner, "establish_storage_agreement", arguments)
            .await?;
        let event = included.storage_event("StorageAgreementEstablished")?;
        small(&event.fields, "bucket_id")
    }

    /// Makes a bucket with an agreement, for free, where the test has the provider's key.
    /// Returns the bucket.
    ///
    /// # Errors
    ///
    /// As of [`Self::submit`].
    pub async fn agree(
        &self,
        owner: &Key,
        provider: AccountId,
        signing: &Key,
        max_bytes: u64,
        duration: u32,
    ) -> Result<u64, UserError> {
        let terms = self
            .free_terms(owner, provider, max_bytes, duration)
            .await?;
        let signature = signing.sign(&self.terms_message(&terms).await?);
        self.establish(owner, provider, &terms, &signature).await
    }

    /// Makes a replica's agreement about a bucket, where the test has the provider's key. Its
    /// storage is free.
    ///
    /// # Errors
    ///
    /// As of [`Self::submit`].
    pub async fn agree_replica(
        &self,
        owner: &Key,
        provider: &Key,
        bucket: u64,
        max_bytes: u64,
        duration: u32,
        replica: ReplicaTerms,
    ) -> Result<(), UserError> {
        let account = provider.account();
        let terms = Terms {
            bucket: Some(bucket),
            replica: Some(replica),
            ..self.free_terms(owner, account, max_bytes, duration).await?
        };
        let signature = provider.sign(&self.terms_message(&terms).await?);
        let arguments = named([
            ("bucket_id", Value::u128(bucket.into())),
            ("provider", values::account(account)),
            ("terms", terms.to_value()),
            ("sig", signature.to_value()),
        ]);
        self.call_storage(owner, "establish_replica_agreement", arguments)
            .await
            .map(drop)
    }

    /// Returns terms of a new bucket, for free, that are valid now.
    async fn free_terms(
        &self,
        owner: &Key,
        provider: AccountId,
        max_bytes: u64,
        duration: u32,
    ) -> Result<Terms, UserError> {
        // As long as the chain allows, less what passes until the block: a busy machine seals
        // many blocks meanwhile.
        let limit = self.constant(STORAGE, "RequestTimeout").await?;
        let limit = u32::try_from(values::number(&limit)?)
            .map_err(|error| UserError::metadata("RequestTimeout", error))?;
        let valid_for = limit.saturating_sub(limit >> 2);
        Ok(Terms {
            owner: owner.account(),
            max_bytes,
            duration,
            price_per_byte: 0,
            valid_until: self.anchor().await?.saturating_add(valid_for),
            nonce: self.last_nonce(provider).await?.saturating_add(1),
            bucket: None,
            replica: None,
        })
    }

    /// Returns the highest nonce of a provider's terms that was redeemed.
    async fn last_nonce(&self, provider: AccountId) -> Result<u64, UserError> {
        let keys = vec![values::account(provider)];
        let window = self.storage(STORAGE, "ProviderReplayStates", keys).await?;
        window.map_or(Ok(0), |window| small(&window, "hsn"))
    }
}
