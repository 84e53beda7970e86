//! Root calls, through `Sudo`: what a chain's operators may do to it.

use crate::UserError;
use crate::block::Included;
use crate::chain::Chain;
use crate::extrinsics::{Lifetime, Sent};
use crate::keys::{AccountId, Key};
use crate::values::{self, named};
use sp_crypto_hashing::twox_128;
use subxt::dynamic::{self, Value};
use subxt::ext::scale_value::Composite;

/// The call of `Sudo` that weighs nothing: new code weighs more than a block takes.
const WEIGHTLESS: &str = "sudo_unchecked_weight";

/// Returns the arguments with which `Sudo` makes a call.
fn weightless(pallet: &str, call: &str, arguments: Composite<()>) -> Composite<()> {
    let inner = dynamic::tx(pallet, call, arguments).into_value();
    let weight = named([("ref_time", Value::u128(0)), ("proof_size", Value::u128(0))]);
    named([("call", inner), ("weight", weight.into())])
}

/// Returns a root call, as a call for [`Chain::batch`].
pub fn root_call(pallet: &str, call: &str, arguments: Composite<()>) -> Value {
    dynamic::tx("Sudo", WEIGHTLESS, weightless(pallet, call, arguments)).into_value()
}

/// Returns the arguments of `System.set_code`.
pub fn new_code(wasm: &[u8]) -> Composite<()> {
    named([("code", Value::from_bytes(wasm))])
}

/// Returns the arguments of [`Chain::jump`].
pub fn jump_by(blocks: u32) -> Composite<()> {
    named([("blocks", Value::u128(blocks.into()))])
}

impl Chain {
    /// Submits several calls in one extrinsic, all or none, in one block.
    ///
    /// # Errors
    ///
    /// As of [`Self::send`].
    pub async fn batch(&self, key: &Key, calls: Vec<Value>) -> Result<Sent, UserError> {
        let arguments = named([("calls", Value::unnamed_composite(calls))]);
        self.send(key, "Utility", "batch_all", arguments, Lifetime::Immortal)
            .await
    }

    /// Makes a call as root, and waits until it is finalized.
    ///
    /// # Errors
    ///
    /// As of [`Self::submit`], also if the inner call fails.
    pub async fn as_root(
        &self,
        sudo: &Key,
        pallet: &str,
        call: &str,
        arguments: Composite<()>,
    ) -> Result<Included, UserError> {
        let outer = weightless(pallet, call, arguments);
        let included = self.submit(sudo, "Sudo", WEIGHTLESS, outer).await?;
        let done = included
            .events
            .iter()
            .find(|event| event.pallet == "Sudo" && event.name == "Sudid")
            .ok_or_else(|| UserError::Unexpected("sudo tells no result".to_owned()))?;
        if values::variant(values::inside(&done.fields, "sudo_result")?)? == "Ok" {
            return Ok(included);
        }
        let number = included.number.saturating_sub(1);
        // After the variant of the result.
        let error = done.bytes.get(1..).unwrap_or_default();
        Err(UserError::Failed {
            call: format!("{pallet}.{call}"),
            error: self.dispatch_error(error, number).await?,
            included: Box::new(included),
        })
    }

    /// Replaces the chain's runtime. Waits until a block was executed by the new one.
    ///
    /// # Errors
    ///
    /// As of [`Self::as_root`].
    pub async fn upgrade(&self, sudo: &Key, wasm: &[u8]) -> Result<u32, UserError> {
        let included = self
            .as_root(sudo, "System", "set_code", new_code(wasm))
            .await?;
        self.finalized_after(included.number).await
    }

    /// Sets raw values of the state.
    ///
    /// # Errors
    ///
    /// As of [`Self::as_root`].
    pub async fn set_storage(
        &self,
        sudo: &Key,
        items: &[(Vec<u8>, Vec<u8>)],
    ) -> Result<Included, UserError> {
        let pair = |(key, value): &(Vec<u8>, Vec<u8>)| {
            Value::unnamed_composite([Value::from_bytes(key), Value::from_bytes(value)])
        };
        let items = Value::unnamed_composite(items.iter().map(pair));
        self.as_root(sudo, "System", "set_storage", named([("items", items)]))
            .await
    }

    /// Sets a parameter of the runtime that is kept in its state, such as `ChallengeTimeout`.
    ///
    /// # Errors
    ///
    /// As of [`Self::as_root`].
    pub async fn set_parameter(
        &self,
        sudo: &Key,
        name: &str,
        value: impl codec::Encode,
    ) -> Result<Included, UserError> {
        let key = twox_128(format!(":{name}:").as_bytes()).to_vec();
        self.set_storage(sudo, &[(key, value.encode())]).await
    }

    /// Lets the relay chain's number jump, on a chain whose runtime stands in for it.
    ///
    /// # Errors
    ///
    /// As of [`Self::as_root`].
    pub async fn jump(&self, sudo: &Key, blocks: u32) -> Result<Included, UserError> {
        self.as_root(sudo, "ParachainSystem", "jump", jump_by(blocks))
            .await
    }

    /// Sets how many blocks share a number of the relay chain, as [`Self::jump`] does.
    ///
    /// # Errors
    ///
    /// As of [`Self::as_root`].
    pub async fn set_pace(&self, sudo: &Key, blocks: u32) -> Result<Included, UserError> {
        let arguments = named([("blocks_per_relay_block", Value::u128(blocks.into()))]);
        self.as_root(sudo, "ParachainSystem", "set_pace", arguments)
            .await
    }

    /// Transfers an amount.
    ///
    /// # Errors
    ///
    /// As of [`Self::submit`].
    pub async fn transfer(
        &self,
        from: &Key,
        to: AccountId,
        amount: u128,
    ) -> Result<Included, UserError> {
        let to = Value::unnamed_variant("Id", [values::account(to)]);
        let arguments = named([("dest", to), ("value", Value::u128(amount))]);
        self.submit(from, "Balances", "transfer_allow_death", arguments)
            .await
    }

    /// Returns an account's free balance.
    ///
    /// # Errors
    ///
    /// As of [`Self::storage`].
    pub async fn balance(&self, account: AccountId) -> Result<u128, UserError> {
        let keys = vec![values::account(account)];
        let Some(row) = self.storage("System", "Account", keys).await? else {
            return Ok(0);
        };
        values::number_in(values::inside(&row, "data")?, "free")
    }
}
