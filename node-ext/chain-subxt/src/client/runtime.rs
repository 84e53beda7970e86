//! One version of a chain's runtime: its checked capabilities, and extrinsics for it.

use super::call::Call;
use super::capabilities::{self, DRY_RUN, NEEDED_FOR_ANSWERS};
use cairn_chain::ChainError;
use cairn_keys::{SignError, Signer};
use cairn_primitives::{H256, challenge};
use codec::Encode;
use std::collections::BTreeMap;
use subxt::config::substrate::SpecVersionForRange;
use subxt::config::{DefaultExtrinsicParamsBuilder, Hasher, SubstrateConfig};
use subxt::rpcs::methods::legacy::RuntimeVersion;
use subxt::utils::{AccountId32, MultiSignature};
use subxt::{Metadata, OfflineClient, OfflineClientAtBlock};

/// The number of blocks for which an extrinsic is valid, so that a lost one cannot turn
/// up hours later. A submission is repeated long before.
const MORTALITY_BLOCKS: u64 = 64;

/// The chain state that an extrinsic needs besides its runtime.
pub(super) struct ExtrinsicContext {
    pub(super) nonce: u64,
    /// The block at which the extrinsic's era starts.
    pub(super) era_start: (u64, H256),
}

/// A signed extrinsic.
pub(super) struct Extrinsic {
    pub(super) bytes: Vec<u8>,
    pub(super) hash: H256,
}

/// A version of the runtime.
pub(super) struct Runtime {
    pub(super) spec_version: u32,
    client: OfflineClientAtBlock<SubstrateConfig>,
    mismatches: BTreeMap<&'static str, String>,
}

impl Runtime {
    /// Decodes and checks metadata. Slow: call it on a blocking thread.
    pub(super) fn from_metadata(
        genesis: H256,
        version: &RuntimeVersion,
        metadata: &[u8],
    ) -> Result<Self, ChainError> {
        let unsupported = |why: String| ChainError::Unsupported(why);
        let metadata = Metadata::decode_from(metadata)
            .map_err(|error| unsupported(format!("its metadata cannot be read: {error}")))?;
        let mismatches = capabilities::mismatches(&metadata);
        let spec_version = version.spec_version;
        let config = SubstrateConfig::builder()
            .set_genesis_hash(genesis)
            .set_metadata_for_spec_versions([(spec_version, metadata.arc())])
            .set_spec_version_for_block_ranges([SpecVersionForRange {
                block_range: 0..u64::MAX,
                spec_version,
                transaction_version: version.transaction_version,
            }])
            .build();
        let client = OfflineClient::new_with_config(config)
            .at_block(0u64)
            .map_err(|error| unsupported(error.to_string()))?;
        Ok(Self {
            spec_version,
            client,
            mismatches,
        })
    }

    /// Checks that the runtime has a method or call with the expected types.
    pub(super) fn require(&self, name: &str) -> Result<(), ChainError> {
        match self.mismatches.get(name) {
            None => Ok(()),
            Some(fault) => Err(ChainError::Unsupported(fault.clone())),
        }
    }

    /// Checks that the runtime has everything needed to answer challenges.
    pub(super) fn require_answering(&self) -> Result<(), ChainError> {
        self.require_matching(|name| NEEDED_FOR_ANSWERS.contains(&name))
    }

    /// Checks that the runtime has everything that a provider uses.
    pub(super) fn require_all(&self) -> Result<(), ChainError> {
        self.require_matching(|name| name != DRY_RUN)
    }

    fn require_matching(&self, is_needed: impl Fn(&str) -> bool) -> Result<(), ChainError> {
        let needed = self.mismatches.iter().filter(|(name, _)| is_needed(name));
        let mut mismatches: Vec<&str> = needed.map(|(_, fault)| fault.as_str()).collect();
        // If a whole API is missing, each of its methods says so.
        mismatches.sort_unstable();
        mismatches.dedup();
        match mismatches.is_empty() {
            true => Ok(()),
            false => Err(ChainError::Unsupported(mismatches.join("; "))),
        }
    }

    /// Hashes a header with this chain's hasher.
    pub(super) fn hash_of(&self, header: &impl Encode) -> H256 {
        self.client.hasher().hash(&header.encode())
    }

    /// Creates a signed extrinsic. The tip has an effect only if the chain's transaction
    /// extensions support it.
    pub(super) fn sign(
        &self,
        call: &Call,
        signer: &Signer,
        context: &ExtrinsicContext,
        tip: u128,
    ) -> Result<Extrinsic, ChainError> {
        self.require(call.name)?;
        let unsupported = |error: subxt::error::ExtrinsicError| {
            ChainError::Unsupported(format!(
                "cannot create the extrinsic {}: {error}",
                call.name
            ))
        };
        let (number, hash) = context.era_start;
        let params = DefaultExtrinsicParamsBuilder::<SubstrateConfig>::new()
            .nonce(context.nonce)
            .tip(tip)
            .mortal_from_unchecked(MORTALITY_BLOCKS, number, hash)
            .build();
        let transactions = self.client.tx();
        let mut signable = transactions
            .create_signable_offline(call, params)
            .map_err(unsupported)?;
        let payload = signable.signer_payload().map_err(unsupported)?;
        let signature = sign_payload(signer, &payload)?;
        let account = AccountId32(signer.public());
        let extrinsic = signable
            .sign_with_account_and_signature(&account, &signature)
            .map_err(unsupported)?;
        Ok(Extrinsic {
            hash: extrinsic.hash(),
            bytes: extrinsic.into_encoded(),
        })
    }
}

fn sign_payload(signer: &Signer, payload: &[u8]) -> Result<MultiSignature, ChainError> {
    let no_key = |public| ChainError::NoKey {
        account: hex::encode(public),
    };
    match signer.sign_extrinsic(payload) {
        Ok(challenge::MultiSignature::Sr25519(signature)) => Ok(MultiSignature::Sr25519(signature)),
        // Cannot happen: signers have sr25519 keys only.
        Ok(_) => Err(no_key(signer.public())),
        Err(SignError::NoKey(public)) => Err(no_key(public)),
        Err(error) => Err(ChainError::PoolRejected(format!(
            "it could not be signed: {error}"
        ))),
    }
}
