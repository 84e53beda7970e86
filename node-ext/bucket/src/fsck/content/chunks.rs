//! Checks the records of chunks, and the recorded usage of all content.

use super::{Check, Length};
use crate::bucket::records::Surveyed;
use crate::fsck::mend::Mend;
use crate::fsck::report::NEEDS_ITS_CONTENT;
use cairn_engine::layout::Usage;
use cairn_primitives::H256;
use cairn_primitives::chunk_tree::CHUNK_BYTES;

impl Check<'_> {
    pub(super) fn chunk_records(&mut self) {
        let mut seen = 0usize;
        for chunk in self.bucket.stored_chunks(H256::zero()) {
            let (hash, stored) = match chunk {
                Surveyed::Record { hash, value } => (hash, value),
                Surveyed::Gap { from, to, error } => {
                    self.gap("chunks", from, to, &error);
                    continue;
                }
            };
            let checked = match self.content.reached.get(&hash) {
                Some(length) => {
                    seen = seen.saturating_add(1);
                    Ok(*length)
                }
                None => match self.content.lost_chunks.get(&hash) {
                    Some(fault) => Err(fault.clone().into()),
                    None => self.bucket.sound_chunk(&hash),
                },
            };
            let checked = match checked {
                Ok(right) => Ok(right),
                // A cancelled upload may have removed it since it was listed.
                Err(_) => match self.bucket.sound_chunk_at_rest(&hash) {
                    None => continue,
                    Some(again) => again,
                },
            };
            let counted = match checked {
                Ok(right) if stored == Some(right) => right,
                Ok(right) => {
                    let fault = match stored {
                        Some(stored) => format!("its length is recorded as {stored}"),
                        None => "its length cannot be read".into(),
                    };
                    self.content.lengths.insert(
                        hash,
                        Length {
                            right,
                            is_there: true,
                            fault,
                        },
                    );
                    right
                }
                Err(fault) => {
                    self.content.lost_chunks.insert(hash, fault.to_string());
                    self.content.is_uncounted |= stored.is_none();
                    stored.unwrap_or(0)
                }
            };
            let usage = &mut self.content.counted;
            usage.chunks = usage.chunks.saturating_add(1);
            usage.bytes = usage.bytes.saturating_add(counted.into());
        }
        if seen < self.content.reached.len() {
            let reached = std::mem::take(&mut self.content.reached);
            for (hash, right) in &reached {
                self.length_if_lost(hash, *right);
            }
            self.content.reached = reached;
        }
    }

    /// Records that an intact chunk has no length record.
    pub(super) fn length_if_lost(&mut self, hash: &H256, right: u32) {
        if !self.content.lengths.contains_key(hash) && !self.bucket.has_length(hash) {
            let fault = "its length is lost".into();
            let length = Length {
                right,
                is_there: false,
                fault,
            };
            self.content.lengths.insert(*hash, length);
        }
    }

    pub(super) fn report_chunks(&mut self) {
        let lengths = std::mem::take(&mut self.content.lengths);
        for (hash, Length { right, fault, .. }) in &lengths {
            let (hash, length) = (*hash, *right);
            self.content.rebuilt.insert(hash);
            let write = Mend::ChunkLength { hash, length };
            self.rebuild(format!("chunk {hash:?}"), fault, "its bytes", write);
        }
        self.content.lengths = lengths;
        for (hash, fault) in &self.content.lost_chunks {
            self.report
                .lost(format!("chunk {hash:?}"), fault, NEEDS_ITS_CONTENT);
        }
    }

    pub(super) fn check_usage(&mut self, recorded: Usage, writes: u64) {
        for Length {
            right, is_there, ..
        } in self.content.lengths.values()
        {
            if !is_there {
                let usage = &mut self.content.counted;
                usage.chunks = usage.chunks.saturating_add(1);
                usage.bytes = usage.bytes.saturating_add((*right).into());
            }
        }
        // Uploads meanwhile change the count, including those that are cancelled and
        // leave the usage as it was.
        if writes != self.bucket.content_writes() {
            return;
        }
        let is_recorded = !self.usage_is_lost;
        if self.content.is_uncounted {
            if !is_recorded {
                let why = "not all content can be counted";
                self.report
                    .lost("usage", "its record is lost or cannot be read", why);
            }
            return;
        }
        if is_recorded && recorded == self.content.counted {
            return;
        }
        self.chunks_without_length();
        let counted = self.content.counted;
        if is_recorded && recorded == counted {
            return;
        }
        let fault = if is_recorded {
            format!("it is recorded as {recorded:?}, and a count gives {counted:?}")
        } else {
            "its record is lost or cannot be read".into()
        };
        self.rebuild("usage".into(), fault, "a recount", Mend::Usage(counted));
    }

    /// Finds unreferenced chunks without a length record; only their bytes are left of
    /// them.
    fn chunks_without_length(&mut self) {
        let mut found = Vec::new();
        for chunk in self.bucket.stored_bytes() {
            let Surveyed::Record { hash, .. } = chunk else {
                continue;
            };
            if self.content.lengths.contains_key(&hash) || self.bucket.has_length(&hash) {
                continue;
            }
            // A longer one is not a chunk of a provable tree.
            if let Ok(length) = self.bucket.sound_chunk(&hash)
                && usize::try_from(length).is_ok_and(|length| length <= CHUNK_BYTES)
            {
                found.push((hash, length));
            }
        }
        for (hash, length) in found {
            let usage = &mut self.content.counted;
            usage.chunks = usage.chunks.saturating_add(1);
            usage.bytes = usage.bytes.saturating_add(length.into());
            let write = Mend::ChunkLength { hash, length };
            let place = format!("chunk {hash:?}");
            self.rebuild(place, "its length is lost", "its bytes", write);
        }
    }
}
