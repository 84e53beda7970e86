//! Decodes the v0 provider's values for a bucket and a node, in SCALE and in bincode 1.
//! Each value must be consumed to its last byte.
//!
//! A length is accepted only if enough bytes follow it, so a value can make the decoder
//! allocate only a small multiple of its own size.

use super::era::LegacyEra;
use cairn_primitives::{H256, MmrLeaf};
use codec::{Compact, Decode};

/// The state of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LegacyState {
    pub(crate) mmr_root: H256,
    pub(crate) start_seq: u64,
    pub(crate) leaves: Vec<MmrLeaf>,
    pub(crate) used_bytes: u64,
    pub(crate) max_bytes: u64,
}

/// A node of a chunk tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LegacyNode<'b> {
    Chunk(&'b [u8]),
    Interior { left: H256, right: H256 },
}

/// Errors of decoding a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("it ends before its last field")]
    Short,
    #[error("it has bytes after its last field")]
    Surplus,
    #[error("one of its lengths is not encoded as in this era")]
    Length,
    #[error("one of its hashes is not 0x and 64 lower-case hex digits")]
    HashText,
    #[error("one of its tags is {0}, which is unknown")]
    Tag(u8),
    #[error("it has {0} children, where an interior node has two")]
    Children(usize),
    #[error("its bytes differ from those of its two children")]
    ChildrenDiffer,
}

/// Start of a bucket's value in era A: the root as text of 66 bytes, which starts with
/// `0x`.
const TEXT_ROOT: &[u8] = &[66, 0, 0, 0, 0, 0, 0, 0, b'0', b'x'];

/// Recognises the era of a database without a format version from the value of one
/// bucket; `None` if the value is of neither era.
pub(crate) fn era_of_state(value: &[u8]) -> Option<LegacyEra> {
    if value.starts_with(TEXT_ROOT) {
        Some(LegacyEra::A)
    } else {
        let is_b = state(LegacyEra::B, value).is_ok();
        is_b.then_some(LegacyEra::B)
    }
}

/// Decodes a bucket's state.
pub(crate) fn state(era: LegacyEra, value: &[u8]) -> Result<LegacyState, DecodeError> {
    let mut rest = Decoder::new(era, value);
    let mmr_root = rest.hash()?;
    let start_seq = rest.number()?;
    let count = rest.length(rest.encoding.hash_bytes() + 16)?;
    let mut leaves = Vec::with_capacity(count);
    for _ in 0..count {
        leaves.push(MmrLeaf {
            data_root: rest.hash()?,
            data_size: rest.number()?,
            total_size: rest.number()?,
        });
    }
    let state = LegacyState {
        mmr_root,
        start_seq,
        leaves,
        used_bytes: rest.number()?,
        max_bytes: rest.number()?,
    };
    rest.end()?;
    Ok(state)
}

/// Decodes a node.
pub(crate) fn node(era: LegacyEra, value: &[u8]) -> Result<LegacyNode<'_>, DecodeError> {
    let mut rest = Decoder::new(era, value);
    let node = match era {
        LegacyEra::A | LegacyEra::B => stored_node(&mut rest)?,
        LegacyEra::C | LegacyEra::D => match rest.byte()? {
            0 => LegacyNode::Chunk(rest.bytes()?),
            1 => LegacyNode::Interior {
                left: rest.hash()?,
                right: rest.hash()?,
            },
            tag => return Err(DecodeError::Tag(tag)),
        },
    };
    rest.end()?;
    Ok(node)
}

/// Decodes a node of the older eras: bytes, and children or none.
fn stored_node<'b>(rest: &mut Decoder<'b>) -> Result<LegacyNode<'b>, DecodeError> {
    let data = rest.bytes()?;
    match rest.byte()? {
        0 => return Ok(LegacyNode::Chunk(data)),
        1 => {}
        tag => return Err(DecodeError::Tag(tag)),
    }
    let count = rest.length(rest.encoding.hash_bytes())?;
    if count != 2 {
        return Err(DecodeError::Children(count));
    }
    let (left, right) = (rest.hash()?, rest.hash()?);
    match data.split_at_checked(32) {
        Some((l, r)) if l == left.as_bytes() && r == right.as_bytes() => {
            Ok(LegacyNode::Interior { left, right })
        }
        _ => Err(DecodeError::ChildrenDiffer),
    }
}

/// The encoding of lengths and hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    /// Compact lengths; a hash is 32 bytes.
    Scale,
    /// Lengths of 8 bytes; a hash is text, preceded by its length.
    Bincode,
}

impl Encoding {
    const fn hash_bytes(self) -> usize {
        match self {
            Self::Scale => 32,
            Self::Bincode => 74,
        }
    }
}

/// The bytes that are not decoded yet.
struct Decoder<'b> {
    remaining: &'b [u8],
    encoding: Encoding,
}

impl<'b> Decoder<'b> {
    fn new(era: LegacyEra, remaining: &'b [u8]) -> Self {
        let encoding = match era {
            LegacyEra::A => Encoding::Bincode,
            LegacyEra::B | LegacyEra::C | LegacyEra::D => Encoding::Scale,
        };
        Self {
            remaining,
            encoding,
        }
    }

    fn take(&mut self, length: usize) -> Result<&'b [u8], DecodeError> {
        let (taken, rest) = self
            .remaining
            .split_at_checked(length)
            .ok_or(DecodeError::Short)?;
        self.remaining = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        self.take(1)?.first().copied().ok_or(DecodeError::Short)
    }

    fn number(&mut self) -> Result<u64, DecodeError> {
        let bytes = self.take(8)?.try_into().map_err(|_| DecodeError::Short)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Decodes the number of items that follow, of `item_bytes` each.
    fn length(&mut self, item_bytes: usize) -> Result<usize, DecodeError> {
        let length = match self.encoding {
            Encoding::Bincode => self.number()?,
            Encoding::Scale => {
                let length = Compact::<u32>::decode(&mut self.remaining);
                length.map_err(|_| DecodeError::Length)?.0.into()
            }
        };
        let length = usize::try_from(length).map_err(|_| DecodeError::Short)?;
        match length.checked_mul(item_bytes) {
            Some(needed) if needed <= self.remaining.len() => Ok(length),
            _ => Err(DecodeError::Short),
        }
    }

    fn bytes(&mut self) -> Result<&'b [u8], DecodeError> {
        let length = self.length(1)?;
        self.take(length)
    }

    fn hash(&mut self) -> Result<H256, DecodeError> {
        match self.encoding {
            Encoding::Scale => Ok(H256::from_slice(self.take(32)?)),
            Encoding::Bincode => {
                let text = self.bytes()?;
                text_hash(text).ok_or(DecodeError::HashText)
            }
        }
    }

    fn end(self) -> Result<(), DecodeError> {
        if self.remaining.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::Surplus)
        }
    }
}

fn text_hash(text: &[u8]) -> Option<H256> {
    let digits = text.strip_prefix(b"0x")?;
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let pairs = digits.chunks_exact(2).map(|pair| match pair {
        [high, low] => Some(value(*high)? << 4 | value(*low)?),
        _ => None,
    });
    let bytes: Vec<u8> = pairs.collect::<Option<_>>()?;
    let hash = <[u8; 32]>::try_from(bytes).ok()?;
    (digits.len() == 64).then_some(H256(hash))
}

#[cfg(test)]
mod tests;
