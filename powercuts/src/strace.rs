//! Parses the output of `strace -f -xx` into calls with the moments at which they began and
//! returned.

use std::collections::HashMap;

/// The calls to trace, as `strace -e` expects them: all that change what a disk holds or say which
/// file is meant, and those that must not occur.
pub const TRACED_CALLS: &str = "trace=open,openat,openat2,creat,close,close_range,dup,dup2,dup3,fcntl,\
write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,sync,syncfs,rename,renameat,renameat2,link,\
linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,truncate,ftruncate,fallocate,\
copy_file_range,sendfile,splice,mmap,io_uring_setup,fork,vfork";

/// One call that a process made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The moment at which it began: moments are line numbers.
    pub began: usize,
    /// The moment at which it had returned.
    pub ended: usize,
    /// Its name.
    pub name: String,
    /// The arguments, as printed.
    pub arguments: Vec<String>,
    /// The result; negative on failure.
    pub result: i64,
    /// True if the failure was injected.
    pub is_injected: bool,
}

/// A line that cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Its number, from 0.
    pub line: usize,
    /// The beginning of the line.
    pub text: String,
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "line {} of a trace cannot be parsed: {}",
            self.line, self.text
        )
    }
}

impl std::error::Error for ParseError {}

/// Parses a trace. Calls that did not return are left out.
///
/// # Errors
///
/// [`ParseError`] for the first line that cannot be parsed.
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

/// Parses one call; the inner `None` is a call that never returned.
#[expect(
    clippy::option_option,
    reason = "unparsable, and did not return, differ"
)]
fn call(text: &str, began: usize, ended: usize) -> Option<Option<Call>> {
    let (name, rest) = text.split_once('(')?;
    let is_injected = rest.ends_with(" (INJECTED)");
    let rest = rest.trim_end_matches(" (INJECTED)");
    let (arguments, result) = rest.rsplit_once(')').and_then(|(before, after)| {
        // An error is followed by an explanation in parentheses.
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

/// Splits arguments, which may be structures. All strings are in `\x` form, so they contain no
/// bracket or comma.
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
    /// Returns a numeric argument.
    pub(super) fn number(&self, at: usize) -> Option<i64> {
        self.arguments.get(at)?.parse().ok()
    }

    /// Returns an argument that is an offset or length.
    pub(super) fn size(&self, at: usize) -> Option<usize> {
        self.arguments.get(at)?.parse().ok()
    }

    /// Returns a string argument.
    pub(super) fn string(&self, at: usize) -> Option<Vec<u8>> {
        string(self.arguments.get(at)?)
    }

    /// Returns the bytes of all parts of a list argument.
    pub(super) fn parts(&self, at: usize) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for part in self.arguments.get(at)?.split("iov_base=").skip(1) {
            let quoted = part.split_once("\", iov_len=")?.0;
            bytes.extend(string(&format!("{quoted}\""))?);
        }
        Some(bytes)
    }

    /// Returns true if an argument has a flag.
    pub(super) fn has_flag(&self, at: usize, flag: &str) -> bool {
        let argument = self.arguments.get(at).map_or("", String::as_str);
        argument
            .split(['|', ' ', '{', '='])
            .any(|word| word == flag)
    }
}

/// Parses a printed string: complete, and each byte as `\x` with two digits.
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
