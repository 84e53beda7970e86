//! The runtime, assembled from its pallets, under the chain's indices.

#![expect(missing_docs, reason = "the macro generates items without docs")]

mod apis;

pub use apis::RuntimeApi;

pub(crate) use apis::RUNTIME_API_VERSIONS;
#[cfg(test)]
pub(crate) use apis::api;

use alloc::vec::Vec;

#[frame_support::runtime]
mod runtime {
    /// The runtime.
    #[runtime::runtime]
    #[runtime::derive(
        RuntimeCall,
        RuntimeEvent,
        RuntimeError,
        RuntimeOrigin,
        RuntimeFreezeReason,
        RuntimeHoldReason,
        RuntimeSlashReason,
        RuntimeLockId,
        RuntimeTask,
        RuntimeViewFunction
    )]
    pub struct Runtime;

    /// Blocks, accounts and events.
    #[runtime::pallet_index(0)]
    pub type System = frame_system;

    /// The relay chain's numbers.
    #[runtime::pallet_index(1)]
    pub type ParachainSystem = crate::parachain;

    /// The chain's clock.
    #[runtime::pallet_index(2)]
    pub type Timestamp = pallet_timestamp;

    /// Balances, free and held.
    #[runtime::pallet_index(10)]
    pub type Balances = pallet_balances;

    /// Fees.
    #[runtime::pallet_index(11)]
    pub type TransactionPayment = pallet_transaction_payment;

    /// Root calls for a developer.
    #[runtime::pallet_index(15)]
    pub type Sudo = pallet_sudo;

    /// Batches of calls.
    #[runtime::pallet_index(34)]
    pub type Utility = pallet_utility;

    /// The storage pallet.
    #[runtime::pallet_index(50)]
    pub type StorageProvider = pallet_storage_provider;
}
