//! The history of a file system: all changes in order, and the live state that processes see.

use std::collections::{BTreeMap, HashMap};

/// The number of a file or folder, independent of its names. Numbers are never reused.
pub type Inode = usize;

/// A name in a folder.
pub type Name = Vec<u8>;

/// The watched folder.
pub const ROOT: Inode = 0;

/// A change of a file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A file or folder gets a name, its first or another one.
    Link {
        /// The folder.
        folder: Inode,
        /// The name, which is taken from its previous holder.
        name: Name,
        /// The file or folder.
        inode: Inode,
    },
    /// A name is removed.
    Unlink {
        /// The folder.
        folder: Inode,
        /// The name.
        name: Name,
    },
    /// A file or folder is renamed.
    Rename {
        /// The old folder and name.
        from: (Inode, Name),
        /// The new folder and name, which is taken from its previous holder.
        to: (Inode, Name),
        /// The file or folder.
        inode: Inode,
    },
    /// Bytes of a file are written; a gap between its end and them is zero.
    Write {
        /// The file.
        inode: Inode,
        /// The offset of the first byte.
        offset: usize,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A file is truncated, or extended by zeros.
    Truncate {
        /// The file.
        inode: Inode,
        /// Its new length, in bytes.
        length: usize,
    },
    /// `fsync` or `fdatasync` of a file or folder.
    Sync {
        /// The file or folder.
        inode: Inode,
    },
    /// A failed sync: what it covered may be lost for good, and a later successful sync says
    /// nothing about it.
    SyncFailed {
        /// The file or folder.
        inode: Inode,
    },
    /// The process printed a line, which must hold from then on.
    Printed(String),
}

impl Change {
    /// Returns the folders whose names it changes, if any.
    pub fn folders(&self) -> impl Iterator<Item = Inode> {
        let (one, other) = match self {
            Self::Link { folder, .. } | Self::Unlink { folder, .. } => (Some(*folder), None),
            Self::Rename { from, to, .. } => (Some(from.0), Some(to.0)),
            _ => (None, None),
        };
        one.into_iter().chain(other)
    }

    /// Returns the file whose bytes or length it changes, if any.
    pub fn file(&self) -> Option<Inode> {
        match self {
            Self::Write { inode, .. } | Self::Truncate { inode, .. } => Some(*inode),
            _ => None,
        }
    }
}

/// A change and its time; moments are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The moment at which the call began.
    pub began: usize,
    /// The moment at which it had returned.
    pub ended: usize,
    /// The change.
    pub change: Change,
}

/// All changes in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The events, sorted by the moment at which they ended.
    pub events: Vec<Event>,
    /// The inodes that are folders, besides the watched one.
    pub folders: Vec<Inode>,
    /// The moments of injected failures.
    pub injected: Vec<usize>,
}

impl History {
    /// Returns the moment after the last event.
    pub fn end(&self) -> usize {
        self.events.last().map_or(0, |event| event.ended + 1)
    }

    /// Returns the lines printed before a moment.
    pub fn printed_before(&self, moment: usize) -> impl Iterator<Item = &str> {
        self.events
            .iter()
            .filter_map(move |event| match &event.change {
                Change::Printed(line) if event.ended < moment => Some(line.as_str()),
                _ => None,
            })
    }
}

/// A file system as running processes see it.
#[derive(Clone, Debug, Default)]
pub struct LiveState {
    /// The names in each folder; a folder without an entry is empty.
    pub names: HashMap<Inode, BTreeMap<Name, Inode>>,
    /// The bytes of each file; a file without an entry is empty.
    pub bytes: HashMap<Inode, Vec<u8>>,
}

impl LiveState {
    /// Applies a change.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Link {
                folder,
                name,
                inode,
            } => {
                let names = self.names.entry(*folder).or_default();
                names.insert(name.clone(), *inode);
            }
            Change::Unlink { folder, name } => {
                self.names.entry(*folder).or_default().remove(name);
            }
            Change::Rename { from, to, inode } => {
                let names = self.names.entry(from.0).or_default();
                // In an incomplete history, the name may belong to another by now.
                if names.get(&from.1) == Some(inode) {
                    names.remove(&from.1);
                }
                let names = self.names.entry(to.0).or_default();
                names.insert(to.1.clone(), *inode);
            }
            Change::Write { inode, .. } | Change::Truncate { inode, .. } => {
                apply_to_file(self.bytes.entry(*inode).or_default(), change);
            }
            Change::Sync { .. } | Change::SyncFailed { .. } | Change::Printed(_) => {}
        }
    }

    /// Returns the file or folder with a name in a folder.
    pub fn look_up(&self, folder: Inode, name: &[u8]) -> Option<Inode> {
        self.names.get(&folder)?.get(name).copied()
    }
}

/// Applies a change to a file's bytes.
pub(super) fn apply_to_file(file: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { offset, bytes, .. } => {
            let end = offset + bytes.len();
            if file.len() < end {
                file.resize(end, 0);
            }
            file[*offset..end].copy_from_slice(bytes);
        }
        Change::Truncate { length, .. } => file.resize(*length, 0),
        _ => {}
    }
}
