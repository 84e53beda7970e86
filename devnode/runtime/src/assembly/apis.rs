//! The runtime's APIs for a node.

use super::InherentDataExt;
use crate::{
    AccountId, Block, Executive, Nonce, Runtime, RuntimeCall, RuntimeEvent, RuntimeGenesisConfig,
    StorageProvider, System, VERSION, genesis, signing,
};
use alloc::vec::Vec;
use cairn_primitives::challenge::{AccountId as Provider, ChallengeId, ChallengeResponse};
use cairn_primitives::onchain::{
    BucketInfo, Limits, OpenChallenge, Outcome, PrimarySignature, ProviderInfo, ResponseRefusal,
};
use cairn_primitives::{BucketId, Commitment};
use frame_support::genesis_builder_helper::{build_state, get_preset};
use sp_core::OpaqueMetadata;
use sp_core::crypto::KeyTypeId;
use sp_inherents::{CheckInherentsResult, InherentData};
use sp_runtime::traits::Block as BlockT;
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

    impl cairn_primitives::runtime_api::StorageProviderApi<Block> for Runtime {
        fn anchor_block() -> u32 {
            StorageProvider::anchor_block()
        }

        fn limits() -> Limits {
            StorageProvider::limits()
        }

        fn provider(account: Provider) -> Option<ProviderInfo> {
            StorageProvider::provider_info(account)
        }

        fn open_challenges(account: Provider) -> Vec<OpenChallenge> {
            StorageProvider::open_challenges(account)
        }

        fn bucket(bucket: BucketId) -> Option<BucketInfo> {
            StorageProvider::bucket_info(bucket)
        }

        fn buckets_of(account: Provider) -> Vec<BucketId> {
            StorageProvider::buckets_of(account)
        }

        fn outcomes() -> Vec<Outcome> {
            System::read_events_no_consensus()
                .filter_map(|record| match record.event {
                    RuntimeEvent::StorageProvider(event) => StorageProvider::outcome_of(&event),
                    _ => None,
                })
                .collect()
        }

        fn judge_response(
            account: Provider,
            id: ChallengeId,
            response: ChallengeResponse,
        ) -> Result<(), ResponseRefusal> {
            StorageProvider::judge_response(account, id, &response)
        }

        fn sign_response(
            account: Provider,
            nonce: u32,
            id: ChallengeId,
            response: ChallengeResponse,
        ) -> Option<<Block as BlockT>::Extrinsic> {
            let call = pallet_storage_provider::Call::respond_to_challenge { id, response };
            signing::signed_by_keystore(
                account.0.into(),
                nonce,
                RuntimeCall::StorageProvider(call),
            )
        }

        fn sign_checkpoint(
            account: Provider,
            nonce: u32,
            bucket: BucketId,
            commitment: Commitment,
            window: Option<u64>,
            signatures: Vec<PrimarySignature>,
        ) -> Option<<Block as BlockT>::Extrinsic> {
            let call = match window {
                None => pallet_storage_provider::Call::checkpoint {
                    bucket,
                    commitment,
                    signatures,
                },
                Some(window) => pallet_storage_provider::Call::provider_checkpoint {
                    bucket,
                    commitment,
                    window,
                    signatures,
                },
            };
            signing::signed_by_keystore(
                account.0.into(),
                nonce,
                RuntimeCall::StorageProvider(call),
            )
        }

        fn nonce(account: Provider) -> u32 {
            System::account_nonce(AccountId::from(account.0))
        }
    }
}
