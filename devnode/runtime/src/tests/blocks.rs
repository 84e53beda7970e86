//! The runtime executes blocks natively: its clock, its fees, its dry runs, its constants.

use crate::genesis::{Parameters, development};
use crate::{
    AccountId, Executive, Header, ParachainSystem, Runtime, RuntimeCall, RuntimeEvent,
    RuntimeOrigin, StorageProvider, System, UncheckedExtrinsic,
};
use codec::Encode;
use frame_support::dispatch::GetDispatchInfo;
use frame_support::traits::{Get, Hooks};
use sp_io::hashing::twox_128;
use sp_keyring::Sr25519Keyring;
use sp_runtime::traits::{BlockNumberProvider, Dispatchable, Header as _};
use sp_runtime::{BuildStorage, Digest};

fn chain(parameters: Parameters) -> sp_io::TestExternalities {
    let storage = development(parameters).build_storage().unwrap();
    let mut chain = sp_io::TestExternalities::new(storage);
    chain.execute_with(|| begin(1));
    chain
}

/// Begins a block, with its first extrinsic, which sets the time.
fn begin(number: u32) {
    let header = Header::new(
        number,
        Default::default(),
        Default::default(),
        System::parent_hash(),
        Digest::default(),
    );
    Executive::initialize_block(&header);
    let now = u64::from(number) * 2_000;
    let set = UncheckedExtrinsic::new_bare(pallet_timestamp::Call::set { now }.into());
    Executive::apply_extrinsic(set).unwrap().unwrap();
}

fn as_root(call: impl Into<RuntimeCall>) {
    call.into().dispatch(RuntimeOrigin::root()).unwrap();
}

#[test]
fn three_blocks_share_a_relay_block_and_a_root_call_lets_it_jump() {
    chain(Parameters::default()).execute_with(|| {
        let mut seen = vec![ParachainSystem::current_block_number()];
        for number in 2..=7 {
            Executive::finalize_block();
            begin(number);
            seen.push(ParachainSystem::current_block_number());
        }
        let first = seen[0];
        let passed: Vec<_> = seen.iter().map(|number| number - first).collect();
        assert_eq!(passed, [0, 0, 0, 1, 1, 1, 2]);
        as_root(crate::parachain::Call::<Runtime>::jump { blocks: 500 });
        assert_eq!(ParachainSystem::current_block_number(), first + 502);
        let anchor = StorageProvider::current_anchor_block();
        let expected = if cfg!(relay_clock) { first + 502 } else { 7 };
        assert_eq!(anchor, expected);
    });
}

#[test]
fn a_root_call_sets_a_constant_without_an_upgrade() {
    chain(Parameters::default()).execute_with(|| {
        assert_eq!(crate::ChallengeTimeout::get(), 28_800);
        let key = twox_128(b":ChallengeTimeout:").to_vec();
        assert_eq!(hex(&key), "f9d872bee99dc2ce8d32b673102353a4");
        let items = vec![(key, 10u32.encode())];
        as_root(frame_system::Call::<Runtime>::set_storage { items });
        assert_eq!(crate::ChallengeTimeout::get(), 10);
        type Period = <Runtime as pallet_storage_provider::Config>::ChallengeTimeout;
        assert_eq!(<Period as Get<u32>>::get(), 10);
    });
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_genesis_may_have_short_periods() {
    chain(Parameters::short()).execute_with(|| {
        assert_eq!(crate::ChallengeTimeout::get(), 20);
        assert_eq!(crate::RequestTimeout::get(), 25);
        assert_eq!(crate::DeregisterAnnouncementPeriod::get(), 30);
        StorageProvider::integrity_test();
    });
}

#[test]
fn a_byte_of_an_answer_costs_ten_microunits() {
    chain(Parameters::default()).execute_with(|| {
        let call: RuntimeCall = frame_system::Call::remark { remark: vec![] }.into();
        let info = call.get_dispatch_info();
        let fee =
            |length| pallet_transaction_payment::Pallet::<Runtime>::compute_fee(length, &info, 0);
        assert_eq!(fee(262_144) - fee(0), 262_144 * crate::TRANSACTION_BYTE_FEE);
        assert_eq!(crate::TRANSACTION_BYTE_FEE, 10_000_000);
    });
}

#[test]
fn a_dry_run_tells_events_and_errors() {
    chain(Parameters::default()).execute_with(|| {
        let alice: AccountId = Sr25519Keyring::Alice.to_account_id();
        let dry_run = |call: RuntimeCall| {
            let origin = frame_system::RawOrigin::Signed(alice.clone());
            let parameters = (crate::OriginCaller::system(origin), call).encode();
            #[cfg(not(deployed))]
            let parameters = [parameters, 5u32.encode()].concat();
            let answer = crate::assembly::api::dispatch("DryRunApi_dry_run_call", &parameters);
            let answer = answer.unwrap();
            let effects: Result<
                crate::dry_run::CallDryRunEffects<RuntimeEvent>,
                crate::dry_run::Error,
            > = codec::Decode::decode(&mut &answer[..]).unwrap();
            effects.unwrap()
        };
        let leave = pallet_storage_provider::Call::deregister_provider {};
        let refused = dry_run(leave.into()).execution_result.unwrap_err();
        let expected: sp_runtime::DispatchError =
            pallet_storage_provider::Error::<Runtime>::ProviderNotFound.into();
        assert_eq!(refused.error, expected);
        let register = pallet_storage_provider::Call::register_provider {
            multiaddr: vec![].try_into().unwrap(),
            public_key: vec![1; 32].try_into().unwrap(),
            stake: crate::MinProviderStake::get(),
        };
        let effects = dry_run(register.into());
        assert!(effects.execution_result.is_ok());
        let registered = effects.emitted_events.iter().any(|event| {
            matches!(
                event,
                RuntimeEvent::StorageProvider(
                    pallet_storage_provider::Event::ProviderRegistered { .. }
                )
            )
        });
        assert!(registered);
    });
}
