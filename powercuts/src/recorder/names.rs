//! Calls that change the names of files and folders.

use super::{Recorder, UNKNOWN_FILE};
use crate::history::Change;
use crate::strace::Call;

impl Recorder {
    /// Handles calls that change names, and rejects unsupported ones.
    pub(super) fn apply_name_change(
        &mut self,
        call: &Call,
        moment: usize,
    ) -> Result<(), &'static str> {
        match call.name.as_str() {
            "mkdir" => self.make_folder(call, moment, None),
            "mkdirat" => self.make_folder(call, moment, Some(0)),
            "unlink" | "rmdir" => self.unlink(call, moment, None),
            "unlinkat" => self.unlink(call, moment, Some(0)),
            "rename" => self.rename(call, moment, (None, 0), (None, 1)),
            "renameat" | "renameat2" => self.rename(call, moment, (Some(0), 1), (Some(2), 3)),
            "link" => self.link(call, moment, (None, 0), (None, 1)),
            "linkat" => self.link(call, moment, (Some(0), 1), (Some(2), 3)),
            "fcntl" | "read" | "pread64" => Ok(()),
            "mmap" => {
                let is_written = call.has_flag(2, "PROT_WRITE") && call.has_flag(3, "MAP_SHARED");
                if is_written && self.open_file(call, 4)?.is_some() {
                    return Err("a file that is written through mmap");
                }
                Ok(())
            }
            "fork" | "vfork" => Err("a child process"),
            "io_uring_setup" => Err("calls that are not traced"),
            "symlink" | "symlinkat" => match self.resolve_path(call, None, 1)? {
                Some(_) => Err("a symbolic link"),
                None => Ok(()),
            },
            _ => Err("an unsupported call"),
        }
    }

    fn make_folder(
        &mut self,
        call: &Call,
        moment: usize,
        at: Option<usize>,
    ) -> Result<(), &'static str> {
        if let Some((folder, name)) = self.resolve_path(call, at, at.map_or(0, |at| at + 1))? {
            let inode = self.new_inode(true);
            let change = Change::Link {
                folder,
                name,
                inode,
            };
            self.record_change(call, moment, change);
        }
        Ok(())
    }

    fn unlink(
        &mut self,
        call: &Call,
        moment: usize,
        at: Option<usize>,
    ) -> Result<(), &'static str> {
        if let Some((folder, name)) = self.resolve_path(call, at, at.map_or(0, |at| at + 1))? {
            self.record_change(call, moment, Change::Unlink { folder, name });
        }
        Ok(())
    }

    fn rename(
        &mut self,
        call: &Call,
        moment: usize,
        (from_at, from): (Option<usize>, usize),
        (to_at, to): (Option<usize>, usize),
    ) -> Result<(), &'static str> {
        if call.has_flag(4, "RENAME_EXCHANGE") {
            return Err("an exchange of names");
        }
        let places = (
            self.resolve_path(call, from_at, from)?,
            self.resolve_path(call, to_at, to)?,
        );
        let (from, to) = match places {
            (None, None) => return Ok(()),
            (Some(from), Some(to)) => (from, to),
            _ => return Err("a rename from or to an unwatched folder"),
        };
        let inode = self.live.look_up(from.0, &from.1).ok_or(UNKNOWN_FILE)?;
        self.record_change(call, moment, Change::Rename { from, to, inode });
        Ok(())
    }

    fn link(
        &mut self,
        call: &Call,
        moment: usize,
        (from_at, from): (Option<usize>, usize),
        (to_at, to): (Option<usize>, usize),
    ) -> Result<(), &'static str> {
        let places = (
            self.resolve_path(call, from_at, from)?,
            self.resolve_path(call, to_at, to)?,
        );
        let ((from, name), (folder, new)) = match places {
            (None, None) => return Ok(()),
            (Some(from), Some(to)) => (from, to),
            _ => return Err("a link from or to an unwatched folder"),
        };
        let inode = self.live.look_up(from, &name).ok_or(UNKNOWN_FILE)?;
        let change = Change::Link {
            folder,
            name: new,
            inode,
        };
        self.record_change(call, moment, change);
        Ok(())
    }
}
