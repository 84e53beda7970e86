//! The resource usage of this process, as Linux reports it.

use crate::Fallible;

/// The resource usage of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ResourceUsage {
    pub(crate) descriptors: u64,
    /// Resident memory, in bytes.
    pub(crate) resident: u64,
    pub(crate) threads: u64,
}

impl ResourceUsage {
    pub(crate) fn now() -> Fallible<Self> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        Ok(Self {
            descriptors: descriptors()?,
            resident: number(&status, "VmRSS:")?.saturating_mul(1 << 10),
            threads: number(&status, "Threads:")?,
        })
    }
}

/// Returns the number of open descriptors.
pub(crate) fn descriptors() -> Fallible<u64> {
    // Without the descriptor of the folder itself, which is open while it is read.
    let listed = std::fs::read_dir("/proc/self/fd")?.count();
    Ok(u64::try_from(listed)?.saturating_sub(1))
}

fn number(status: &str, name: &str) -> Fallible<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number
        .ok_or("/proc does not report the resources of the process")?
        .parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_file_and_a_running_thread_are_counted() {
        let before = ResourceUsage::now().unwrap();
        let file = tempfile::tempfile().unwrap();
        assert!(ResourceUsage::now().unwrap().descriptors > before.descriptors);
        drop(file);
        let during = std::thread::scope(|scope| {
            let (end, wait) = std::sync::mpsc::channel::<()>();
            scope.spawn(move || wait.recv());
            let during = ResourceUsage::now().unwrap();
            drop(end);
            during
        });
        assert!(during.threads > 1);
        assert!(during.resident > 0);
    }
}
