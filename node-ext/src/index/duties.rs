//! The duties in hand with the chain: what no bucket says, and a start has to
//! know. Unlike the rest of the index they are synced as they are written.
//!
//! The index knows a duty by its kind and name; what its value means is its
//! scheduler's affair.

use super::{Index, IndexError};
use crate::engine::Table;
use codec::Encode;

/// The kinds of duties, each the first byte of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DutyKind {
    /// A challenge that is to be answered.
    Challenge,
    /// What was signed for a checkpoint window, which is one thing only.
    Window,
    /// A retired tree that waits for the chain's leave to go.
    Retention,
    /// What the chain was last seen to have of this account's signatures.
    Promised,
}

impl DutyKind {
    const ALL: [Self; 4] = [
        Self::Challenge,
        Self::Window,
        Self::Retention,
        Self::Promised,
    ];

    const fn tag(self) -> u8 {
        match self {
            Self::Challenge => b'c',
            Self::Window => b'w',
            Self::Retention => b'r',
            Self::Promised => b'p',
        }
    }

    fn key(self, name: &[u8]) -> Vec<u8> {
        [&[self.tag()], name].concat()
    }
}

/// The name under which the duties of windows keep from when on they are
/// complete: nothing where they are, else the anchor block that was seen first,
/// if any was.
pub(crate) const PAST_OF_WINDOWS: &[u8] = b"";

/// The name under which the duties of windows keep an anchor block that was seen
/// lately: one that lies long before the next says that something is missing.
pub(crate) const SEEN_FOR_WINDOWS: &[u8] = b"s";

/// What an index says that was made anew: that what was signed before is not
/// known.
pub(super) fn unknown_past() -> (Vec<u8>, Vec<u8>) {
    let unknown: Option<u32> = None;
    (DutyKind::Window.key(PAST_OF_WINDOWS), unknown.encode())
}

/// A duty's name within its kind, and its value.
pub(crate) type NamedDuty = (Vec<u8>, Vec<u8>);

impl Index {
    /// Writes duties, all of them or none, durably; `None` removes one.
    pub(crate) fn write_duties(
        &self,
        kind: DutyKind,
        changes: &[(Vec<u8>, Option<Vec<u8>>)],
    ) -> Result<(), IndexError> {
        let mut batch = self.db.batch();
        for (name, value) in changes {
            match value {
                Some(value) => batch.put(Table::Duties, &kind.key(name), value),
                None => batch.delete(Table::Duties, &kind.key(name)),
            }
        }
        Ok(self.db.write(batch, true)?)
    }

    /// Forgets all that only a chain has told, durably: as an index that was
    /// made anew.
    pub(crate) fn forget_chain(&self) -> Result<(), IndexError> {
        let mut batch = self.db.batch();
        for kind in DutyKind::ALL {
            for (name, _) in self.duties(kind)? {
                batch.delete(Table::Duties, &kind.key(&name));
            }
        }
        let (key, unknown) = unknown_past();
        batch.put(Table::Duties, &key, &unknown);
        Ok(self.db.write(batch, true)?)
    }

    /// Takes it to be unknown what was signed for windows, durably.
    pub(crate) fn forget_windows(&self) -> Result<(), IndexError> {
        let (key, unknown) = unknown_past();
        let mut batch = self.db.batch();
        batch.put(Table::Duties, &key, &unknown);
        Ok(self.db.write(batch, true)?)
    }

    /// Notes of an index that nothing was signed for windows before it was made:
    /// no base path can know that of its key by itself.
    #[cfg(test)]
    pub(crate) fn has_no_past(&self) -> Result<(), IndexError> {
        self.write_duties(DutyKind::Window, &[(PAST_OF_WINDOWS.to_vec(), None)])
    }

    /// One duty's value.
    pub(crate) fn duty(&self, kind: DutyKind, name: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        Ok(self.db.get(Table::Duties, &kind.key(name))?)
    }

    /// All duties of a kind, in the order of their names.
    pub(crate) fn duties(&self, kind: DutyKind) -> Result<Vec<NamedDuty>, IndexError> {
        let mut found = Vec::new();
        for entry in self.db.scan_from(Table::Duties, &[kind.tag()])? {
            let (key, value) = entry?;
            match key.split_first() {
                Some((tag, name)) if *tag == kind.tag() => {
                    found.push((name.to_vec(), value.to_vec()));
                }
                _ => break,
            }
        }
        Ok(found)
    }
}
