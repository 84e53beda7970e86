//! Settings become flags, and a file with a fault is refused with the fault's line.

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
        ("rpc-prot = 1", "line 1: rpc-prot: unknown setting"),
        (
            "# A comment.\n\nrpc-prot = 1",
            "line 3: rpc-prot: unknown setting",
        ),
        ("config = \"x\"", "unknown setting"),
        ("rpc = \"ws://a\"", "unknown setting"),
        (
            "[rpc-port]\nx = 1",
            "line 1: rpc-port: expected a string or an integer",
        ),
        (
            "memory = 1\nrpc-external = 1",
            "line 2: rpc-external: expected true or false",
        ),
        ("rpc-port = [1]", "found array"),
        ("rpc-port = 1\nrpc-port = 2", "line 2"),
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

#[test]
fn what_is_meant_for_one_start_is_refused_in_a_file() {
    let args = ["cairn", "run", "--config", "FILE"];
    for name in FOR_ONE_START {
        let error = expanded(&format!("\n{name} = true"), &args).unwrap_err();
        let said = format!("line 2: {name}: it is meant for one start");
        assert!(error.to_string().contains(&said), "{error}");
        assert_eq!(expanded(&format!("{name} = false"), &args).unwrap(), args);
    }
}
