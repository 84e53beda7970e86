//! Checks the records of chunks, and the recorded usage of all content.

use super::{BucketCheck, LengthFault};
use crate::bucket::records::ScanItem;
use crate::fsck::repair_write::RepairWrite;
use crate::fsck::report::CONTENT_NEEDED;
use cairn_engine::layout::StorageUsage;
use cairn_primitives::H256;
use cairn_primitives::chunk_tree::CHUNK_BYTES;

impl BucketCheck<'_> {
    pub(super) fn check_chunk_records(&mut self) {
        let mut seen = 0usize;
        for chunk in self.bucket.scan_chunks(H256::zero()) {
            let (hash, stored) = match chunk {
                ScanItem::Record { hash, value } => (hash, value),
                ScanItem::Gap { from, to, error } => {
                    self.report_gap("chunks", from, to, &error);
                    continue;
                }
            };
            let checked = match self.content.hashed_chunks.get(&hash) {
                Some(length) => {
                    seen = seen.saturating_add(1);
                    Ok(*length)
                }
                None => match self.content.lost_chunks.get(&hash) {
                    Some(fault) => Err(fault.clone().into()),
                    None => self.bucket.verify_chunk(&hash),
                },
            };
            let checked = match checked {
                Ok(right) => Ok(right),
                // A cancelled upload may have removed it since it was listed.
                Err(_) => match self.bucket.verify_chunk_locked(&hash) {
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
                    self.content.length_faults.insert(
                        hash,
                        LengthFault {
                            actual: right,
                            has_record: true,
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
        if seen < self.content.hashed_chunks.len() {
            let reached = std::mem::take(&mut self.content.hashed_chunks);
            for (hash, right) in &reached {
                self.record_lost_length(hash, *right);
            }
            self.content.hashed_chunks = reached;
        }
    }

    /// Records that an intact chunk has no length record.
    pub(super) fn record_lost_length(&mut self, hash: &H256, right: u32) {
        if !self.content.length_faults.contains_key(hash) && !self.bucket.has_length_record(hash) {
            let fault = "its length is lost".into();
            let length = LengthFault {
                actual: right,
                has_record: false,
                fault,
            };
            self.content.length_faults.insert(*hash, length);
        }
    }

    pub(super) fn report_chunks(&mut self) {
        let lengths = std::mem::take(&mut self.content.length_faults);
        for (
            hash,
            LengthFault {
                actual: right,
                fault,
                ..
            },
        ) in &lengths
        {
            let (hash, length) = (*hash, *right);
            self.content.rebuilt.insert(hash);
            let write = RepairWrite::ChunkLength { hash, length };
            self.add_rebuildable(format!("chunk {hash:?}"), fault, "its bytes", write);
        }
        self.content.length_faults = lengths;
        for (hash, fault) in &self.content.lost_chunks {
            self.report
                .add_lost(format!("chunk {hash:?}"), fault, CONTENT_NEEDED);
        }
    }

    pub(super) fn check_usage(&mut self, recorded: StorageUsage, writes: u64) {
        for LengthFault {
            actual: right,
            has_record: is_there,
            ..
        } in self.content.length_faults.values()
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
                    .add_lost("usage", "its record is lost or cannot be read", why);
            }
            return;
        }
        if is_recorded && recorded == self.content.counted {
            return;
        }
        self.find_chunks_without_length();
        let counted = self.content.counted;
        if is_recorded && recorded == counted {
            return;
        }
        let fault = if is_recorded {
            format!("it is recorded as {recorded:?}, and a count gives {counted:?}")
        } else {
            "its record is lost or cannot be read".into()
        };
        self.add_rebuildable(
            "usage".into(),
            fault,
            "a recount",
            RepairWrite::Usage(counted),
        );
    }

    /// Finds unreferenced chunks without a length record; only their bytes are left of
    /// them.
    fn find_chunks_without_length(&mut self) {
        let mut found = Vec::new();
        for chunk in self.bucket.scan_chunk_bytes() {
            let ScanItem::Record { hash, .. } = chunk else {
                continue;
            };
            if self.content.length_faults.contains_key(&hash)
                || self.bucket.has_length_record(&hash)
            {
                continue;
            }
            // A longer one is not a chunk of a provable tree.
            if let Ok(length) = self.bucket.verify_chunk(&hash)
                && usize::try_from(length).is_ok_and(|length| length <= CHUNK_BYTES)
            {
                found.push((hash, length));
            }
        }
        for (hash, length) in found {
            let usage = &mut self.content.counted;
            usage.chunks = usage.chunks.saturating_add(1);
            usage.bytes = usage.bytes.saturating_add(length.into());
            let write = RepairWrite::ChunkLength { hash, length };
            let place = format!("chunk {hash:?}");
            self.add_rebuildable(place, "its length is lost", "its bytes", write);
        }
    }
}
