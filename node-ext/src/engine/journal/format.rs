//! The journal's bytes, written and read. `docs/format.md` describes them.

use super::kept::{is_kept, kept};
use crate::engine::Family;
use crate::layout;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{ErrorKind, Read, Result, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

/// The first bytes of a journal, before the bucket's id and the salt.
const FILE_MAGIC: [u8; 8] = *b"cairnjn1";
const FILE_HEADER: usize = 32;
/// The first bytes of a record, by which one is found again behind damage.
const MAGIC: [u8; 4] = *b"jRec";
/// Magic, length of the changes, number, two marks.
const RECORD_HEADER: usize = 32;
/// Checksum, length of the whole record.
const RECORD_TRAILER: usize = 12;
/// The longest record that is believed, in bytes; a commit's have far less.
const MAX_RECORD: usize = 256 << 20;
/// Bytes that are read at a time.
const BUFFER: usize = 256 << 10;

/// What the checksums of one journal are keyed with. Clients' small chunks stand
/// in it: without a salt that they do not know, one might hold what passes for a
/// record, and be taken for one where the record around it is torn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Salt([u8; 16]);

impl Salt {
    pub(super) fn new() -> Self {
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

pub(super) fn header(bucket: u64, salt: Salt) -> [u8; FILE_HEADER] {
    let mut header = [0; FILE_HEADER];
    let parts = FILE_MAGIC
        .into_iter()
        .chain(bucket.to_le_bytes())
        .chain(salt.0);
    for (to, from) in header.iter_mut().zip(parts) {
        *to = from;
    }
    header
}

/// The bucket and the salt that a header names.
fn parse_header(header: &[u8]) -> Option<(u64, Salt)> {
    let salt = header.get(16..FILE_HEADER)?.try_into().ok()?;
    let bucket = u64_at(header, FILE_MAGIC.len())?;
    header
        .starts_with(&FILE_MAGIC)
        .then_some((bucket, Salt(salt)))
}

/// What tells two states of a bucket apart, and two usages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    state: u64,
    usage: u64,
}

impl Marks {
    /// The marks of the records as they are stored.
    pub(crate) fn of(state: Option<&[u8]>, usage: Option<&[u8]>) -> Self {
        let of_state = |state| kept(Family::Tree, layout::STATE_KEY, state);
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

/// One change, as it was written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change<'c> {
    Put {
        family: Family,
        key: &'c [u8],
        value: &'c [u8],
    },
    Delete {
        family: Family,
        key: &'c [u8],
    },
    /// From a key on, and below another.
    DeleteRange {
        family: Family,
        from: &'c [u8],
        to: &'c [u8],
    },
}

const PUT: u8 = 0;
const DELETE: u8 = 1;
const DELETE_RANGE: u8 = 2;
/// Added to the kind of a change to the content family.
const OF_CONTENT: u8 = 16;

/// The changes of one write that a journal keeps.
#[derive(Default)]
pub(crate) struct Changes {
    bytes: Vec<u8>,
    /// Whether one of them is a change to the tree family, which has an order.
    pub(crate) is_ordered: bool,
    /// The last state and usage among them, as far as marks are of them.
    state: Option<Vec<u8>>,
    usage: Option<Vec<u8>>,
}

impl Changes {
    /// Adds changes that came after these.
    pub(super) fn append(&mut self, later: Self) {
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

    /// Whether a journal has no part in them, by itself or by its marks.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.usage.is_none()
    }

    /// Notes a write of a record, if it is one that a journal keeps.
    pub(crate) fn put(&mut self, family: Family, key: &[u8], value: &[u8]) {
        if family == Family::Content && key == layout::USAGE_KEY {
            self.usage = Some(value.to_vec());
        }
        let Some(kept) = kept(family, key, value) else {
            return;
        };
        if family == Family::Tree && key == layout::STATE_KEY {
            self.state = Some(kept.to_vec());
        }
        self.begin(PUT, family);
        self.part(key);
        self.part(kept);
    }

    pub(crate) fn delete(&mut self, family: Family, key: &[u8]) {
        if family == Family::Tree && is_kept(key) {
            self.begin(DELETE, family);
            self.part(key);
        }
    }

    pub(crate) fn delete_range(&mut self, family: Family, from: &[u8], to: &[u8]) {
        if family == Family::Tree && is_kept(from) {
            self.begin(DELETE_RANGE, family);
            self.part(from);
            self.part(to);
        }
    }

    fn begin(&mut self, kind: u8, family: Family) {
        self.is_ordered |= family == Family::Tree;
        let of = if family == Family::Content {
            OF_CONTENT
        } else {
            0
        };
        self.bytes.push(kind.saturating_add(of));
    }

    /// Nothing that is kept has 64 KiB.
    fn part(&mut self, bytes: &[u8]) {
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
    // A write of more would be refused by the database.
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

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) number: u64,
    pub(crate) marks: Marks,
    changes: Vec<u8>,
}

impl Record {
    /// What was changed, in order. Ends where the bytes make no sense.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        let mut rest = self.changes.as_slice();
        std::iter::from_fn(move || take_change(&mut rest))
    }

    /// The record that `bytes` begin with, and its length.
    fn parse(bytes: &[u8], salt: Salt) -> Option<(Self, usize)> {
        let length = usize::try_from(u32_at(bytes, 4)?).ok()?;
        let end = RECORD_HEADER.checked_add(length)?;
        let whole = end.checked_add(RECORD_TRAILER)?;
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
            changes: bytes.get(RECORD_HEADER..end)?.to_vec(),
        };
        Some((record, whole))
    }
}

fn take_change<'c>(rest: &mut &'c [u8]) -> Option<Change<'c>> {
    let (kind, after) = rest.split_first()?;
    *rest = after;
    let (family, kind) = match kind.checked_sub(OF_CONTENT) {
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

/// Reads a journal from its beginning, passing over what is damaged.
pub(crate) struct Reader<R> {
    source: R,
    /// What is read and not taken yet, from `at` of the file on.
    held: Vec<u8>,
    start: usize,
    at: u64,
    is_at_end: bool,
    /// The bucket and salt; `None` where the beginning is damaged, and no record
    /// can be told from what is none.
    of: Option<(u64, Salt)>,
    skipped: u64,
    /// Where the last whole record ends.
    whole: u64,
}

impl<R: Read> Reader<R> {
    pub(crate) fn new(source: R) -> Result<Self> {
        let mut reader = Self {
            source,
            held: Vec::new(),
            start: 0,
            at: 0,
            is_at_end: false,
            of: None,
            skipped: 0,
            whole: 0,
        };
        reader.fill(FILE_HEADER)?;
        reader.of = parse_header(reader.rest());
        reader.take(FILE_HEADER);
        reader.whole = reader.at;
        Ok(reader)
    }

    /// The bucket that the journal is of; `None` where its beginning is damaged.
    pub(crate) fn bucket(&self) -> Option<u64> {
        self.of.map(|(bucket, _)| bucket)
    }

    /// Bytes that were passed over, a torn end not counted.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Where the last whole record ended that was read, in bytes.
    pub(crate) fn whole(&self) -> u64 {
        self.whole
    }

    fn rest(&self) -> &[u8] {
        self.held.get(self.start..).unwrap_or_default()
    }

    fn take(&mut self, bytes: usize) {
        self.start = self.start.saturating_add(bytes);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.at = self.at.saturating_add(bytes);
    }

    /// Reads until this many bytes are there, or the file ends.
    fn fill(&mut self, wanted: usize) -> Result<()> {
        while !self.is_at_end && self.rest().len() < wanted {
            self.held.drain(..self.start);
            self.start = 0;
            let more = u64::try_from(BUFFER).unwrap_or(u64::MAX);
            let read = (&mut self.source).take(more).read_to_end(&mut self.held)?;
            self.is_at_end = read == 0;
        }
        Ok(())
    }

    /// The next whole record; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Record>> {
        let Some((_, salt)) = self.of else {
            return Ok(None);
        };
        loop {
            self.fill(RECORD_HEADER)?;
            if self.rest().len() < RECORD_HEADER {
                return Ok(None);
            }
            let length = u32_at(self.rest(), 4).and_then(|length| usize::try_from(length).ok());
            let whole = length.map_or(0, |length| {
                length.saturating_add(RECORD_HEADER + RECORD_TRAILER)
            });
            if self.rest().starts_with(&MAGIC) && whole <= MAX_RECORD {
                self.fill(whole)?;
                if let Some((record, length)) = Record::parse(self.rest(), salt) {
                    self.take(length);
                    self.skipped = self
                        .skipped
                        .saturating_add(self.at.saturating_sub(self.whole))
                        .saturating_sub(u64::try_from(length).unwrap_or(0));
                    self.whole = self.at;
                    return Ok(Some(record));
                }
            }
            // Damage: on to where a record may begin.
            let after = self.rest().get(1..).unwrap_or_default();
            let found = after.windows(MAGIC.len()).position(|at| at == MAGIC);
            let passed = found.unwrap_or_else(|| after.len().saturating_sub(MAGIC.len()));
            self.take(passed.saturating_add(1));
        }
    }
}

/// The last state in a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) number: u64,
    pub(crate) marks: Marks,
    pub(super) salt: Salt,
    /// Where the last whole record ends, in bytes.
    pub(crate) whole: u64,
}

/// What the end of a journal of a bucket says: by its last record, where that is
/// whole, or else by all of them. `None` where it is not a journal of the
/// bucket, or has no record.
pub(crate) fn standing(file: &File, bucket: u64) -> Result<Option<Standing>> {
    let length = file.metadata()?.len();
    let mut begun = [0; FILE_HEADER];
    if let Err(error) = file.read_exact_at(&mut begun, 0) {
        let is_short = error.kind() == ErrorKind::UnexpectedEof;
        return if is_short { Ok(None) } else { Err(error) };
    }
    let Some((_, salt)) = parse_header(&begun).filter(|(of, _)| *of == bucket) else {
        return Ok(None);
    };
    let at_end = |record: Record, whole| Standing {
        number: record.number,
        marks: record.marks,
        salt,
        whole,
    };
    let mut last = [0; 4];
    file.read_exact_at(&mut last, length.saturating_sub(4))?;
    let size = u32::from_le_bytes(last);
    let begin = length.checked_sub(size.into());
    if let Some((begin, size)) = begin.zip(usize::try_from(size).ok())
        && size <= MAX_RECORD
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
    let mut standing = None;
    while let Some(record) = reader.next()? {
        standing = Some(at_end(record, reader.whole()));
    }
    Ok(standing)
}

#[cfg(test)]
mod tests;
