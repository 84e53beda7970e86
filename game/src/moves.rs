//! What may happen in a game, as data: a script is a list of moves, each of
//! which means something in any state, so that a script without some of them is
//! a script too.

use std::fmt;
use std::str::FromStr;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)+) => {
        /// The kind of a move.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$doc])* $kind,)+
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind,)+];

            const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }
        }
    };
}

kinds! {
    /// A client stores leaves and has them signed.
    Put = "put",
    /// The operator does the same with the provider stopped.
    PutOffline = "put-offline",
    /// Leaves are committed, and nobody asks for a signature.
    PutUnsigned = "put-unsigned",
    /// A stranger asks for the newest commitment, signed.
    StrangerAsks = "stranger-asks",
    /// Leaves are dropped, with an admin's word or without.
    Prune = "prune",
    /// A bucket is made here, of either hashing.
    Keep = "keep",
    /// A bucket that somebody else made is imported.
    Import = "import",
    /// A bucket is deleted, if the tool lets it go.
    Delete = "delete",
    /// A bucket is made on chain.
    Open = "open",
    /// The provider agrees to keep a bucket.
    Agree = "agree",
    /// The accomplice agrees to keep a bucket.
    AgreeToo = "agree-too",
    /// An agreement is ended.
    End = "end",
    /// Members of a bucket come and go.
    Member = "member",
    /// A bucket is frozen.
    Freeze = "freeze",
    /// Some blocks.
    Blocks = "blocks",
    /// Blocks until an agreement and the time for challenges are over.
    Outlast = "outlast",
    /// An old commitment becomes the checkpoint.
    Bring = "bring",
    /// A signature is added to the checkpoint.
    Extend = "extend",
    /// A window's checkpoint is brought by the accomplice.
    BringWindow = "bring-window",
    /// The accomplice asks for a signature.
    AskSign = "ask-sign",
    /// A challenge by the checkpoint.
    ChallengeSnapshot = "challenge-snapshot",
    /// A challenge by a signature.
    ChallengeSigned = "challenge-signed",
    /// The last blocks are taken back.
    Reorg = "reorg",
    /// Nothing is finalized for a while.
    Stall = "stall",
    /// The node tells of no block for a while.
    Lag = "lag",
    /// The node fails to tell something for a while.
    Fail = "fail",
    /// A runtime upgrade takes something away that is not needed.
    Remove = "remove",
    /// The provider's extrinsics wait longer from now on.
    Delay = "delay",
    /// The pool drops all extrinsics of the provider's.
    DropPool = "drop-pool",
    /// The process is killed in the midst of its work.
    Crash = "crash",
    /// The process is stopped and started.
    Restart = "restart",
    /// The base path is copied.
    Backup = "backup",
    /// An older copy takes the base path's place.
    Restore = "restore",
    /// An older copy of one bucket's folder takes its place.
    RestoreBucket = "restore-bucket",
    /// An older copy of the index takes its place.
    RestoreIndex = "restore-index",
    /// A disk is not mounted: a bucket's, or the base path's.
    Detach = "detach",
    /// One file is lost, emptied, cut short or garbled.
    Damage = "damage",
    /// The operator takes a bucket as it is, without force.
    Accept = "accept",
    /// The operator has a bucket repaired.
    Repair = "repair",
    /// The provider is run on another chain for a while.
    OtherChain = "other-chain",
}

/// A move: its arguments choose among what there is when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// What happens.
    pub kind: Kind,
    /// To which of those that there are.
    pub a: u8,
    /// And how.
    pub b: u8,
}

impl Move {
    /// A move.
    pub const fn new(kind: Kind, a: u8, b: u8) -> Self {
        Self { kind, a, b }
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.kind.name(), self.a, self.b)
    }
}

/// A script: moves in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script(pub Vec<Move>);

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, one) in self.0.iter().enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(f, "{space}{one}")?;
        }
        Ok(())
    }
}

impl FromStr for Script {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let moves = text.split_whitespace().map(|word| {
            let wrong = || format!("{word:?} is no move: a move is kind:number:number");
            let mut parts = word.split(':');
            let name = parts.next().ok_or_else(wrong)?;
            let kind = Kind::ALL.iter().find(|kind| kind.name() == name);
            let mut number = || parts.next().and_then(|part| part.parse().ok());
            let (a, b) = (number().ok_or_else(wrong)?, number().ok_or_else(wrong)?);
            Ok(Move::new(*kind.ok_or_else(wrong)?, a, b))
        });
        moves.collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_read_as_it_is_written() {
        let all = Kind::ALL
            .iter()
            .zip(0..)
            .map(|(kind, n)| Move::new(*kind, n, 255 - n));
        let script = Script(all.collect());
        assert_eq!(script.to_string().parse(), Ok(script));
        assert!("put:1".parse::<Script>().unwrap_err().contains("put:1"));
        assert!("nothing:1:1".parse::<Script>().is_err());
    }
}
