//! What some processes did to one folder, one after the other, and cuts in it.

use crate::expected::{Expected, Fault};
use cairn_powercuts::work::Step;
use cairn_powercuts::{Guarantees, History, Luck, Recorder, Tree, after_cut};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::ffi::OsStr;
use std::path::Path;
use tempfile::TempDir;

/// Steps of each process.
const STEPS: usize = 24;

pub struct Play {
    seed: u64,
    history: History,
}

/// A number that the environment may give.
pub fn number_from(variable: &str, usual: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.map_or(usual, |given| given.parse().expect(variable))
}

/// A folder in memory where there is one: nothing here waits for a disk.
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

/// Works on a folder as a script says, and writes down what is done to it.
pub fn work(recorder: &mut Recorder, root: &Path, first: u64, steps: &[Step], injected: &[&str]) {
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

impl Play {
    /// A process works until it is done, another until it is killed, and a third one.
    pub fn record(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let root = folder();
        let mut recorder = Recorder::new(root.path());
        let kill = random.gen_range(10..60);
        let kill = format!("inject=fdatasync:signal=KILL:when={kill}");
        for (number, injected) in [(0, &[][..]), (1, &["-e", &kill][..]), (2, &[][..])] {
            let steps = Step::some(&mut random, 3, STEPS);
            let first = (seed * 10 + number) * 100;
            work(&mut recorder, root.path(), first, &steps, injected);
        }
        // What was written down is what is there.
        let history = recorder.history().clone();
        assert_eq!(
            read(root.path()),
            Tree::of(recorder.live(), &history),
            "seed {seed}"
        );
        Self { seed, history }
    }

    /// The power fails; says how many buckets had to be mended.
    pub fn cut(&self, number: u64, guarantees: Guarantees) -> Result<usize, Fault> {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(number + 1);
        let at = self.moment(&mut random);
        let context = format!("seed {}, cut {number}", self.seed);
        let seed = random.r#gen();
        cut_at(&self.history, at, guarantees, None, seed, &context)
    }

    /// Anywhere, and often right after something.
    fn moment(&self, random: &mut impl Rng) -> usize {
        if random.gen_bool(0.5) {
            return random.gen_range(0..=self.history.end());
        }
        let event = random.gen_range(0..self.history.events.len());
        self.history.events[event].ended + 1
    }
}

/// The power fails at a moment, and what must be so is so. Says how many buckets had
/// to be mended, or what is wrong.
pub fn cut_at(
    history: &History,
    at: usize,
    guarantees: Guarantees,
    luck: Option<Luck>,
    seed: u64,
    context: &str,
) -> Result<usize, Fault> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let luck = luck.unwrap_or_else(|| Luck::some(&mut random));
    let tree = after_cut(history, at, guarantees, luck, &mut random);
    let expected = Expected::after(history.said_before(at));
    let disk = folder();
    tree.write_to(disk.path()).unwrap();
    expected.check(disk.path()).map_err(|fault| {
        let kept = disk.keep().with_extension("cut");
        std::fs::create_dir(&kept).unwrap();
        tree.write_to(&kept).unwrap();
        let said: Vec<_> = history.said_before(at).collect();
        std::fs::write(kept.join("said"), said.join("\n")).unwrap();
        let kept = kept.display();
        format!("{context} ({guarantees:?}, at {at}): {fault}; the disk is kept in {kept}")
    })
}

/// What is in a folder.
fn read(folder: &Path) -> Tree {
    use cairn_powercuts::Node;
    use std::os::unix::ffi::OsStringExt;
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let path = entry.path();
        let node = if entry.file_type().unwrap().is_dir() {
            Node::Folder(read(&path))
        } else {
            Node::File(std::fs::read(&path).unwrap())
        };
        (entry.file_name().into_vec(), node)
    });
    Tree(entries.collect())
}
