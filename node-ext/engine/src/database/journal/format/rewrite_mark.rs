//! The first record of a journal: the length that the file had after it was written as a whole.
//!
//! It has no changes, and earlier versions pass over it. Those write journals without it, and
//! without the names of objects.

use super::{
    FILE_HEADER_BYTES, Marks, RECORD_HEADER_BYTES, RECORD_TRAILER_BYTES, Record, Salt, write_record,
};
use std::fs::File;
use std::io::{ErrorKind, Result};
use std::os::unix::fs::FileExt;

/// Returns the first record of a journal, which has the length of the file after it was written as
/// a whole. Its number is 0, so that it never shows a lag of the database.
pub(in crate::database::journal) fn rewrite_mark(salt: Salt, length: u64) -> Vec<u8> {
    let mut record = Vec::new();
    let marks = Marks {
        state: length,
        usage: 0,
    };
    write_record(&mut record, salt, 0, marks, &[]);
    record
}

/// Where the first record of a journal begins, in bytes.
pub(in crate::database::journal) fn rewrite_mark_offset() -> u64 {
    u64::try_from(FILE_HEADER_BYTES).unwrap_or(u64::MAX)
}

/// Reads the length that a journal had after it was written as a whole; `None` if it has no such
/// record, as those of earlier versions.
pub(in crate::database::journal) fn rewritten_length(
    file: &File,
    salt: Salt,
) -> Result<Option<u64>> {
    let mut bytes = [0; RECORD_HEADER_BYTES + RECORD_TRAILER_BYTES];
    match file.read_exact_at(&mut bytes, rewrite_mark_offset()) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let first = Record::parse(&bytes, salt);
    Ok(first.and_then(|(first, _)| first.rewritten_length()))
}

impl Record {
    /// Returns the length that the journal had after it was written as a whole, if this is the
    /// record that a journal begins with. A version that left out the names of objects wrote none.
    /// A shorter journal has lost its end to a loss of power.
    pub fn rewritten_length(&self) -> Option<u64> {
        let is_mark = self.number == 0 && self.marks.usage == 0 && self.changes.is_empty();
        is_mark.then_some(self.marks.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::journal::format::{Reader, header, last_record};
    use std::io::Write;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn a_journal_tells_the_length_that_it_was_written_with() {
        let salt = Salt([7; 16]);
        let (begin, mark) = (header(5, salt), rewrite_mark(salt, 1 << 40));
        let mut later = vec![];
        write_record(&mut later, salt, 9, Marks::default(), b"");
        let whole = [&begin[..], &mark[..], &later[..]].concat();
        let written = file(&whole);
        assert_eq!(rewritten_length(&written, salt).unwrap(), Some(1 << 40));
        assert_eq!(
            rewritten_length(&written, Salt([8; 16])).unwrap(),
            None,
            "another salt"
        );
        let mut reader = Reader::new(&whole[..]).unwrap();
        let mut next = || reader.next_record().unwrap().unwrap().rewritten_length();
        assert_eq!((next(), next()), (Some(1 << 40), None));

        let earlier = [&begin[..], &later[..]].concat();
        assert_eq!(rewritten_length(&file(&earlier), salt).unwrap(), None);
        let cut = [&begin[..], &mark[..20]].concat();
        assert_eq!(rewritten_length(&file(&cut), salt).unwrap(), None);
    }

    /// Else a database would seem to have lost writes.
    #[test]
    fn a_journal_with_this_record_alone_is_not_ahead_of_any_database() {
        let salt = Salt([7; 16]);
        let cut = [&header(5, salt)[..], &rewrite_mark(salt, 1000)[..]].concat();
        assert_eq!(last_record(&file(&cut), 5).unwrap().unwrap().number, 0);
    }
}
