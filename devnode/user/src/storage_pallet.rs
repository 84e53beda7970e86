//! The storage pallet's calls, as owners, challengers and providers make them.
//!
//! Arguments are more than a variant takes: a commitment as one argument and as three, a
//! chunk's location as one and as two.

use crate::block::{Included, STORAGE};
use crate::chain::Chain;
use crate::extrinsics::{Lifetime, Sent};
use crate::keys::{AccountId, Key, Signature};
use crate::values::{self, named, option, small};
use crate::{Event, UserError};
use subxt::dynamic::{self, Value};
use subxt::ext::scale_value::Composite;

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
    /// The price of a confirmation, if it accepts replicas.
    pub replica_sync_price: Option<u128>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            min_duration: 0,
            max_duration: u32::MAX,
            price_per_byte: 0,
            max_capacity: 0,
            replica_sync_price: None,
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

    /// Sets a provider's offer. It accepts primary agreements and extensions.
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
            (
                "replica_sync_price",
                option(settings.replica_sync_price.map(Value::u128)),
            ),
            ("accepting_extensions", Value::bool(true)),
            ("max_capacity", Value::u128(settings.max_capacity.into())),
        ]);
        let arguments = named([("settings", settings.into())]);
        self.call_storage(key, "update_provider_settings", arguments)
            .await
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

    /// Submits a challenge of what a replica has confirmed last.
    ///
    /// # Errors
    ///
    /// As of [`Self::send`].
    pub async fn challenge_replica(
        &self,
        challenger: &Key,
        bucket: u64,
        provider: AccountId,
        location: Location,
    ) -> Result<Sent, UserError> {
        let arguments = checkpoint_challenge(bucket, provider, location);
        self.send_storage(challenger, "challenge_replica", arguments)
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
}

/// Returns a challenge of a bucket's last checkpoint, as a call for [`Chain::batch`].
pub fn challenge_call(bucket: u64, provider: AccountId, location: Location) -> Value {
    let arguments = checkpoint_challenge(bucket, provider, location);
    dynamic::tx(STORAGE, "challenge_checkpoint", arguments).into_value()
}

fn checkpoint_challenge(bucket: u64, provider: AccountId, location: Location) -> Composite<()> {
    Arguments::of_bucket(bucket)
        .with("provider", values::account(provider))
        .with_location(location)
        .done()
}
