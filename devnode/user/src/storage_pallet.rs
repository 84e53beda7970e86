//! The storage pallet's calls, as owners, challengers and providers make them.
//!
//! Arguments are more than a variant takes: a commitment as one argument and as three, a
//! chunk's location as one and as two.

use crate::chain::{Chain, STORAGE};
use crate::extrinsics::{Included, Lifetime, Sent};
use crate::keys::{AccountId, Key, Signature};
use crate::values::{self, named, number_in, option, small};
use crate::{Event, UserError};
use sp_crypto_hashing::blake2_256;
use subxt::dynamic::{self, Value};
use subxt::ext::scale_encode::EncodeAsType;
use subxt::ext::scale_value::Composite;

/// What precedes primary terms when they are hashed to be signed.
const PRIMARY_TERMS: &[u8] = b"primary-term-v1:";

/// A root, and the leaves under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitment {
    /// The root.
    pub mmr_root: [u8; 32],
    /// The sequence of the first leaf.
    pub start_seq: u64,
    /// The number of leaves.
    pub leaf_count: u64,
}

/// A chunk of a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// The leaf, counted from the commitment's first.
    pub leaf_index: u64,
    /// The chunk within the leaf.
    pub chunk_index: u64,
}

/// A challenge's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChallengeId {
    /// The last anchor block in which an answer is accepted.
    pub deadline: u32,
    /// The number among those with this deadline.
    pub index: u16,
}

/// The terms of a primary agreement about a new bucket.
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
}

/// A provider's offer, for free and of any duration by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The shortest agreement, in anchor blocks.
    pub min_duration: u32,
    /// The longest agreement, in anchor blocks.
    pub max_duration: u32,
    /// The price of a byte for an anchor block.
    pub price_per_byte: u128,
    /// The most bytes of all agreements; 0 is no bound.
    pub max_capacity: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            min_duration: 0,
            max_duration: u32::MAX,
            price_per_byte: 0,
            max_capacity: 0,
        }
    }
}

impl ChallengeId {
    /// Returns it as an argument.
    pub fn to_value(self) -> Value {
        Value::named_composite([
            ("deadline", Value::u128(self.deadline.into())),
            ("index", Value::u128(self.index.into())),
        ])
    }

    /// Returns the id in an event about a challenge.
    ///
    /// # Errors
    ///
    /// [`UserError::Unexpected`] if it has none.
    pub fn of_event(event: &Event) -> Result<Self, UserError> {
        let id = values::inside(&event.fields, "challenge_id")?;
        Ok(Self {
            deadline: small(id, "deadline")?,
            index: small(id, "index")?,
        })
    }
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
            ("replica_params", option(None)),
        ])
    }
}

/// The arguments of a call, as they are gathered.
struct Arguments(Vec<(String, Value)>);

impl Arguments {
    fn of_bucket(bucket: u64) -> Self {
        Self(Vec::new()).with("bucket_id", Value::u128(bucket.into()))
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.0.push((name.to_owned(), value));
        self
    }

    /// Adds a commitment in both forms, and the nonce where providers sign one.
    fn with_commitment(self, commitment: &Commitment, nonce: Option<u64>) -> Self {
        let parts = [
            ("mmr_root", Value::from_bytes(commitment.mmr_root)),
            ("start_seq", Value::u128(commitment.start_seq.into())),
            ("leaf_count", Value::u128(commitment.leaf_count.into())),
        ];
        self.with_both("commitment", parts).with_nonce(nonce)
    }

    fn with_location(self, location: Location) -> Self {
        let parts = [
            ("leaf_index", Value::u128(location.leaf_index.into())),
            ("chunk_index", Value::u128(location.chunk_index.into())),
        ];
        self.with_both("target", parts)
    }

    fn with_both<const N: usize>(self, whole: &str, parts: [(&str, Value); N]) -> Self {
        let with_whole = self.with(whole, named(parts.clone()).into());
        parts
            .into_iter()
            .fold(with_whole, |arguments, (name, value)| {
                arguments.with(name, value)
            })
    }

    fn with_nonce(self, nonce: Option<u64>) -> Self {
        match nonce {
            Some(nonce) => self.with("nonce", Value::u128(nonce.into())),
            None => self,
        }
    }

    fn with_signatures(self, name: &str, signatures: &[(AccountId, Signature)]) -> Self {
        let pair = |(account, signature): &(AccountId, Signature)| {
            Value::unnamed_composite([values::account(*account), signature.to_value()])
        };
        self.with(name, Value::unnamed_composite(signatures.iter().map(pair)))
    }

    fn done(self) -> Composite<()> {
        Composite::named(self.0)
    }
}

impl Chain {
    /// Calls the storage pallet, and waits until the call is finalized.
    ///
    /// # Errors
    ///
    /// As of [`Self::submit`].
    pub async fn call_storage(
        &self,
        key: &Key,
        call: &str,
        arguments: Composite<()>,
    ) -> Result<Included, UserError> {
        self.submit(key, STORAGE, call, arguments).await
    }

    /// Registers a provider. Its account is `key`'s, and `public_key` verifies what it signs.
    ///
    /// # Errors
    ///
    /// As of [`Self::submit`].
    pub async fn register_provider(
        &self,
        key: &Key,
        public_key: &[u8],
        multiaddr: &str,
        stake: u128,
    ) -> Result<Included, UserError> {
        let arguments = named([
            ("multiaddr", Value::from_bytes(multiaddr)),
            ("public_key", Value::from_bytes(public_key)),
            ("stake", Value::u128(stake)),
        ]);
        self.call_storage(key, "register_provider", arguments).await
    }

    /// Sets a provider's offer. It accepts primary agreements, extensions, and no replicas.
    ///
    /// # Errors
    ///
    /// As of [`Self::submit`].
    pub async fn update_settings(
        &self,
        key: &Key,
        settings: &Settings,
    ) -> Result<Included, UserError> {
        let settings = named([
            ("min_duration", Value::u128(settings.min_duration.into())),
            ("max_duration", Value::u128(settings.max_duration.into())),
            ("price_per_byte", Value::u128(settings.price_per_byte)),
            ("accepting_primary", Value::bool(true)),
            ("replica_sync_price", option(None)),
            ("accepting_extensions", Value::bool(true)),
            ("max_capacity", Value::u128(settings.max_capacity.into())),
        ]);
        let arguments = named([("settings", settings.into())]);
        self.call_storage(key, "update_provider_settings", arguments)
            .await
    }

    /// Returns the bytes that a provider signs for primary terms.
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
        let mut message = PRIMARY_TERMS.to_vec();
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

    /// Makes a checkpoint, with signatures of primary providers over the same bytes.
    ///
    /// # Errors
    ///
    /// As of [`Self::submit`].
    pub async fn checkpoint(
        &self,
        writer: &Key,
        bucket: u64,
        commitment: &Commitment,
        nonce: Option<u64>,
        signatures: &[(AccountId, Signature)],
    ) -> Result<Included, UserError> {
        let arguments = Arguments::of_bucket(bucket)
            .with_commitment(commitment, nonce)
            .with_signatures("signatures", signatures);
        self.call_storage(writer, "checkpoint", arguments.done())
            .await
    }

    /// Submits a challenge of the last checkpoint.
    ///
    /// # Errors
    ///
    /// As of [`Self::send`].
    pub async fn challenge_checkpoint(
        &self,
        challenger: &Key,
        bucket: u64,
        provider: AccountId,
        location: Location,
    ) -> Result<Sent, UserError> {
        let arguments = checkpoint_challenge(bucket, provider, location);
        self.send_storage(challenger, "challenge_checkpoint", arguments)
            .await
    }

    /// Submits a challenge of a commitment that a provider signed.
    ///
    /// # Errors
    ///
    /// As of [`Self::send`].
    #[expect(clippy::too_many_arguments, reason = "they are the call's")]
    pub async fn challenge_offchain(
        &self,
        challenger: &Key,
        bucket: u64,
        provider: AccountId,
        commitment: &Commitment,
        nonce: Option<u64>,
        signature: &Signature,
        location: Location,
    ) -> Result<Sent, UserError> {
        let arguments = Arguments::of_bucket(bucket)
            .with("provider", values::account(provider))
            .with_commitment(commitment, nonce)
            .with_location(location)
            .with("provider_signature", signature.to_value());
        self.send_storage(challenger, "challenge_offchain", arguments.done())
            .await
    }

    /// Submits several challenges of checkpoints in one batch of `Utility`, so that no
    /// extrinsic in the block is a challenge.
    ///
    /// # Errors
    ///
    /// As of [`Self::send`].
    pub async fn challenge_in_batch(
        &self,
        challenger: &Key,
        bucket: u64,
        provider: AccountId,
        locations: &[Location],
    ) -> Result<Sent, UserError> {
        let call = |location: &Location| {
            let arguments = checkpoint_challenge(bucket, provider, *location);
            dynamic::tx(STORAGE, "challenge_checkpoint", arguments).into_value()
        };
        let calls = Value::unnamed_composite(locations.iter().map(call));
        let arguments = named([("calls", calls)]);
        self.send(
            challenger,
            "Utility",
            "batch_all",
            arguments,
            Lifetime::Immortal,
        )
        .await
    }

    async fn send_storage(
        &self,
        key: &Key,
        call: &str,
        arguments: Composite<()>,
    ) -> Result<Sent, UserError> {
        self.send(key, STORAGE, call, arguments, Lifetime::Immortal)
            .await
    }

    /// Answers a challenge.
    ///
    /// # Errors
    ///
    /// As of [`Self::submit`].
    pub async fn respond(
        &self,
        provider: &Key,
        challenge: ChallengeId,
        response: Value,
    ) -> Result<Included, UserError> {
        let arguments = named([
            ("challenge_id", challenge.to_value()),
            ("response", response),
        ]);
        self.call_storage(provider, "respond_to_challenge", arguments)
            .await
    }

    /// Returns whether providers sign a nonce with each commitment.
    ///
    /// # Errors
    ///
    /// [`UserError::Metadata`] if the pallet has no checkpoints.
    pub async fn signs_nonces(&self) -> Result<bool, UserError> {
        self.has_argument("checkpoint", "nonce").await
    }

    /// Returns whether a call of the storage pallet has an argument of a name.
    ///
    /// # Errors
    ///
    /// [`UserError::Metadata`] if there is no such call.
    pub async fn has_argument(&self, call: &str, argument: &str) -> Result<bool, UserError> {
        let metadata = self.now().await?.metadata();
        let found = metadata
            .pallet_by_name(STORAGE)
            .and_then(|pallet| pallet.call_variant_by_name(call))
            .ok_or_else(|| UserError::metadata(call, "there is no such call"))?;
        let mut names = found.fields.iter();
        Ok(names.any(|field| field.name.as_deref() == Some(argument)))
    }

    /// Returns the bytes that a provider signs for a commitment.
    pub fn commitment_message(bucket: u64, commitment: &Commitment, nonce: Option<u64>) -> Vec<u8> {
        let version = if nonce.is_some() { 2u8 } else { 1 };
        let nonce = nonce.map(u64::to_le_bytes);
        [
            &[version][..],
            &bucket.to_le_bytes(),
            &commitment.mmr_root,
            &commitment.start_seq.to_le_bytes(),
            &commitment.leaf_count.to_le_bytes(),
            nonce.as_ref().map_or(&[][..], |nonce| nonce),
        ]
        .concat()
    }

    /// Returns the anchor block: the clock of deadlines and agreements.
    ///
    /// # Errors
    ///
    /// [`UserError::Node`], [`UserError::Metadata`].
    pub async fn anchor(&self) -> Result<u32, UserError> {
        const API: &str = "StorageProviderApi";
        const METHOD: &str = "current_anchor_block";
        let at = self.now().await?;
        let metadata = at.metadata();
        let has_clock = metadata
            .runtime_api_trait_by_name(API)
            .is_some_and(|api| api.method_by_name(METHOD).is_some());
        if !has_clock {
            return u32::try_from(at.block_number())
                .map_err(|error| UserError::node("tell its height", error));
        }
        let call = dynamic::runtime_api_call::<Vec<Value>, u32>(API, METHOD, Vec::new());
        let anchor = at.runtime_apis().call(call).await;
        anchor.map_err(|error| UserError::metadata(METHOD, error))
    }

    /// Returns a provider's row.
    ///
    /// # Errors
    ///
    /// As of [`Self::storage`].
    pub async fn provider(&self, account: AccountId) -> Result<Option<Value>, UserError> {
        let keys = vec![values::account(account)];
        self.storage(STORAGE, "Providers", keys).await
    }

    /// Returns a provider's stake: 0 if it is slashed, or not registered.
    ///
    /// # Errors
    ///
    /// As of [`Self::storage`].
    pub async fn stake(&self, account: AccountId) -> Result<u128, UserError> {
        let provider = self.provider(account).await?;
        provider.map_or(Ok(0), |provider| number_in(&provider, "stake"))
    }

    /// Returns a bucket's row.
    ///
    /// # Errors
    ///
    /// As of [`Self::storage`].
    pub async fn bucket(&self, id: u64) -> Result<Option<Value>, UserError> {
        let keys = vec![Value::u128(id.into())];
        self.storage(STORAGE, "Buckets", keys).await
    }

    /// Returns the commitment of a bucket's last checkpoint.
    ///
    /// # Errors
    ///
    /// As of [`Self::storage`].
    pub async fn snapshot(&self, id: u64) -> Result<Option<Commitment>, UserError> {
        let Some(bucket) = self.bucket(id).await? else {
            return Ok(None);
        };
        let Some(snapshot) = values::some(values::inside(&bucket, "snapshot")?) else {
            return Ok(None);
        };
        // In one field, or flat.
        let commitment = values::inside(snapshot, "commitment").unwrap_or(snapshot);
        Ok(Some(Commitment {
            mmr_root: values::bytes32(values::inside(commitment, "mmr_root")?)?,
            start_seq: small(commitment, "start_seq")?,
            leaf_count: small(commitment, "leaf_count")?,
        }))
    }

    /// Returns the number of open challenges of a provider.
    ///
    /// # Errors
    ///
    /// As of [`Self::entries`]: also if one of them does not decode.
    pub async fn open_challenges(&self, provider: AccountId) -> Result<usize, UserError> {
        let mut open = 0usize;
        for (keys, value) in self.entries(STORAGE, "Challenges", Vec::new()).await? {
            // A list of all of a deadline, or one.
            let rows = match keys.len() {
                1 => values::items(&value),
                _ => vec![&value],
            };
            for row in rows {
                if values::bytes32(values::inside(row, "provider")?)? == provider {
                    open = open.saturating_add(1);
                }
            }
        }
        Ok(open)
    }
}

fn checkpoint_challenge(bucket: u64, provider: AccountId, location: Location) -> Composite<()> {
    Arguments::of_bucket(bucket)
        .with("provider", values::account(provider))
        .with_location(location)
        .done()
}
