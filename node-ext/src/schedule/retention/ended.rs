//! When agreements ended, for those of which the chain tells only that they are
//! no more: the first anchor block at which that was seen, kept over restarts.

use super::rules::Agreed;
use crate::index::{DutyKind, Index, IndexError};
use cairn_primitives::BucketId;
use codec::{DecodeAll, Encode};
use parking_lot::Mutex;

/// What is kept of ended agreements, in the index. If the index is lost, the
/// time is counted anew: what is kept longer than need be costs only room.
#[derive(Default)]
pub(super) struct Endings {
    /// Held from reading to writing.
    writing: Mutex<()>,
}

impl Endings {
    /// Notes where an agreement stands at an anchor block, and returns when it
    /// ended, if it has.
    pub(super) fn note(
        &self,
        index: &Index,
        bucket: BucketId,
        agreed: Agreed,
        anchor: u32,
    ) -> Result<Option<u32>, IndexError> {
        let _writing = self.writing.lock();
        let name = bucket.0.to_be_bytes().to_vec();
        let noted = index.duty(DutyKind::Retention, &name)?;
        // One that cannot be read is as good as none.
        let noted = noted.and_then(|value| u32::decode_all(&mut &*value).ok());
        let ended = match agreed {
            Agreed::Lives => None,
            Agreed::Ended(ended) => Some(noted.map_or(ended, |noted| noted.max(ended))),
            Agreed::None => Some(noted.unwrap_or(anchor)),
        };
        // Only what the chain does not tell has to be kept.
        let to_keep = ended.filter(|_| agreed == Agreed::None);
        if to_keep != noted && (to_keep.is_some() || agreed == Agreed::Lives) {
            let change = (name, to_keep.map(|ended| ended.encode()));
            index.write_duties(DutyKind::Retention, &[change])?;
        }
        Ok(ended)
    }
}
