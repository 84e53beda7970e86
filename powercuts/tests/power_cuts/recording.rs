//! Records what several processes do to one folder, and cuts the power in it.

use crate::expected_state::{BrokenGuarantee, ExpectedState};
use cairn_powercuts::workload::Step;
use cairn_powercuts::{Guarantees, History, Recorder, Survival, Tree, after_cut};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::ffi::OsStr;
use std::path::Path;
use tempfile::TempDir;

/// Steps of each process.
const STEPS: usize = 24;

pub struct Recording {
    seed: u64,
    history: History,
}

/// Returns a number from the environment, or the default.
pub fn number_from(variable: &str, usual: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.map_or(usual, |given| given.parse().expect(variable))
}

/// Returns a folder in memory if possible: nothing here depends on a real disk.
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

/// Runs the workload on a folder and records what it does.
pub fn run_workload(
    recorder: &mut Recorder,
    root: &Path,
    first: u64,
    steps: &[Step],
    injected: &[&str],
) {
    let trace = folder();
    let mut command = vec![env!("CARGO_BIN_EXE_workload").to_owned()];
    command.push(root.display().to_string());
    command.push(first.to_string());
    command.extend(steps.iter().map(Step::to_string));
    let command: Vec<_> = command.iter().map(OsStr::new).collect();
    let trace = trace.path().join("trace");
    if let Err(error) = recorder.run(&command, injected, &trace) {
        panic!("{error}");
    }
}

impl Recording {
    /// Records a process that works until it is done, another that is killed, and a third one.
    pub fn record(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let root = folder();
        let mut recorder = Recorder::new(root.path());
        let kill = random.gen_range(10..60);
        let kill = format!("inject=fdatasync:signal=KILL:when={kill}");
        for (number, injected) in [(0, &[][..]), (1, &["-e", &kill][..]), (2, &[][..])] {
            let steps = Step::random(&mut random, 3, STEPS);
            let first = (seed * 10 + number) * 100;
            run_workload(&mut recorder, root.path(), first, &steps, injected);
        }
        // The record matches the folder.
        let history = recorder.history().clone();
        assert_eq!(
            read_folder(root.path()),
            Tree::from_live(recorder.live(), &history),
            "seed {seed}"
        );
        Self { seed, history }
    }

    /// Cuts the power. Returns how many buckets had to be repaired.
    pub fn cut(&self, number: u64, guarantees: Guarantees) -> Result<usize, BrokenGuarantee> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(number + 1);
        let at = self.moment(&mut random);
        let context = format!("seed {}, cut {number}", self.seed);
        let seed = random.r#gen();
        cut_at(&self.history, at, guarantees, None, seed, &context)
    }

    /// Returns a random moment, often one right after an event.
    fn moment(&self, random: &mut impl Rng) -> usize {
        if random.gen_bool(0.5) {
            return random.gen_range(0..=self.history.end());
        }
        let event = random.gen_range(0..self.history.events.len());
        self.history.events[event].ended + 1
    }
}

/// Cuts the power at a moment and checks the result. Returns how many buckets had to be repaired,
/// or what is wrong.
pub fn cut_at(
    history: &History,
    at: usize,
    guarantees: Guarantees,
    luck: Option<Survival>,
    seed: u64,
    context: &str,
) -> Result<usize, BrokenGuarantee> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let luck = luck.unwrap_or_else(|| Survival::random(&mut random));
    let tree = after_cut(history, at, guarantees, luck, &mut random);
    let expected = ExpectedState::from_reports(history.printed_before(at));
    let disk = folder();
    tree.write_to(disk.path()).unwrap();
    expected.check(disk.path()).map_err(|fault| {
        let kept = disk.keep().with_extension("cut");
        std::fs::create_dir(&kept).unwrap();
        tree.write_to(&kept).unwrap();
        let said: Vec<_> = history.printed_before(at).collect();
        std::fs::write(kept.join("said"), said.join("\n")).unwrap();
        let kept = kept.display();
        format!("{context} ({guarantees:?}, at {at}): {fault}; the disk is kept in {kept}")
    })
}

/// Reads a folder.
fn read_folder(folder: &Path) -> Tree {
    use cairn_powercuts::Node;
    use std::os::unix::ffi::OsStringExt;
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let path = entry.path();
        let node = if entry.file_type().unwrap().is_dir() {
            Node::Folder(read_folder(&path))
        } else {
            Node::File(std::fs::read(&path).unwrap())
        };
        (entry.file_name().into_vec(), node)
    });
    Tree(entries.collect())
}
