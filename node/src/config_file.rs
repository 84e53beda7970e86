//! The configuration file of `cairn run`: TOML, with the names of the flags. Its settings
//! become flags in front of those of the command line, which override them. So each flag
//! is defined in one place. `packaging/cairn.toml` has them all, with their reasons.
//!
//! ```toml
//! chain = "ws://127.0.0.1:9944"
//! rpc-port = 9955
//! rpc-external = true
//! memory = "4GiB"
//! ```

#[cfg(test)]
mod shipped_file;
#[cfg(test)]
mod tests;

use crate::args::Cli;
use crate::escaped_path::escaped;
use crate::failure::Failure;
use clap::{Arg, ArgAction, Command, CommandFactory};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::{Spanned, Value};

/// The command that accepts a file.
const COMMAND: &str = "run";
/// The flag that names it.
const FLAG: &str = "--config";
/// Flags of every command that say how another command reaches a running provider.
const FLAGS_OF_OTHERS: [&str; 2] = ["rpc", "provider"];
/// Switches by which the operator answers for one start. In a file they would answer for
/// every later one too, such as that of an older copy.
const FOR_ONE_START: [&str; 2] = ["accept-copy", "new-chain"];

/// Inserts the flags of the configuration file into the command line.
pub(crate) fn expand_args(mut args: Vec<OsString>) -> Result<Vec<OsString>, Failure> {
    let Some(at) = args.iter().position(|arg| arg == COMMAND) else {
        return Ok(args);
    };
    let Some(path) = config_path(args.get(at..).unwrap_or_default()) else {
        return Ok(args);
    };
    let flags = read_flags(&path)?;
    let after_command = at.saturating_add(1);
    args.splice(
        after_command..after_command,
        flags.into_iter().map(Into::into),
    );
    Ok(args)
}

fn config_path(args: &[OsString]) -> Option<PathBuf> {
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == FLAG {
            return args.next().map(PathBuf::from);
        }
        let text = arg.to_string_lossy();
        if let Some(path) = text.strip_prefix("--config=") {
            return Some(path.into());
        }
    }
    None
}

fn read_flags(path: &Path) -> Result<Vec<String>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| Failure::file("read the configuration", path, source))?;
    let settings: BTreeMap<Spanned<String>, Value> = toml::from_str(&text)
        .map_err(|error| Failure::Usage(format!("{} is not valid TOML: {error}", escaped(path))))?;
    let known = known_flags();
    let mut flags = Vec::new();
    for (name, value) in settings {
        let flag = flag(&known, name.get_ref(), value).map_err(|what| {
            let (file, line) = (escaped(path), line_of(&text, &name.span()));
            Failure::Usage(format!("{file}, line {line}: {}: {what}", name.get_ref()))
        })?;
        flags.extend(flag);
    }
    Ok(flags)
}

/// Returns the flag for a setting; none for a switch that is off.
fn flag(known: &[(String, bool)], name: &str, value: Value) -> Result<Option<String>, String> {
    let Some((_, is_switch)) = known.iter().find(|(known, _)| known == name) else {
        return Err(
            "unknown setting; settings are the flags of `cairn run --help`, without the leading \
             dashes"
                .into(),
        );
    };
    match (value, is_switch) {
        (Value::Boolean(true), true) if FOR_ONE_START.contains(&name) => Err(format!(
            "it is meant for one start, and a file is read at each: use the flag --{name} once"
        )),
        (Value::Boolean(on), true) => Ok(on.then(|| format!("--{name}"))),
        (_, true) => Err("expected true or false".into()),
        (Value::String(text), false) => Ok(Some(format!("--{name}={text}"))),
        (Value::Integer(number), false) => Ok(Some(format!("--{name}={number}"))),
        (other, false) => {
            let kind = other.type_str();
            Err(format!("expected a string or an integer, found {kind}"))
        }
    }
}

/// Returns the number of the line in which a span of a text begins.
fn line_of(text: &str, span: &Range<usize>) -> usize {
    let before = text.bytes().take(span.start);
    before
        .filter(|byte| *byte == b'\n')
        .count()
        .saturating_add(1)
}

/// Returns the flags of `cairn run` that can be set in a file; true for those without a value.
fn known_flags() -> Vec<(String, bool)> {
    settable_args()
        .filter_map(|arg| Some((arg.get_long()?.to_owned(), is_switch(&arg))))
        .collect()
}

/// Returns the arguments of `cairn run` that can be set in a file.
fn settable_args() -> impl Iterator<Item = Arg> {
    let cli = Cli::command();
    let own = cli.find_subcommand(COMMAND).into_iter();
    let all = cli
        .get_arguments()
        .chain(own.flat_map(Command::get_arguments));
    let settable = |arg: &&Arg| {
        let name = arg.get_long().unwrap_or_default();
        let has_setting = is_switch(arg) || matches!(arg.get_action(), ArgAction::Set);
        has_setting && name != "config" && !FLAGS_OF_OTHERS.contains(&name)
    };
    all.filter(settable)
        .cloned()
        .collect::<Vec<_>>()
        .into_iter()
}

fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
}
