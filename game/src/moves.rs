//! The moves of a game as data. A script is a list of moves, each valid in any state, so that a
//! script without some of its moves is a script too.

use std::fmt;
use std::str::FromStr;

macro_rules! move_kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)+) => {
        /// The kind of a move.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum MoveKind {
            $($(#[$doc])* $kind,)+
        }

        impl MoveKind {
            /// All kinds.
            pub const ALL: &[Self] = &[$(Self::$kind,)+];

            const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }
        }
    };
}

move_kinds! {
    /// A client uploads leaves and has them signed.
    Put = "put",
    /// The operator does the same while the provider is stopped.
    PutOffline = "put-offline",
    /// Leaves are committed without a signature.
    PutUnsigned = "put-unsigned",
    /// A stranger requests the newest commitment, signed.
    StrangerAsks = "stranger-asks",
    /// Leaves are pruned, with or without an admin's authorisation.
    Prune = "prune",
    /// The provider creates a bucket, of either hashing profile.
    CreateBucket = "keep",
    /// The operator imports a bucket that somebody else made.
    Import = "import",
    /// The operator deletes a bucket, if the tool permits it.
    Delete = "delete",
    /// A bucket is created on chain, by an agreement with the provider or with the accomplice.
    CreateOnChain = "open",
    /// The provider's agreement to keep a bucket is extended, or a new one is made.
    Agree = "agree",
    /// The accomplice becomes a primary provider of a bucket.
    AccompliceAgrees = "agree-too",
    /// Terms of an agreement are redeemed again.
    RedeemAgain = "redeem-again",
    /// An agreement's quota grows.
    TopUp = "top-up",
    /// An agreement is ended.
    EndAgreement = "end",
    /// The members of a bucket change.
    Member = "member",
    /// A bucket is frozen.
    Freeze = "freeze",
    /// Some blocks pass.
    Blocks = "blocks",
    /// Blocks pass until an agreement and the challenge period after it are over.
    WaitOut = "outlast",
    /// The admin collects a signature of the newest commitment, and submits it as the checkpoint.
    Collect = "collect",
    /// An old commitment is submitted as the checkpoint.
    SubmitOld = "bring",
    /// A signature is added to the checkpoint.
    Extend = "extend",
    /// The accomplice submits a window's checkpoint.
    SubmitWindow = "bring-window",
    /// The accomplice requests a signature.
    RequestSignature = "ask-sign",
    /// A challenge by the checkpoint.
    ChallengeSnapshot = "challenge-snapshot",
    /// A challenge by a signature.
    ChallengeSigned = "challenge-signed",
    /// The last blocks are retracted.
    Reorg = "reorg",
    /// Nothing is finalized for a while.
    Stall = "stall",
    /// The node reports no head for a while.
    Lag = "lag",
    /// One query of the node fails for a while.
    FailQuery = "fail",
    /// A runtime upgrade removes an optional query.
    RemoveQuery = "remove",
    /// The provider's extrinsics are included later from now on.
    DelayExtrinsics = "delay",
    /// The pool drops all of the provider's extrinsics.
    DropPool = "drop-pool",
    /// The process is killed in the middle of its work.
    Crash = "crash",
    /// The process is restarted.
    Restart = "restart",
    /// The base path is copied.
    Backup = "backup",
    /// An older copy replaces the base path.
    Restore = "restore",
    /// An older copy of one bucket's folder replaces it.
    RestoreBucket = "restore-bucket",
    /// An older copy replaces the index.
    RestoreIndex = "restore-index",
    /// The disk of a bucket, or of the base path, is not mounted.
    UnmountDisk = "detach",
    /// One file is lost, emptied, truncated or corrupted.
    DamageFile = "damage",
    /// The operator accepts a bucket as it is, without force.
    Accept = "accept",
    /// The operator repairs a bucket.
    Repair = "repair",
    /// The chain's operators change the challenge period.
    SetPeriod = "period",
    /// The anchor block jumps.
    Jump = "jump",
    /// Challenges vanish without an event, with their bucket or by a migration.
    DropChallenges = "drop-challenges",
    /// Another key is registered for the provider for a while.
    OtherKey = "other-key",
    /// A row does not decode for a while.
    SpoilRow = "spoil",
    /// A bucket's windows change, or a missed one is reported.
    Windows = "windows",
    /// The provider runs on another chain for a while.
    OtherChain = "other-chain",
}

/// A move. Its arguments select among what exists when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// The kind of the move.
    pub kind: MoveKind,
    /// Selects the target.
    pub target: u8,
    /// Selects the variation.
    pub variation: u8,
}

impl Move {
    /// Creates a move.
    pub const fn new(kind: MoveKind, target: u8, variation: u8) -> Self {
        Self {
            kind,
            target,
            variation,
        }
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.kind.name(), self.target, self.variation)
    }
}

/// A script: a sequence of moves.
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
            let wrong = || format!("{word:?} is not a move: expected kind:number:number");
            let mut parts = word.split(':');
            let name = parts.next().ok_or_else(wrong)?;
            let kind = MoveKind::ALL.iter().find(|kind| kind.name() == name);
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
        let all = MoveKind::ALL
            .iter()
            .zip(0..)
            .map(|(kind, n)| Move::new(*kind, n, 255 - n));
        let script = Script(all.collect());
        assert_eq!(script.to_string().parse(), Ok(script));
        assert!("put:1".parse::<Script>().unwrap_err().contains("put:1"));
        assert!("nothing:1:1".parse::<Script>().is_err());
    }
}
