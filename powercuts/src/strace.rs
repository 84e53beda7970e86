//! What `strace -f -xx` prints, as calls with the moments at which they began and
//! returned.

use std::collections::HashMap;

/// The calls that are to be traced, as `strace -e` takes them: all that change what a disk
/// holds or say which file is meant, and those that must not happen.
pub const TRACED: &str = "trace=open,openat,openat2,creat,close,close_range,dup,dup2,dup3,fcntl,\
write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,sync,syncfs,rename,renameat,renameat2,link,\
linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,truncate,ftruncate,fallocate,\
copy_file_range,sendfile,splice,mmap,io_uring_setup,fork,vfork";

/// One call that a process made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// When it began: moments are numbers of lines.
    pub began: usize,
    /// When it had returned; never for one that did not return.
    pub ended: usize,
    /// Its name.
    pub name: String,
    /// What it was given, as printed.
    pub arguments: Vec<String>,
    /// What it returned; negative where it failed.
    pub result: i64,
    /// Whether it failed because a test wanted it to.
    pub is_injected: bool,
}

/// A line that is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Its number, from 0.
    pub line: usize,
    /// Its beginning.
    pub text: String,
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "line {} of a trace is not understood: {}",
            self.line, self.text
        )
    }
}

impl std::error::Error for ParseError {}

/// Reads a trace. Calls that did not return are left out.
///
/// # Errors
///
/// [`ParseError`] for the first line that is not understood.
pub fn parse(trace: &str) -> Result<Vec<Call>, ParseError> {
    let mut begun: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut calls = Vec::new();
    for (number, line) in trace.lines().enumerate() {
        let error = || ParseError {
            line: number,
            text: line.chars().take(200).collect(),
        };
        let (process, what) = line.split_once(' ').ok_or_else(error)?;
        let what = what.trim_start();
        // A signal, or the end of a thread.
        if what.starts_with("---") || what.starts_with("+++") {
            continue;
        }
        if let Some(beginning) = what.strip_suffix("<unfinished ...>") {
            begun.insert(process, (number, beginning.trim_end()));
            continue;
        }
        let (began, text) = match what.strip_prefix("<... ") {
            None => (number, what.to_owned()),
            Some(resumed) => {
                let (_, rest) = resumed.split_once(" resumed>").ok_or_else(error)?;
                let (began, beginning) = begun.remove(process).ok_or_else(error)?;
                (began, format!("{beginning}{rest}"))
            }
        };
        if let Some(call) = call(&text, began, number).ok_or_else(error)? {
            calls.push(call);
        }
    }
    Ok(calls)
}

/// One call; nothing where it never returned.
#[expect(clippy::option_option, reason = "not understood, and did not return")]
fn call(text: &str, began: usize, ended: usize) -> Option<Option<Call>> {
    let (name, rest) = text.split_once('(')?;
    let is_injected = rest.ends_with(" (INJECTED)");
    let rest = rest.trim_end_matches(" (INJECTED)");
    let (arguments, result) = rest.rsplit_once(')').and_then(|(before, after)| {
        // An error is explained in brackets.
        if after.contains('=') {
            Some((before, after))
        } else {
            before.rsplit_once(") ")
        }
    })?;
    let result = result.trim_start().strip_prefix("= ")?;
    let result = result.split_whitespace().next()?;
    if result == "?" {
        return Some(None);
    }
    let result = match result.strip_prefix("0x") {
        Some(hex) => i64::try_from(u64::from_str_radix(hex, 16).ok()?).ok()?,
        None => result.parse().ok()?,
    };
    Some(Some(Call {
        began,
        ended,
        name: name.to_owned(),
        arguments: split(arguments),
        result,
        is_injected,
    }))
}

/// Arguments, which may be structures of their own. Strings are all in `\x`, so that
/// no bracket or comma is in them.
fn split(arguments: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut depth = 0;
    for character in arguments.chars() {
        match character {
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth -= 1,
            ',' if depth == 0 => {
                all.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = all.last_mut() {
            last.push(character);
        }
    }
    all.iter()
        .map(|argument| argument.trim().to_owned())
        .collect()
}

impl Call {
    /// An argument that is a number.
    pub(super) fn number(&self, at: usize) -> Option<i64> {
        self.arguments.get(at)?.parse().ok()
    }

    /// An argument that is a position or length in a file.
    pub(super) fn size(&self, at: usize) -> Option<usize> {
        self.arguments.get(at)?.parse().ok()
    }

    /// An argument that is a string.
    pub(super) fn string(&self, at: usize) -> Option<Vec<u8>> {
        string(self.arguments.get(at)?)
    }

    /// The bytes of all parts of an argument that is a list of them.
    pub(super) fn parts(&self, at: usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for part in self.arguments.get(at)?.split("iov_base=").skip(1) {
            let quoted = part.split_once("\", iov_len=")?.0;
            bytes.extend(string(&format!("{quoted}\""))?);
        }
        Some(bytes)
    }

    /// Whether an argument has a flag.
    pub(super) fn has(&self, at: usize, flag: &str) -> bool {
        let argument = self.arguments.get(at).map_or("", String::as_str);
        argument
            .split(['|', ' ', '{', '='])
            .any(|word| word == flag)
    }
}

/// A string as it is printed: whole, and each byte as `\x` with two digits.
fn string(printed: &str) -> Option<Vec<u8>> {
    let digits = printed.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::with_capacity(digits.len() / 4);
    for byte in digits.as_bytes().chunks(4) {
        let [b'\\', b'x', digits @ ..] = byte else {
            return None;
        };
        let digits = std::str::from_utf8(digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
    }
    Some(bytes)
}
