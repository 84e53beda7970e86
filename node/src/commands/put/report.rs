//! The output of `cairn put`: each commit once it is durable, and a summary at the end.

use super::parts::Part;
use crate::escaped_path::non_utf8_hex;
use crate::failure::Failure;
use crate::hashing::Hashing;
use crate::hex_text::to_hex;
use crate::quantity;
use cairn_keys::SignedCommitment;
use cairn_primitives::challenge::MultiSignature;
use codec::Encode;
use serde::Serialize;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// A stored file, or a part of one.
#[derive(Serialize)]
pub(super) struct StoredFile {
    /// The escaped path, for the text output.
    #[serde(skip)]
    pub(super) shown: String,
    /// The path; if it is not UTF-8, with U+FFFD in place of what is not.
    pub(super) path: String,
    /// The path's bytes in hex, if it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path_hex: Option<String>,
    pub(super) leaf_index: u64,
    pub(super) data_root: String,
    pub(super) data_size: u64,
    /// The part of the file, if it was stored as several leaves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) part: Option<Part>,
    /// Bytes that were not in the bucket before.
    pub(super) new_bytes: u64,
}

/// A file that was not stored, because it changed while it was read.
#[derive(Serialize)]
pub(super) struct SkippedFile {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    /// The reason.
    error: String,
}

impl SkippedFile {
    pub(super) fn new(path: &Path, failure: &Failure) -> Self {
        Self {
            path: path.to_string_lossy().into_owned(),
            path_hex: non_utf8_hex(path),
            error: failure.to_string(),
        }
    }
}

impl fmt::Display for SkippedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cairn: {}", self.error)
    }
}

/// A commit that is durable and signed.
#[derive(Serialize)]
pub(super) struct SignedCommit {
    bucket: u64,
    hashing: Hashing,
    mmr_root: String,
    start_seq: u64,
    leaf_count: u64,
    signer: String,
    signature: String,
    /// The signed payload, in SCALE.
    payload: String,
    /// The time for the commit and the signature, without storing the content.
    commit_micros: u64,
    files: Vec<StoredFile>,
}

impl SignedCommit {
    pub(super) fn new(
        hashing: Hashing,
        signed: &SignedCommitment,
        took: Duration,
        files: Vec<StoredFile>,
    ) -> Self {
        let commitment = signed.payload.commitment;
        Self {
            bucket: signed.payload.bucket_id.0,
            hashing,
            mmr_root: to_hex(commitment.mmr_root),
            start_seq: commitment.start_seq.0,
            leaf_count: commitment.leaf_count.get(),
            signer: to_hex(signed.signer),
            signature: match &signed.signature {
                MultiSignature::Sr25519(raw) | MultiSignature::Ed25519(raw) => to_hex(raw),
                MultiSignature::Ecdsa(raw) | MultiSignature::Eth(raw) => to_hex(raw),
            },
            payload: to_hex(signed.payload.encode()),
            commit_micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            files,
        }
    }
}

impl fmt::Display for SignedCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            let StoredFile {
                shown,
                leaf_index,
                data_root,
                data_size,
                part,
                ..
            } = file;
            let part = part.map(|part| part.to_string()).unwrap_or_default();
            writeln!(
                f,
                "leaf {leaf_index}  {data_root}  {data_size} bytes  {shown}{part}"
            )?;
        }
        writeln!(
            f,
            "signed  root {}  start_seq {}  leaf_count {}",
            self.mmr_root, self.start_seq, self.leaf_count
        )?;
        write!(
            f,
            "        by {}  signature {}",
            self.signer, self.signature
        )
    }
}

/// The totals of an upload.
#[derive(Clone, Debug, Default)]
pub(super) struct UploadTotals {
    pub(super) commits: u64,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) new_bytes: u64,
    /// Files that were not stored, because they changed while they were read.
    pub(super) changed: u64,
    pub(super) elapsed: Duration,
    pub(super) last_root: Option<String>,
    /// True if one more commit may have been made.
    pub(super) may_have_one_more: bool,
}

impl UploadTotals {
    /// Fails if a file was not stored.
    pub(super) fn check_all_stored(&self) -> Result<(), Failure> {
        if self.changed == 0 {
            return Ok(());
        }
        Err(Failure::Failed(format!(
            "{} changed while being read and {} not stored; all others were stored",
            quantity::format_count(self.changed, "file"),
            if self.changed == 1 { "was" } else { "were" }
        )))
    }

    /// Describes what remains when an upload ends early.
    pub(super) fn describe_committed(&self) -> String {
        let unsure = match self.may_have_one_more {
            true => "; one more commit may have been made: see `cairn bucket info`",
            false => "",
        };
        match &self.last_root {
            None if self.may_have_one_more => {
                format!("no commit is known to have been made{unsure}")
            }
            None => "nothing was committed, and the bucket's leaves are unchanged".into(),
            Some(root) => format!(
                "earlier commits stay: {} in {}, the last with root {root}{unsure}",
                quantity::format_count(self.files, "file"),
                quantity::format_count(self.commits, "commit"),
            ),
        }
    }
}

impl fmt::Display for UploadTotals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "stored {} with {} ({} of them new) in {}, in {:.2} s",
            quantity::format_count(self.files, "file"),
            quantity::format_bytes(self.bytes),
            quantity::format_bytes(self.new_bytes),
            quantity::format_count(self.commits, "commit"),
            self.elapsed.as_secs_f64(),
        )
    }
}
