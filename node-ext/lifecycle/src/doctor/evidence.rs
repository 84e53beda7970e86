//! The evidence of a diagnosis, as far as it could be had.

use crate::facts::Facts;
use cairn_primitives::{BucketId, H256};

/// The evidence of a diagnosis. Errors are told as text.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The machine.
    pub machine: Machine,
    /// The buckets.
    pub store: Result<Store, String>,
    /// The running provider; `None` if none runs.
    pub running: Option<Result<RunningProvider, String>>,
    /// The node; `None` if none was named.
    pub node: Option<Result<NodeEvidence, String>>,
    /// The chain, by the node; `None` without one.
    pub chain: Option<Result<ChainEvidence, String>>,
    /// The second node; `None` if none was named.
    pub second: Option<Result<SecondNode, String>>,
}

/// The machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The base path, or the error of reading it.
    pub base_path: Result<String, String>,
    /// True if other users may read the base path.
    pub is_open_to_others: bool,
    /// The account's key, or the reason why there is none.
    pub key: Result<[u8; 32], String>,
    /// Key files that other users may read; `None` if it is not known.
    pub exposed_keys: Option<Vec<String>>,
    /// The disk of the base path.
    pub disk: Option<DiskSpace>,
    /// The most files that a process may open.
    pub descriptors: u64,
    /// The files that a provider of this size needs.
    pub needed_descriptors: u64,
    /// The endpoint that the operator named for this diagnosis: a multiaddr.
    pub endpoint: Option<String>,
    /// The last call of an earlier command that may still be executed: its name. `None` if it was
    /// not looked for, which needs the chain.
    pub pending_call: Option<Result<Option<String>, String>>,
}

/// Bytes of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskSpace {
    /// Free bytes.
    pub free: u64,
    /// Bytes that clients may not use.
    pub reserve: u64,
}

/// The buckets of a base path.
#[derive(Clone, Debug, Default)]
pub struct Store {
    /// All buckets.
    pub buckets: Vec<BucketId>,
    /// Buckets in quarantine, with the reasons.
    pub quarantined: Vec<(BucketId, String)>,
    /// Buckets whose folders are gone.
    pub lost: Vec<BucketId>,
    /// Buckets with leaves that cannot be proven, with their number.
    pub unprovable: Vec<(BucketId, u64)>,
    /// Buckets whose leaves that cannot be proven are not counted.
    pub uncounted: Vec<BucketId>,
    /// Buckets that lack a signed root that the chain has; `None` if they were not compared, as
    /// only a running provider does.
    pub missing_roots: Option<Vec<BucketId>>,
    /// Buckets of which signed roots were let go; with a running provider, only those that
    /// the chain holds it to.
    pub let_go: Vec<BucketId>,
    /// The reason why nothing is signed, if so.
    pub signing_off: Option<String>,
    /// The number of challenges that are recorded and not answered; `None` if it is not
    /// known.
    pub duties: Option<u64>,
    /// The chain that the base path belongs to.
    pub chain: BasePathChain,
}

/// The chain that a base path belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BasePathChain {
    /// It could not be read.
    #[default]
    Unknown,
    /// It has followed none yet.
    NoneYet,
    /// The one with this genesis hash.
    Of(H256),
}

/// A running provider.
#[derive(Clone, Debug)]
pub struct RunningProvider {
    /// The URL of its RPC.
    pub url: String,
    /// The reason why it is not ready, if so.
    pub not_ready: Option<String>,
    /// Open challenges.
    pub open: u64,
    /// Open challenges that need the operator.
    pub alarmed: u64,
    /// Anchor blocks until the nearest deadline without an answer in a block; meaningless
    /// without an open challenge.
    pub nearest_deadline: u64,
}

/// A node.
#[derive(Clone, Debug)]
pub struct NodeEvidence {
    /// Its URL.
    pub url: String,
    /// True if it synchronises; `None` if it does not tell.
    pub is_syncing: Option<bool>,
    /// The number of its peers; `None` if it does not tell.
    pub peers: Option<u64>,
    /// True if it should have peers, which a chain for development has not.
    pub expects_peers: bool,
    /// The clock.
    pub clock: Option<Clock>,
}

/// A comparison of clocks, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The timestamp of the best block.
    pub chain: u64,
    /// This machine's time when it was read.
    pub machine: u64,
}

/// The chain.
#[derive(Clone, Debug)]
pub struct ChainEvidence {
    /// The hash of its first block.
    pub genesis: H256,
    /// The runtime.
    pub runtime: RuntimeSupport,
    /// The blocks by which the best block is ahead of the finalized one.
    pub finality_lag: u32,
    /// The facts about the account, or the error of reading them.
    pub facts: Result<Facts, String>,
    /// The answer at the registered endpoint: nothing, or the reason why there is none.
    /// `None` if it was not tried.
    pub endpoint_answers: Option<Result<String, String>>,
    /// True if the registered endpoint is an address of a private network.
    pub is_endpoint_private: bool,
}

/// The support of a runtime.
#[derive(Clone, Debug, Default)]
pub struct RuntimeSupport {
    /// The runtime's name and version.
    pub name: String,
    /// Capabilities that a provider needs and Cairn does not have here, with the reasons.
    pub missing: Vec<String>,
    /// Other capabilities that Cairn refuses, with the reasons.
    pub refused: Vec<String>,
}

/// A second node.
#[derive(Clone, Debug)]
pub struct SecondNode {
    /// Its URL.
    pub url: String,
    /// The hash of its chain's first block.
    pub genesis: H256,
    /// Its hash of the first node's finalized block; `None` if it does not have it.
    pub has_finalized: bool,
    /// The open challenges that only one of the two shows.
    pub differing_challenges: usize,
}
