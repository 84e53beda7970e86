//! The summary of a bucket that `cairn bucket create`, `list` and `salvage` print.

use crate::escaped_path::json_path;
use crate::hashing::Hashing;
use crate::hex_text::to_hex;
use crate::quantity;
use cairn_bucket::Bucket;
use cairn_primitives::HashingProfile;
use cairn_provider::{BucketStatus, IndexedBucket};
use cairn_rpc_api::{BucketInfo, BucketStatusInfo};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// A bucket in one line.
#[derive(Serialize)]
pub(super) struct Summary {
    pub(super) bucket: u64,
    /// Its folder, if it is in this base path.
    #[serde(serialize_with = "json_path")]
    pub(super) path: Option<PathBuf>,
    pub(super) hashing: Hashing,
    pub(super) quota_bytes: Option<u64>,
    pub(super) used_bytes: u64,
    /// Bytes charged to the quota: content, and the records that keep it and the leaves.
    pub(super) charged_bytes: u64,
    pub(super) used_chunks: u64,
    pub(super) start_seq: u64,
    pub(super) leaf_count: u64,
    pub(super) total_size: u64,
    pub(super) mmr_root: String,
    /// Its status, if that was read from an index; `learning` if its files changed since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) standing: Option<BucketStatusInfo>,
}

impl Summary {
    pub(super) fn from_bucket(bucket: &Bucket) -> Self {
        let (config, usage) = (bucket.config(), bucket.usage());
        let commitment = bucket.commitment();
        Self {
            bucket: bucket.id().0,
            path: Some(bucket.path().to_owned()),
            hashing: config.profile.into(),
            quota_bytes: quota(config.max_bytes),
            used_bytes: usage.bytes,
            charged_bytes: bucket.charged_bytes(),
            used_chunks: usage.chunks,
            start_seq: commitment.start_seq.0,
            leaf_count: commitment.leaf_count.get(),
            total_size: bucket.total_size(),
            mmr_root: to_hex(commitment.mmr_root),
            standing: None,
        }
    }

    /// Makes the summary of a bucket that was not opened, from its record in the index.
    pub(super) fn from_index(indexed: &IndexedBucket, path: PathBuf) -> Self {
        let record = &indexed.record;
        let commitment = &record.commitment;
        let status = match &record.status {
            _ if !indexed.is_current => BucketStatusInfo::Learning,
            BucketStatus::Sound => BucketStatusInfo::Sound,
            BucketStatus::Quarantined(_) => BucketStatusInfo::Quarantined,
            BucketStatus::Lost => BucketStatusInfo::Lost,
        };
        Self {
            bucket: indexed.id.0,
            path: Some(path),
            hashing: record.config.profile.into(),
            quota_bytes: quota(record.config.max_bytes),
            used_bytes: record.usage.bytes,
            charged_bytes: record.charged_bytes(),
            used_chunks: record.usage.chunks,
            start_seq: commitment.start_seq.0,
            leaf_count: commitment.leaf_count.get(),
            total_size: record.total_size,
            mmr_root: to_hex(commitment.mmr_root),
            standing: Some(status),
        }
    }

    pub(super) fn quota_text(&self) -> String {
        self.quota_bytes.map_or_else(
            || "no quota".into(),
            |quota| format!("quota {}", quantity::format_bytes(quota)),
        )
    }
}

impl From<&BucketInfo> for Summary {
    fn from(info: &BucketInfo) -> Self {
        let commitment = &info.commitment;
        Self {
            bucket: info.bucket.0,
            path: None,
            hashing: HashingProfile::from(info.hashing).into(),
            quota_bytes: quota(info.max_bytes.0),
            used_bytes: info.used_bytes.0,
            charged_bytes: info.charged_bytes.0,
            used_chunks: info.chunks.0,
            start_seq: commitment.start_seq.0,
            leaf_count: commitment.leaf_count.0,
            total_size: info.total_size.0,
            mmr_root: to_hex(commitment.mmr_root),
            standing: Some(info.standing),
        }
    }
}

fn quota(max_bytes: u64) -> Option<u64> {
    (max_bytes != u64::MAX).then_some(max_bytes)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}  {}  {}  {} stored, {}  {}",
            self.bucket,
            HashingProfile::from(self.hashing),
            quantity::format_count_as(self.leaf_count, "leaf", "leaves"),
            quantity::format_bytes(self.used_bytes),
            self.quota_text(),
            self.mmr_root,
        )?;
        match self.standing {
            None | Some(BucketStatusInfo::Sound) => Ok(()),
            Some(BucketStatusInfo::Quarantined) => write!(f, "  in quarantine"),
            Some(BucketStatusInfo::Lost) => write!(f, "  its folder is gone"),
            Some(BucketStatusInfo::Learning) => {
                write!(
                    f,
                    "  as last indexed: its files changed since, or are not read yet"
                )
            }
        }
    }
}
