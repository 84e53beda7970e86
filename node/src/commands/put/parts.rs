//! The parts that a file is cut into: leaves of powers of two of chunks, whose trees have
//! no slot that nobody can answer for.

use cairn_primitives::chunk_tree;
use serde::Serialize;
use std::fmt;

/// The most parts that a file has: one for each bit of a number of chunks.
pub(super) const MOST: usize = 46;

/// How files become leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cutting {
    /// Without padding, as several leaves if need be.
    WithoutPadding,
    /// Each as one leaf.
    OneLeaf,
}

/// A part of a file that is a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Part {
    /// From 1 on.
    number: usize,
    of: usize,
    /// Where it begins in the file.
    offset: u64,
    /// Its length, by that of the file.
    #[serde(skip)]
    pub(super) bytes: u64,
}

impl Cutting {
    /// The parts of a file, in its order.
    pub(super) fn parts(self, length: u64) -> Vec<Part> {
        let sizes: Vec<_> = match self {
            Self::WithoutPadding => chunk_tree::without_padding(length).collect(),
            Self::OneLeaf => vec![length],
        };
        let (of, mut offset) = (sizes.len(), 0u64);
        let cut = (1..).zip(sizes).map(|(number, bytes)| {
            let part = Part {
                number,
                of,
                offset,
                bytes,
            };
            offset = offset.saturating_add(bytes);
            part
        });
        cut.collect()
    }
}

impl Part {
    pub(super) const fn is_last(&self) -> bool {
        self.number == self.of
    }

    /// Itself, where there are others.
    pub(super) fn of_several(self) -> Option<Self> {
        (self.of > 1).then_some(self)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  (part {} of {})", self.number, self.of)
    }
}
