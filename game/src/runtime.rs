//! A runtime with the reference pallet, executed natively over a block's storage.
//!
//! The anchor block is stored there as well, so that retracting a block also retracts its time.

use cairn_primitives::blake2_256;
use cairn_primitives::challenge::AccountId;
use codec::Encode;
use frame_support::derive_impl;
use frame_support::storage::unhashed;
use frame_support::traits::{ConstU32, ConstU128, Hooks};
use pallet_storage_provider::{Event, Rules};
use sp_core::storage::Storage;
use sp_core::{Pair, sr25519};
use sp_runtime::traits::{BlockNumberProvider, Dispatchable, IdentityLookup};
use sp_runtime::{AccountId32, BuildStorage};
use sp_state_machine::BasicExternalities;

type Block = frame_system::mocking::MockBlock<Chainlet>;

frame_support::construct_runtime!(
    pub enum Chainlet {
        System: frame_system,
        Balances: pallet_balances,
        StorageProvider: pallet_storage_provider,
    }
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Chainlet {
    type Block = Block;
    type AccountId = AccountId32;
    type Lookup = IdentityLookup<AccountId32>;
    type AccountData = pallet_balances::AccountData<u128>;
}

#[derive_impl(pallet_balances::config_preludes::TestDefaultConfig)]
impl pallet_balances::Config for Chainlet {
    type AccountStore = System;
    type Balance = u128;
    type ExistentialDeposit = ConstU128<1>;
}

/// The key of the anchor block.
const ANCHOR_KEY: &[u8] = b":game:anchor";

/// Provides the anchor block of the executing block.
pub struct AnchorBlocks;

impl BlockNumberProvider for AnchorBlocks {
    type BlockNumber = u32;

    fn current_block_number() -> u32 {
        unhashed::get_or_default(ANCHOR_KEY)
    }
}

impl pallet_storage_provider::Config for Chainlet {
    type Currency = Balances;
    type RuntimeHoldReason = RuntimeHoldReason;
    type AnchorBlock = AnchorBlocks;
    type ChallengeCost = ConstU128<1>;
    type MaxPrimaryProviders = ConstU32<5>;
    type MaxChallengesPerDeadline = ConstU32<1_000>;
    type MaxEndpointBytes = ConstU32<256>;
    type MaxMembers = ConstU32<6>;
}

/// The initial balance of each account.
const INITIAL_BALANCE: u128 = 1_000_000_000;
/// The stake of a provider.
pub(crate) const STAKE: u128 = 500_000;

/// The accounts on chain. All but [`Actor::Us`] belong to the opponent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Actor {
    /// The provider under test.
    Us,
    /// Another primary provider, which signs anything.
    Accomplice,
    /// The admin of every bucket.
    Admin,
    /// An occasional second admin.
    Deputy,
    /// An account without any role.
    Stranger,
}

impl Actor {
    const ALL: [Self; 5] = [
        Self::Us,
        Self::Accomplice,
        Self::Admin,
        Self::Deputy,
        Self::Stranger,
    ];

    /// Returns the seed of the account's key.
    pub(crate) fn seed(self) -> [u8; 32] {
        blake2_256(format!("{self:?}").as_bytes()).0
    }

    pub(crate) fn pair(self) -> sr25519::Pair {
        sr25519::Pair::from_seed(&self.seed())
    }

    pub(crate) fn account(self) -> AccountId {
        AccountId(self.pair().public().0)
    }

    pub(crate) fn id(self) -> AccountId32 {
        AccountId32::new(self.pair().public().0)
    }

    pub(crate) fn sign(self, message: &impl Encode) -> cairn_primitives::challenge::MultiSignature {
        self.sign_bytes(&message.encode())
    }

    pub(crate) fn sign_bytes(self, bytes: &[u8]) -> cairn_primitives::challenge::MultiSignature {
        cairn_primitives::challenge::MultiSignature::Sr25519(self.pair().sign(bytes).0)
    }
}

/// Builds the storage of a chain's first block.
pub(crate) fn genesis(rules: Rules, anchor: u32) -> Storage {
    let config = RuntimeGenesisConfig {
        balances: pallet_balances::GenesisConfig {
            balances: Actor::ALL.map(|who| (who.id(), INITIAL_BALANCE)).to_vec(),
            ..Default::default()
        },
        storage_provider: pallet_storage_provider::GenesisConfig {
            rules,
            ..Default::default()
        },
        ..Default::default()
    };
    let mut storage = config.build_storage().unwrap();
    storage.top.insert(ANCHOR_KEY.to_vec(), anchor.encode());
    storage
}

/// Reads a block's storage.
pub(crate) fn read_storage<R>(storage: &Storage, read: impl FnOnce() -> R) -> R {
    BasicExternalities::new(storage.clone()).execute_with(read)
}

/// Executes a block's extrinsics over its parent's storage. Returns the result of each and the
/// events.
pub(crate) fn execute(
    storage: &mut Storage,
    number: u32,
    anchor: u32,
    calls: Vec<(AccountId32, RuntimeCall)>,
) -> (Vec<Result<(), String>>, Vec<Event<Chainlet>>) {
    BasicExternalities::execute_with_storage(storage, || {
        System::reset_events();
        System::set_block_number(number.into());
        unhashed::put(ANCHOR_KEY, &anchor);
        StorageProvider::on_initialize(number.into());
        let results = calls.into_iter().map(|(who, call)| {
            let done = call.dispatch(RuntimeOrigin::signed(who));
            done.map(drop)
                .map_err(|refused| <&'static str>::from(refused.error).to_owned())
        });
        let results = results.collect();
        let events = System::events().into_iter();
        let ours = events.filter_map(|record| match record.event {
            RuntimeEvent::StorageProvider(event) => Some(event),
            _ => None,
        });
        (results, ours.collect())
    })
}
