//! The runtime's APIs for a node.

use super::InherentDataExt;
use crate::{
    AccountId, Balance, Block, BlockNumber, Executive, Nonce, OriginCaller, Runtime, RuntimeCall,
    RuntimeEvent, RuntimeGenesisConfig, StorageProvider, System, TransactionPayment, VERSION,
    dry_run, genesis,
};
use alloc::vec::Vec;
use frame_support::genesis_builder_helper::{build_state, get_preset};
use frame_support::weights::Weight;
use pallet_storage_provider::runtime_api as answers;
use pallet_transaction_payment::{FeeDetails, RuntimeDispatchInfo};
use sp_core::OpaqueMetadata;
use sp_core::crypto::KeyTypeId;
use sp_inherents::{CheckInherentsResult, InherentData};
use sp_runtime::traits::{Block as BlockT, Dispatchable};
use sp_runtime::transaction_validity::{TransactionSource, TransactionValidity};
use sp_runtime::{ApplyExtrinsicResult, ExtrinsicInclusionMode};
use sp_session::OpaqueGeneratedSessionKeys;
use sp_version::RuntimeVersion;

sp_api::impl_runtime_apis! {
    impl sp_api::Core<Block> for Runtime {
        fn version() -> RuntimeVersion {
            VERSION
        }

        fn execute_block(block: <Block as BlockT>::LazyBlock) {
            Executive::execute_block(block);
        }

        fn initialize_block(header: &<Block as BlockT>::Header) -> ExtrinsicInclusionMode {
            Executive::initialize_block(header)
        }
    }

    impl sp_api::Metadata<Block> for Runtime {
        fn metadata() -> OpaqueMetadata {
            OpaqueMetadata::new(Runtime::metadata().into())
        }

        fn metadata_at_version(version: u32) -> Option<OpaqueMetadata> {
            Runtime::metadata_at_version(version)
        }

        fn metadata_versions() -> Vec<u32> {
            Runtime::metadata_versions()
        }
    }

    impl sp_block_builder::BlockBuilder<Block> for Runtime {
        fn apply_extrinsic(extrinsic: <Block as BlockT>::Extrinsic) -> ApplyExtrinsicResult {
            Executive::apply_extrinsic(extrinsic)
        }

        fn finalize_block() -> <Block as BlockT>::Header {
            Executive::finalize_block()
        }

        fn inherent_extrinsics(data: InherentData) -> Vec<<Block as BlockT>::Extrinsic> {
            data.create_extrinsics()
        }

        fn check_inherents(
            block: <Block as BlockT>::LazyBlock,
            data: InherentData,
        ) -> CheckInherentsResult {
            data.check_extrinsics(&block)
        }
    }

    impl sp_transaction_pool::runtime_api::TaggedTransactionQueue<Block> for Runtime {
        fn validate_transaction(
            source: TransactionSource,
            extrinsic: <Block as BlockT>::Extrinsic,
            block: <Block as BlockT>::Hash,
        ) -> TransactionValidity {
            Executive::validate_transaction(source, extrinsic, block)
        }
    }

    impl sp_offchain::OffchainWorkerApi<Block> for Runtime {
        fn offchain_worker(header: &<Block as BlockT>::Header) {
            Executive::offchain_worker(header)
        }
    }

    // Sealing needs no keys.
    impl sp_session::SessionKeys<Block> for Runtime {
        fn generate_session_keys(_: Vec<u8>, _: Option<Vec<u8>>) -> OpaqueGeneratedSessionKeys {
            OpaqueGeneratedSessionKeys {
                keys: Vec::new(),
                proof: Vec::new(),
            }
        }

        fn decode_session_keys(_: Vec<u8>) -> Option<Vec<(Vec<u8>, KeyTypeId)>> {
            None
        }
    }

    impl frame_system_rpc_runtime_api::AccountNonceApi<Block, AccountId, Nonce> for Runtime {
        fn account_nonce(account: AccountId) -> Nonce {
            System::account_nonce(account)
        }
    }

    impl sp_genesis_builder::GenesisBuilder<Block> for Runtime {
        fn build_state(config: Vec<u8>) -> sp_genesis_builder::Result {
            build_state::<RuntimeGenesisConfig>(config)
        }

        fn get_preset(id: &Option<sp_genesis_builder::PresetId>) -> Option<Vec<u8>> {
            get_preset::<RuntimeGenesisConfig>(id, genesis::preset)
        }

        fn preset_names() -> Vec<sp_genesis_builder::PresetId> {
            genesis::PRESETS.iter().map(|name| (*name).into()).collect()
        }
    }

    impl pallet_transaction_payment_rpc_runtime_api::TransactionPaymentApi<Block, Balance>
        for Runtime
    {
        fn query_info(uxt: <Block as BlockT>::Extrinsic, len: u32) -> RuntimeDispatchInfo<Balance> {
            TransactionPayment::query_info(uxt, len)
        }

        fn query_fee_details(
            uxt: <Block as BlockT>::Extrinsic,
            len: u32,
        ) -> FeeDetails<Balance> {
            TransactionPayment::query_fee_details(uxt, len)
        }

        fn query_weight_to_fee(weight: Weight) -> Balance {
            TransactionPayment::weight_to_fee(weight)
        }

        fn query_length_to_fee(length: u32) -> Balance {
            TransactionPayment::length_to_fee(length)
        }
    }

    impl dry_run::DryRunApi<Block, RuntimeCall, RuntimeEvent, OriginCaller> for Runtime {
        #[cfg(deployed)]
        fn dry_run_call(
            origin: OriginCaller,
            call: RuntimeCall,
        ) -> Result<dry_run::CallDryRunEffects<RuntimeEvent>, dry_run::Error> {
            Ok(try_call(origin, call))
        }

        #[cfg(not(deployed))]
        fn dry_run_call(
            origin: OriginCaller,
            call: RuntimeCall,
            _result_xcms_version: u32,
        ) -> Result<dry_run::CallDryRunEffects<RuntimeEvent>, dry_run::Error> {
            Ok(try_call(origin, call))
        }
    }

    impl answers::StorageProviderApi<Block, AccountId, BlockNumber, Balance> for Runtime {
        fn provider_info(provider: AccountId) -> Option<answers::ProviderInfoResponse> {
            StorageProvider::provider_info(&provider)
        }

        fn providers(offset: u32, limit: u32) -> Vec<(AccountId, answers::ProviderInfoResponse)> {
            StorageProvider::providers(offset, limit)
        }

        fn bucket_info(bucket_id: u64) -> Option<answers::BucketResponse> {
            StorageProvider::bucket_info(bucket_id)
        }

        fn bucket_ids(offset: u32, limit: u32) -> Vec<u64> {
            StorageProvider::bucket_ids(offset, limit)
        }

        fn bucket_providers(bucket_id: u64) -> Vec<AccountId> {
            StorageProvider::bucket_providers(bucket_id)
        }

        fn agreement_info(bucket_id: u64, provider: AccountId) -> Option<answers::AgreementResponse> {
            StorageProvider::agreement_info(bucket_id, &provider)
        }

        fn bucket_agreements(bucket_id: u64) -> Vec<answers::AgreementResponse> {
            StorageProvider::bucket_agreements(bucket_id)
        }

        fn provider_agreements(provider: AccountId) -> Vec<answers::AgreementResponse> {
            StorageProvider::provider_agreements(&provider)
        }

        fn challenges_at(block: BlockNumber) -> Vec<answers::ChallengeResponse> {
            StorageProvider::challenges_where(|id, _| id.deadline == block)
        }

        fn bucket_challenges(bucket_id: u64) -> Vec<answers::ChallengeResponse> {
            StorageProvider::challenges_where(|_, challenge| challenge.bucket_id == bucket_id)
        }

        fn provider_challenges(provider: AccountId) -> Vec<answers::ChallengeResponse> {
            StorageProvider::challenges_where(|_, challenge| challenge.provider == provider)
        }

        fn challenger_challenges(challenger: AccountId) -> Vec<answers::ChallengeResponse> {
            StorageProvider::challenges_where(|_, challenge| challenge.challenger == challenger)
        }

        fn can_accept_bytes(provider: AccountId, additional_bytes: u64) -> bool {
            StorageProvider::can_accept_bytes(&provider, additional_bytes)
        }

        fn find_matching_providers(
            requirements: answers::StorageRequirements,
            limit: u32,
        ) -> Vec<answers::MatchedProvider> {
            StorageProvider::find_matching_providers(&requirements, limit)
        }

        fn providers_with_capacity(
            bytes_needed: u64,
            offset: u32,
            limit: u32,
        ) -> Vec<(AccountId, answers::ProviderInfoResponse)> {
            StorageProvider::providers_with_capacity(bytes_needed, offset, limit)
        }

        #[cfg(challenger_tiers)]
        fn challenge_candidates(max_reputation: u8, limit: u32) -> Vec<answers::ChallengeCandidate> {
            StorageProvider::challenge_candidates(max_reputation, limit)
        }

        #[cfg(relay_clock)]
        fn current_anchor_block() -> BlockNumber {
            StorageProvider::current_anchor_block()
        }

        #[cfg(relay_clock)]
        fn anchor_block_time_millis() -> u64 {
            <Runtime as pallet_storage_provider::Config>::AnchorBlockTimeMillis::get()
        }
    }
}

/// Executes a call. The node drops the changed state with the API's call.
fn try_call(origin: OriginCaller, call: RuntimeCall) -> dry_run::CallDryRunEffects<RuntimeEvent> {
    System::reset_events();
    let execution_result = call.dispatch(origin.into());
    dry_run::CallDryRunEffects {
        execution_result,
        emitted_events: System::read_events_no_consensus()
            .map(|record| record.event)
            .collect(),
        local_xcm: None,
        forwarded_xcms: Vec::new(),
    }
}
