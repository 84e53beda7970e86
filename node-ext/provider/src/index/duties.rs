//! Duties towards the chain, which no bucket records and which must survive a restart.
//! Unlike the rest of the index, each write of them is synced.
//!
//! The index stores a duty by kind and name, and does not interpret its value.

use super::{Index, IndexError};
use cairn_engine::Table;
use codec::Encode;

/// The kinds of duties, each the first byte of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DutyKind {
    /// A challenge to answer.
    Challenge,
    /// The one commitment that was signed for a checkpoint window.
    Window,
    /// A retired tree that is kept until the chain allows its release.
    Retention,
    /// Commitments with this account's signature that the chain was last seen to have.
    SignedOnChain,
    /// Terms that were signed and may still be redeemed, and the last nonce.
    Terms,
    /// The last known agreement for a bucket.
    Agreement,
}

impl DutyKind {
    const ALL: [Self; 6] = [
        Self::Challenge,
        Self::Window,
        Self::Retention,
        Self::SignedOnChain,
        Self::Terms,
        Self::Agreement,
    ];

    const fn tag(self) -> u8 {
        match self {
            Self::Challenge => b'c',
            Self::Window => b'w',
            Self::Retention => b'r',
            Self::SignedOnChain => b'p',
            Self::Terms => b't',
            Self::Agreement => b'a',
        }
    }

    fn key(self, name: &[u8]) -> Vec<u8> {
        [&[self.tag()], name].concat()
    }
}

/// The name of the window duty that says since when window duties are complete. Absent
/// if they are complete; otherwise the first anchor block seen, or none yet.
pub const WINDOWS_COMPLETE_SINCE: &[u8] = b"";

/// The name of the window duty that keeps a recent anchor block. A large gap before the
/// next one says that duties are missing.
pub const WINDOWS_LAST_SEEN: &[u8] = b"s";

/// The name of the agreement duty which says that the account's agreements were read before.
/// Without it, an agreement without a bucket may be older than the base path.
pub const AGREEMENTS_KNOWN: &[u8] = b"";

/// Returns the row of a new index which says that earlier signatures are unknown.
pub(super) fn unknown_windows_row() -> (Vec<u8>, Vec<u8>) {
    let unknown: Option<u32> = None;
    (
        DutyKind::Window.key(WINDOWS_COMPLETE_SINCE),
        unknown.encode(),
    )
}

/// A duty's name within its kind, and its value.
pub(crate) type NamedDuty = (Vec<u8>, Vec<u8>);

impl Index {
    /// Writes duties in one batch, durably; `None` removes a duty.
    pub fn write_duties(
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

    /// Removes all that came from a chain, durably, as in a new index.
    pub(crate) fn remove_chain_data(&self) -> Result<(), IndexError> {
        let mut batch = self.db.batch();
        for kind in DutyKind::ALL {
            for (name, _) in self.duties(kind)? {
                batch.delete(Table::Duties, &kind.key(&name));
            }
        }
        let (key, unknown) = unknown_windows_row();
        batch.put(Table::Duties, &key, &unknown);
        Ok(self.db.write(batch, true)?)
    }

    /// Marks earlier signatures for windows as unknown, durably.
    pub(crate) fn mark_windows_unknown(&self) -> Result<(), IndexError> {
        let (key, unknown) = unknown_windows_row();
        let mut batch = self.db.batch();
        batch.put(Table::Duties, &key, &unknown);
        Ok(self.db.write(batch, true)?)
    }

    /// Marks that the agreements may have changed unseen, durably: buckets may have been made
    /// that are not here.
    pub(crate) fn mark_agreements_unknown(&self) -> Result<(), IndexError> {
        self.write_duties(DutyKind::Agreement, &[(AGREEMENTS_KNOWN.to_vec(), None)])
    }

    /// Marks that nothing was signed for windows before the index was created. Only a
    /// test can know that: the key may have signed elsewhere.
    #[cfg(any(test, feature = "testing"))]
    pub fn mark_fresh(&self) -> Result<(), IndexError> {
        self.write_duties(DutyKind::Window, &[(WINDOWS_COMPLETE_SINCE.to_vec(), None)])
    }

    /// Returns the value of a duty.
    pub fn duty(&self, kind: DutyKind, name: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        Ok(self.db.get(Table::Duties, &kind.key(name))?)
    }

    /// Returns all duties of a kind, in the order of their names.
    pub fn duties(&self, kind: DutyKind) -> Result<Vec<NamedDuty>, IndexError> {
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
