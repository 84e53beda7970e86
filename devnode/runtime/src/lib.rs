//! A small Substrate runtime with the reference storage pallet: what the
//! development chain executes.
//!
//! ```text
//! assembly the pallets, and what a node may ask of them
//! config   what each pallet is told
//! signing  an answer or a checkpoint becomes a signed extrinsic
//! genesis  accounts with means, and the rules to be judged by
//! ```
//!
//! It is compiled twice: for the node, which needs its types, and to the WASM that
//! the chain executes, by `build.rs`.

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
pub use signing::{KEY_TYPE, extension};

// So that who makes calls and reads events needs no versions of its own.
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

/// A signature by any scheme that the chain knows.
pub type Signature = sp_runtime::MultiSignature;
/// An account: 32 bytes.
pub type AccountId = <<Signature as Verify>::Signer as IdentifyAccount>::AccountId;
/// An account, as extrinsics name it.
pub type Address = sp_runtime::MultiAddress<AccountId, ()>;
/// An amount, in the smallest unit.
pub type Balance = u128;
/// Counts the extrinsics that an account has signed.
pub type Nonce = u32;
/// A block's number, which on this chain is the anchor block as well.
pub type BlockNumber = u32;
/// A hash of the chain.
pub type Hash = sp_core::H256;
/// A block's header.
pub type Header = generic::Header<BlockNumber, BlakeTwo256>;
/// What every extrinsic is checked for before its call is made.
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
/// An extrinsic whose signature is still to be checked.
pub type UncheckedExtrinsic =
    generic::UncheckedExtrinsic<Address, RuntimeCall, Signature, TxExtension>;
/// What is signed of an extrinsic.
pub type SignedPayload = generic::SignedPayload<RuntimeCall, TxExtension>;
/// A block, as the runtime sees it.
pub type Block = generic::Block<Header, UncheckedExtrinsic>;
/// A block as the node sees it, which leaves extrinsics to the runtime.
pub type OpaqueBlock = generic::Block<Header, sp_runtime::OpaqueExtrinsic>;
/// What executes a block.
pub type Executive = frame_executive::Executive<
    Runtime,
    Block,
    frame_system::ChainContext<Runtime>,
    Runtime,
    AllPalletsWithSystem,
>;

/// Which runtime this is.
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
