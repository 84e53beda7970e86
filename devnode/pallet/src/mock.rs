//! A runtime with the pallet, whose anchor block a test sets, and its accounts: an admin, a
//! stranger, and providers with keys.

use crate as pallet_storage_provider;
use crate::{Event, Rules};
use cairn_primitives::challenge::{
    AccountId, ChallengeId, ChallengeResponse, ChunkLocation, MultiSignature, Role,
};
use cairn_primitives::onchain::{CheckpointWindow, MultiSigner, PrimarySignature};
use cairn_primitives::{BucketId, Commitment, CommitmentPayload, HashingProfile, blake2_256};
use codec::Encode;
use frame_support::traits::{ConstU32, ConstU128, Hooks};
use frame_support::{assert_ok, derive_impl, parameter_types};
use sp_core::{Pair, sr25519};
use sp_runtime::traits::{BlockNumberProvider, IdentityLookup};
use sp_runtime::{AccountId32, BuildStorage};

mod tree;

pub(crate) use tree::{Tree, at};

type Block = frame_system::mocking::MockBlock<Test>;

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
}

parameter_types! {
    pub static Anchor: u32 = START;
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
    type AnchorBlock = AnchorBlocks;
    type ChallengeCost = ConstU128<COST>;
    type MaxPrimaryProviders = ConstU32<5>;
    type MaxChallengesPerDeadline = ConstU32<1_000>;
    type MaxEndpointBytes = ConstU32<256>;
    type MaxMembers = ConstU32<4>;
}

/// The anchor block at which tests start.
pub(crate) const START: u32 = 10_000;
/// The challenge period in anchor blocks.
pub(crate) const PERIOD: u32 = 100;
/// The deposit held from a challenger.
pub(crate) const COST: u128 = 1_000;
/// The stake of each provider.
pub(crate) const STAKE: u128 = 500_000;
/// The initial balance of each account.
pub(crate) const BALANCE: u128 = 1_000_000_000;

pub(crate) const ADMIN: &str = "Admin";
pub(crate) const STRANGER: &str = "Stranger";
/// Five that may be primary, and one too many.
pub(crate) const PROVIDERS: [&str; 6] = ["P0", "P1", "P2", "P3", "P4", "P5"];

/// The deployed chain's rules, with a short period.
pub(crate) const OLD: Rules = Rules {
    challenge_period: PERIOD,
    strict_leaf_binding: false,
    profile: HashingProfile::Plain,
};
/// The newer chain's rules.
pub(crate) const STRICT: Rules = Rules {
    strict_leaf_binding: true,
    ..OLD
};

pub(crate) fn new_test_ext() -> sp_io::TestExternalities {
    with_rules(OLD)
}

pub(crate) fn with_rules(rules: Rules) -> sp_io::TestExternalities {
    let names = [ADMIN, STRANGER].into_iter().chain(PROVIDERS);
    let genesis = RuntimeGenesisConfig {
        balances: pallet_balances::GenesisConfig {
            balances: names.map(|name| (account(name), BALANCE)).collect(),
            ..Default::default()
        },
        storage_provider: crate::GenesisConfig {
            rules,
            ..Default::default()
        },
        ..Default::default()
    };
    let mut ext = sp_io::TestExternalities::new(genesis.build_storage().unwrap());
    ext.execute_with(|| next_block(START));
    ext
}

/// Starts a block at an anchor block, with its sweep; clears the events.
pub(crate) fn next_block(anchor: u32) {
    let number = System::block_number() + 1;
    System::reset_events();
    System::set_block_number(number);
    Anchor::set(anchor);
    StorageProvider::on_initialize(number);
}

pub(crate) fn pair(name: &str) -> sr25519::Pair {
    sr25519::Pair::from_seed(&blake2_256(name.as_bytes()).0)
}

pub(crate) fn account(name: &str) -> AccountId32 {
    AccountId32::new(pair(name).public().0)
}

/// Converts an account to the provider's type.
pub(crate) fn raw(name: &str) -> AccountId {
    AccountId(pair(name).public().0)
}

pub(crate) fn signed(name: &str) -> RuntimeOrigin {
    RuntimeOrigin::signed(account(name))
}

pub(crate) fn sign(name: &str, message: &impl Encode) -> MultiSignature {
    MultiSignature::Sr25519(pair(name).sign(&message.encode()).0)
}

/// Returns signatures of the primary providers at `places`, which are the first providers.
pub(crate) fn signatures(places: &[u32], message: &impl Encode) -> Vec<PrimarySignature> {
    let at = |place: &u32| (*place, sign(PROVIDERS[*place as usize], message));
    places.iter().map(at).collect()
}

pub(crate) fn register(name: &str) {
    let key = MultiSigner::Sr25519(pair(name).public().0);
    let endpoint = b"ws://localhost:1".to_vec();
    assert_ok!(StorageProvider::register_provider(
        signed(name),
        key,
        endpoint,
        STAKE
    ));
}

/// The last anchor block of the agreements that tests make.
pub(crate) const EXPIRES: u32 = START + 5_000;

/// Creates bucket 0 of [`ADMIN`], with the first `primaries` providers registered and
/// primary.
pub(crate) fn bucket(
    primaries: usize,
    min_providers: u32,
    window: Option<CheckpointWindow>,
) -> BucketId {
    let id = BucketId(crate::NextBucket::<Test>::get());
    assert_ok!(StorageProvider::create_bucket(
        signed(ADMIN),
        min_providers,
        window
    ));
    for name in &PROVIDERS[..primaries] {
        if !crate::Providers::<Test>::contains_key(account(name)) {
            register(name);
        }
        agree(id, name);
    }
    id
}

pub(crate) fn agree(bucket: BucketId, name: &str) {
    let provider = account(name);
    assert_ok!(StorageProvider::request_agreement(
        signed(ADMIN),
        bucket,
        provider,
        1 << 30,
        EXPIRES
    ));
    assert_ok!(StorageProvider::accept_agreement(signed(name), bucket));
}

pub(crate) fn checkpoint(bucket: BucketId, commitment: Commitment, places: &[u32]) {
    let signatures = signatures(places, &CommitmentPayload::new(bucket, commitment));
    assert_ok!(StorageProvider::checkpoint(
        signed(STRANGER),
        bucket,
        commitment,
        signatures
    ));
}

/// Challenges the first provider by its signature, and returns the challenge's id.
pub(crate) fn challenge(
    challenger: &str,
    bucket: BucketId,
    commitment: Commitment,
    location: ChunkLocation,
) -> ChallengeId {
    assert_ok!(try_challenge(challenger, bucket, commitment, location));
    last_challenge()
}

pub(crate) fn try_challenge(
    challenger: &str,
    bucket: BucketId,
    commitment: Commitment,
    location: ChunkLocation,
) -> frame_support::dispatch::DispatchResult {
    let name = PROVIDERS[0];
    let signature = sign(name, &CommitmentPayload::new(bucket, commitment));
    StorageProvider::challenge_offchain(
        signed(challenger),
        bucket,
        account(name),
        commitment,
        location,
        signature,
    )
}

pub(crate) fn last_challenge() -> ChallengeId {
    let mut ids = events().into_iter().filter_map(|event| match event {
        Event::ChallengeCreated { id, .. } => Some(id),
        _ => None,
    });
    ids.next_back().unwrap()
}

pub(crate) fn respond(
    name: &str,
    id: ChallengeId,
    response: ChallengeResponse,
) -> frame_support::dispatch::DispatchResult {
    StorageProvider::respond_to_challenge(signed(name), id, response)
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

pub(crate) fn set_role(name: &str, role: Option<Role>) {
    assert_ok!(StorageProvider::set_member(
        signed(ADMIN),
        BucketId(0),
        account(name),
        role
    ));
}
