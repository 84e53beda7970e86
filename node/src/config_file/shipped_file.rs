//! `packaging/cairn.toml`, which packages install, has each setting with its default and a reason.

use super::{is_switch, read_flags, settable_args};
use crate::args::Cli;
use clap::{Arg, Parser};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

/// A value that is an example, since there is no default of the program's own.
const EXAMPLE: &str = " # example";
/// The settings that are made, since a service cannot start without them.
const MADE: [&str; 2] = ["base-path", "chain"];

/// A setting of the shipped file.
struct Setting {
    is_made: bool,
    is_example: bool,
    has_reason: bool,
    value: String,
}

fn shipped() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../packaging/cairn.toml")
}

/// Returns the settings of the shipped file. `#name = value` is one that is not made; `# ` begins
/// prose.
fn settings() -> BTreeMap<String, Setting> {
    let text = std::fs::read_to_string(shipped()).unwrap();
    let mut settings = BTreeMap::new();
    let mut before = "";
    for line in text.lines() {
        let is_made = !line.starts_with('#');
        let line_before = std::mem::replace(&mut before, line);
        if line.is_empty() || line == "#" || line.starts_with("# ") {
            continue;
        }
        let (name, value) = line.trim_start_matches('#').split_once(" = ").expect(line);
        let example = value.strip_suffix(EXAMPLE);
        let setting = Setting {
            is_made,
            is_example: example.is_some(),
            has_reason: line_before.starts_with("# "),
            value: example.unwrap_or(value).to_owned(),
        };
        let double = settings.insert(name.to_owned(), setting);
        assert!(double.is_none(), "{name} is there twice");
    }
    settings
}

fn default_of(arg: &Arg) -> Option<String> {
    let default = arg.get_default_values().first()?;
    Some(default.to_str().unwrap().to_owned())
}

#[test]
fn each_flag_is_in_the_shipped_file_and_each_setting_is_a_flag() {
    let flags: Vec<_> = settable_args()
        .map(|arg| arg.get_long().unwrap().to_owned())
        .collect();
    let settings = settings();
    let missing: Vec<_> = flags
        .iter()
        .filter(|flag| !settings.contains_key(*flag))
        .collect();
    assert!(missing.is_empty(), "packaging/cairn.toml lacks {missing:?}");
    let unknown: Vec<_> = settings
        .keys()
        .filter(|name| !flags.contains(name))
        .collect();
    assert!(unknown.is_empty(), "cairn run has no {unknown:?}");
    for (name, setting) in settings {
        assert!(setting.has_reason, "{name} has no reason");
    }
}

#[test]
fn the_shipped_defaults_are_those_of_the_flags() {
    let settings = settings();
    for arg in settable_args() {
        let name = arg.get_long().unwrap();
        let setting = &settings[name];
        assert_eq!(setting.is_made, MADE.contains(&name), "{name}");
        let shipped = setting.value.trim_matches('"');
        match default_of(&arg) {
            _ if is_switch(&arg) => assert_eq!(shipped, "false", "{name}"),
            Some(default) => assert_eq!(shipped, default, "{name}"),
            None => assert!(setting.is_made || setting.is_example, "{name}"),
        }
    }
}

#[test]
fn the_shipped_file_and_each_of_its_examples_are_accepted() {
    let accepts = |flags: Vec<String>| {
        let command = ["cairn", "run"].map(str::to_owned).into_iter();
        let parsed = Cli::try_parse_from(command.chain(flags));
        parsed.map_err(|error| error.to_string()).map(drop)
    };
    assert_eq!(accepts(read_flags(&shipped()).unwrap()), Ok(()));
    for (name, setting) in settings() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        if name != "chain" {
            writeln!(file, "chain = \"ws://127.0.0.1:9944\"").unwrap();
        }
        if name == "s3-port" {
            writeln!(file, "s3-keys = \"/etc/cairn/s3-keys.toml\"").unwrap();
        }
        writeln!(file, "{name} = {}", setting.value).unwrap();
        let flags = read_flags(file.path()).unwrap();
        assert_eq!(accepts(flags), Ok(()), "{name}");
    }
}
