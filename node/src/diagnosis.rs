//! Gathers the evidence for the doctor: of the machine, the buckets, the running provider,
//! the node and the chain.

mod chain;
mod store;

pub(crate) use chain::{ChainLook, look_at_chain};

use crate::failure::Failure;
use crate::globals::Globals;
use crate::operator::KeyArgs;
use crate::{data_dir, quantity};
use cairn_bucket::BasePath;
use cairn_fs::DiskGuard;
use cairn_lifecycle::doctor::{DiskSpace, Evidence, Finding, Machine, Severity};
use cairn_provider::{DESCRIPTORS_BESIDES_FILES, ProcessLimits, RESERVED_DESCRIPTORS};
use serde::Serialize;
use std::fmt;
use std::path::Path;
use store::look_at_store;

/// The buckets that a provider has open at once by default, as far as it has as many.
const MAX_OPEN_BUCKETS: u64 = 512;
/// The table and blob files of one bucket that are open at least.
const OPEN_FILES: u64 = 10;

/// Gathers what can be had without a chain.
///
/// # Errors
///
/// Fails only if there is no base path to name: everything else is evidence.
pub(crate) fn look_offline(
    globals: &Globals,
    keys: &KeyArgs,
    endpoint: Option<String>,
) -> Result<Evidence, Failure> {
    let path = data_dir::base_path(globals.base_path.as_ref())?;
    let (store, running) = look_at_store(globals);
    let buckets = store.as_ref().map_or(0, |store| store.buckets.len());
    Ok(Evidence {
        machine: look_at_machine(globals, &path, keys, endpoint, buckets),
        store,
        running,
        node: None,
        chain: None,
        second: None,
    })
}

fn look_at_machine(
    globals: &Globals,
    path: &Path,
    keys: &KeyArgs,
    endpoint: Option<String>,
    buckets: usize,
) -> Machine {
    let folder = BasePath::keys_in(path);
    // The account's key signs answers, and the other one commitments.
    let signing = keys.account(&folder).and_then(|account| {
        folder.signer(Some(account))?;
        folder.signer(Some(keys.signing_key(account)))
    });
    let exposed = folder.exposed().ok();
    let is_folder = std::fs::metadata(path).is_ok_and(|found| found.is_dir());
    let reading = is_folder.then(|| DiskGuard::for_path(path, globals.disk_reserve).reading(0));
    let open = u64::try_from(buckets)
        .unwrap_or(u64::MAX)
        .min(MAX_OPEN_BUCKETS);
    let for_buckets = open.saturating_mul(DESCRIPTORS_BESIDES_FILES.saturating_add(OPEN_FILES));
    Machine {
        base_path: match is_folder {
            true => Ok(path.display().to_string()),
            false => Err(format!("there is no folder {}", path.display())),
        },
        is_open_to_others: is_open_to_others(path),
        key: signing
            .map(|signer| signer.public())
            .map_err(|error| error.to_string()),
        exposed_keys: exposed.map(|files| {
            let files = files.iter();
            files.map(|file| file.display().to_string()).collect()
        }),
        disk: reading.map(|disk| DiskSpace {
            free: disk.free,
            reserve: disk.reserve,
        }),
        descriptors: ProcessLimits::of_this_process().descriptors,
        needed_descriptors: RESERVED_DESCRIPTORS.saturating_add(for_buckets),
        endpoint,
        // Only the chain tells its genesis, which names the record.
        pending_call: None,
    }
}

fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).is_ok_and(|found| found.mode() & 0o077 != 0)
}

/// A finding, as it is printed.
#[derive(Serialize)]
pub(crate) struct FindingLine<'f> {
    #[serde(flatten)]
    finding: &'f Finding,
    subject: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
}

impl<'f> From<&'f Finding> for FindingLine<'f> {
    fn from(finding: &'f Finding) -> Self {
        Self {
            subject: finding.check.subject(),
            remedy: finding.remedy(),
            finding,
        }
    }
}

impl fmt::Display for FindingLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.finding.severity {
            Severity::Sound => "ok",
            Severity::Note => "note",
            Severity::Unknown => "unknown",
            Severity::Warning => "WARNING",
            Severity::Danger => "DANGER",
        };
        let name = self.finding.check.name();
        write!(f, "{severity:<8}{name:<19}{}", self.finding.evidence)?;
        match self.remedy {
            Some(remedy) => write!(f, "\n{:<27}{remedy}", ""),
            None => Ok(()),
        }
    }
}

/// Returns how many findings have a severity, in words.
pub(crate) fn count_of(findings: &[Finding], severity: Severity, noun: &str) -> String {
    let all = findings.iter();
    let count = all.filter(|finding| finding.severity == severity).count();
    quantity::format_count(u64::try_from(count).unwrap_or(u64::MAX), noun)
}
