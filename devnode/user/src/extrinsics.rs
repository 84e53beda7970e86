//! Signed extrinsics, followed to a finalized block.

use crate::block::{Event, Included};
use crate::chain::Chain;
use crate::keys::Key;
use crate::{AccountId, UserError};
use subxt::PolkadotConfig;
use subxt::config::DefaultExtrinsicParamsBuilder;
use subxt::dynamic;
use subxt::error::DispatchError;
use subxt::ext::scale_value::Composite;
use subxt::utils::AccountId32;

/// The finalized blocks within which an extrinsic must be included: many, since with a short
/// interval blocks are sealed faster than a busy machine's pool follows.
const MAX_BLOCKS: u32 = 400;
/// The finalized blocks after which an extrinsic that is not included is submitted again: a
/// pool may drop one that arrives together with a block.
const RESUBMIT_AFTER: u32 = 25;

/// The blocks in which an extrinsic is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// All.
    Immortal,
    /// A number of blocks from now: a power of two, at least 4.
    Mortal(u64),
}

/// A call by name.
pub(crate) struct Call<'a> {
    pub(crate) pallet: &'a str,
    pub(crate) name: &'a str,
    pub(crate) arguments: Composite<()>,
}

/// An extrinsic that the pool accepted.
#[derive(Clone, Debug)]
pub struct Sent {
    call: String,
    bytes: Vec<u8>,
    hash: [u8; 32],
    /// The last finalized block when it was submitted.
    after: u32,
}

impl Included {
    /// Returns the first event of the storage pallet with a name.
    ///
    /// # Errors
    ///
    /// [`UserError::Unexpected`] if there is none.
    pub fn storage_event(&self, name: &str) -> Result<&Event, UserError> {
        let found = self.events.iter().find(|event| event.is_storage(name));
        found.ok_or_else(|| {
            UserError::Unexpected(format!(
                "there is no event {name} in block {}: {:?}",
                self.number, self.events
            ))
        })
    }
}

impl Chain {
    /// Signs and submits a call, and waits until it is finalized.
    ///
    /// # Errors
    ///
    /// [`UserError::Rejected`] by the pool, [`UserError::Failed`] if the call fails, and
    /// those of the connection.
    pub async fn submit(
        &self,
        key: &Key,
        pallet: &str,
        call: &str,
        arguments: Composite<()>,
    ) -> Result<Included, UserError> {
        let sent = self
            .send(key, pallet, call, arguments, Lifetime::Immortal)
            .await?;
        self.included(&sent).await
    }

    /// Signs a call and submits it to the pool.
    ///
    /// # Errors
    ///
    /// [`UserError::Rejected`] by the pool, and those of the connection.
    pub async fn send(
        &self,
        key: &Key,
        pallet: &str,
        call: &str,
        arguments: Composite<()>,
        lifetime: Lifetime,
    ) -> Result<Sent, UserError> {
        let call = Call {
            pallet,
            name: call,
            arguments,
        };
        let mut nonces = self.nonces.lock().await;
        let account = key.account();
        let nonce = self.next_nonce(account, nonces.get(&account)).await?;
        let sent = self.sign(key, nonce, call, lifetime).await?;
        if let Err(error) = self.submit_bytes(&sent).await {
            // The nonce was not used.
            nonces.remove(&account);
            return Err(error);
        }
        nonces.insert(account, nonce.saturating_add(1));
        Ok(sent)
    }

    async fn next_nonce(&self, account: AccountId, ours: Option<&u64>) -> Result<u64, UserError> {
        let next = self
            .rpc
            .system_account_next_index(&AccountId32(account))
            .await
            .map_err(|error| UserError::node("tell an account's nonce", error))?;
        Ok(ours.map_or(next, |ours| next.max(*ours)))
    }

    async fn sign(
        &self,
        key: &Key,
        nonce: u64,
        call: Call<'_>,
        lifetime: Lifetime,
    ) -> Result<Sent, UserError> {
        let name = format!("{}.{}", call.pallet, call.name);
        let at = self.now().await?;
        let params = DefaultExtrinsicParamsBuilder::<PolkadotConfig>::new().nonce(nonce);
        let params = match lifetime {
            Lifetime::Immortal => params.immortal(),
            Lifetime::Mortal(blocks) => params.mortal(blocks),
        };
        let payload = dynamic::tx(call.pallet, call.name, call.arguments);
        let signed = at
            .tx()
            .create_signed(&payload, key, params.build())
            .await
            .map_err(|error| UserError::metadata(&name, error))?;
        let bytes = signed.encoded().to_vec();
        Ok(Sent {
            call: name,
            hash: sp_crypto_hashing::blake2_256(&bytes),
            bytes,
            after: at.block_number().try_into().unwrap_or(u32::MAX),
        })
    }

    async fn submit_bytes(&self, sent: &Sent) -> Result<(), UserError> {
        match self.rpc.author_submit_extrinsic(&sent.bytes).await {
            Ok(_) => Ok(()),
            // The pool has it already, because a block arrived in between.
            Err(error) if error.to_string().contains("Already Imported") => Ok(()),
            Err(error) => Err(UserError::Rejected {
                call: sent.call.clone(),
                reason: error.to_string(),
            }),
        }
    }

    /// Waits until a finalized block includes an extrinsic, and returns its events.
    ///
    /// # Errors
    ///
    /// [`UserError::Failed`] if the call fails, [`UserError::NotIncluded`], and those of the
    /// connection.
    pub async fn included(&self, sent: &Sent) -> Result<Included, UserError> {
        let included = self.find(sent).await?;
        let failed = |error: String| UserError::Failed {
            call: sent.call.clone(),
            error,
            included: Box::new(included.clone()),
        };
        let executed_by = included.number.saturating_sub(1);
        let failure = included
            .events
            .iter()
            .find(|event| event.pallet == "System" && event.name == "ExtrinsicFailed");
        match failure {
            Some(event) => Err(failed(
                self.dispatch_error(&event.bytes, executed_by).await?,
            )),
            None => Ok(included),
        }
    }

    /// Decodes an error that a call returned in a block after `number`.
    pub(crate) async fn dispatch_error(
        &self,
        bytes: &[u8],
        number: u32,
    ) -> Result<String, UserError> {
        let metadata = self.at(number).await?.metadata();
        let error = DispatchError::decode_from(bytes.to_vec(), metadata)
            .map_err(|error| UserError::metadata("a dispatch error", error))?;
        Ok(match error {
            DispatchError::Module(error) => error.details_string(),
            other => other.to_string(),
        })
    }

    async fn find(&self, sent: &Sent) -> Result<Included, UserError> {
        let last = sent.after.saturating_add(MAX_BLOCKS);
        let mut again_at = sent.after.saturating_add(RESUBMIT_AFTER);
        let mut searched = sent.after;
        let mut resubmitted = String::new();
        loop {
            let finalized = self.finalized_after(searched).await?;
            while searched < finalized {
                searched = searched.saturating_add(1);
                let block = self.block(searched).await?;
                let place = block.extrinsics.iter().position(|hash| *hash == sent.hash);
                if let Some(place) = place.and_then(|place| u32::try_from(place).ok()) {
                    let caused = block.events.iter();
                    let caused = caused.filter(|event| event.extrinsic == Some(place));
                    return Ok(Included {
                        number: searched,
                        events: caused.cloned().collect(),
                    });
                }
            }
            if searched >= last {
                return Err(UserError::NotIncluded {
                    call: sent.call.clone(),
                    blocks: MAX_BLOCKS.into(),
                    resubmitted,
                });
            }
            if searched >= again_at {
                again_at = searched.saturating_add(RESUBMIT_AFTER);
                // If the pool still has it, or a block, nothing changes.
                resubmitted = match self.submit_bytes(sent).await {
                    Ok(()) => "the pool has it".into(),
                    Err(error) => error.to_string(),
                };
            }
        }
    }
}
