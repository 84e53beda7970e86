//! A process is killed before its writes are synced. The next one finds them in the log and is
//! asked to sign them; then the power fails.

use crate::recording::{cut_at, folder, run_workload};
use cairn_powercuts::workload::Step;
use cairn_powercuts::{Guarantees, Recorder, Survival};
use cairn_primitives::BucketId;

const ID: BucketId = BucketId(1);

#[test]
fn i4_unsynced_log_entries_are_not_signed() {
    let mut signed_again = 0;
    for number in 1.. {
        let root = folder();
        let mut recorder = Recorder::new(root.path());
        let first = [Step::Create(ID), Step::Sign(ID)];
        run_workload(&mut recorder, root.path(), 0, &first, &[]);
        let kill = format!("inject=fdatasync:signal=KILL:when={number}");
        run_workload(
            &mut recorder,
            root.path(),
            10,
            &[Step::Sign(ID)],
            &["-e", &kill],
        );
        let said = |recorder: &Recorder| recorder.history().printed_before(usize::MAX).count();
        let before = said(&recorder);
        let done = recorder.history().printed_before(usize::MAX);
        let was_killed = done.filter(|line| *line == "done").count() == 1;
        run_workload(&mut recorder, root.path(), 20, &[Step::SignAgain(ID)], &[]);
        let history = recorder.history();
        let again = history.printed_before(usize::MAX).skip(before);
        signed_again += again.filter(|line| line.starts_with("signed")).count();
        for guarantees in [Guarantees::Journaled, Guarantees::Posix] {
            let context = format!("killed at sync {number}");
            let luck = Some(Survival::None);
            if let Err(fault) = cut_at(history, history.end(), guarantees, luck, 0, &context) {
                panic!("{fault}");
            }
        }
        if !was_killed {
            break;
        }
    }
    println!("{signed_again} times it was signed again");
    assert!(signed_again > 1, "nothing was signed again");
}
