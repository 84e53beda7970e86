//! Commitments that are known to be signed, and the signed roots that a bucket lacks.

use cairn_primitives::Commitment;
use std::fmt;

/// The source that says a commitment was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureSource {
    /// The index, which keeps the last root signed here.
    Index,
    /// The chain, when it was last seen.
    Chain,
}

/// A commitment that is known to have been signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownSignature {
    /// The signed commitment. A leaf count of 0 means unknown.
    pub commitment: Commitment,
    /// The source.
    pub source: SignatureSource,
}

/// The leaves that a bucket's folder has, and the signed roots that it lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingSignedRoots {
    /// The bucket's newest commitment.
    pub have: Commitment,
    /// The signed commitments that it lacks.
    pub missing: Vec<KnownSignature>,
}

impl fmt::Display for KnownSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Commitment {
            mmr_root,
            start_seq,
            leaf_count,
        } = &self.commitment;
        let source = match self.source {
            SignatureSource::Index => "by the index",
            SignatureSource::Chain => "by the chain",
        };
        write!(f, "root {mmr_root:?} of the tree from sequence {start_seq}")?;
        if leaf_count.get() > 0 {
            write!(f, " at {leaf_count} leaves")?;
        }
        write!(f, ", {source}")
    }
}

impl fmt::Display for MissingSignedRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, tree) = (self.have.leaf_count, self.have.start_seq);
        write!(
            f,
            "it has {count} leaves from sequence {tree}, and lacks these signed roots: "
        )?;
        for (place, lost) in self.missing.iter().enumerate() {
            let between = if place > 0 { "; " } else { "" };
            write!(f, "{between}{lost}")?;
        }
        Ok(())
    }
}
