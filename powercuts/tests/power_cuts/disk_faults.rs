//! The disk fails once, at each call in turn, while a provider works. Nothing that it reported is
//! lost, then or when the power fails at the end; and it recovers by itself.

use crate::MAX_FAULTS;
use crate::expected_state::{BrokenGuarantee, ExpectedState};
use crate::recording::{cut_at, folder, number_from, run_workload};
use cairn_powercuts::workload::{Report, Step};
use cairn_powercuts::{Change, Guarantees, Recorder};
use cairn_primitives::BucketId;

/// The steps before and during the fault: one of everything.
const STEPS: [Step; 15] = {
    const ONE: BucketId = BucketId(1);
    const TWO: BucketId = BucketId(2);
    [
        Step::Create(ONE),
        Step::Sign(ONE),
        Step::Window(ONE),
        Step::FailUpload(ONE),
        Step::Commit(ONE),
        Step::Export(ONE),
        Step::Prune(ONE),
        Step::Sign(ONE),
        Step::Create(TWO),
        Step::Sign(TWO),
        Step::Release(ONE),
        Step::Reimport(ONE),
        Step::CommitBuffered(TWO),
        Step::Delete(TWO),
        Step::WriteIndex,
    ]
};

/// The steps that must succeed once the fault is over.
const RECOVERY_STEPS: [Step; 5] = {
    const ONE: BucketId = BucketId(1);
    [
        Step::Create(ONE),
        Step::Sign(ONE),
        Step::Window(ONE),
        Step::SignAgain(ONE),
        Step::Nonce,
    ]
};

/// The number of the first step that must not fail once the fault is over.
const FIRST_SAFE_STEP: u64 = (STEPS.len() + RECOVERY_STEPS.len()) as u64;

/// Calls and errors, and the interval at which calls are failed in a default run.
const FAULTS: [(&str, &str, usize); 13] = [
    ("fsync", "EIO", 3),
    ("fdatasync", "EIO", 3),
    ("fsync", "ENOSPC", 17),
    ("fdatasync", "ENOSPC", 11),
    ("write", "EIO", 23),
    ("write", "ENOSPC", 23),
    ("rename", "EIO", 3),
    ("renameat2", "EIO", 1),
    ("mkdir", "ENOSPC", 1),
    ("link", "EIO", 3),
    ("unlink", "EIO", 13),
    ("ftruncate", "EIO", 7),
    ("pread64", "EIO", 23),
];

fn script() -> Vec<Step> {
    let twice = RECOVERY_STEPS.into_iter().chain(RECOVERY_STEPS);
    STEPS.into_iter().chain(twice).collect()
}

/// Fails one call. Returns the faults that follow, or `None` if there is no such call.
fn fail_call(call: &str, error: &str, number: usize) -> Option<Vec<BrokenGuarantee>> {
    let root = folder();
    let mut recorder = Recorder::new(root.path());
    let inject = format!("inject={call}:error={error}:when={number}");
    run_workload(&mut recorder, root.path(), 0, &script(), &["-e", &inject]);
    let history = recorder.history();
    // Each thread of the process counts its own calls.
    let failed = history.injected.last().copied()?;
    let context = format!("{error} at {call} {number}");
    let said = || history.printed_before(history.end());
    let expected = ExpectedState::from_reports(said());
    let mut faults = Vec::new();
    // The surviving process worked correctly, if it got this far.
    if said().last() == Some("done") {
        let mut began = None;
        for event in &history.events {
            let Change::Printed(line) = &event.change else {
                continue;
            };
            match line.parse() {
                Ok(Report::Began(step)) => began = Some((step, event.ended)),
                // A failure in the background is reported by the next call.
                Ok(Report::Failed(step)) if step >= FIRST_SAFE_STEP => {
                    let (_, at) = began.unwrap();
                    let what = script()[usize::try_from(step).unwrap()];
                    if at >= failed {
                        faults.push(format!("{context}: afterwards, {what} failed"));
                    }
                }
                _ => {}
            }
        }
    }
    for (seed, guarantees) in [(1, Guarantees::Journaled), (2, Guarantees::Posix)] {
        let cut = cut_at(history, history.end(), guarantees, None, seed, &context);
        faults.extend(cut.err());
    }
    if let Err(fault) = expected.check(root.path()) {
        faults.push(format!("{context}: {fault}"));
    }
    Some(faults)
}

/// Fails each of some calls once, and reports all faults at the end.
fn fail_each(calls: &[&str]) {
    let every = number_from("CAIRN_FAULTS_EVERY", 0);
    let mut faults = Vec::new();
    for (call, error, usual) in FAULTS {
        if !calls.contains(&call) {
            continue;
        }
        let step = if every == 0 {
            usual
        } else {
            usize::try_from(every).unwrap()
        };
        let mut count = 0;
        for number in (1..).step_by(step) {
            let Some(found) = fail_call(call, error, number) else {
                break;
            };
            faults.extend(found);
            count += 1;
            if faults.len() >= MAX_FAULTS {
                break;
            }
        }
        println!("{call} failed with {error} at {count} places");
        assert!(count > 0, "there was no {call} to fail");
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn i9_a_failed_sync_loses_nothing_reported() {
    fail_each(&["fsync", "fdatasync"]);
}

#[test]
fn i9_a_failed_write_loses_nothing_reported() {
    fail_each(&["write", "ftruncate"]);
}

#[test]
fn i9_a_failed_name_change_loses_nothing_reported() {
    fail_each(&["rename", "renameat2", "mkdir", "link", "unlink"]);
}

#[test]
fn a_failed_read_falsifies_nothing() {
    fail_each(&["pread64"]);
}
