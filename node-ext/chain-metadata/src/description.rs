//! A description of a runtime for people: what it is, and what of it Cairn supports.

use crate::capability::{Capability, Support};
use crate::extrinsic;
use crate::features::{Features, Variant};
use crate::node::{NodeState, RuntimeId};
use crate::runtime::Runtime;
use crate::state::ChainState;
use crate::value::{Mismatch, Value};
use cairn_chain::ChainError;
use cairn_primitives::H256;
use serde::Serialize;

/// A runtime, and what of it Cairn supports.
#[derive(Clone, Debug, Serialize)]
pub struct Description {
    /// The runtime's name.
    pub spec_name: String,
    /// The version of its logic.
    pub spec_version: u32,
    /// The version of its extrinsics.
    pub transaction_version: u32,
    /// The variant of the storage pallet; `None` without one.
    pub variant: Option<Variant>,
    /// The features of the storage pallet.
    pub features: Option<Features>,
    /// Each capability with its support.
    pub capabilities: Vec<CapabilitySupport>,
    /// The transaction extensions, in their order.
    pub extensions: Vec<String>,
    /// The blocks for which an extrinsic is valid.
    pub extrinsic_lifetime: u32,
}

/// A capability with its support.
#[derive(Clone, Debug, Serialize)]
pub struct CapabilitySupport {
    /// The capability.
    pub capability: Capability,
    /// True if no provider can run without it.
    pub is_needed: bool,
    /// Its support.
    #[serde(flatten)]
    pub support: Support,
}

impl Description {
    /// Describes the runtime of encoded metadata, without a chain.
    ///
    /// # Errors
    ///
    /// [`ChainError::Unsupported`] if it is no metadata of a version that Cairn reads.
    pub fn of_metadata(bytes: &[u8]) -> Result<Self, ChainError> {
        let unknown = RuntimeId {
            code: H256::zero(),
            spec_name: String::new(),
            spec_version: 0,
            transaction_version: 0,
        };
        let runtime = crate::support::load(unknown, bytes)?;
        let mut described = Self::of(&runtime);
        // Made-up metadata may have no version.
        if let Ok((name, spec, transaction)) = version(&runtime) {
            described.spec_name = name;
            described.spec_version = spec;
            described.transaction_version = transaction;
        }
        Ok(described)
    }

    pub(crate) fn of(runtime: &Runtime) -> Self {
        let capabilities = runtime
            .support
            .iter()
            .map(|(capability, support)| CapabilitySupport {
                capability: *capability,
                is_needed: Capability::NEEDED.contains(capability),
                support: support.clone(),
            });
        Self {
            spec_name: runtime.id.spec_name.clone(),
            spec_version: runtime.id.spec_version,
            transaction_version: runtime.id.transaction_version,
            variant: runtime.features.as_ref().map(Features::variant),
            features: runtime.features.clone(),
            capabilities: capabilities.collect(),
            extensions: extrinsic::extension_names(runtime),
            extrinsic_lifetime: extrinsic::lifetime(runtime),
        }
    }

    /// Returns what a provider lacks to run here.
    pub fn missing(&self) -> Vec<&CapabilitySupport> {
        let needed = self.capabilities.iter().filter(|one| one.is_needed);
        needed
            .filter(|one| one.support != Support::Supported)
            .collect()
    }
}

/// Reads the constant `System.Version`.
fn version(runtime: &Runtime) -> Result<(String, u32, u32), Mismatch> {
    let version = runtime.constant("System", "Version")?;
    let name = version.read("spec_name", Value::bytes)?;
    Ok((
        String::from_utf8_lossy(name).into_owned(),
        version.read("spec_version", Value::number)?,
        version.read("transaction_version", Value::number)?,
    ))
}

impl<S: NodeState> ChainState<S> {
    /// Describes the runtime that answers calls at a block.
    pub async fn describe(&self, at: H256) -> Result<Description, ChainError> {
        Ok(Description::of(&self.block(at).await?.code))
    }

    /// Returns the anchor block of a block.
    pub async fn anchor_at(&self, at: H256) -> Result<u32, ChainError> {
        let block = self.block(at).await?;
        Ok(self.anchor(&block).await?.block)
    }
}
