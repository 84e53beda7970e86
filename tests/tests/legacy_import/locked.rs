//! A running legacy provider: its database cannot be imported, and it does not start during an
//! import. Tests that need a second process start this program again.

use crate::support::LegacyFixture;
use crate::writer::{Era, Writer};
use cairn_engine::SharedResources;
use cairn_legacy_import::{LegacyError, LegacyImport, LegacyMode, LegacySource};
use rocksdb::{DB, Options};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const ROLE: &str = "CAIRN_LEGACY_HELPER";

/// Runs this program in a role, with paths.
pub fn helper(role: &str, paths: &[PathBuf]) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let (_, module) = module_path!().split_once("::").unwrap();
    let test = format!("{module}::a_second_process_plays_its_role");
    command.args(["--exact", &test, "--nocapture"]);
    command.env(ROLE, role);
    for (place, path) in paths.iter().enumerate() {
        command.env(format!("{ROLE}_{place}"), path);
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Does nothing when it is run as a test.
#[test]
fn a_second_process_plays_its_role() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let path = |place: u8| PathBuf::from(std::env::var_os(format!("{ROLE}_{place}")).unwrap());
    // The test harness has not ended its line.
    println!();
    match role.as_str() {
        "provider" => run_provider(&path(0)),
        "import" => {
            let source = LegacySource::open(&path(0)).unwrap();
            LegacyImport::new(&source, &path(1), LegacyMode::Import)
                .import_all(&SharedResources::default(), |id, step| {
                    println!("step {id} {step:?}")
                })
                .unwrap();
        }
        other => panic!("{other}"),
    }
}

/// Keeps the database open until its input ends.
fn run_provider(path: &Path) {
    let families = ["nodes", "buckets", "root_to_bucket"];
    match DB::open_cf(&Options::default(), path, families) {
        Ok(_db) => {
            println!("provider runs");
            std::io::stdin().read_to_end(&mut vec![]).unwrap();
        }
        Err(error) => println!("provider fails: {error}"),
    }
}

/// Starts a provider, and waits for its output.
fn provider(path: PathBuf) -> (Child, String) {
    let mut child = helper("provider", &[path]);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    let said = lines.find(|line| line.starts_with("provider ")).unwrap();
    (child, said)
}

fn one_bucket(writer: &Writer) {
    let leaf = (writer.content(b"x"), 1);
    writer.bucket(1, 0, 0, &[leaf]);
}

#[test]
fn a_database_that_its_provider_has_open_is_refused() {
    let fixture = LegacyFixture::new(Era::B, one_bucket);
    let (mut child, said) = provider(fixture.source());
    assert_eq!(said, "provider runs");
    let error = LegacySource::open(&fixture.source()).unwrap_err();
    assert!(matches!(error, LegacyError::InUse { .. }), "{error}");
    drop(child.stdin.take());
    child.wait().unwrap();
    assert_eq!(fixture.import().summary.imported, 1);
}

#[test]
fn a_provider_does_not_start_on_what_is_being_imported() {
    let fixture = LegacyFixture::new(Era::B, one_bucket);
    let source = LegacySource::open(&fixture.source()).unwrap();
    let (mut child, said) = provider(fixture.source());
    assert!(said.contains("fails") && said.contains("lock"), "{said}");
    child.wait().unwrap();
    drop(source);
    let (mut child, said) = provider(fixture.source());
    assert_eq!(said, "provider runs");
    drop(child.stdin.take());
    child.wait().unwrap();
}
