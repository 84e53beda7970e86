//! What `cairn put` says: a line for each commit, once it is durable, and a
//! summary at the end.

use super::parts::Part;
use crate::amount;
use crate::failure::Failure;
use crate::hashing::Hashing;
use crate::hex_text::to_hex;
use crate::shown::hex_unless_text;
use cairn_node_ext::SignedCommitment;
use cairn_primitives::challenge::MultiSignature;
use codec::Encode;
use serde::Serialize;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// A file that is a leaf now, or a part of one.
#[derive(Serialize)]
pub(super) struct StoredFile {
    /// As people are shown it.
    #[serde(skip)]
    pub(super) shown: String,
    /// As it is, where it is UTF-8; else with U+FFFD for what is not.
    pub(super) path: String,
    /// Its bytes, where it is no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path_hex: Option<String>,
    pub(super) leaf_index: u64,
    pub(super) data_root: String,
    pub(super) data_size: u64,
    /// Which part of the file it is, where that is several leaves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) part: Option<Part>,
    /// Bytes that were not in the bucket before.
    pub(super) new_bytes: u64,
}

/// A file that is no leaf, since it was another when it had been read.
#[derive(Serialize)]
pub(super) struct PassedOver {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    /// Why it was not stored.
    error: String,
}

impl PassedOver {
    pub(super) fn new(path: &Path, failure: &Failure) -> Self {
        Self {
            path: path.to_string_lossy().into_owned(),
            path_hex: hex_unless_text(path),
            error: failure.to_string(),
        }
    }
}

impl fmt::Display for PassedOver {
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
    /// What is signed, in SCALE.
    payload: String,
    /// What the commit and the signature took, storing not counted.
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

/// What an upload came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub(super) commits: u64,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) new_bytes: u64,
    /// Files that were not stored, since they changed while they were read.
    pub(super) changed: u64,
    pub(super) took: Duration,
    pub(super) last_root: Option<String>,
    /// Whether one more commit may have been made.
    pub(super) is_unsure: bool,
}

impl Tally {
    /// Fails where a file was not stored.
    pub(super) fn all_stored(&self) -> Result<(), Failure> {
        if self.changed == 0 {
            return Ok(());
        }
        Err(Failure::Failed(format!(
            "{} changed while being read and {} not stored; all others are",
            amount::counted(self.changed, "file"),
            if self.changed == 1 { "was" } else { "were" }
        )))
    }

    /// What stays when an upload ends early.
    pub(super) fn stays(&self) -> String {
        let unsure = match self.is_unsure {
            true => "; whether one more commit was made, `cairn bucket info` tells",
            false => "",
        };
        match &self.last_root {
            None if self.is_unsure => format!("no commit is known to have been made{unsure}"),
            None => "nothing was committed, and the bucket has the leaves that it had".into(),
            Some(root) => format!(
                "what was committed before stays: {} in {}, the last with root {root}{unsure}",
                amount::counted(self.files, "file"),
                amount::counted(self.commits, "commit"),
            ),
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "stored {} with {} ({} of them new) in {}, in {:.2} s",
            amount::counted(self.files, "file"),
            amount::human(self.bytes),
            amount::human(self.new_bytes),
            amount::counted(self.commits, "commit"),
            self.took.as_secs_f64(),
        )
    }
}
