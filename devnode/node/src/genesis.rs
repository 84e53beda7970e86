//! The genesis of a chain, as its runtime's WASM builds it: the node knows no types of any
//! variant.

use crate::{NodeError, executor};
use cairn_devnode_runtime::Variant;
use cairn_devnode_runtime::genesis::Parameters;
use codec::{Decode, Encode};
use serde_json::Value;
use sp_core::storage::Storage;
use sp_core::storage::well_known_keys::CODE;
use sp_core::traits::{CallContext, CodeExecutor, FetchRuntimeCode, RuntimeCode};
use sp_state_machine::BasicExternalities;
use std::borrow::Cow;

/// The predefined genesis, in which the well-known accounts are endowed.
const PRESET: &str = "development";

struct Code(&'static [u8]);

impl FetchRuntimeCode for Code {
    fn fetch_runtime_code(&self) -> Option<Cow<'_, [u8]>> {
        Some(self.0.into())
    }
}

/// Builds the genesis of a development chain.
pub(crate) fn build(variant: Variant, parameters: &Parameters) -> Result<Storage, NodeError> {
    let code = variant.wasm().ok_or(NodeError::NoRuntime)?;
    let preset = call(code, "GenesisBuilder_get_preset", Some(PRESET).encode())?.0;
    let preset = Option::<Vec<u8>>::decode(&mut &*preset)
        .map_err(invalid)?
        .ok_or_else(|| NodeError::Genesis(format!("the runtime has no preset {PRESET}")))?;
    let mut config: Value = serde_json::from_slice(&preset).map_err(invalid)?;
    *config
        .pointer_mut("/parachainSystem/parameters")
        .ok_or_else(|| NodeError::Genesis("the preset has no parameters".to_owned()))? =
        serde_json::to_value(parameters).map_err(invalid)?;
    let config = serde_json::to_vec(&config).map_err(invalid)?;
    let (built, mut storage) = call(code, "GenesisBuilder_build_state", config.encode())?;
    Result::<(), String>::decode(&mut &*built)
        .map_err(invalid)?
        .map_err(NodeError::Genesis)?;
    storage.top.insert(CODE.to_vec(), code.to_vec());
    Ok(storage)
}

/// Calls a function of the runtime over an empty state. Returns its result and the state.
fn call(
    code: &'static [u8],
    function: &str,
    arguments: Vec<u8>,
) -> Result<(Vec<u8>, Storage), NodeError> {
    let fetcher = Code(code);
    // Keyed as the chain's client does, so that the runtime is compiled once.
    let runtime = RuntimeCode {
        code_fetcher: &fetcher,
        heap_pages: None,
        hash: sp_crypto_hashing::blake2_256(code).encode(),
    };
    let mut state = BasicExternalities::new_empty();
    let (result, _) = executor::shared().call(
        &mut state,
        &runtime,
        function,
        &arguments,
        CallContext::Offchain,
    );
    Ok((result.map_err(invalid)?, state.into_storages()))
}

fn invalid(error: impl std::fmt::Display) -> NodeError {
    NodeError::Genesis(error.to_string())
}
