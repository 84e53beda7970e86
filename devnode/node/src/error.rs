//! Errors of the node.

/// An error of the node.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// A part of the node could not be created.
    #[error("the node did not start: {0}")]
    Service(#[source] Box<sc_service::Error>),
    /// An error of the command line or its environment.
    #[error("{0}")]
    Cli(#[source] Box<sc_cli::Error>),
    /// The build omitted the runtime.
    #[error(
        "this node was built without the chain's runtime; build it without CAIRN_SKIP_WASM, \
         after touching devnode/runtime/build.rs"
    )]
    NoRuntime,
    /// The genesis could not be built.
    #[error("the chain's genesis could not be built: {0}")]
    Genesis(String),
    /// There is no chain of that name.
    #[error(
        "there is no chain {0:?}; expected `deployed`, `nonce`, \
         `current`, `leaf-binding`, or a file with a specification"
    )]
    NoSuchChain(String),
    /// Substrate's RPC server needs a runtime of several threads.
    #[error(
        "the node needs a tokio runtime of several threads; in a test, \
         #[tokio::test(flavor = \"multi_thread\")]"
    )]
    SingleThreaded,
    /// The given secret is invalid.
    #[error(
        "expected a secret URI, such as //Alice or a seed phrase, but the given text is not one: {0}"
    )]
    Secret(String),
    /// The keystore failed.
    #[error("the keystore failed: {0}")]
    Keystore(String),
    /// The keystore does not have exactly one key for the provider's account.
    #[error(
        "expected one sr25519 key of type `stor` in the keystore, found {found}; name the \
         provider's secret with --suri, or put its key in with `key insert --key-type stor \
         --scheme sr25519`"
    )]
    WhichAccount {
        /// The number of keys.
        found: usize,
    },
    /// Cairn was not loaded.
    #[error("Cairn was not loaded: {0}")]
    Cairn(Box<dyn std::error::Error + Send + Sync>),
    /// No block was sealed.
    #[error("a block could not be sealed: {0}")]
    Seal(#[source] Box<sc_consensus_manual_seal::Error>),
    /// The sealing task has ended.
    #[error("blocks are no longer sealed: the node is stopping, or one of its tasks has failed")]
    SealerGone,
    /// Some tasks did not end when the node was stopped.
    #[error("the node was stopped, but these tasks are still running: {0}")]
    StillRunning(String),
}

impl NodeError {
    /// An error of loading Cairn.
    pub(crate) fn cairn(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Cairn(Box::new(error))
    }

    /// Any error of a part of the node.
    pub(crate) fn other(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        sc_service::Error::Application(Box::new(error)).into()
    }
}

/// Boxes the large errors of the node's parts, so that a result is small.
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
}
