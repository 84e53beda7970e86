//! A small Substrate runtime with the reference storage pallet, for the development chain.
//!
//! ```text
//! assembly the pallets, and the runtime's APIs
//! config   the configuration of each pallet
//! signing  signs an answer or a checkpoint as an extrinsic
//! genesis  endowed accounts, and the rules for providers
//! ```
//!
//! It is compiled twice: for the node, which needs its types, and by `build.rs` to the WASM
//! that the chain executes.

#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_code)]
#![recursion_limit = "256"]

extern crate alloc;

mod assembly;
mod config;
pub mod genesis;
mod signing;

pub use assembly::{
    AllPalletsWithSystem, Balances, PalletInfo, Runtime, RuntimeApi, RuntimeCall, RuntimeError,
    RuntimeEvent, RuntimeFreezeReason, RuntimeGenesisConfig, RuntimeHoldReason, RuntimeOrigin,
    RuntimeTask, StorageProvider, Sudo, System, Timestamp, TransactionPayment,
};
pub use config::{BlockPeriod, EXISTENTIAL_DEPOSIT, UNIT};
pub use signing::{KEY_TYPE, transaction_extension};

// Re-exported so that users need no versions of their own to make calls and read events.
pub use frame_system;
pub use pallet_balances;
pub use pallet_storage_provider;
pub use pallet_sudo;

use alloc::borrow::Cow;
use sp_runtime::generic;
use sp_runtime::traits::{BlakeTwo256, IdentifyAccount, Verify};
use sp_version::RuntimeVersion;

#[cfg(feature = "std")]
include!(concat!(env!("OUT_DIR"), "/wasm.rs"));

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
/// A block's number, which on this chain is also the anchor block.
pub type BlockNumber = u32;
/// A hash of the chain.
pub type Hash = sp_core::H256;
/// A block's header.
pub type Header = generic::Header<BlockNumber, BlakeTwo256>;
/// The checks of every extrinsic before its call is executed.
pub type TxExtension = (
    frame_system::CheckNonZeroSender<Runtime>,
    frame_system::CheckSpecVersion<Runtime>,
    frame_system::CheckTxVersion<Runtime>,
    frame_system::CheckGenesis<Runtime>,
    frame_system::CheckMortality<Runtime>,
    frame_system::CheckNonce<Runtime>,
    frame_system::CheckWeight<Runtime>,
    pallet_transaction_payment::ChargeTransactionPayment<Runtime>,
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

/// The runtime's version.
#[sp_version::runtime_version]
pub const VERSION: RuntimeVersion = RuntimeVersion {
    spec_name: Cow::Borrowed("cairn-devnode"),
    impl_name: Cow::Borrowed("cairn-devnode"),
    authoring_version: 1,
    spec_version: 1,
    impl_version: 1,
    apis: assembly::RUNTIME_API_VERSIONS,
    transaction_version: 1,
    system_version: 1,
};
