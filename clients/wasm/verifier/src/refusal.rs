//! Reasons for which an input is refused, each with a code that programs compare.

use cairn_primitives::NotProven;
use cairn_primitives::chain_rule::ChainRefusal;
use cairn_primitives::chunk_tree::ShapeError;
use cairn_primitives::verify::VerifyError;
use std::fmt;

/// A reason why an input is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code, in camel case.
    pub code: &'static str,
    /// The message for people.
    pub message: String,
}

impl Refusal {
    /// Creates a refusal of an input that is not of the right form.
    pub(crate) fn malformed(message: impl fmt::Display) -> Self {
        Self::new("malformed", message)
    }

    pub(crate) fn new(code: &'static str, message: impl fmt::Display) -> Self {
        Self {
            code,
            message: message.to_string(),
        }
    }
}

/// Writes code and message as the JavaScript package splits them again.
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Refusal {}

impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        let code = match error {
            VerifyError::NoSuchLeaf { .. } => "noSuchLeaf",
            VerifyError::PeakCount { .. } => "peakCount",
            VerifyError::LeafPathLength { .. } => "leafPathLength",
            VerifyError::LeafPathBit { .. } => "leafPathBit",
            VerifyError::NotUnderItsPeak { .. } => "notUnderItsPeak",
            VerifyError::Root => "root",
            VerifyError::PaddingSlot { .. } => "paddingSlot",
            VerifyError::AliasedChunk { .. } => "aliasedChunk",
            VerifyError::ChunkLength { .. } => "chunkLength",
            VerifyError::ChunkPathLength { .. } => "chunkPathLength",
            VerifyError::ChunkPathBit { .. } => "chunkPathBit",
            VerifyError::DataRoot => "dataRoot",
        };
        Self::new(code, error)
    }
}

impl From<ChainRefusal> for Refusal {
    fn from(error: ChainRefusal) -> Self {
        Self::new("chainRule", error)
    }
}

impl From<NotProven> for Refusal {
    fn from(error: NotProven) -> Self {
        match error {
            NotProven::Strict(error) => error.into(),
            NotProven::Chain(error) => error.into(),
        }
    }
}

impl From<ShapeError> for Refusal {
    fn from(error: ShapeError) -> Self {
        Self::new("shape", error)
    }
}
