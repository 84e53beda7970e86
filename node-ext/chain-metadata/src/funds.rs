//! The funds of an account, and fees.

use crate::runtime::Runtime;
use crate::storage::StorageItem;
use crate::value::{Mismatch, Value, decode_all, sample};
use cairn_chain::Funds;

/// The function that estimates a fee.
pub(crate) const FEE_FUNCTION: &str = "TransactionPaymentApi_query_info";

/// Reads an account's row. `deposit` is the balance that an account must keep.
///
/// A lock and a hold may cover the same balance, so that a lock blocks only what is not held.
pub(crate) fn funds(value: &Value<'_>, deposit: u128) -> Result<Funds, Mismatch> {
    let data = value.field("data")?;
    let free: u128 = data.read("free", Value::number)?;
    let held: u128 = data.read("reserved", Value::number)?;
    let frozen: u128 = match data.get("frozen").or(data.get("fee_frozen")) {
        Some(frozen) => frozen.number()?,
        None => return Err(Mismatch("there is no field `frozen`".to_owned())),
    };
    let kept = frozen.saturating_sub(held).max(deposit);
    Ok(Funds {
        spendable: free.saturating_sub(kept),
        held,
    })
}

/// Returns the balance that an account must keep.
pub(crate) fn existential_deposit(runtime: &Runtime) -> u128 {
    let deposit = runtime.constant("Balances", "ExistentialDeposit");
    deposit
        .and_then(|deposit| deposit.number())
        .unwrap_or_default()
}

/// Reads the result of [`FEE_FUNCTION`].
pub(crate) fn fee(runtime: &Runtime, bytes: &[u8]) -> Result<u128, Mismatch> {
    let value = decode_all(runtime.metadata.types(), fee_type(runtime)?, bytes)
        .map_err(|error| Mismatch(error.to_string()))?;
    value.read("partial_fee", Value::number)
}

fn fee_type(runtime: &Runtime) -> Result<u32, Mismatch> {
    let api = runtime
        .metadata
        .runtime_api_trait_by_name("TransactionPaymentApi");
    let method = api.and_then(|api| api.method_by_name("query_info"));
    match method {
        Some(method) if method.inputs().len() == 2 => Ok(method.output_ty()),
        _ => Err(Mismatch(
            "there is no runtime API TransactionPaymentApi::query_info".to_owned(),
        )),
    }
}

/// Checks that balances can be read.
pub(crate) fn try_on(runtime: &Runtime) -> Result<(), Mismatch> {
    let item = StorageItem::find(&runtime.metadata, "System", "Account")?;
    let bytes = sample(runtime.metadata.types(), item.value_type())?;
    let value = item
        .decode(&bytes)
        .map_err(|error| Mismatch(error.to_string()))?;
    funds(&value, 0)
        .map(|_| ())
        .map_err(|Mismatch(why)| Mismatch(format!("System.Account: {why}")))
}

/// Checks that fees can be read.
pub(crate) fn try_fees_on(runtime: &Runtime) -> Result<(), Mismatch> {
    let bytes = sample(runtime.metadata.types(), fee_type(runtime)?)?;
    fee(runtime, &bytes).map(|_| ())
}
