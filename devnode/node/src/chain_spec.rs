//! The chain specifications of this node.

use crate::NodeError;
use cairn_devnode_runtime::pallet_storage_provider::Rules;
use cairn_devnode_runtime::{WASM_BINARY, genesis};
use sc_service::{ChainSpec, ChainType, GenericChainSpec};
use sp_core::storage::well_known_keys::CODE;
use sp_runtime::BuildStorage;
use std::path::PathBuf;

/// Creates a development chain with the given rules.
///
/// The runtime's native code builds the genesis. Its WASM would have to be compiled for
/// this alone, which takes longer than the rest of the start.
pub(crate) fn development(id: &str, rules: Rules) -> Result<Box<dyn ChainSpec>, NodeError> {
    let code = WASM_BINARY.ok_or(NodeError::NoRuntime)?;
    let mut storage = genesis::development(rules)
        .build_storage()
        .map_err(NodeError::Genesis)?;
    storage.top.insert(CODE.to_vec(), code.to_vec());
    let mut spec: GenericChainSpec = GenericChainSpec::builder(&[], None)
        .with_name("Cairn development")
        .with_id(id)
        .with_protocol_id("cairn")
        .with_chain_type(ChainType::Development)
        .with_properties(properties())
        .build();
    spec.set_storage(storage);
    Ok(Box::new(spec))
}

/// Loads a chain by name, or from a file with its specification.
pub(crate) fn named(id: &str) -> Result<Box<dyn ChainSpec>, NodeError> {
    // As requested by --dev, or without --chain.
    let name = if matches!(id, "" | "dev") { "old" } else { id };
    if let Some(rules) = genesis::rules(name) {
        return development(name, rules);
    }
    let path = PathBuf::from(id);
    if !path.is_file() {
        return Err(NodeError::NoSuchChain(id.to_owned()));
    }
    let spec: GenericChainSpec =
        GenericChainSpec::from_json_file(path).map_err(NodeError::Genesis)?;
    Ok(Box::new(spec))
}

fn properties() -> sc_service::Properties {
    let mut properties = sc_service::Properties::new();
    properties.insert("tokenSymbol".into(), "UNIT".into());
    properties.insert("tokenDecimals".into(), 12.into());
    properties.insert("ss58Format".into(), 42.into());
    properties
}
