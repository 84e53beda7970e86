//! What was done to a file system, in its order, and what it looks like to those
//! who work on it.

use std::collections::{BTreeMap, HashMap};

/// A file or folder, whatever its name. Numbers are never used again.
pub type Inode = usize;

/// A name in a folder.
pub type Name = Vec<u8>;

/// The folder that is watched.
pub const ROOT: Inode = 0;

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A file or folder gets a name, its first one or another.
    Link {
        /// In this folder.
        folder: Inode,
        /// The name; what had it before has it no more.
        name: Name,
        /// What is named.
        inode: Inode,
    },
    /// A name goes.
    Unlink {
        /// From this folder.
        folder: Inode,
        /// The name.
        name: Name,
    },
    /// A file or folder gets another name instead of one that it had.
    Rename {
        /// Folder and name that it had.
        from: (Inode, Name),
        /// Folder and name that it gets; what had it before has it no more.
        to: (Inode, Name),
        /// What is named.
        inode: Inode,
    },
    /// Bytes of a file are written; what is between its end and them is zero.
    Write {
        /// The file.
        inode: Inode,
        /// Where they begin.
        offset: usize,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A file is cut, or gets zeros at its end.
    SetLength {
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
    /// A sync that has failed: what it was to make safe may be lost for good, and a later
    /// one that succeeds says nothing of it.
    FailToSync {
        /// The file or folder.
        inode: Inode,
    },
    /// The process said something: what it said is true from then on.
    Said(String),
}

impl Change {
    /// The folders whose names it changes; none if it changes none.
    pub fn folders(&self) -> impl Iterator<Item = Inode> {
        let (one, other) = match self {
            Self::Link { folder, .. } | Self::Unlink { folder, .. } => (Some(*folder), None),
            Self::Rename { from, to, .. } => (Some(from.0), Some(to.0)),
            _ => (None, None),
        };
        one.into_iter().chain(other)
    }

    /// The file whose bytes or length it changes.
    pub fn file(&self) -> Option<Inode> {
        match self {
            Self::Write { inode, .. } | Self::SetLength { inode, .. } => Some(*inode),
            _ => None,
        }
    }
}

/// A change, and when: moments are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When the call began.
    pub began: usize,
    /// When it had returned.
    pub ended: usize,
    /// What it did.
    pub change: Change,
}

/// All that was done, in the order in which it was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The events, by the moment at which they ended.
    pub events: Vec<Event>,
    /// The inodes that are folders, besides the one that is watched.
    pub folders: Vec<Inode>,
    /// When calls failed because a test wanted them to.
    pub injected: Vec<usize>,
}

impl History {
    /// The moment after all of it.
    pub fn end(&self) -> usize {
        self.events.last().map_or(0, |event| event.ended + 1)
    }

    /// What was said before a moment.
    pub fn said_before(&self, moment: usize) -> impl Iterator<Item = &str> {
        self.events
            .iter()
            .filter_map(move |event| match &event.change {
                Change::Said(line) if event.ended < moment => Some(line.as_str()),
                _ => None,
            })
    }
}

/// A file system as those see it who work on it.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// Names in each folder; one that is not here has none.
    pub names: HashMap<Inode, BTreeMap<Name, Inode>>,
    /// Bytes of each file; one that is not here has none.
    pub bytes: HashMap<Inode, Vec<u8>>,
}

impl Live {
    /// Does what was done.
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
                // Where the name was given to another before, in a history that
                // is not whole.
                if names.get(&from.1) == Some(inode) {
                    names.remove(&from.1);
                }
                let names = self.names.entry(to.0).or_default();
                names.insert(to.1.clone(), *inode);
            }
            Change::Write { inode, .. } | Change::SetLength { inode, .. } => {
                write(self.bytes.entry(*inode).or_default(), change);
            }
            Change::Sync { .. } | Change::FailToSync { .. } | Change::Said(_) => {}
        }
    }

    /// What has a name in a folder.
    pub fn look_up(&self, folder: Inode, name: &[u8]) -> Option<Inode> {
        self.names.get(&folder)?.get(name).copied()
    }
}

/// Does to a file's bytes what a change does.
pub(super) fn write(file: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { offset, bytes, .. } => {
            let end = offset + bytes.len();
            if file.len() < end {
                file.resize(end, 0);
            }
            file[*offset..end].copy_from_slice(bytes);
        }
        Change::SetLength { length, .. } => file.resize(*length, 0),
        _ => {}
    }
}
