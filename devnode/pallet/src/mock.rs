//! A runtime with the pallet, whose anchor block a test sets, and its accounts: an admin, a
//! stranger, and providers with keys.

mod actions;
mod tree;

pub(crate) use actions::*;
pub(crate) use tree::{Tree, at};

use crate as pallet_storage_provider;
use crate::Event;
use frame_support::traits::{ConstU32, ConstU128, Hooks};
use frame_support::{derive_impl, parameter_types};
use sp_core::{Pair, sr25519};
use sp_runtime::traits::{BlockNumberProvider, IdentityLookup};
use sp_runtime::{AccountId32, BuildStorage, MultiSignature};

type Block = frame_system::mocking::MockBlockU32<Test>;

frame_support::construct_runtime!(
    pub enum Test {
        System: frame_system,
        Balances: pallet_balances,
        StorageProvider: pallet_storage_provider,
    }
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
    type Block = Block;
    type AccountId = AccountId32;
    type Lookup = IdentityLookup<AccountId32>;
    type AccountData = pallet_balances::AccountData<u128>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Test {
    type AccountStore = System;
    type Balance = u128;
    type ExistentialDeposit = ConstU128<1>;
    type RuntimeHoldReason = RuntimeHoldReason;
}

parameter_types! {
    pub static Anchor: u32 = START;
    pub static ChallengeTimeout: u32 = PERIOD;
    pub static MaxChallengesPerDeadline: u16 = 1_000;
    pub TreasuryAccount: AccountId32 = account(TREASURY);
}

pub struct AnchorBlocks;

impl BlockNumberProvider for AnchorBlocks {
    type BlockNumber = u32;

    fn current_block_number() -> u32 {
        Anchor::get()
    }
}

impl crate::Config for Test {
    type Currency = Balances;
    type RuntimeHoldReason = RuntimeHoldReason;
    type Treasury = TreasuryAccount;
    type MinStakePerByte = ConstU128<1>;
    type MaxMultiaddrLength = ConstU32<128>;
    type MaxMembers = ConstU32<4>;
    type MaxPrimaryProviders = ConstU32<5>;
    type MinProviderStake = ConstU128<100_000>;
    type MaxChunkSize = ConstU32<262_144>;
    type ChallengeTimeout = ChallengeTimeout;
    #[cfg(not(deployed))]
    type ChallengeDeposit = ConstU128<DEPOSIT>;
    #[cfg(commitment_nonce)]
    type MaxNonceAge = ConstU32<NONCE_AGE>;
    type SettlementTimeout = ConstU32<SETTLEMENT>;
    type RequestTimeout = ConstU32<VALIDITY>;
    #[cfg(checkpoint_windows)]
    type DefaultCheckpointInterval = ConstU32<INTERVAL>;
    #[cfg(checkpoint_windows)]
    type DefaultCheckpointGrace = ConstU32<GRACE>;
    #[cfg(checkpoint_windows)]
    type CheckpointReward = ConstU128<REWARD>;
    #[cfg(checkpoint_windows)]
    type CheckpointMissPenalty = ConstU128<PENALTY>;
    type MaxBucketsPerMember = ConstU32<100>;
    type DeregisterAnnouncementPeriod = ConstU32<ANNOUNCEMENT>;
    #[cfg(not(deployed))]
    type MaxChallengesPerDeadline = MaxChallengesPerDeadline;
    type BlockNumberProvider = AnchorBlocks;
    #[cfg(not(deployed))]
    type AnchorBlockTimeMillis = frame_support::traits::ConstU64<6_000>;
}

/// The anchor block at which tests start.
pub(crate) const START: u32 = 10_000;
/// Anchor blocks from a challenge to its deadline.
pub(crate) const PERIOD: u32 = 100;
/// Anchor blocks in which an owner decides.
pub(crate) const SETTLEMENT: u32 = 50;
/// The most anchor blocks that terms may be valid for.
pub(crate) const VALIDITY: u32 = 110;
/// Anchor blocks from an announcement to its completion.
pub(crate) const ANNOUNCEMENT: u32 = 120;
/// The most anchor blocks that a nonce may be behind.
#[cfg(commitment_nonce)]
pub(crate) const NONCE_AGE: u32 = 60;
/// The interval of windows.
#[cfg(checkpoint_windows)]
pub(crate) const INTERVAL: u32 = 100;
/// The grace period of windows.
#[cfg(checkpoint_windows)]
pub(crate) const GRACE: u32 = 20;
/// The reward of a window.
#[cfg(checkpoint_windows)]
pub(crate) const REWARD: u128 = 700;
/// The penalty of a missed window.
#[cfg(checkpoint_windows)]
pub(crate) const PENALTY: u128 = 500;
/// The deposit held from a challenger.
#[cfg(not(deployed))]
pub(crate) const DEPOSIT: u128 = 1_000;
/// The deposit held from a challenger, which the deployed chain does not let be set.
#[cfg(deployed)]
pub(crate) const DEPOSIT: u128 = 100;
/// The stake of each provider.
pub(crate) const STAKE: u128 = 500_000;
/// The initial balance of each account.
pub(crate) const BALANCE: u128 = 1_000_000_000;

pub(crate) const ADMIN: &str = "Admin";
pub(crate) const STRANGER: &str = "Stranger";
pub(crate) const TREASURY: &str = "Treasury";
/// Five that may be primary, and one too many.
pub(crate) const PROVIDERS: [&str; 6] = ["P0", "P1", "P2", "P3", "P4", "P5"];

pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
    let names = [ADMIN, STRANGER, TREASURY].into_iter().chain(PROVIDERS);
    let genesis = RuntimeGenesisConfig {
        balances: pallet_balances::GenesisConfig {
            balances: names.map(|name| (account(name), BALANCE)).collect(),
            ..Default::default()
        },
        ..Default::default()
    };
    let mut ext = sp_io::TestExternalities::new(genesis.build_storage().unwrap());
    ext.execute_with(|| {
        Anchor::set(START);
        next_block(START);
    });
    ext
}

/// Starts a block at an anchor block, and clears the events.
///
/// Where the relay chain's blocks are the anchor, the sweep runs before the block's own is
/// known. Where they are the chain's own, each of them ends with its sweep.
pub(crate) fn next_block(anchor: u32) {
    System::reset_events();
    #[cfg(relay_clock)]
    {
        let number = System::block_number() + 1;
        System::set_block_number(number);
        StorageProvider::on_initialize(number);
        Anchor::set(anchor);
    }
    #[cfg(not(relay_clock))]
    {
        for block in Anchor::get()..anchor {
            StorageProvider::on_finalize(block);
            Anchor::set(block + 1);
        }
        System::set_block_number(anchor);
    }
}

/// Lets a deadline pass, with its sweep, and returns the events of the blocks.
pub(crate) fn pass(deadline: u32) -> Vec<Event<Test>> {
    next_block(deadline + 1);
    #[cfg_attr(
        not(relay_clock),
        expect(
            unused_mut,
            reason = "the chain's own clock reaches each deadline in one block"
        )
    )]
    let mut seen = events();
    #[cfg(relay_clock)]
    for _ in 0..=PERIOD / 32 + 1 {
        next_block(deadline + 1);
        seen.extend(events());
    }
    seen
}

pub(crate) fn pair(name: &str) -> sr25519::Pair {
    sr25519::Pair::from_seed(&sp_io::hashing::blake2_256(name.as_bytes()))
}

pub(crate) fn account(name: &str) -> AccountId32 {
    AccountId32::new(pair(name).public().0)
}

pub(crate) fn signed(name: &str) -> RuntimeOrigin {
    RuntimeOrigin::signed(account(name))
}

pub(crate) fn sign(name: &str, message: &[u8]) -> MultiSignature {
    MultiSignature::Sr25519(pair(name).sign(message))
}

/// Returns the pallet's events in this block.
pub(crate) fn events() -> Vec<Event<Test>> {
    let ours = System::events().into_iter();
    ours.filter_map(|record| match record.event {
        RuntimeEvent::StorageProvider(event) => Some(event),
        _ => None,
    })
    .collect()
}

pub(crate) fn stake(name: &str) -> u128 {
    crate::Providers::<Test>::get(account(name)).unwrap().stake
}

/// Returns what an account can spend.
pub(crate) fn free(name: &str) -> u128 {
    Balances::free_balance(account(name))
}

/// Returns what is held from an account.
pub(crate) fn held(name: &str) -> u128 {
    Balances::reserved_balance(account(name))
}
