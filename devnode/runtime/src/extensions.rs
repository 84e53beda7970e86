//! The transaction extensions of an extrinsic, and stand-ins for two that change nothing on
//! this chain. A client must know them by name all the same.

use crate::{Nonce, Runtime, RuntimeCall, TxExtension};
use codec::{Decode, DecodeWithMemTracking, Encode};
use scale_info::TypeInfo;
use sp_runtime::generic::Era;
use sp_runtime::impl_tx_ext_default;
use sp_runtime::traits::TransactionExtension;

/// Declares an extension that is empty in every way but its name.
macro_rules! empty_extension {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Debug, Default, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, TypeInfo,
        )]
        pub struct $name;

        impl TransactionExtension<RuntimeCall> for $name {
            const IDENTIFIER: &'static str = stringify!($name);
            type Implicit = ();
            type Val = ();
            type Pre = ();

            impl_tx_ext_default!(RuntimeCall; weight validate prepare);
        }
    };
}

empty_extension! {
    /// Stands in for the extension that lets contracts' transactions in.
    EthSetOrigin
}
empty_extension! {
    /// Stands in for the wrapper that gives unused weight back.
    StorageWeightReclaim
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
        frame_metadata_hash_extension::CheckMetadataHash::new(false),
        EthSetOrigin,
        StorageWeightReclaim,
    )
}
