//! A small Substrate runtime with the face of the storage chain, for the development chain.
//!
//! ```text
//! assembly        the pallets, and the runtime's APIs
//! config          the configuration of the pallets that every chain has
//! storage         that of the storage pallet: periods and prices, which a root call can set
//! parachain       a stand-in for the pallet that knows the relay chain's numbers
//! dry_run         the API that tries a call
//! extensions      stand-ins for transaction extensions that change nothing here
//! units           money
//! parameters      periods and prices of a chain that differ from the usual
//! genesis         endowed accounts and a root account
//! migrations      the steps from the variant before
//! wasm            all variants as WASM, in the package with the common name
//! ```
//!
//! There are four variants of it, each a package of its own from this one source, with the
//! pallet's variant of that name; `devnode/variants.rs` lists their differences. All have one
//! `spec_name`, so that a chain can be upgraded from one to the next.
//!
//! Each is compiled twice: natively, for its types, and by `build.rs` of the package
//! `cairn-devnode-runtime` to the WASM that the chain executes.

#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
#![recursion_limit = "512"]

extern crate alloc;

mod assembly;
mod config;
pub mod dry_run;
mod extensions;
pub mod genesis;
pub mod migrations;
pub mod parachain;
mod parameters;
mod storage;
mod units;
#[cfg(embeds_wasm)]
mod wasm;

#[cfg(test)]
mod tests;

pub use assembly::{
    AllPalletsWithSystem, Balances, OriginCaller, PalletInfo, ParachainSystem, Runtime, RuntimeApi,
    RuntimeCall, RuntimeError, RuntimeEvent, RuntimeFreezeReason, RuntimeGenesisConfig,
    RuntimeHoldReason, RuntimeOrigin, RuntimeTask, StorageProvider, Sudo, System, Timestamp,
    TransactionPayment, Utility,
};
#[cfg(embeds_wasm)]
pub use wasm::Variant;

pub use config::BlockPeriod;
pub use extensions::{EthSetOrigin, StorageWeightReclaim, transaction_extension};
#[cfg(commitment_nonce)]
pub use storage::MaxNonceAge;
#[cfg(not(deployed))]
pub use storage::{ChallengeDeposit, MaxChallengesPerDeadline};
pub use storage::{
    ChallengeTimeout, DeregisterAnnouncementPeriod, MinProviderStake, MinStakePerByte,
    RequestTimeout, SettlementTimeout, TreasuryAccount,
};
#[cfg(checkpoint_windows)]
pub use storage::{
    CheckpointMissPenalty, CheckpointReward, DefaultCheckpointGrace, DefaultCheckpointInterval,
};
pub use units::{EXISTENTIAL_DEPOSIT, TRANSACTION_BYTE_FEE, UNIT};

// Re-exported so that users need no versions of their own to make calls and read events.
pub use frame_system;
pub use pallet_balances;
pub use pallet_storage_provider;
pub use pallet_sudo;
pub use pallet_utility;

use alloc::borrow::Cow;
use sp_runtime::generic;
use sp_runtime::traits::{BlakeTwo256, IdentifyAccount, Verify};
use sp_version::RuntimeVersion;

/// A signature by any scheme that the chain supports.
pub type Signature = sp_runtime::MultiSignature;
/// An account: 32 bytes.
pub type AccountId = <<Signature as Verify>::Signer as IdentifyAccount>::AccountId;
/// An account's address in extrinsics.
pub type Address = sp_runtime::MultiAddress<AccountId, ()>;
/// A balance, in the smallest unit.
pub type Balance = u128;
/// The number of extrinsics that an account has signed.
pub type Nonce = u32;
/// A block's number.
pub type BlockNumber = u32;
/// A hash of the chain.
pub type Hash = sp_core::H256;
/// A block's header.
pub type Header = generic::Header<BlockNumber, BlakeTwo256>;
/// The checks of every extrinsic before its call is executed, in the chain's order.
pub type TxExtension = (
    frame_system::CheckNonZeroSender<Runtime>,
    frame_system::CheckSpecVersion<Runtime>,
    frame_system::CheckTxVersion<Runtime>,
    frame_system::CheckGenesis<Runtime>,
    frame_system::CheckMortality<Runtime>,
    frame_system::CheckNonce<Runtime>,
    frame_system::CheckWeight<Runtime>,
    pallet_transaction_payment::ChargeTransactionPayment<Runtime>,
    frame_metadata_hash_extension::CheckMetadataHash<Runtime>,
    EthSetOrigin,
    StorageWeightReclaim,
);
/// An extrinsic whose signature is not yet checked.
pub type UncheckedExtrinsic =
    generic::UncheckedExtrinsic<Address, RuntimeCall, Signature, TxExtension>;
/// The signed payload of an extrinsic.
pub type SignedPayload = generic::SignedPayload<RuntimeCall, TxExtension>;
/// A block as the runtime decodes it.
pub type Block = generic::Block<Header, UncheckedExtrinsic>;
/// A block as the node decodes it: extrinsics stay opaque.
pub type OpaqueBlock = generic::Block<Header, sp_runtime::OpaqueExtrinsic>;
/// Executes blocks.
pub type Executive = frame_executive::Executive<
    Runtime,
    Block,
    frame_system::ChainContext<Runtime>,
    Runtime,
    AllPalletsWithSystem,
>;

/// Declares the runtime's version. The attribute, which puts it into a section of the WASM,
/// takes only literals.
macro_rules! version {
    ($spec_version:tt, $transaction_version:tt) => {
        /// The runtime's version: spec and transaction versions are the chain's.
        #[sp_version::runtime_version]
        pub const VERSION: RuntimeVersion = RuntimeVersion {
            spec_name: Cow::Borrowed("cairn-devnode"),
            impl_name: Cow::Borrowed("cairn-devnode"),
            authoring_version: 1,
            spec_version: $spec_version,
            impl_version: 0,
            apis: assembly::RUNTIME_API_VERSIONS,
            transaction_version: $transaction_version,
            system_version: 1,
        };
    };
}

#[cfg(deployed)]
version!(4_001, 2);
#[cfg(commitment_nonce)]
version!(4_003, 2);
#[cfg(all(challenger_tiers, not(leaf_binding)))]
version!(4_008, 4);
#[cfg(leaf_binding)]
version!(4_009, 4);
