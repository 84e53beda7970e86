//! The configuration of the pallets that every chain has.

use crate::units::{EXISTENTIAL_DEPOSIT, TRANSACTION_BYTE_FEE};
use crate::{
    AccountId, Balance, Balances, Block, Hash, Nonce, OriginCaller, PalletInfo, ParachainSystem,
    Runtime, RuntimeCall, RuntimeEvent, RuntimeFreezeReason, RuntimeHoldReason, RuntimeOrigin,
    RuntimeTask, System, VERSION, migrations,
};
use frame_support::derive_impl;
use frame_support::parameter_types;
use frame_support::traits::{ConstU16, ConstU32, ConstU64, ConstU128, VariantCountOf};
use frame_support::weights::constants::{RocksDbWeight, WEIGHT_REF_TIME_PER_SECOND};
use frame_support::weights::{ConstantMultiplier, IdentityFee, Weight};
use frame_system::limits::{BlockLength, BlockWeights};
use pallet_transaction_payment::FungibleAdapter;
use sp_runtime::Perbill;
use sp_runtime::traits::AccountIdLookup;
use sp_version::RuntimeVersion;

/// Blocks for which hashes are kept, hence the longest life of an extrinsic.
const BLOCK_HASHES: u32 = 4_096;
/// The share of a block for normal extrinsics.
const NORMAL: Perbill = Perbill::from_percent(75);
/// A block takes fourteen answers with full chunks.
const BLOCK_BYTES: u32 = 5 * 1024 * 1024;

parameter_types! {
    /// The runtime's version.
    pub const Version: RuntimeVersion = VERSION;
    /// Two seconds of computation.
    pub Weights: BlockWeights = BlockWeights::with_sensible_defaults(
        Weight::from_parts(WEIGHT_REF_TIME_PER_SECOND.saturating_mul(2), u64::MAX),
        NORMAL,
    );
    /// The most bytes in a block.
    pub Length: BlockLength = BlockLength::builder()
        .max_length(BLOCK_BYTES)
        .modify_max_length_for_class(frame_support::dispatch::DispatchClass::Normal, |length| {
            *length = NORMAL * BLOCK_BYTES;
        })
        .build();
    /// Milliseconds from block to block, by the chain's own clock: three blocks in a relay
    /// block.
    pub const BlockPeriod: u64 = 2_000;
}

#[derive_impl(frame_system::config_preludes::SolochainDefaultConfig)]
impl frame_system::Config for Runtime {
    type Block = Block;
    type Nonce = Nonce;
    type Hash = Hash;
    type AccountId = AccountId;
    type Lookup = AccountIdLookup<AccountId, ()>;
    type AccountData = pallet_balances::AccountData<Balance>;
    type BlockHashCount = ConstU32<BLOCK_HASHES>;
    type BlockWeights = Weights;
    type BlockLength = Length;
    type DbWeight = RocksDbWeight;
    type Version = Version;
    type SS58Prefix = ConstU16<42>;
    type SingleBlockMigrations = migrations::FromVariantBefore;
}

impl pallet_timestamp::Config for Runtime {
    type Moment = u64;
    // The first extrinsic of a block, as on a parachain the relay chain's data is.
    type OnTimestampSet = ParachainSystem;
    type MinimumPeriod = ConstU64<0>;
    type WeightInfo = ();
}

impl crate::parachain::Config for Runtime {}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Runtime {
    type Balance = Balance;
    type ExistentialDeposit = ConstU128<EXISTENTIAL_DEPOSIT>;
    type AccountStore = System;
    type RuntimeHoldReason = RuntimeHoldReason;
    type RuntimeFreezeReason = RuntimeFreezeReason;
    type MaxFreezes = VariantCountOf<RuntimeFreezeReason>;
}

#[derive_impl(pallet_transaction_payment::config_preludes::TestDefaultConfig)]
impl pallet_transaction_payment::Config for Runtime {
    type OnChargeTransaction = FungibleAdapter<Balances, ()>;
    type WeightToFee = IdentityFee<Balance>;
    type LengthToFee = ConstantMultiplier<Balance, ConstU128<TRANSACTION_BYTE_FEE>>;
    // Fees are constant, so that tests can compare them.
    type FeeMultiplierUpdate = ();
}

#[derive_impl(pallet_sudo::config_preludes::TestDefaultConfig)]
impl pallet_sudo::Config for Runtime {}

impl pallet_utility::Config for Runtime {
    type RuntimeEvent = RuntimeEvent;
    type RuntimeCall = RuntimeCall;
    type PalletsOrigin = OriginCaller;
    type WeightInfo = ();
}
