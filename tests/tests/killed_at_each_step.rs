//! Kills a provider at each change of the disk: at the first rename, the second, and so on
//! until it completes, and likewise for every other system call that changes files. After each
//! kill, the next start completes or undoes the operation, every signed root can be proven, and
//! the same operation succeeds.

mod fixture;

use fixture::{Fixture, run_keeper};
use std::collections::BTreeSet;

/// The system calls that change files, by the names of `strace`.
const STEPS: [&str; 11] = [
    "rename",
    "renameat2",
    "fsync",
    "fdatasync",
    "unlink",
    "unlinkat",
    "rmdir",
    "mkdir",
    "link",
    "ftruncate",
    "write",
];

/// Writes are numerous, mostly to the database's log, so only some of them are tried, at random.
const WRITES_AT_A_TIME: usize = 5;

/// Kills the operation `what` at each of its steps, in copies of one base path.
fn kill_at_each_step(
    fixture: &Fixture,
    what: &str,
    bucket: u64,
    path: impl Fn(&Fixture) -> Option<std::path::PathBuf>,
    check: impl Fn(&Fixture),
) {
    let mut killed = 0;
    for call in STEPS {
        let by = if call == "write" { WRITES_AT_A_TIME } else { 1 };
        for number in (1..).step_by(by) {
            let fixture = fixture.copy_to_new_folder();
            let path = path(&fixture);
            let kill = format!("inject={call}:signal=KILL:when={number}");
            let ended = run_keeper(&fixture.base(), what, bucket, path.as_deref(), Some(&kill));
            if ended.done {
                break;
            }
            assert!(!ended.is_answer, "{what} is refused: {ended:?}");
            killed += 1;
            let context = format!("{what} killed at {call} {number}");
            fixture.assert_intact(&ended.signed, &context);
            check(&fixture);
            let again = run_keeper(&fixture.base(), what, bucket, path.as_deref(), None);
            assert!(again.done || again.is_answer, "{context}, then: {again:?}");
            fixture.assert_intact(&again.signed, &context);
        }
    }
    assert!(killed >= 15, "{what} was killed {killed} times only");
    println!("{what} was killed at {killed} steps");
}

fn no_path(_: &Fixture) -> Option<std::path::PathBuf> {
    None
}

#[test]
fn adopting_a_folder_and_removing_an_unfinished_one() {
    let mut fixture = Fixture::new();
    fixture.add_bucket(&Fixture::with_buckets(&[9]), 9);
    std::fs::create_dir(fixture.folder_of(8).with_extension("creating")).unwrap();
    fixture.remove_index();
    kill_at_each_step(&fixture, "start", 0, no_path, |_| {});
}

#[test]
fn creating_a_bucket() {
    kill_at_each_step(&Fixture::new(), "create", 7, no_path, |fixture| {
        let ids: BTreeSet<_> = fixture.ids();
        assert!(ids.is_superset(&[1, 2, 3].into()) && ids.is_subset(&[1, 2, 3, 7].into()));
    });
}

#[test]
fn putting_and_signing_a_leaf() {
    kill_at_each_step(&Fixture::new(), "put", 2, no_path, |_| {});
}

#[test]
fn deleting_a_bucket() {
    let fixture = Fixture::new().without_bucket(2);
    kill_at_each_step(&fixture, "delete", 2, no_path, |fixture| {
        let trash = std::fs::read_dir(fixture.base().join("trash")).unwrap();
        assert_eq!(trash.count(), 0, "what was deleted is removed");
    });
}

#[test]
fn pruning_a_bucket() {
    kill_at_each_step(&Fixture::new(), "prune", 2, no_path, |fixture| {
        // Either the old tree or the new one.
        let newest = fixture.newest_state(2);
        let whole = (0, 5) == newest;
        assert!(whole || (2, 3) == newest, "{newest:?}");
    });
}

#[test]
fn releasing_a_tree() {
    let fixture = Fixture::new();
    assert!(run_keeper(&fixture.base(), "prune", 2, None, None).done);
    let fixture = fixture.without_bucket(2);
    kill_at_each_step(&fixture, "release", 2, no_path, |_| {});
}

#[test]
fn exporting_a_bucket() {
    let to = |fixture: &Fixture| Some(fixture.outside("exported"));
    kill_at_each_step(&Fixture::new(), "export", 2, to, |fixture| {
        // A partial export must not be accepted.
        let exported = fixture.outside("exported");
        if exported.exists() {
            let other = Fixture::with_buckets(&[1]);
            let imported = run_keeper(&other.base(), "import", 0, Some(&exported), None);
            assert!(imported.done, "{imported:?}");
        }
    });
}

#[test]
fn importing_a_bucket() {
    let other = Fixture::with_buckets(&[9]);
    let exported = other.outside("exported");
    assert!(run_keeper(&other.base(), "export", 9, Some(&exported), None).done);
    let from = |_: &Fixture| Some(exported.clone());
    kill_at_each_step(&Fixture::new(), "import", 0, from, |fixture| {
        if fixture.folder_of(9).exists() {
            let mut whole = fixture.copy_to_new_folder();
            whole.expect_same_as(&other, 9);
            whole.assert_intact(&[], "imported");
        }
    });
}
