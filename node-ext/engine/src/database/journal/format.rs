//! The bytes of a journal, written and read. `docs/format.md` describes them.

mod rewrite_mark;

pub(super) use rewrite_mark::{rewrite_mark, rewrite_mark_offset, rewritten_length};

use super::selection::{is_journaled, journaled_part};
use crate::database::Family;
use crate::layout;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{ErrorKind, Read, Result, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

/// The first bytes of a journal, before the bucket's id and the salt.
const FILE_MAGIC: [u8; 8] = *b"cairnjn1";
const FILE_HEADER_BYTES: usize = 32;
/// The first bytes of a record, used to find the next one after damage.
const MAGIC: [u8; 4] = *b"jRec";
/// Magic, length of the changes, number, two marks.
const RECORD_HEADER_BYTES: usize = 32;
/// Checksum, length of the whole record.
const RECORD_TRAILER_BYTES: usize = 12;
/// The longest record accepted, in bytes; a commit's record is far shorter.
const MAX_RECORD_BYTES: usize = 256 << 20;
/// Read buffer, in bytes.
const BUFFER_BYTES: usize = 256 << 10;

/// The key of a journal's checksums. The journal contains clients' small chunks.
/// Without a salt that clients do not know, a chunk could contain a forged record,
/// which would be accepted when the real record around it is torn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Salt([u8; 16]);

impl Salt {
    pub(crate) fn new() -> Self {
        let random = || RandomState::new().hash_one(0u8).to_le_bytes();
        let mut salt = [0; 16];
        let (one, other) = salt.split_at_mut(8);
        one.copy_from_slice(&random());
        other.copy_from_slice(&random());
        Self(salt)
    }

    fn checksum(self, bytes: &[u8]) -> u64 {
        let mut params = blake2b_simd::Params::new();
        digest_of(params.hash_length(8).key(&self.0), bytes)
    }
}

pub(crate) fn header(bucket: u64, salt: Salt) -> [u8; FILE_HEADER_BYTES] {
    let mut header = [0; FILE_HEADER_BYTES];
    let parts = FILE_MAGIC
        .into_iter()
        .chain(bucket.to_le_bytes())
        .chain(salt.0);
    for (to, from) in header.iter_mut().zip(parts) {
        *to = from;
    }
    header
}

/// Parses the bucket and the salt from a header.
fn parse_header(header: &[u8]) -> Option<(u64, Salt)> {
    let salt = header.get(16..FILE_HEADER_BYTES)?.try_into().ok()?;
    let bucket = u64_at(header, FILE_MAGIC.len())?;
    header
        .starts_with(&FILE_MAGIC)
        .then_some((bucket, Salt(salt)))
}

/// Digests that tell two states of a bucket apart, and two usages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    state: u64,
    usage: u64,
}

impl Marks {
    /// Makes the marks of the two records as they are stored.
    pub(crate) fn from_records(state: Option<&[u8]>, usage: Option<&[u8]>) -> Self {
        let of_state = |state| journaled_part(Family::Tree, layout::STATE_KEY, state);
        Self {
            state: state.and_then(of_state).map_or(0, digest),
            usage: usage.map_or(0, digest),
        }
    }

    pub(super) fn after(self, changes: &Changes) -> Self {
        Self {
            state: changes.state.as_deref().map_or(self.state, digest),
            usage: changes.usage.as_deref().map_or(self.usage, digest),
        }
    }
}

fn digest(bytes: &[u8]) -> u64 {
    digest_of(blake2b_simd::Params::new().hash_length(8), bytes)
}

fn digest_of(params: &blake2b_simd::Params, bytes: &[u8]) -> u64 {
    let digest = params.hash(bytes);
    digest.as_bytes().try_into().map_or(0, u64::from_le_bytes)
}

/// One change in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<'c> {
    /// Sets the value of a key.
    Put {
        /// The column family.
        family: Family,
        /// The key.
        key: &'c [u8],
        /// The value.
        value: &'c [u8],
    },
    /// Deletes a key.
    Delete {
        /// The column family.
        family: Family,
        /// The key.
        key: &'c [u8],
    },
    /// Deletes the keys from `from` on and below `to`.
    DeleteRange {
        /// The column family.
        family: Family,
        /// The first key that is deleted.
        from: &'c [u8],
        /// The first key that is kept.
        to: &'c [u8],
    },
}

const PUT: u8 = 0;
const DELETE: u8 = 1;
const DELETE_RANGE: u8 = 2;
/// Added to the kind of a change to the content family.
const CONTENT_FLAG: u8 = 16;

/// The changes of one write that the journal keeps.
#[derive(Default)]
pub(crate) struct Changes {
    bytes: Vec<u8>,
    /// Set if a change is to the tree family, whose writes have an order.
    pub(crate) is_ordered: bool,
    /// The last state and usage among the changes, for the marks.
    state: Option<Vec<u8>>,
    usage: Option<Vec<u8>>,
}

impl Changes {
    /// Appends changes that were made after these.
    pub(crate) fn append(&mut self, later: Self) {
        if self.bytes.is_empty() {
            self.bytes = later.bytes;
        } else {
            self.bytes.extend(later.bytes);
        }
        self.is_ordered |= later.is_ordered;
        self.state = later.state.or_else(|| self.state.take());
        self.usage = later.usage.or_else(|| self.usage.take());
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns whether neither the journal nor its marks are affected.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.usage.is_none()
    }

    /// Records a write, if the journal keeps records of its kind.
    pub(crate) fn put(&mut self, family: Family, key: &[u8], value: &[u8]) {
        if family == Family::Content && key == layout::USAGE_KEY {
            self.usage = Some(value.to_vec());
        }
        let Some(kept) = journaled_part(family, key, value) else {
            return;
        };
        if family == Family::Tree && key == layout::STATE_KEY {
            self.state = Some(kept.to_vec());
        }
        self.push_kind(PUT, family);
        self.push_part(key);
        self.push_part(kept);
    }

    pub(crate) fn delete(&mut self, family: Family, key: &[u8]) {
        if family == Family::Tree && is_journaled(key) {
            self.push_kind(DELETE, family);
            self.push_part(key);
        }
    }

    pub(crate) fn delete_range(&mut self, family: Family, from: &[u8], to: &[u8]) {
        if family == Family::Tree && is_journaled(from) {
            self.push_kind(DELETE_RANGE, family);
            self.push_part(from);
            self.push_part(to);
        }
    }

    fn push_kind(&mut self, kind: u8, family: Family) {
        self.is_ordered |= family == Family::Tree;
        let of = if family == Family::Content {
            CONTENT_FLAG
        } else {
            0
        };
        self.bytes.push(kind.saturating_add(of));
    }

    /// Nothing that the journal keeps reaches 64 KiB.
    fn push_part(&mut self, bytes: &[u8]) {
        let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        self.bytes.extend(length.to_le_bytes());
        self.bytes.extend(bytes.iter().take(length.into()));
    }
}

pub(super) fn write_record(
    to: &mut Vec<u8>,
    salt: Salt,
    number: u64,
    marks: Marks,
    changes: &[u8],
) {
    let begin = to.len();
    // The database would refuse a longer write.
    let length = u32::try_from(changes.len()).unwrap_or(u32::MAX);
    to.extend(MAGIC);
    to.extend(length.to_le_bytes());
    to.extend(number.to_le_bytes());
    to.extend(marks.state.to_le_bytes());
    to.extend(marks.usage.to_le_bytes());
    to.extend(changes);
    let checksum = salt.checksum(to.get(begin..).unwrap_or_default());
    to.extend(checksum.to_le_bytes());
    let whole = to.len().saturating_sub(begin).saturating_add(4);
    to.extend(u32::try_from(whole).unwrap_or(u32::MAX).to_le_bytes());
}

/// A record read from a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Number of the last write whose changes it has, or those before it.
    pub number: u64,
    pub(crate) marks: Marks,
    changes: Vec<u8>,
}

impl Record {
    /// Returns the changes in order. Ends at the first that cannot be parsed.
    pub fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        let mut rest = self.changes.as_slice();
        std::iter::from_fn(move || take_change(&mut rest))
    }

    /// Parses the record that `bytes` begins with. Returns it and its length.
    fn parse(bytes: &[u8], salt: Salt) -> Option<(Self, usize)> {
        let length = usize::try_from(u32_at(bytes, 4)?).ok()?;
        let end = RECORD_HEADER_BYTES.checked_add(length)?;
        let whole = end.checked_add(RECORD_TRAILER_BYTES)?;
        let is_sound = bytes.starts_with(&MAGIC)
            && u64_at(bytes, end)? == salt.checksum(bytes.get(..end)?)
            && usize::try_from(u32_at(bytes, end.checked_add(8)?)?).ok()? == whole;
        is_sound.then_some(())?;
        let record = Self {
            number: u64_at(bytes, 8)?,
            marks: Marks {
                state: u64_at(bytes, 16)?,
                usage: u64_at(bytes, 24)?,
            },
            changes: bytes.get(RECORD_HEADER_BYTES..end)?.to_vec(),
        };
        Some((record, whole))
    }
}

fn take_change<'c>(rest: &mut &'c [u8]) -> Option<Change<'c>> {
    let (kind, after) = rest.split_first()?;
    *rest = after;
    let (family, kind) = match kind.checked_sub(CONTENT_FLAG) {
        Some(kind) => (Family::Content, kind),
        None => (Family::Tree, *kind),
    };
    let mut part = || {
        let (length, after) = rest.split_at_checked(2)?;
        let length = u16::from_le_bytes(length.try_into().ok()?);
        let (part, after) = after.split_at_checked(length.into())?;
        *rest = after;
        Some(part)
    };
    let key = part()?;
    match kind {
        PUT => Some(Change::Put {
            family,
            key,
            value: part()?,
        }),
        DELETE => Some(Change::Delete { family, key }),
        DELETE_RANGE => Some(Change::DeleteRange {
            family,
            from: key,
            to: part()?,
        }),
        _ => None,
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

/// Reads a journal from its beginning and skips damaged parts.
pub struct Reader<R> {
    source: R,
    /// Bytes read and not consumed yet.
    buffer: Vec<u8>,
    start: usize,
    offset: u64,
    is_at_end: bool,
    /// The bucket and salt. `None` if the header is damaged; then no record can be
    /// verified.
    header: Option<(u64, Salt)>,
    skipped: u64,
    /// End of the last intact record.
    end_of_last: u64,
}

impl<R: Read> Reader<R> {
    /// Reads a journal from its first byte.
    pub fn new(source: R) -> Result<Self> {
        let mut reader = Self {
            source,
            buffer: Vec::new(),
            start: 0,
            offset: 0,
            is_at_end: false,
            header: None,
            skipped: 0,
            end_of_last: 0,
        };
        reader.fill(FILE_HEADER_BYTES)?;
        reader.header = parse_header(reader.rest());
        reader.consume(FILE_HEADER_BYTES);
        reader.end_of_last = reader.offset;
        Ok(reader)
    }

    /// Returns the journal's bucket; `None` if the header is damaged.
    pub fn bucket(&self) -> Option<u64> {
        self.header.map(|(bucket, _)| bucket)
    }

    /// Returns the number of skipped bytes, without a torn end.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Returns where the last intact record ended, in bytes.
    pub fn end_of_last(&self) -> u64 {
        self.end_of_last
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    fn consume(&mut self, bytes: usize) {
        self.start = self.start.saturating_add(bytes);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.offset = self.offset.saturating_add(bytes);
    }

    /// Reads until this many bytes are buffered, or the file ends.
    fn fill(&mut self, wanted: usize) -> Result<()> {
        while !self.is_at_end && self.rest().len() < wanted {
            self.buffer.drain(..self.start);
            self.start = 0;
            let more = u64::try_from(BUFFER_BYTES).unwrap_or(u64::MAX);
            let read = (&mut self.source)
                .take(more)
                .read_to_end(&mut self.buffer)?;
            self.is_at_end = read == 0;
        }
        Ok(())
    }

    /// Returns the next intact record; `None` at the end.
    pub fn next_record(&mut self) -> Result<Option<Record>> {
        let Some((_, salt)) = self.header else {
            return Ok(None);
        };
        loop {
            self.fill(RECORD_HEADER_BYTES)?;
            if self.rest().len() < RECORD_HEADER_BYTES {
                return Ok(None);
            }
            let length = u32_at(self.rest(), 4).and_then(|length| usize::try_from(length).ok());
            let whole = length.map_or(0, |length| {
                length.saturating_add(RECORD_HEADER_BYTES + RECORD_TRAILER_BYTES)
            });
            if self.rest().starts_with(&MAGIC) && whole <= MAX_RECORD_BYTES {
                self.fill(whole)?;
                if let Some((record, length)) = Record::parse(self.rest(), salt) {
                    self.consume(length);
                    self.skipped = self
                        .skipped
                        .saturating_add(self.offset.saturating_sub(self.end_of_last))
                        .saturating_sub(u64::try_from(length).unwrap_or(0));
                    self.end_of_last = self.offset;
                    return Ok(Some(record));
                }
            }
            // Damage: skip to where a record may begin.
            let after = self.rest().get(1..).unwrap_or_default();
            let found = after.windows(MAGIC.len()).position(|at| at == MAGIC);
            let passed = found.unwrap_or_else(|| after.len().saturating_sub(MAGIC.len()));
            self.consume(passed.saturating_add(1));
        }
    }
}

/// The last state in a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRecord {
    pub number: u64,
    pub(crate) marks: Marks,
    pub(super) salt: Salt,
    /// Where the last intact record ends, in bytes.
    pub(crate) end: u64,
}

/// Reads the last state of a bucket's journal: from the last record, or, if that one
/// is damaged, from a pass over all records. `None` if the file is not a journal of
/// this bucket, or has no record.
pub fn last_record(file: &File, bucket: u64) -> Result<Option<LastRecord>> {
    let length = file.metadata()?.len();
    let mut begun = [0; FILE_HEADER_BYTES];
    if let Err(error) = file.read_exact_at(&mut begun, 0) {
        let is_short = error.kind() == ErrorKind::UnexpectedEof;
        return if is_short { Ok(None) } else { Err(error) };
    }
    let Some((_, salt)) = parse_header(&begun).filter(|(of, _)| *of == bucket) else {
        return Ok(None);
    };
    let at_end = |record: Record, whole| LastRecord {
        number: record.number,
        marks: record.marks,
        salt,
        end: whole,
    };
    let mut last = [0; 4];
    file.read_exact_at(&mut last, length.saturating_sub(4))?;
    let size = u32::from_le_bytes(last);
    let begin = length.checked_sub(size.into());
    if let Some((begin, size)) = begin.zip(usize::try_from(size).ok())
        && size <= MAX_RECORD_BYTES
    {
        let mut bytes = vec![0; size];
        file.read_exact_at(&mut bytes, begin)?;
        let last = Record::parse(&bytes, salt).filter(|(_, read)| *read == size);
        if let Some((record, _)) = last {
            return Ok(Some(at_end(record, length)));
        }
    }
    let mut file = file;
    file.seek(SeekFrom::Start(0))?;
    let mut reader = Reader::new(file)?;
    let mut last_record = None;
    while let Some(record) = reader.next_record()? {
        last_record = Some(at_end(record, reader.end_of_last()));
    }
    Ok(last_record)
}

#[cfg(test)]
mod tests;
