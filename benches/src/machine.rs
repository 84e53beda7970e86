//! The machine that runs the measurements, as Linux reports it.

use crate::Fallible;
use std::fs::read_to_string;
use std::path::{Path, PathBuf};

/// File systems in memory, where a sync has no effect.
const MEMORY_FILE_SYSTEMS: [&str; 2] = ["tmpfs", "ramfs"];

/// The disk of a folder.
pub(crate) struct FileSystem {
    pub(crate) kind: String,
    pub(crate) device: String,
    pub(crate) options: String,
}

impl FileSystem {
    /// Returns the file system of `path`, by the longest mount point above it.
    pub(crate) fn containing(path: &Path) -> Fallible<Self> {
        let path = path.canonicalize()?;
        let mounts = read_to_string("/proc/self/mounts")?;
        mounts
            .lines()
            .filter_map(|line| {
                let mut fields = line.split(' ');
                let device = fields.next()?.to_owned();
                let point = PathBuf::from(fields.next()?);
                let kind = fields.next()?.to_owned();
                let options = fields.next()?.to_owned();
                let depth = point.components().count();
                path.starts_with(&point).then_some((
                    depth,
                    Self {
                        kind,
                        device,
                        options,
                    },
                ))
            })
            .max_by_key(|(depth, _)| *depth)
            .map(|(_, found)| found)
            .ok_or_else(|| format!("no file system holds {}", path.display()).into())
    }

    /// Fails for a file system in memory.
    pub(crate) fn refuse_memory(&self, path: &Path) -> Fallible<()> {
        if MEMORY_FILE_SYSTEMS.contains(&self.kind.as_str()) {
            return Err(format!(
                "{} is on {}, where syncing costs nothing and results are not results: \
                 give a folder on a disk with --dir",
                path.display(),
                self.kind
            )
            .into());
        }
        Ok(())
    }
}

/// Returns the rows of the report's table on the machine.
pub(crate) fn describe(folder: &FileSystem) -> Vec<(&'static str, String)> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let memory = memory
        .split(' ')
        .next()
        .and_then(|kib| kib.parse::<u64>().ok())
        .map_or_else(
            || "unknown".into(),
            |kib| format!("{:.1} GiB", kib as f64 / f64::from(1 << 20)),
        );
    vec![
        (
            "processor",
            field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".into()),
        ),
        ("cores", cores.to_string()),
        ("memory", memory),
        (
            "system",
            read_to_string("/proc/sys/kernel/osrelease").map_or_else(
                |_| "unknown".into(),
                |kernel| format!("Linux {}", kernel.trim()),
            ),
        ),
        (
            "file system",
            format!("{} on {} ({})", folder.kind, folder.device, folder.options),
        ),
    ]
}

/// Returns the load average of the last minute.
pub(crate) fn load() -> String {
    read_to_string("/proc/loadavg")
        .ok()
        .and_then(|load| load.split(' ').next().map(str::to_owned))
        .unwrap_or_else(|| "unknown".into())
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
