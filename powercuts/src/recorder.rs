//! Turns traced calls into a history by resolving the file that each call concerns.

mod contents;
mod names;

use super::history::{Change, Event, History, Inode, LiveState, ROOT};
use super::strace::{Call, ParseError, TRACED_CALLS, parse};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// Errors when recording a history.
#[derive(Debug)]
pub enum RecordError {
    /// A trace cannot be parsed.
    Parse(ParseError),
    /// A call does something that the model does not support.
    Unknown {
        /// The call.
        call: Call,
        /// The unsupported feature.
        why: &'static str,
    },
    /// The process could not be run, or its trace not read.
    Run(std::io::Error),
}

impl std::fmt::Display for RecordError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Parse(error) => error.fmt(f),
            Self::Unknown { call, why } => {
                let arguments: Vec<_> = call
                    .arguments
                    .iter()
                    .map(|argument| argument.chars().take(100).collect::<String>())
                    .collect();
                let (name, result) = (&call.name, call.result);
                write!(f, "{name}({}) = {result}: {why}", arguments.join(", "))
            }
            Self::Run(error) => write!(f, "cannot run strace, which `make deps` installs: {error}"),
        }
    }
}

impl std::error::Error for RecordError {}

/// An open file of a process.
#[derive(Clone, Debug)]
struct OpenFile {
    inode: Inode,
    /// The offset of the next write; shared by all duplicated descriptors.
    offset: usize,
    is_append: bool,
    is_readable: bool,
}

/// Records what processes do to a folder, one after the other.
pub struct Recorder {
    root: PathBuf,
    history: History,
    live: LiveState,
    next_inode: Inode,
    /// The moment at which the current process began.
    started_at: usize,
    descriptors: HashMap<i64, usize>,
    opened: Vec<OpenFile>,
}

impl Recorder {
    /// Creates a recorder of an existing empty folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            history: History::default(),
            live: LiveState::default(),
            next_inode: ROOT + 1,
            started_at: 0,
            descriptors: HashMap::new(),
            opened: Vec::new(),
        }
    }

    /// Returns the history so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Returns the live state of the folder.
    pub fn live(&self) -> &LiveState {
        &self.live
    }

    /// Runs a process and records what it does. `injected` are further options for `strace`, as for
    /// killing it at some call. Returns the exit status.
    ///
    /// # Errors
    ///
    /// [`RecordError`]; the history is then incomplete.
    pub fn run(
        &mut self,
        command: &[&std::ffi::OsStr],
        injected: &[&str],
        trace: &Path,
    ) -> Result<ExitStatus, RecordError> {
        let mut strace = Command::new("strace");
        // Strings are printed in full and in hex.
        strace.args(["-f", "-qq", "-xx", "-s", "1000000000"]);
        // With this option only traced calls stop the process, but then none can be killed at a
        // call.
        if !injected.iter().any(|option| option.contains("signal")) {
            strace.arg("--seccomp-bpf");
        }
        // It injects faults only into traced calls.
        let tampered = injected.iter().filter_map(|option| {
            let (call, _) = option.strip_prefix("inject=")?.split_once(':')?;
            Some(format!(",{call}"))
        });
        let traced: String = std::iter::once(TRACED_CALLS.to_owned())
            .chain(tampered)
            .collect();
        strace.arg("-o").arg(trace).args(["-e", &traced]);
        strace.args(injected).args(command);
        let ended = strace.stdout(std::process::Stdio::null()).status();
        let ended = ended.map_err(RecordError::Run)?;
        let text = std::fs::read_to_string(trace).map_err(RecordError::Run)?;
        self.record(&parse(&text).map_err(RecordError::Parse)?)?;
        Ok(ended)
    }

    /// Records the calls of one process.
    ///
    /// # Errors
    ///
    /// [`RecordError::Unknown`] for the first call that the model does not support.
    pub fn record(&mut self, calls: &[Call]) -> Result<(), RecordError> {
        self.started_at = self.history.end();
        self.descriptors.clear();
        // A descriptor becomes free, and output is read, before the call returns.
        let is_said = |call: &Call| call.name == "write" && call.number(0) == Some(1);
        let early = |call: &Call| call.name == "close" || is_said(call);
        let moment = |call: &Call| if early(call) { call.began } else { call.ended };
        let injected = calls.iter().filter(|call| call.is_injected);
        let injected: Vec<_> = injected.map(|call| self.started_at + call.ended).collect();
        self.history.injected.extend(injected);
        let is_sync = |call: &Call| call.name == "fsync" || call.name == "fdatasync";
        let counts = |call: &&Call| call.result >= 0 || is_sync(call);
        let mut ordered: Vec<_> = calls.iter().filter(counts).collect();
        ordered.sort_by_key(|call| moment(call));
        for call in ordered {
            self.apply_call(call, moment(call))
                .map_err(|why| RecordError::Unknown {
                    call: call.clone(),
                    why,
                })?;
        }
        Ok(())
    }

    fn record_change(&mut self, call: &Call, moment: usize, change: Change) {
        self.live.apply(&change);
        self.history.events.push(Event {
            began: self.started_at + call.began,
            ended: self.started_at + moment,
            change,
        });
    }

    fn apply_call(&mut self, call: &Call, moment: usize) -> Result<(), &'static str> {
        match call.name.as_str() {
            "open" | "creat" => self.open(call, moment, None),
            "openat" | "openat2" => self.open(call, moment, Some(0)),
            "close" => {
                self.descriptors.remove(&descriptor(call, 0)?);
                Ok(())
            }
            "dup" | "dup2" | "dup3" => self.duplicate(call),
            "fcntl" if call.has_flag(1, "F_DUPFD") || call.has_flag(1, "F_DUPFD_CLOEXEC") => {
                self.duplicate(call)
            }
            "write" | "writev" if call.number(0) == Some(1) => self.record_line(call, moment),
            "write" | "writev" | "pwrite64" | "pwritev" | "pwritev2" => self.write(call, moment),
            "copy_file_range" => self.copy(call, moment),
            "fsync" | "fdatasync" => self.sync(call, moment),
            "ftruncate" => match self.open_file(call, 0)? {
                Some(open) => {
                    let (inode, length) = (open.inode, length(call, 1)?);
                    self.set_length(call, moment, inode, length);
                    Ok(())
                }
                None => Ok(()),
            },
            "truncate" => match self.resolve_path(call, None, 0)? {
                Some((folder, name)) => {
                    let inode = self.live.look_up(folder, &name).ok_or(UNKNOWN_FILE)?;
                    let length = length(call, 1)?;
                    self.set_length(call, moment, inode, length);
                    Ok(())
                }
                None => Ok(()),
            },
            "fallocate" => self.allocate(call, moment),
            _ => self.apply_name_change(call, moment),
        }
    }

    /// Resolves a path to a watched folder and a name in it, or `None` if it is outside.
    fn resolve_path(
        &self,
        call: &Call,
        at: Option<usize>,
        path: usize,
    ) -> Result<Option<(Inode, Vec<u8>)>, &'static str> {
        use std::os::unix::ffi::OsStrExt;
        let path = call.string(path).ok_or("no path")?;
        let (mut folder, rest) = if path.starts_with(b"/") {
            let root = self.root.as_os_str().as_bytes();
            match path.strip_prefix(root) {
                Some(rest) if rest.is_empty() || rest.starts_with(b"/") => (ROOT, rest),
                _ => return Ok(None),
            }
        } else {
            let at = at.map(|at| call.number(at)).and_then(|at| at);
            match at.and_then(|at| self.descriptors.get(&at)) {
                Some(opened) => (self.opened[*opened].inode, &path[..]),
                None => return Ok(None),
            }
        };
        let mut parts: Vec<_> = rest
            .split(|byte| *byte == b'/')
            .filter(|part| !part.is_empty() && *part != b".")
            .collect();
        if parts.contains(&&b".."[..]) {
            return Err("a path with `..`");
        }
        let name = parts.pop().unwrap_or_default().to_vec();
        for part in parts {
            folder = self.live.look_up(folder, part).ok_or(UNKNOWN_FILE)?;
        }
        Ok(Some((folder, name)))
    }

    fn open_file(&self, call: &Call, at: usize) -> Result<Option<&OpenFile>, &'static str> {
        let number = descriptor(call, at)?;
        let opened = self.descriptors.get(&number);
        Ok(opened.and_then(|opened| self.opened.get(*opened)))
    }

    fn open(&mut self, call: &Call, moment: usize, at: Option<usize>) -> Result<(), &'static str> {
        let path = at.map_or(0, |at| at + 1);
        let Some((folder, name)) = self.resolve_path(call, at, path)? else {
            return Ok(());
        };
        let flags = path + 1;
        let is = |flag: &str| call.has_flag(flags, flag);
        if is("O_TMPFILE") || is("O_DIRECT") {
            return Err("unsupported open flags");
        }
        let creates = call.name == "creat" || is("O_CREAT");
        let truncates = call.name == "creat" || is("O_TRUNC");
        let known = if name.is_empty() {
            Some(folder)
        } else {
            self.live.look_up(folder, &name)
        };
        let inode = match known {
            Some(inode) => inode,
            None if creates => {
                let inode = self.new_inode(false);
                let change = Change::Link {
                    folder,
                    name,
                    inode,
                };
                self.record_change(call, moment, change);
                inode
            }
            None => return Err(UNKNOWN_FILE),
        };
        if truncates && known.is_some() {
            self.set_length(call, moment, inode, 0);
        }
        self.descriptors.insert(call.result, self.opened.len());
        self.opened.push(OpenFile {
            inode,
            offset: 0,
            is_append: is("O_APPEND"),
            is_readable: is("O_RDWR"),
        });
        Ok(())
    }

    fn new_inode(&mut self, is_folder: bool) -> Inode {
        let inode = self.next_inode;
        self.next_inode += 1;
        if is_folder {
            self.history.folders.push(inode);
        }
        inode
    }

    fn duplicate(&mut self, call: &Call) -> Result<(), &'static str> {
        match self.descriptors.get(&descriptor(call, 0)?).copied() {
            Some(opened) => self.descriptors.insert(call.result, opened),
            None => self.descriptors.remove(&call.result),
        };
        Ok(())
    }
}

const UNKNOWN_FILE: &str = "an unknown file";

fn descriptor(call: &Call, at: usize) -> Result<i64, &'static str> {
    call.number(at).ok_or("no descriptor")
}

fn length(call: &Call, at: usize) -> Result<usize, &'static str> {
    call.size(at).ok_or("no length")
}
