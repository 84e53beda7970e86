//! The tables of the Global Index, each a column family.

/// A table of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// One record for each bucket.
    Buckets,
    /// For each content, its size and the number of buckets that hold it.
    Content,
    /// The contents that each bucket holds.
    Held,
    /// The interior nodes that each bucket holds.
    Nodes,
    /// For each content and interior node, the buckets that hold it.
    Places,
    /// Obligations on chain.
    Duties,
    /// Records about the index itself.
    Meta,
}

impl Table {
    pub(super) const ALL: [Self; 7] = [
        Self::Buckets,
        Self::Content,
        Self::Duties,
        Self::Held,
        Self::Meta,
        Self::Nodes,
        Self::Places,
    ];

    /// Returns whether an index that an earlier version wrote has the table.
    pub(super) const fn is_original(self) -> bool {
        !matches!(self, Self::Nodes | Self::Places)
    }

    pub(super) const fn family(self) -> &'static str {
        match self {
            Self::Buckets => "buckets",
            Self::Content => "content",
            Self::Duties => "duties",
            Self::Held => "held",
            Self::Meta => "meta",
            Self::Nodes => "nodes",
            Self::Places => "places",
        }
    }
}
