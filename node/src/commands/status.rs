//! `cairn status`: shows a provider's limits, the state of its buckets, and the space that
//! deduplication between buckets would save.

mod readiness;
mod replicas;

pub(crate) use replicas::Replica;

use crate::backend::Backend;
use crate::escaped_path::{escaped, json_path};
use crate::failure::Failure;
use crate::globals::Globals;
use crate::hex_text::to_hex;
use crate::provider_args::ProviderArgs;
use crate::remote::Client;
use crate::{advice, data_dir, quantity};
use cairn_engine::Access;
use cairn_fs::free_at;
use cairn_keys::SigningRefused;
use cairn_primitives::BucketId;
use cairn_provider::{BucketRecord, BucketStatus, Provider};
use cairn_rpc_api::{
    BucketInfo, BucketStatusInfo, ProviderApiClient, ProviderHealth, ProviderStatus,
};
use clap::Args;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// Buckets per page of the index.
const PAGE_SIZE: usize = 1000;
/// The problem of a lost bucket.
const LOST_BUCKET: &str =
    "its folder is gone: put it back, or delete the bucket if that was intended";

/// The problem of a bucket that lacks a root that is on chain with the provider's signature.
const MISSING_SIGNED_ROOT: &str = "the chain has this provider's signature over a root that is not \
                                  here: put back the newest copy of its folder, and see the log";
/// The problem of a bucket with an agreement, of which a signed root was let go.
const LET_GO_UNDER_AGREEMENT: &str = "the chain holds this provider to it, but signed roots of it \
                                    were let go: see the log";

/// The problem of a bucket with an agreement that is not served.
const UNSERVED_AGREEMENT: &str = "its agreement is not served: see the provider's log, and \"Agreements and prices\" in \
     docs/operating.md";

/// The arguments.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {
    /// Tell only whether the running provider follows its chain and takes requests; if it does not,
    /// exit with 3
    #[arg(long, conflicts_with_all = ["max_open", "memory"])]
    ready: bool,
    #[command(flatten)]
    provider: ProviderArgs,
}

/// A bucket that needs the operator's attention.
#[derive(Serialize)]
struct BucketProblem {
    bucket: u64,
    trouble: String,
}

/// The status of a running provider.
#[derive(Serialize)]
struct RunningProvider {
    url: String,
    version: String,
    account: String,
    open_buckets: u64,
    follows_chain: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_ready_because: Option<String>,
    /// The reason why signing is off, if it is.
    signing_off: Option<String>,
    open_challenges: u64,
    /// Open challenges that need the operator.
    alarmed_challenges: u64,
    /// Answers of full size that the account can pay for, if that is known.
    payable_answers: Option<u64>,
    funds_low: bool,
    /// Buckets whose agreement has ended.
    ended: Vec<u64>,
    /// Buckets with an agreement as a replica.
    replicas: Vec<u64>,
    /// The states of these agreements, and of those that have ended.
    replica_states: Vec<Replica>,
}

impl RunningProvider {
    fn new(client: &Client, status: &ProviderStatus, health: &ProviderHealth) -> Self {
        Self {
            url: client.url().to_owned(),
            version: status.version.clone(),
            account: to_hex(status.account),
            open_buckets: status.open_buckets.0,
            follows_chain: health.follows_chain,
            not_ready_because: health.not_ready_because.clone(),
            signing_off: health.signing_off.clone(),
            open_challenges: health.open_challenges.0,
            alarmed_challenges: health.alarmed_challenges.0,
            payable_answers: health.payable_answers.map(|answers| answers.0),
            funds_low: health.funds_low,
            ended: status.ended.iter().map(|bucket| bucket.0).collect(),
            replicas: status.replicas.iter().map(|bucket| bucket.0).collect(),
            replica_states: Replica::all(status, &[]),
        }
    }
}

impl fmt::Display for RunningProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            url,
            version,
            account,
            ..
        } = self;
        writeln!(f, "provider      {account}, version {version}, at {url}")?;
        if let Some(reason) = &self.not_ready_because {
            writeln!(f, "NOT READY     {reason}")?;
        }
        let follows = match self.follows_chain {
            true => "followed",
            false => "not followed",
        };
        writeln!(
            f,
            "chain         {follows}, {}, of which {} need the operator",
            quantity::format_count(self.open_challenges, "open challenge"),
            self.alarmed_challenges
        )?;
        if let Some(answers) = self.payable_answers {
            let advice = match self.funds_low {
                true => ": TRANSFER FUNDS TO IT",
                false => "",
            };
            let answers = quantity::format_count(answers, "answer");
            writeln!(f, "account       pays for {answers} of full size{advice}")?;
        }
        for bucket in &self.ended {
            writeln!(
                f,
                "ended         the agreement for bucket {bucket}: it takes no new content"
            )?;
        }
        for replica in &self.replica_states {
            writeln!(f, "replica       {replica}")?;
        }
        match &self.signing_off {
            Some(reason) => writeln!(f, "signing       off: {reason}"),
            None => Ok(()),
        }
    }
}

/// The output of the command; `None` for what a running provider does not report.
#[derive(Serialize)]
struct Status {
    #[serde(serialize_with = "json_path")]
    base_path: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    running: Option<RunningProvider>,
    max_open: u64,
    descriptors: Option<u64>,
    descriptors_per_bucket: Option<u64>,
    memory_bytes: Option<u64>,
    /// Free bytes on the disk of the base path.
    free_bytes: Option<u64>,
    /// Bytes of those that are reserved for signatures, duties and answers.
    reserve_bytes: Option<u64>,
    /// True if uploads are refused, because only the reserve is left.
    uploads_stopped: bool,
    buckets: u64,
    leaves: u64,
    chunks: u64,
    bytes: u64,
    distinct_chunks: Option<u64>,
    distinct_bytes: Option<u64>,
    nonce: Option<u64>,
    /// Buckets of which signed roots are recorded as let go.
    let_go: Option<Vec<u64>>,
    /// Leaves whose answers the chain cannot verify.
    unprovable_leaves: u64,
    troubles: Vec<BucketProblem>,
}

impl Status {
    fn from_provider(provider: &Provider) -> Result<Self, Failure> {
        let budget = provider.budget();
        let dedup = provider.dedup();
        let disk = provider.disk();
        let mut status = Self {
            base_path: Some(provider.path().to_owned()),
            running: None,
            max_open: budget.max_open.into(),
            descriptors: Some(budget.descriptors),
            descriptors_per_bucket: Some(budget.descriptors_per_bucket),
            memory_bytes: Some(budget.memory_bytes),
            free_bytes: Some(disk.free),
            reserve_bytes: Some(disk.reserve),
            uploads_stopped: disk.is_stopped,
            buckets: 0,
            leaves: 0,
            chunks: dedup.chunks,
            bytes: dedup.bytes,
            distinct_chunks: Some(dedup.distinct_chunks),
            distinct_bytes: Some(dedup.distinct_bytes),
            nonce: provider.nonce()?,
            let_go: Some(
                provider
                    .buckets_with_tombstones()?
                    .iter()
                    .map(|id| id.0)
                    .collect(),
            ),
            unprovable_leaves: 0,
            troubles: Vec::new(),
        };
        let mut after = None;
        loop {
            let page = provider.page(after, PAGE_SIZE)?;
            let Some((last, _)) = page.last() else {
                return Ok(status);
            };
            after = Some(*last);
            for (id, record) in &page {
                let refused = provider.signing_refusal(*id, record);
                status.add(*id, record, refused);
            }
        }
    }

    fn from_rpc(client: &Client) -> Result<Self, Failure> {
        let response = client.request(|rpc| async move { rpc.status().await })?;
        let health = client.request(|rpc| async move { rpc.health().await })?;
        let mut status = Self {
            base_path: None,
            running: Some(RunningProvider::new(client, &response, &health)),
            max_open: response.max_open_buckets.0,
            descriptors: None,
            descriptors_per_bucket: None,
            memory_bytes: None,
            free_bytes: None,
            reserve_bytes: None,
            uploads_stopped: response.uploads_stopped,
            buckets: 0,
            leaves: 0,
            chunks: 0,
            bytes: 0,
            distinct_chunks: None,
            distinct_bytes: None,
            nonce: None,
            let_go: None,
            unprovable_leaves: 0,
            troubles: Vec::new(),
        };
        for bucket in &response.missing_promises {
            status.add_problem(bucket.0, MISSING_SIGNED_ROOT.to_owned());
        }
        for bucket in &response.let_go {
            status.add_problem(bucket.0, LET_GO_UNDER_AGREEMENT.to_owned());
        }
        for bucket in &response.unserved {
            status.add_problem(bucket.0, UNSERVED_AGREEMENT.to_owned());
        }
        client.for_each_bucket(|info| {
            status.add_from_rpc(&client.refreshed(info)?);
            Ok(())
        })?;
        Ok(status)
    }

    fn add_from_rpc(&mut self, info: &BucketInfo) {
        self.buckets = self.buckets.saturating_add(1);
        self.leaves = self.leaves.saturating_add(info.commitment.leaf_count.0);
        self.chunks = self.chunks.saturating_add(info.chunks.0);
        self.bytes = self.bytes.saturating_add(info.used_bytes.0);
        let leaves = info.unprovable_leaves.map_or(0, |leaves| leaves.0);
        self.unprovable_leaves = self.unprovable_leaves.saturating_add(leaves);
        let problem = match (info.standing, &info.not_signed) {
            (BucketStatusInfo::Sound, None) | (BucketStatusInfo::Learning, _) => return,
            (BucketStatusInfo::Sound, Some(reason)) => reason.as_str(),
            (BucketStatusInfo::Quarantined, _) => "it is in quarantine: see the provider's log",
            (BucketStatusInfo::Lost, _) => LOST_BUCKET,
        };
        self.add_problem(info.bucket.0, problem.to_owned());
    }

    fn add(&mut self, id: BucketId, record: &BucketRecord, refused: Option<SigningRefused>) {
        self.buckets = self.buckets.saturating_add(1);
        let leaves = record.commitment.leaf_count.get();
        self.leaves = self.leaves.saturating_add(leaves);
        let unprovable = record.unprovable_leaves().unwrap_or_default();
        self.unprovable_leaves = self.unprovable_leaves.saturating_add(unprovable);
        let problem = match (&record.status, refused) {
            (BucketStatus::Sound, None) => return,
            (BucketStatus::Sound, Some(refused)) => {
                advice::joined(&refused, advice::signing(&refused))
            }
            (BucketStatus::Quarantined(reason), _) => {
                advice::joined(reason, Some(advice::quarantine(id)))
            }
            (BucketStatus::Lost, _) => LOST_BUCKET.into(),
        };
        self.add_problem(id.0, problem);
    }

    fn add_problem(&mut self, bucket: u64, problem: String) {
        self.troubles.push(BucketProblem {
            bucket,
            trouble: problem,
        });
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.base_path {
            writeln!(f, "base path     {}", escaped(path))?;
        }
        let buckets = quantity::format_count(self.buckets, "bucket");
        let most = self.max_open;
        match &self.running {
            Some(running) => {
                let open = running.open_buckets;
                write!(f, "{running}")?;
                writeln!(
                    f,
                    "open          {open} of {buckets}, at most {most} at once"
                )?;
            }
            None => write!(f, "open at once  {most} of {buckets}")?,
        }
        if let (Some(each), Some(all)) = (self.descriptors_per_bucket, self.descriptors) {
            writeln!(f, ", with {each} file descriptors each, of {all}")?;
        }
        if let Some(bytes) = self.memory_bytes {
            writeln!(f, "memory        {}", quantity::format_bytes(bytes))?;
        }
        if let Some(free) = self.free_bytes {
            write!(f, "disk          {} free", quantity::format_bytes(free))?;
            if let Some(reserve) = self.reserve_bytes {
                let reserve = quantity::format_bytes(reserve);
                write!(
                    f,
                    ", of which {reserve} are reserved for signatures and answers"
                )?;
            }
            writeln!(f)?;
        }
        if self.uploads_stopped {
            writeln!(
                f,
                "uploads       stopped: the disk is too full; they resume when there is room"
            )?;
        }
        write!(
            f,
            "stored        {} in {}, {}",
            quantity::format_bytes(self.bytes),
            quantity::format_count(self.chunks, "chunk"),
            quantity::format_count_as(self.leaves, "leaf", "leaves")
        )?;
        if let Some(distinct) = self.distinct_bytes {
            write!(
                f,
                "\nshared        {} of it would be saved if buckets shared chunks",
                quantity::format_bytes(self.bytes.saturating_sub(distinct))
            )?;
        }
        if let Some(nonce) = self.nonce {
            write!(f, "\nnonce         {nonce}")?;
        }
        for bucket in self.let_go.iter().flatten() {
            write!(
                f,
                "\nlet go        signed roots of bucket {bucket}: do not agree to it again without \
                 a copy that has them"
            )?;
        }
        if self.unprovable_leaves > 0 {
            let leaves = quantity::format_count_as(self.unprovable_leaves, "leaf", "leaves");
            write!(f, "\nunprovable    {leaves}")?;
        }
        self.troubles
            .iter()
            .try_for_each(|BucketProblem { bucket, trouble }| {
                write!(f, "\nbucket {bucket}: {trouble}")
            })
    }
}

pub(crate) fn run(args: &StatusArgs, globals: &Globals) -> Result<(), Failure> {
    if args.ready {
        return readiness::run(globals);
    }
    let status = match globals.backend(Access::ReadWrite)? {
        Backend::Local(base) => Status::from_provider(&args.provider.open_indexed(base)?)?,
        Backend::Remote(_) if !args.provider.is_default() => {
            return Err(Failure::Usage(
                "--max-open and --memory have no effect on a running provider: leave them out"
                    .into(),
            ));
        }
        Backend::Remote(remote) => {
            let mut status = Status::from_rpc(&remote.client)?;
            if remote.has_own_base_path() {
                // The RPC does not report how full the disk is.
                let path = data_dir::base_path(globals.base_path.as_ref())?;
                status.free_bytes = free_at(&path).ok().map(|disk| disk.free);
            }
            status
        }
    };
    globals.output().answer(&status)?;
    match status.troubles.len() {
        0 => Ok(()),
        troubled => Err(Failure::Refused(format!(
            "buckets that need attention: {troubled} of {}; docs/operating.md has the remedies",
            status.buckets
        ))),
    }
}
