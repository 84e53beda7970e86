//! Why a node does not start, or a submitted extrinsic does not take effect.

use cairn_devnode_runtime::Hash;

/// What went wrong, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// A part of the node could not be made.
    #[error("the node did not start: {0}")]
    Service(#[source] Box<sc_service::Error>),
    /// The command line or its surroundings.
    #[error("{0}")]
    Cli(#[source] Box<sc_cli::Error>),
    /// The build left the runtime out.
    #[error(
        "this node was built without the chain's runtime; build it without CAIRN_SKIP_WASM, \
         after touching devnode/runtime/build.rs"
    )]
    NoRuntime,
    /// The genesis could not be made.
    #[error("the chain's genesis could not be made: {0}")]
    Genesis(String),
    /// There is no chain of that name.
    #[error("there is no chain {0:?}; expected `old`, `strict`, or a file with a specification")]
    NoSuchChain(String),
    /// Substrate's RPC server needs a runtime of several threads.
    #[error(
        "the node needs a tokio runtime of several threads; in a test, \
         #[tokio::test(flavor = \"multi_thread\")]"
    )]
    SingleThreaded,
    /// A secret that is none.
    #[error(
        "expected a secret URI, such as //Alice or a seed phrase, and what was given is none: {0}"
    )]
    Secret(String),
    /// The keystore refused.
    #[error("the keystore failed: {0}")]
    Keystore(String),
    /// Which account provides cannot be told from the keystore.
    #[error(
        "expected one sr25519 key of type `stor` in the keystore, found {found}; name the \
         provider's secret with --suri, or put its key in with `key insert --key-type stor \
         --scheme sr25519`"
    )]
    WhichAccount {
        /// How many there are.
        found: usize,
    },
    /// The provider's part of the node.
    #[error("Cairn was not loaded: {0}")]
    Cairn(Box<dyn std::error::Error + Send + Sync>),
    /// No block was made.
    #[error("a block could not be sealed: {0}")]
    Seal(#[source] Box<sc_consensus_manual_seal::Error>),
    /// The task that seals has ended.
    #[error("blocks are not sealed any more: the node is stopping, or a task of it failed")]
    SealerGone,
    /// Tasks that were told to end, and did not.
    #[error("the node was stopped, and these tasks of it still run: {0}")]
    StillRunning(String),
    /// The pool did not take an extrinsic, or dropped it.
    #[error("the pool refused the extrinsic: {0}")]
    Pool(String),
    /// An extrinsic is in none of the blocks that it was waited for.
    #[error("extrinsic {extrinsic:?} is in none of {blocks} sealed blocks")]
    NotIncluded {
        /// Its hash.
        extrinsic: Hash,
        /// How many blocks were sealed for it.
        blocks: u32,
    },
    /// An extrinsic was included, and its call failed.
    #[error("the call failed in block {block:?}: {reason}")]
    Dispatch {
        /// Where.
        block: Hash,
        /// The pallet's error.
        reason: String,
    },
    /// The chain's database.
    #[error("the chain could not be read: {0}")]
    Blockchain(#[source] Box<sp_blockchain::Error>),
    /// A call of the runtime's API.
    #[error("the runtime could not be asked: {0}")]
    Api(#[source] Box<sp_api::ApiError>),
    /// Something on chain has another form than this build's runtime gives it.
    #[error("{what} of block {block:?} cannot be decoded: {reason}")]
    Decode {
        /// What was read.
        what: &'static str,
        /// Where.
        block: Hash,
        /// Why not.
        reason: String,
    },
}

impl NodeError {
    /// What kept Cairn from being loaded.
    pub(crate) fn cairn(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Cairn(Box::new(error))
    }

    /// Whatever a part of the node calls its error.
    pub(crate) fn other(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        sc_service::Error::Application(Box::new(error)).into()
    }
}

/// Large errors of the node's parts, each in a box, so that a result is small.
macro_rules! boxed {
    ($($variant:ident: $error:ty,)*) => {
        $(impl From<$error> for NodeError {
            fn from(error: $error) -> Self {
                Self::$variant(Box::new(error))
            }
        })*
    };
}

boxed! {
    Service: sc_service::Error,
    Cli: sc_cli::Error,
    Seal: sc_consensus_manual_seal::Error,
    Blockchain: sp_blockchain::Error,
    Api: sp_api::ApiError,
}
