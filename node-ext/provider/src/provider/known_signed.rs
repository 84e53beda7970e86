//! Commitments that are known to be signed, and the signed roots that a bucket lacks.

use cairn_primitives::Commitment;
use std::fmt;

/// The source that says a commitment was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToldBy {
    /// The index, which keeps the last root signed here.
    Index,
    /// The chain, when it was last seen.
    Chain,
}

/// A commitment that is known to have been signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownSigned {
    /// The signed commitment. A leaf count of 0 means unknown.
    pub commitment: Commitment,
    /// The source.
    pub told_by: ToldBy,
}

/// The leaves that a bucket's folder has, and the signed roots that it lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WouldLose {
    /// The bucket's newest commitment.
    pub have: Commitment,
    /// The signed commitments that it lacks.
    pub lost: Vec<KnownSigned>,
}

impl fmt::Display for KnownSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Commitment {
            mmr_root,
            start_seq,
            leaf_count,
        } = &self.commitment;
        let told_by = match self.told_by {
            ToldBy::Index => "by the index",
            ToldBy::Chain => "by the chain",
        };
        write!(f, "root {mmr_root:?} of the tree from sequence {start_seq}")?;
        if leaf_count.get() > 0 {
            write!(f, " at {leaf_count} leaves")?;
        }
        write!(f, ", {told_by}")
    }
}

impl fmt::Display for WouldLose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, tree) = (self.have.leaf_count, self.have.start_seq);
        write!(
            f,
            "it has {count} leaves from sequence {tree}, and lacks these signed roots: "
        )?;
        for (place, lost) in self.lost.iter().enumerate() {
            let between = if place > 0 { "; " } else { "" };
            write!(f, "{between}{lost}")?;
        }
        Ok(())
    }
}
