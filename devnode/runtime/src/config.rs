//! The configuration of the pallets.

use crate::{
    AccountId, Balance, Balances, Block, Hash, Nonce, PalletInfo, Runtime, RuntimeCall,
    RuntimeEvent, RuntimeFreezeReason, RuntimeHoldReason, RuntimeOrigin, RuntimeTask, System,
    VERSION,
};
use frame_support::derive_impl;
use frame_support::parameter_types;
use frame_support::traits::{ConstU32, ConstU64, ConstU128, VariantCountOf};
use frame_support::weights::constants::{RocksDbWeight, WEIGHT_REF_TIME_PER_SECOND};
use frame_support::weights::{ConstantMultiplier, IdentityFee, Weight};
use frame_system::limits::{BlockLength, BlockWeights};
use pallet_transaction_payment::FungibleAdapter;
use sp_runtime::Perbill;
use sp_version::RuntimeVersion;

/// A coin, in the smallest unit.
pub const UNIT: Balance = 1_000_000_000_000;
/// The least balance with which an account exists.
pub const EXISTENTIAL_DEPOSIT: Balance = UNIT / 1_000;

/// The fee for a byte of an extrinsic: an answer with a full chunk costs far less than a
/// coin.
const BYTE_FEE: Balance = 1_000;
/// Blocks for which hashes are kept, hence the longest life of an extrinsic.
const BLOCK_HASHES: u32 = 2_400;
/// The share of a block for normal extrinsics.
const NORMAL: Perbill = Perbill::from_percent(75);
/// Substrate's default: a block takes fourteen answers with full chunks.
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
    /// Milliseconds from block to block, by the chain's own clock.
    pub const BlockPeriod: u64 = 6_000;
}

#[derive_impl(frame_system::config_preludes::SolochainDefaultConfig)]
impl frame_system::Config for Runtime {
    type Block = Block;
    type Nonce = Nonce;
    type Hash = Hash;
    type AccountId = AccountId;
    type AccountData = pallet_balances::AccountData<Balance>;
    type BlockHashCount = ConstU32<BLOCK_HASHES>;
    type BlockWeights = Weights;
    type BlockLength = Length;
    type DbWeight = RocksDbWeight;
    type Version = Version;
    type SS58Prefix = frame_support::traits::ConstU16<42>;
}

impl pallet_timestamp::Config for Runtime {
    type Moment = u64;
    type OnTimestampSet = ();
    type MinimumPeriod = ConstU64<1>;
    type WeightInfo = ();
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Runtime {
    type Balance = Balance;
    type ExistentialDeposit = ConstU128<EXISTENTIAL_DEPOSIT>;
    type AccountStore = System;
    type RuntimeFreezeReason = RuntimeFreezeReason;
    type MaxFreezes = VariantCountOf<RuntimeFreezeReason>;
}

#[derive_impl(pallet_transaction_payment::config_preludes::TestDefaultConfig)]
impl pallet_transaction_payment::Config for Runtime {
    type OnChargeTransaction = FungibleAdapter<Balances, ()>;
    type WeightToFee = IdentityFee<Balance>;
    type LengthToFee = ConstantMultiplier<Balance, ConstU128<BYTE_FEE>>;
    // Fees are constant, so that tests can compare them.
    type FeeMultiplierUpdate = ();
}

#[derive_impl(pallet_sudo::config_preludes::TestDefaultConfig)]
impl pallet_sudo::Config for Runtime {}

impl pallet_storage_provider::Config for Runtime {
    type Currency = Balances;
    type RuntimeHoldReason = RuntimeHoldReason;
    type AnchorBlock = AnchorBlock;
    type ChallengeCost = ConstU128<{ 10 * UNIT }>;
    type MaxPrimaryProviders = ConstU32<5>;
    type MaxChallengesPerDeadline = ConstU32<1_000>;
    type MaxEndpointBytes = ConstU32<256>;
    type MaxMembers = ConstU32<32>;
}

/// A solo chain: its own blocks are the anchor blocks.
type AnchorBlock = frame_system::Pallet<Runtime>;
