//! Child processes that can be stopped and killed.

use crate::error::{DemoError, io};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The time limit for a program to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// The length of the end of a log that an error shows, in bytes.
const LOG_TAIL_BYTES: usize = 4000;

/// Runs a program to its end, and returns its output.
pub(crate) fn run(program: &Path, args: &[&str], input: &str) -> Result<String, DemoError> {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(io("start", program))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read it has ended; its exit status is checked below.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(io("wait for", program))?;
    if !output.status.success() {
        return Err(DemoError::Process {
            program: format!("{} {}", program.display(), args.join(" ")),
            what: format!("ended with {}", output.status),
            log_tail: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A running program, which is killed on drop.
pub(crate) struct RunningProcess {
    name: String,
    child: Child,
    log: PathBuf,
}

impl RunningProcess {
    /// Starts a program, whose output is appended to `log`.
    pub(crate) fn start(
        name: &str,
        program: &Path,
        args: &[&str],
        log: &Path,
    ) -> Result<Self, DemoError> {
        let open = || {
            File::options()
                .create(true)
                .append(true)
                .open(log)
                .map_err(io("write", log))
        };
        let child = Command::new(program)
            .args(args)
            .env("RUST_LOG", "info")
            .stdin(Stdio::null())
            .stdout(open()?)
            .stderr(open()?)
            .spawn()
            .map_err(io("start", program))?;
        Ok(Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
        })
    }

    /// Fails if it has ended by itself.
    pub(crate) fn check(&mut self) -> Result<(), DemoError> {
        match self.child.try_wait().map_err(io("wait for", &self.log))? {
            None => Ok(()),
            Some(status) => Err(self.failed(format!("ended by itself, with {status}"))),
        }
    }

    /// Returns the end of its log.
    pub(crate) fn log_tail(&self) -> String {
        format!("{}:\n{}", self.name, log_tail(&self.log))
    }

    fn failed(&self, what: String) -> DemoError {
        DemoError::Process {
            program: self.name.clone(),
            what,
            log_tail: log_tail(&self.log),
        }
    }

    /// Kills it, without a clean stop.
    pub(crate) fn kill(mut self) -> Result<(), DemoError> {
        self.child.kill().map_err(io("kill", &self.log))?;
        self.child.wait().map_err(io("wait for", &self.log))?;
        Ok(())
    }

    /// Stops it with SIGTERM, and fails unless it ends with success.
    pub(crate) fn stop(mut self) -> Result<(), DemoError> {
        self.check()?;
        let id = i32::try_from(self.child.id()).ok();
        if let Some(pid) = id.and_then(rustix::process::Pid::from_raw) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)
                .map_err(|error| io("stop", &self.log)(error.into()))?;
        }
        let begun = Instant::now();
        loop {
            match self.child.try_wait().map_err(io("wait for", &self.log))? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    return Err(self.failed(format!("was asked to stop, and ended with {status}")));
                }
                None if begun.elapsed() > STOP_TIMEOUT => {
                    return Err(self.failed("does not stop".into()));
                }
                // The standard library has no wait with a time limit.
                None => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

impl Drop for RunningProcess {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the end of a log.
fn log_tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let from = text.len().saturating_sub(LOG_TAIL_BYTES);
    String::from_utf8_lossy(text.get(from..).unwrap_or_default()).into_owned()
}

/// Finds a port that is free at the moment.
pub(crate) fn free_port() -> Result<u16, DemoError> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0));
    let port = listener.and_then(|listener| listener.local_addr());
    Ok(port
        .map_err(io("find a port on", Path::new("127.0.0.1")))?
        .port())
}
