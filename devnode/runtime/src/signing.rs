//! Signs an answer or a checkpoint as an extrinsic, with the node's keystore.
//!
//! Consensus gadgets report equivocations in this way: the node knows neither calls nor
//! extensions, so a runtime can change them.

use crate::{
    AccountId, Address, Nonce, Runtime, RuntimeCall, Signature, SignedPayload, System, TxExtension,
    UncheckedExtrinsic,
};
use codec::Encode;
use sp_core::crypto::KeyTypeId;
use sp_core::sr25519;
use sp_runtime::generic::Era;

/// The key type of a storage provider's account in the keystore.
pub const KEY_TYPE: KeyTypeId = KeyTypeId(*b"stor");

/// The number of blocks for which a signed extrinsic is valid. One that is not included by
/// then is gone, and can be replaced.
const MORTALITY_BLOCKS: u64 = 64;

/// Signs a call for an account whose sr25519 key the keystore has under [`KEY_TYPE`].
/// Returns `None` without that key, and at genesis, whose hash is not in the chain's state.
pub(crate) fn signed_by_keystore(
    account: AccountId,
    nonce: Nonce,
    call: RuntimeCall,
) -> Option<UncheckedExtrinsic> {
    // A block's state has the hashes of its ancestors, but not its own.
    let birth = System::block_number().checked_sub(1)?;
    let extension = transaction_extension(Era::mortal(MORTALITY_BLOCKS, birth.into()), nonce);
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

/// Returns the transaction extensions of an extrinsic, without a tip.
pub fn transaction_extension(era: Era, nonce: Nonce) -> TxExtension {
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
