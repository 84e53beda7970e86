//! An answer or a checkpoint becomes an extrinsic, signed with the node's keystore.
//!
//! Consensus gadgets report misconduct in this way: the node knows neither calls
//! nor extensions, so that it goes on working when a runtime changes them.

use crate::{
    AccountId, Address, Nonce, Runtime, RuntimeCall, Signature, SignedPayload, System, TxExtension,
    UncheckedExtrinsic,
};
use codec::Encode;
use sp_core::crypto::KeyTypeId;
use sp_core::sr25519;
use sp_runtime::generic::Era;

/// Where the keystore keeps a storage provider's account.
pub const KEY_TYPE: KeyTypeId = KeyTypeId(*b"stor");

/// Blocks for which a signed extrinsic may be included. One that was not by then is
/// known to be gone, and can be made anew.
const LIFE: u64 = 64;

/// Signs a call for an account whose sr25519 key the keystore holds under
/// [`KEY_TYPE`]; `None` where it does not, and at genesis, whose hash the chain's own
/// state does not know.
pub(crate) fn signed_by_keystore(
    account: AccountId,
    nonce: Nonce,
    call: RuntimeCall,
) -> Option<UncheckedExtrinsic> {
    // A block's state has the hashes of its ancestors, and not its own.
    let birth = System::block_number().checked_sub(1)?;
    let extension = extension(Era::mortal(LIFE, birth.into()), nonce);
    let payload = SignedPayload::new(call, extension).ok()?;
    let public = sr25519::Public::from_raw(*account.as_ref());
    let signature =
        payload.using_encoded(|bytes| sp_io::crypto::sr25519_sign(KEY_TYPE, &public, bytes))?;
    let (call, extension, _) = payload.deconstruct();
    Some(UncheckedExtrinsic::new_signed(
        call,
        Address::Id(account),
        Signature::Sr25519(signature),
        extension,
    ))
}

/// What an extrinsic carries besides its call: without a tip.
pub fn extension(era: Era, nonce: Nonce) -> TxExtension {
    (
        frame_system::CheckNonZeroSender::new(),
        frame_system::CheckSpecVersion::new(),
        frame_system::CheckTxVersion::new(),
        frame_system::CheckGenesis::new(),
        frame_system::CheckMortality::from(era),
        frame_system::CheckNonce::from(nonce),
        frame_system::CheckWeight::new(),
        pallet_transaction_payment::ChargeTransactionPayment::<Runtime>::from(0),
    )
}
