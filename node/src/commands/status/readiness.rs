//! `cairn status --ready`: whether the running provider follows its chain and takes requests, for
//! programs that watch it.

use crate::failure::Failure;
use crate::globals::Globals;
use cairn_rpc_api::ProviderApiClient;
use serde::Serialize;
use std::fmt;

/// The answer for a provider that is ready. For any other the command fails.
#[derive(Serialize)]
struct Ready {
    url: String,
    is_ready: bool,
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ready         {}", self.url)
    }
}

/// Asks the running provider, and never opens the base path: a provider that just starts must
/// find it unlocked.
pub(super) fn run(globals: &Globals) -> Result<(), Failure> {
    let client = globals.running_provider()?.client;
    let health = client.request(|rpc| async move { rpc.health().await })?;
    if !health.is_ready {
        let reason = health.not_ready_because.as_deref();
        let reason = reason.unwrap_or("the provider gives no reason");
        return Err(Failure::Refused(format!("not ready: {reason}")));
    }
    globals.output().answer(&Ready {
        url: client.url().to_owned(),
        is_ready: true,
    })
}
