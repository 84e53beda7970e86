//! Calls that change, copy or sync what is in files.

use super::{Recorder, descriptor, length};
use crate::history::{Change, Inode};
use crate::strace::Call;

impl Recorder {
    pub(super) fn record_line(&mut self, call: &Call, moment: usize) -> Result<(), &'static str> {
        let bytes = if call.name == "write" {
            call.string(1)
        } else {
            call.parts(1)
        };
        let text = String::from_utf8(bytes.ok_or("no bytes")?).map_err(|_| {
            "output that is not \
            UTF-8"
        })?;
        for line in text.lines() {
            self.record_change(call, moment, Change::Printed(line.to_owned()));
        }
        Ok(())
    }

    pub(super) fn write(&mut self, call: &Call, moment: usize) -> Result<(), &'static str> {
        let Some(open) = self.open_file(call, 0)?.cloned() else {
            return Ok(());
        };
        let bytes = if call.name.contains('v') {
            call.parts(1)
        } else {
            call.string(1)
        };
        let mut bytes = bytes.ok_or("bytes that are not printed in full")?;
        let written = usize::try_from(call.result).map_err(|_| "an error")?;
        if bytes.len() < written {
            return Err("bytes that are not printed in full");
        }
        bytes.truncate(written);
        let moves = !call.name.starts_with('p');
        let offset = if open.is_append {
            self.live.bytes.get(&open.inode).map_or(0, Vec::len)
        } else if moves {
            if open.is_readable {
                return Err("a file that shares one offset for reads and writes");
            }
            open.offset
        } else {
            let at = if call.name == "pwrite64" { 3 } else { 4 };
            let at = call.size(at.min(call.arguments.len() - 1));
            at.ok_or("no offset to write at")?
        };
        if moves && let Some(opened) = self.descriptors.get(&descriptor(call, 0)?) {
            self.opened[*opened].offset = offset + written;
        }
        if written > 0 {
            let change = Change::Write {
                inode: open.inode,
                offset,
                bytes,
            };
            self.record_change(call, moment, change);
        }
        Ok(())
    }

    pub(super) fn copy(&mut self, call: &Call, moment: usize) -> Result<(), &'static str> {
        let Some(to) = self.open_file(call, 2)?.cloned() else {
            return Ok(());
        };
        let from = self.open_file(call, 0)?.cloned();
        let from = from.ok_or("bytes from an unwatched file")?;
        if call.arguments.get(1).map(String::as_str) != Some("NULL")
            || call.arguments.get(3).map(String::as_str) != Some("NULL")
        {
            return Err("a copy with explicit offsets");
        }
        let count = usize::try_from(call.result).map_err(|_| "an error")?;
        let source = self.live.bytes.get(&from.inode);
        let bytes = source.and_then(|bytes| bytes.get(from.offset..from.offset + count));
        let bytes = bytes.ok_or("bytes past the end of a file")?.to_vec();
        for (at, offset) in [(0, from.offset), (2, to.offset)] {
            if let Some(opened) = self.descriptors.get(&descriptor(call, at)?) {
                self.opened[*opened].offset = offset + count;
            }
        }
        if count > 0 {
            let change = Change::Write {
                inode: to.inode,
                offset: to.offset,
                bytes,
            };
            self.record_change(call, moment, change);
        }
        Ok(())
    }

    pub(super) fn sync(&mut self, call: &Call, moment: usize) -> Result<(), &'static str> {
        if let Some(open) = self.open_file(call, 0)? {
            let inode = open.inode;
            let change = if call.result < 0 {
                Change::SyncFailed { inode }
            } else {
                Change::Sync { inode }
            };
            self.record_change(call, moment, change);
        }
        Ok(())
    }

    pub(super) fn set_length(&mut self, call: &Call, moment: usize, inode: Inode, length: usize) {
        if self.live.bytes.get(&inode).map_or(0, Vec::len) != length {
            self.record_change(call, moment, Change::Truncate { inode, length });
        }
    }

    pub(super) fn allocate(&mut self, call: &Call, moment: usize) -> Result<(), &'static str> {
        let Some(open) = self.open_file(call, 0)? else {
            return Ok(());
        };
        let inode = open.inode;
        match call.arguments.get(1).map(String::as_str) {
            // Space beyond the visible size.
            Some("FALLOC_FL_KEEP_SIZE") => Ok(()),
            Some("0") => {
                let end = length(call, 2)? + length(call, 3)?;
                let has = self.live.bytes.get(&inode).map_or(0, Vec::len);
                self.set_length(call, moment, inode, end.max(has));
                Ok(())
            }
            _ => Err("unsupported allocation flags"),
        }
    }
}
