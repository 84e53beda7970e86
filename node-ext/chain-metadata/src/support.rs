//! The support of a runtime by Cairn: each capability, and why not the others.
//!
//! Nothing is assumed of a version: each reader reads a sample of the runtime's own types, and
//! each call is encoded once. What fails here would fail on a row, or be judged as a wrong
//! answer.

mod trial;

use crate::capability::{Capability, Support};
use crate::node::RuntimeId;
use crate::runtime::Runtime;
use cairn_chain::ChainError;

/// Decodes metadata and tries every reader and call on it. Slow: call it on a blocking
/// thread.
///
/// # Errors
///
/// [`ChainError::Unsupported`] for metadata that cannot be read.
pub(crate) fn load(id: RuntimeId, metadata: &[u8]) -> Result<Runtime, ChainError> {
    let mut runtime = Runtime::decode(id, metadata)?;
    runtime.support = trial::try_all(&runtime);
    Ok(runtime)
}

/// Logs each capability that a runtime refuses. The rest is used: challenges do not wait for an
/// update.
pub(crate) fn log(runtime: &Runtime) {
    for (capability, support) in &runtime.support {
        let Support::Refused(reason) = support else {
            continue;
        };
        match Capability::NEEDED.contains(capability) {
            true => tracing::error!(
                %capability, reason,
                "CAIRN DOES NOT FIT THE CHAIN'S RUNTIME, and a provider needs this: update Cairn"
            ),
            false => tracing::warn!(
                %capability, reason,
                "Cairn does not fit the chain's runtime; update Cairn"
            ),
        }
    }
}
