//! The chain specifications of this node.

use crate::{NodeError, genesis};
use cairn_devnode_runtime::Variant;
use cairn_devnode_runtime::genesis::Parameters;
use sc_service::{ChainSpec, ChainType, GenericChainSpec};
use std::path::PathBuf;

/// Creates a development chain of a variant.
pub(crate) fn development(
    variant: Variant,
    parameters: &Parameters,
) -> Result<Box<dyn ChainSpec>, NodeError> {
    let mut spec: GenericChainSpec = GenericChainSpec::builder(&[], None)
        .with_name(&format!("Cairn development, {}", variant.name()))
        .with_id(variant.name())
        .with_protocol_id("cairn")
        .with_chain_type(ChainType::Development)
        .with_properties(properties())
        .build();
    spec.set_storage(genesis::build(variant, parameters)?);
    Ok(Box::new(spec))
}

/// Loads a chain by the name of its variant, or from a file with its specification.
pub(crate) fn named(id: &str, parameters: &Parameters) -> Result<Box<dyn ChainSpec>, NodeError> {
    // As requested by --dev, or without --chain.
    let variant = match id {
        "" | "dev" => Some(Variant::Current),
        name => Variant::named(name),
    };
    if let Some(variant) = variant {
        return development(variant, parameters);
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
