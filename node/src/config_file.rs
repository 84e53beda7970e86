//! The configuration file of `cairn run`: TOML, with the names of the flags. Its settings
//! become flags in front of those of the command line, which override them. So each flag
//! is defined in one place.
//!
//! ```toml
//! chain = "ws://127.0.0.1:9944"
//! rpc-port = 9955
//! rpc-external = true
//! memory = "4GiB"
//! ```

use crate::args::Cli;
use crate::escaped_path::escaped;
use crate::failure::Failure;
use clap::{ArgAction, CommandFactory};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// The command that accepts a file.
const COMMAND: &str = "run";
/// The flag that names it.
const FLAG: &str = "--config";

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
    let table: Table = text
        .parse()
        .map_err(|error| Failure::Usage(format!("{} is not valid TOML: {error}", escaped(path))))?;
    let known = known_flags();
    let mut flags = Vec::new();
    for (name, value) in table {
        let wrong = |what: String| Failure::Usage(format!("{}: {name}: {what}", escaped(path)));
        let Some((_, is_switch)) = known.iter().find(|(known, _)| *known == name) else {
            return Err(wrong(
                "unknown setting; settings are the flags of `cairn run --help`, without the \
                 leading dashes"
                    .into(),
            ));
        };
        match (value, is_switch) {
            (Value::Boolean(true), true) => flags.push(format!("--{name}")),
            (Value::Boolean(false), true) => {}
            (_, true) => return Err(wrong("expected true or false".into())),
            (Value::String(text), false) => flags.push(format!("--{name}={text}")),
            (Value::Integer(number), false) => flags.push(format!("--{name}={number}")),
            (other, false) => {
                let kind = other.type_str();
                return Err(wrong(format!(
                    "expected a string or an integer, found {kind}"
                )));
            }
        }
    }
    Ok(flags)
}

/// Returns the flags of `cairn run`; true for those without a value.
fn known_flags() -> Vec<(String, bool)> {
    let cli = Cli::command();
    let globals = cli.get_arguments();
    let own = cli.find_subcommand(COMMAND).into_iter();
    let all = globals.chain(own.flat_map(clap::Command::get_arguments));
    all.filter_map(|arg| {
        let name = arg.get_long()?.to_owned();
        let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
        let is_value = matches!(arg.get_action(), ArgAction::Set);
        ((is_switch || is_value) && name != "config").then_some((name, is_switch))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn expanded(file: &str, args: &[&str]) -> Result<Vec<String>, Failure> {
        let mut config = tempfile::NamedTempFile::new().unwrap();
        config.write_all(file.as_bytes()).unwrap();
        let path = config.path().to_str().unwrap();
        let args = args.iter().map(|arg| arg.replace("FILE", path).into());
        let expanded = expand_args(args.collect())?;
        Ok(expanded
            .into_iter()
            .map(|arg| arg.into_string().unwrap().replace(path, "FILE"))
            .collect())
    }

    #[test]
    fn flags_override_the_file() {
        let file = "chain = \"ws://a\"\nrpc-port = 1\nrpc-external = true\nno-prometheus = false";
        let args = ["cairn", "run", "--config", "FILE", "--rpc-port", "2"];
        let expected = [
            "cairn",
            "run",
            "--chain=ws://a",
            "--rpc-external",
            "--rpc-port=1",
            "--config",
            "FILE",
            "--rpc-port",
            "2",
        ];
        let mut given = expanded(file, &args).unwrap();
        given[2..5].sort();
        assert_eq!(given, expected);
        let together = ["cairn", "run", "--config=FILE"];
        assert_eq!(expanded("rpc-port = 1", &together).unwrap().len(), 4);
    }

    #[test]
    fn an_invalid_file_is_refused_with_its_name_and_the_reason() {
        let args = ["cairn", "run", "--config", "FILE"];
        for (file, said) in [
            ("rpc-prot = 1", "rpc-prot: unknown setting"),
            ("config = \"x\"", "unknown setting"),
            ("rpc-external = 1", "expected true or false"),
            ("rpc-port = [1]", "found array"),
            ("rpc-port", "is not valid TOML"),
        ] {
            let error = expanded(file, &args).unwrap_err();
            assert!(matches!(error, Failure::Usage(_)), "{error}");
            assert!(error.to_string().contains(said), "{file}: {error}");
        }
        let absent = ["cairn", "run", "--config", "/nowhere/cairn.toml"];
        let error = expanded("", &absent).unwrap_err().to_string();
        assert!(error.contains("/nowhere/cairn.toml"), "{error}");
    }

    #[test]
    fn other_commands_read_no_file() {
        let args = ["cairn", "status", "--config", "FILE"];
        assert_eq!(expanded("nonsense", &args).unwrap(), args);
    }
}
