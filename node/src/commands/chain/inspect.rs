//! `cairn chain inspect`: asks a node, or reads a file of metadata.

use super::report::{LimitsReport, Report};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::hex_text::to_hex;
use crate::operator::chain_url;
use cairn_chain::ChainError;
use cairn_chain_metadata::{ChainState, Description, NodeState};
use cairn_chain_rpc::RpcNode;
use cairn_primitives::HashingProfile;
use clap::Args;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The timeout of all questions together. The metadata takes the longest.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The most bytes of a file of metadata.
const MAX_METADATA_BYTES: u64 = 16 << 20;

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// WebSocket of a node of the chain, such as ws://127.0.0.1:9944
    #[arg(long, value_name = "URL", value_parser = chain_url, required_unless_present = "metadata")]
    chain: Option<String>,
    /// File with the runtime's metadata, in SCALE or hex; then no node is asked
    #[arg(long, value_name = "FILE", conflicts_with = "chain")]
    metadata: Option<PathBuf>,
}

pub(crate) fn run(args: &InspectArgs, globals: &Globals) -> Result<(), Failure> {
    let report = match (&args.chain, &args.metadata) {
        (_, Some(file)) => Report::of_runtime(Description::of_metadata(&read_metadata(file)?)?),
        (Some(url), None) => ask_with_timeout(url)?,
        (None, None) => return Err(Failure::Usage("--chain or --metadata is needed".into())),
    };
    globals.output().answer(&report)?;
    match report.verdict() {
        Ok(()) => Ok(()),
        Err(why) => Err(Failure::Refused(why)),
    }
}

fn ask_with_timeout(url: &str) -> Result<Report, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("cannot start a thread: {error}")))?;
    let asked = runtime.block_on(async { tokio::time::timeout(TIMEOUT, ask(url)).await });
    let late = || ChainError::Unreachable(format!("no answer within {} s", TIMEOUT.as_secs()));
    Ok(asked.unwrap_or_else(|_| Err(late()))?)
}

async fn ask(url: &str) -> Result<Report, ChainError> {
    // No question here depends on the hashing.
    let state = ChainState::new(RpcNode::new(url), HashingProfile::Plain);
    let node = state.node();
    let at = node.finalized().await?;
    let mut report = Report::of_runtime(state.describe(at).await?);
    report.chain = Some(url.to_owned());
    report.name = node.chain_name().await.ok();
    report.genesis = Some(to_hex(node.genesis().await?));
    report.finalized = Some(node.header(at).await?.number);
    // The report says what cannot be read.
    match state.anchor_at(at).await {
        Ok(anchor) => report.anchor = Some(anchor),
        Err(error) => report.unread.push(format!("the anchor block: {error}")),
    }
    match state.limits(at).await {
        Ok(limits) => report.limits = Some(LimitsReport::from(limits)),
        Err(error) => report.unread.push(format!("the limits: {error}")),
    }
    Ok(report)
}

/// Reads metadata in SCALE, or in hex as `state_getMetadata` returns it.
fn read_metadata(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error| Failure::file("read", path, error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_METADATA_BYTES.saturating_mul(2))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let text = std::str::from_utf8(&bytes).ok().map(str::trim);
    let digits = text.and_then(|text| hex::decode(text.strip_prefix("0x").unwrap_or(text)).ok());
    Ok(digits.unwrap_or(bytes))
}
