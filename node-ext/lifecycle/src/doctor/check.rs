//! The checks, each with what it looks at and its remedy. The table in the documentation is
//! the same, which a test enforces.

use serde::{Serialize, Serializer};

/// A check of the doctor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The base path.
    BasePath,
    /// The mode of the base path.
    BasePathMode,
    /// The key.
    Key,
    /// The modes of the key files.
    KeyMode,
    /// The free disk space.
    Disk,
    /// The limit of open files.
    Descriptors,
    /// The store of buckets.
    Store,
    /// Buckets in quarantine.
    Quarantine,
    /// Buckets whose folders are gone.
    LostBuckets,
    /// Leaves that cannot be proven.
    UnprovableLeaves,
    /// Signed roots that are missing or were let go.
    SignedRoots,
    /// Signing.
    Signing,
    /// The running provider.
    Running,
    /// The readiness of the running provider.
    Ready,
    /// Challenges that the provider has recorded.
    Deadlines,
    /// The call that was submitted last.
    PendingCall,
    /// The connection to the node.
    Node,
    /// The node's synchronisation.
    NodeSync,
    /// The node's peers.
    NodePeers,
    /// The finality of the chain.
    Finality,
    /// The clock of this machine.
    Clock,
    /// The chain's identity.
    Genesis,
    /// The second node.
    SecondNode,
    /// The runtime.
    Runtime,
    /// The chain's state, as far as it concerns the account.
    ChainState,
    /// The registration.
    Registered,
    /// The registered key.
    RegisteredKey,
    /// The stake.
    Stake,
    /// The price in the record.
    Price,
    /// The capacity in the record.
    Capacity,
    /// The registered endpoint.
    Endpoint,
    /// The reachability of the registered endpoint.
    Reachable,
    /// The account's funds.
    Funds,
    /// Open challenges on chain.
    Challenges,
    /// Agreements whose buckets are missing here.
    MissingBuckets,
    /// Buckets without an agreement.
    IdleBuckets,
    /// Agreements whose payment can be claimed.
    UnclaimedPayments,
    /// A deregistration that is announced.
    Leaving,
}

impl Check {
    /// All checks, in the order in which they are told.
    pub const ALL: [Self; 38] = [
        Self::BasePath,
        Self::BasePathMode,
        Self::Key,
        Self::KeyMode,
        Self::Disk,
        Self::Descriptors,
        Self::Store,
        Self::Quarantine,
        Self::LostBuckets,
        Self::UnprovableLeaves,
        Self::SignedRoots,
        Self::Signing,
        Self::Running,
        Self::Ready,
        Self::Deadlines,
        Self::PendingCall,
        Self::Node,
        Self::NodeSync,
        Self::NodePeers,
        Self::Finality,
        Self::Clock,
        Self::Genesis,
        Self::SecondNode,
        Self::Runtime,
        Self::ChainState,
        Self::Registered,
        Self::RegisteredKey,
        Self::Stake,
        Self::Price,
        Self::Capacity,
        Self::Endpoint,
        Self::Reachable,
        Self::Funds,
        Self::Challenges,
        Self::MissingBuckets,
        Self::IdleBuckets,
        Self::UnclaimedPayments,
        Self::Leaving,
    ];

    /// Returns its name, for programs.
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// Returns what it checks.
    pub const fn subject(self) -> &'static str {
        self.row().1
    }

    /// Returns what to do if it finds something.
    pub const fn remedy(self) -> &'static str {
        self.row().2
    }

    const fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::BasePath => (
                "base-path",
                "The base path exists and can be read",
                "Name the provider's folder with `--base-path`, and mount its disk",
            ),
            Self::BasePathMode => (
                "base-path-mode",
                "No other user of the machine may read the base path",
                "Run `chmod 700` on it",
            ),
            Self::Key => (
                "key",
                "The key of the account, and the key that signs commitments, are in the base path",
                "Insert it with `cairn key insert`, or name the account with `--account`",
            ),
            Self::KeyMode => (
                "key-mode",
                "No other user of the machine may read a key",
                "Run `chmod 600` on the file. Who has read the key can sign with it: consider \
                 another account",
            ),
            Self::Disk => (
                "disk",
                "The disk has more free space than the reserve for signatures and answers",
                "Make room, or give the base path a larger disk",
            ),
            Self::Descriptors => (
                "descriptors",
                "The process may open enough files",
                "Set `LimitNOFILE=65536` in the service's unit, or run `ulimit -n`",
            ),
            Self::Store => (
                "store",
                "The buckets and the index can be read",
                "Read the error. If the base path is locked, ask the running provider with `--rpc`",
            ),
            Self::Quarantine => (
                "quarantine",
                "No bucket is in quarantine",
                "Keep a copy of its folder. `cairn fsck` shows the damage, and `cairn fsck \
                 --repair` mends what can be proven",
            ),
            Self::LostBuckets => (
                "lost-buckets",
                "Each bucket in the index has its folder",
                "Put the folder back, from the newest copy",
            ),
            Self::UnprovableLeaves => (
                "unprovable-leaves",
                "Each leaf can be proven",
                "Prune these leaves with the client's consent, or store the content again in \
                 another bucket",
            ),
            Self::SignedRoots => (
                "signed-roots",
                "Everything that was signed, and that the chain may ask for, is here",
                "Put the newest copy of the bucket's folder in place, or have the agreement ended \
                 on chain",
            ),
            Self::Signing => (
                "signing",
                "Signing is on",
                "The reason is given. If the base path is a copy, and the newest one, start it \
                 once with `cairn run --accept-copy`",
            ),
            Self::Running => (
                "running",
                "The provider runs",
                "Start `cairn run`. Nothing answers challenges while it is stopped",
            ),
            Self::Ready => (
                "ready",
                "The running provider follows the chain and takes requests",
                "The reason is given. Check the node, and the connection to it",
            ),
            Self::Deadlines => (
                "deadlines",
                "No recorded challenge waits for its answer",
                "`cairnProvider_v1_challenges` and the log tell what an answer waits for. Restore \
                 the bucket's newest copy if it has no proof",
            ),
            Self::PendingCall => (
                "pending-call",
                "No call of an earlier command may still be executed",
                "Run the command again: it waits until the call is final or has expired",
            ),
            Self::Node => (
                "node",
                "The node can be reached",
                "Name a running node with `--chain`",
            ),
            Self::NodeSync => (
                "node-sync",
                "The node is synchronised",
                "Wait until it is. Until then it shows old challenges only",
            ),
            Self::NodePeers => (
                "node-peers",
                "The node has peers",
                "Check its network. Without peers it sees no challenge and spreads no answer",
            ),
            Self::Finality => (
                "finality",
                "Finality follows the best block",
                "Check the relay chain and the node. Challenges that are not final are not answered",
            ),
            Self::Clock => (
                "clock",
                "This machine's clock agrees with the chain's timestamps",
                "Run a time service such as chrony or systemd-timesyncd",
            ),
            Self::Genesis => (
                "genesis",
                "The node is on the chain of the base path",
                "Name a node of that chain. `cairn run --new-chain` follows another one for good",
            ),
            Self::SecondNode => (
                "second-node",
                "A second node shows the same chain",
                "Name another node of your own with `--second-chain`. If the two differ, find out \
                 which one lies before the next deadline",
            ),
            Self::Runtime => (
                "runtime",
                "Cairn supports the chain's runtime",
                "Update Cairn. `cairn chain inspect` tells what is refused, and why",
            ),
            Self::ChainState => (
                "chain-state",
                "The chain's rows about the account can be read",
                "Read the error. A row that does not decode may be a challenge: ask the chain's \
                 maintainers",
            ),
            Self::Registered => (
                "registered",
                "The account is registered as a provider",
                "Register it with `cairn setup`",
            ),
            Self::RegisteredKey => (
                "registered-key",
                "The chain has the key that signs here",
                "Insert the registered key with `cairn key insert`. No call changes a key",
            ),
            Self::Stake => (
                "stake",
                "The provider has its stake, and no challenge was lost",
                "Keep the log and the base path, and find the cause before anything is signed",
            ),
            Self::Price => (
                "price",
                "A record that accepts agreements or extensions has a price",
                "Set it with `cairn provider settings --price-per-byte`, or accept nothing with \
                 `--accept-primary false --accept-extensions false`",
            ),
            Self::Capacity => (
                "capacity",
                "A record that accepts new agreements has a bound on their bytes",
                "Set it with `cairn provider settings --capacity`, to what the disk has room for",
            ),
            Self::Endpoint => (
                "endpoint",
                "The registered endpoint can be converted to a URL, and is the configured one",
                "Set it with `cairn provider announce`",
            ),
            Self::Reachable => (
                "reachable",
                "A public address answers at the registered endpoint",
                "Open the port, and start the provider with `--rpc-external` or behind a proxy",
            ),
            Self::Funds => (
                "funds",
                "The account can pay for a hundred answers of the largest size, besides those that are due",
                "Send funds to the account. An answer that cannot be paid is never included",
            ),
            Self::Challenges => (
                "challenges",
                "No challenge is open on chain",
                "See that `cairn run` answers it: `cairnProvider_v1_challenges` shows the progress",
            ),
            Self::MissingBuckets => (
                "missing-buckets",
                "Each agreement of which something can be challenged has its bucket here",
                "Restore the bucket, or create it with `cairn bucket create` if nothing of it was \
                 ever signed",
            ),
            Self::IdleBuckets => (
                "idle-buckets",
                "Each bucket here has an agreement",
                "`cairn bucket delete` removes it once nobody can challenge it",
            ),
            Self::UnclaimedPayments => (
                "unclaimed-payments",
                "No payment waits to be claimed",
                "Claim it: `cairn provider show` lists it, and `cairn provider claim` takes it",
            ),
            Self::Leaving => (
                "leaving",
                "No deregistration is announced",
                "`cairn provider leave` continues it, and `cairn provider leave --cancel` ends it",
            ),
        }
    }
}

impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
