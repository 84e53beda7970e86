//! Tests of the model of a disk that loses power: against a direct reading of its guarantees, and
//! with programs that are known to be right or wrong.

use cairn_powercuts::{
    Change, Event, Guarantees, History, Inode, LiveState, Node, ROOT, Survival, Tree, after_cut,
    parse,
};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};

const SECTOR: usize = 512;

/// Builds a history step by step.
#[derive(Default)]
struct HistoryBuilder {
    history: History,
    live: LiveState,
    inodes: Inode,
}

impl HistoryBuilder {
    fn push(&mut self, change: Change) {
        self.live.apply(&change);
        let moment = self.history.events.len();
        self.history.events.push(Event {
            began: moment,
            ended: moment,
            change,
        });
    }

    fn make(&mut self, folder: Inode, name: &[u8], is_folder: bool) -> Inode {
        self.inodes += 1;
        let inode = self.inodes;
        if is_folder {
            self.history.folders.push(inode);
        }
        let name = name.to_vec();
        self.push(Change::Link {
            folder,
            name,
            inode,
        });
        inode
    }

    fn write(&mut self, inode: Inode, offset: usize, bytes: &[u8]) {
        let bytes = bytes.to_vec();
        self.push(Change::Write {
            inode,
            offset,
            bytes,
        });
    }

    fn sync(&mut self, inode: Inode) {
        self.push(Change::Sync { inode });
    }

    fn rename(&mut self, from: (Inode, &[u8]), to: (Inode, &[u8])) {
        let inode = self.live.look_up(from.0, from.1).unwrap();
        let owned = |(folder, name): (Inode, &[u8])| (folder, name.to_vec());
        let (from, to) = (owned(from), owned(to));
        self.push(Change::Rename { from, to, inode });
    }

    fn said(&mut self) {
        self.push(Change::Printed("done".into()));
    }

    /// Performs one of a few operations, chosen by three numbers.
    fn random(&mut self, (what, one, other): (u8, u8, u8)) {
        let folders = [ROOT, 1, 2];
        let names: [&[u8]; 3] = [b"a", b"b", b"c"];
        let folder = folders[usize::from(one) % 3];
        let name = names[usize::from(one / 3) % 3];
        let there = self.live.look_up(folder, name);
        let is_file = there.is_some_and(|inode| !self.history.folders.contains(&inode));
        match (what % 8, there) {
            (0, None) => drop(self.make(folder, name, false)),
            (1, Some(_)) if is_file => {
                let name = name.to_vec();
                self.push(Change::Unlink { folder, name });
            }
            (2, Some(_)) if is_file => {
                let target = names[usize::from(other / 3) % 3];
                let to = folders[usize::from(other) % 3];
                let replaced = self.live.look_up(to, target);
                let is_free = replaced.is_none_or(|inode| !self.history.folders.contains(&inode));
                if is_free && replaced != there {
                    self.rename((folder, name), (to, target));
                }
            }
            (3 | 4, Some(inode)) if is_file => {
                let bytes = vec![other | 1; usize::from(other) * 7];
                self.write(inode, usize::from(other / 2) * 11, &bytes);
            }
            (5, Some(inode)) if is_file => {
                let length = usize::from(other) * 9;
                self.push(Change::Truncate { inode, length });
            }
            (6, Some(inode)) => self.sync(inode),
            (7, _) => self.sync(folder),
            _ => {}
        }
    }
}

fn histories() -> impl Strategy<Value = History> {
    let steps = proptest::collection::vec(any::<(u8, u8, u8)>(), 0..40);
    steps.prop_map(|steps| {
        let mut maker = HistoryBuilder::default();
        // Two durable folders, so that names move between three.
        for name in [b"x", b"y"] {
            maker.make(ROOT, name, true);
        }
        maker.sync(ROOT);
        steps.into_iter().for_each(|step| maker.random(step));
        maker.history
    })
}

/// Collects the paths of a tree, with the bytes of files.
fn flatten(tree: &Tree, before: &str, into: &mut BTreeMap<String, Option<Vec<u8>>>) {
    for (name, node) in &tree.0 {
        let path = format!("{before}/{}", String::from_utf8_lossy(name));
        match node {
            Node::File(bytes) => drop(into.insert(path, Some(bytes.clone()))),
            Node::Folder(inner) => {
                into.insert(path.clone(), None);
                flatten(inner, &path, into);
            }
        }
    }
}

/// Collects the paths of a file system, with the inodes.
fn collect_paths(
    live: &LiveState,
    folder: Inode,
    before: &str,
    into: &mut BTreeMap<String, Inode>,
) {
    for (name, inode) in live.names.get(&folder).into_iter().flatten() {
        let path = format!("{before}/{}", String::from_utf8_lossy(name));
        into.insert(path.clone(), *inode);
        collect_paths(live, *inode, &path, into);
    }
}

/// Returns the moment at which the last sync of an inode began.
fn last_sync(done: &[Event], of: Inode) -> usize {
    let is_of = |event: &&Event| event.change == Change::Sync { inode: of };
    done.iter().rfind(is_of).map_or(0, |event| event.began)
}

/// Returns all states of the names that a file system may have kept.
fn possible_names(done: &[Event], guarantees: Guarantees) -> Vec<LiveState> {
    let changes: Vec<_> = done
        .iter()
        .filter(|event| event.change.folders().count() > 0)
        .collect();
    let is_safe = |event: &Event| {
        let mut folders = event.change.folders();
        folders.any(|folder| event.ended < last_sync(done, folder))
    };
    let safe: BTreeSet<_> = (0..changes.len())
        .filter(|at| is_safe(changes[*at]))
        .collect();
    let apply = |kept: &dyn Fn(usize) -> bool| {
        let mut live = LiveState::default();
        let some = changes.iter().enumerate().filter(|(at, _)| kept(*at));
        some.for_each(|(_, event)| live.apply(&event.change));
        live
    };
    let mut all = Vec::new();
    match guarantees {
        Guarantees::Journaled => {
            for count in 0..=changes.len() {
                if safe.iter().all(|at| *at < count) {
                    all.push(apply(&|at| at < count));
                }
            }
        }
        Guarantees::Posix => {
            // The changes of each of the three folders.
            let of = |folder| {
                let is_of = |at: &usize| changes[*at].change.folders().any(|of| of == folder);
                (0..changes.len()).filter(is_of).collect::<Vec<_>>()
            };
            let lists = [of(ROOT), of(1), of(2)];
            for one in 0..=lists[0].len() {
                for two in 0..=lists[1].len() {
                    for three in 0..=lists[2].len() {
                        let counts = [one, two, three];
                        let is_in = |at: usize| {
                            let mut of_change =
                                lists.iter().zip(counts).filter_map(|(list, count)| {
                                    let place = list.iter().position(|of| *of == at)?;
                                    Some(place < count)
                                });
                            let first = of_change.next().unwrap();
                            of_change.all(|other| other == first).then_some(first)
                        };
                        let kept: Option<Vec<_>> = (0..changes.len()).map(is_in).collect();
                        let Some(kept) = kept else { continue };
                        if safe.iter().all(|at| kept[*at]) {
                            all.push(apply(&|at| kept[at]));
                        }
                    }
                }
            }
        }
    }
    all
}

/// Returns true if a file may have these bytes.
fn is_possible_content(done: &[Event], inode: Inode, bytes: &[u8], guarantees: Guarantees) -> bool {
    let from = last_sync(done, inode);
    let mut live = LiveState::default();
    let mut versions = Vec::new();
    for event in done {
        if event.change.file() == Some(inode) {
            if event.ended >= from {
                versions.push(live.bytes.get(&inode).cloned().unwrap_or_default());
            }
            live.apply(&event.change);
        }
    }
    versions.push(live.bytes.get(&inode).cloned().unwrap_or_default());
    let lengths = || versions.iter().map(Vec::len);
    if bytes.len() < lengths().min().unwrap() || bytes.len() > lengths().max().unwrap() {
        return false;
    }
    (0..bytes.len()).step_by(SECTOR).all(|begin| {
        let end = (begin + SECTOR).min(bytes.len());
        let sector = &bytes[begin..end];
        let is_of = |version: &Vec<u8>| {
            // Bytes past the end of a version were never written, or are lost.
            let has = version.len().clamp(begin, end);
            let rest = &sector[has - begin..];
            let is_rest = guarantees == Guarantees::Posix || rest.iter().all(|byte| *byte == 0);
            let is_same = has == begin || sector[..has - begin] == version[begin..has];
            is_same && is_rest
        };
        versions.iter().any(is_of)
    })
}

fn is_possible(history: &History, cut: usize, tree: &Tree, guarantees: Guarantees) -> bool {
    let done = &history.events[..cut.min(history.events.len())];
    let mut found = BTreeMap::new();
    flatten(tree, "", &mut found);
    possible_names(done, guarantees).into_iter().any(|live| {
        let mut expected = BTreeMap::new();
        collect_paths(&live, ROOT, "", &mut expected);
        found.keys().eq(expected.keys())
            && found.iter().all(|(path, bytes)| match bytes {
                None => history.folders.contains(&expected[path]),
                Some(bytes) => is_possible_content(done, expected[path], bytes, guarantees),
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn cuts_respect_the_file_systems_guarantees(
        history in histories(),
        cut in 0usize..60,
        seed in any::<u64>(),
        is_journaled in any::<bool>(),
    ) {
        let guarantees = if is_journaled { Guarantees::Journaled } else { Guarantees::Posix };
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let luck = Survival::random(&mut random);
        let tree = after_cut(&history, cut, guarantees, luck, &mut random);
        prop_assert!(is_possible(&history, cut, &tree, guarantees), "{tree:?}");
    }

    #[test]
    fn parse_any_trace(trace in "([0-9]{1,3} [a-z<. ]{0,12}(\\(|resumed>)?[\\\\x0-9a-f\", ]{0,20}\\)? (= [0-9?-]{1,3})?\n){0,5}") {
        let _ = parse(&trace);
    }
}

/// Returns the trees of many cuts of one history.
fn trees(history: &History, guarantees: Guarantees) -> Vec<(bool, Tree)> {
    (0..3_000)
        .map(|seed| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let cut = usize::try_from(seed).unwrap() % (history.end() + 1);
            let was_said = history.printed_before(cut).next().is_some();
            let luck = Survival::random(&mut random);
            (
                was_said,
                after_cut(history, cut, guarantees, luck, &mut random),
            )
        })
        .collect()
}

const OLD: [u8; 700] = [1; 700];
const NEW: [u8; 1_400] = [2; 1_400];

/// Returns the history of a program that replaces a file, with or without some of the necessary
/// syncs.
fn replacing_program(syncs_file: bool, syncs_folder: bool) -> History {
    let mut maker = HistoryBuilder::default();
    let old = maker.make(ROOT, b"file", false);
    maker.write(old, 0, &OLD);
    maker.sync(old);
    maker.sync(ROOT);
    let new = maker.make(ROOT, b"file.new", false);
    maker.write(new, 0, &NEW);
    if syncs_file {
        maker.sync(new);
    }
    maker.rename((ROOT, b"file.new"), (ROOT, b"file"));
    if syncs_folder {
        maker.sync(ROOT);
    }
    maker.said();
    maker.history
}

/// Returns true if in each cut the file is the old or the new one, and the new one once the program
/// said so.
fn is_replacement_atomic(history: &History, guarantees: Guarantees) -> bool {
    let is_made = history
        .events
        .iter()
        .position(|event| matches!(&event.change, Change::Sync { inode } if *inode == ROOT));
    let trees = (is_made.unwrap()..=history.end()).flat_map(|cut| {
        (0..200).map(move |seed| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let was_said = history.printed_before(cut).next().is_some();
            let luck = Survival::random(&mut random);
            (
                cut,
                was_said,
                after_cut(history, cut, guarantees, luck, &mut random),
            )
        })
    });
    trees
        .into_iter()
        .all(|(cut, was_said, tree)| match tree.0.get(&b"file"[..]) {
            Some(Node::File(bytes)) => bytes == &NEW || (!was_said && bytes == &OLD),
            _ => cut <= is_made.unwrap(),
        })
}

#[test]
fn a_missing_sync_is_detected() {
    for guarantees in [Guarantees::Journaled, Guarantees::Posix] {
        assert!(is_replacement_atomic(
            &replacing_program(true, true),
            guarantees
        ));
        assert!(!is_replacement_atomic(
            &replacing_program(false, true),
            guarantees
        ));
        assert!(!is_replacement_atomic(
            &replacing_program(true, false),
            guarantees
        ));
    }
}

#[test]
fn a_later_sync_does_not_repair_a_failed_one() {
    let mut maker = HistoryBuilder::default();
    let file = maker.make(ROOT, b"file", false);
    maker.sync(ROOT);
    maker.write(file, 0, &OLD);
    maker.push(Change::SyncFailed { inode: file });
    maker.sync(file);
    maker.said();
    let history = maker.history;
    let is_whole = |(was_said, tree): &(bool, Tree)| match tree.0.get(&b"file"[..]) {
        Some(Node::File(bytes)) if *was_said => Some(bytes == &OLD),
        _ => None,
    };
    let whole: BTreeSet<_> = trees(&history, Guarantees::Journaled)
        .iter()
        .filter_map(is_whole)
        .collect();
    assert_eq!(whole, [false, true].into());
}

#[test]
fn syncing_a_file_does_not_sync_its_name() {
    let mut maker = HistoryBuilder::default();
    let file = maker.make(ROOT, b"file", false);
    maker.write(file, 0, &OLD);
    maker.sync(file);
    maker.said();
    let history = maker.history;
    for guarantees in [Guarantees::Journaled, Guarantees::Posix] {
        let is_there = |(_, tree): &(bool, Tree)| tree.0.contains_key(&b"file"[..]);
        let is_there: BTreeSet<_> = trees(&history, guarantees).iter().map(is_there).collect();
        assert_eq!(is_there, [false, true].into());
    }
}

#[test]
fn calls_of_two_threads_are_distinguished() {
    let trace = "\
10 openat(AT_FDCWD, \"\\x2f\\x66\", O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0644) = 3
10 fdatasync(3 <unfinished ...>
11 write(4, \"\\x68\\x0a\", 2) = 2
10 <... fdatasync resumed>)          = 0
11 fsync(4) = -1 EIO (Input/output error) (INJECTED)
11 writev(4, [{iov_base=\"\\x61\", iov_len=1}, {iov_base=\"\\x62\", iov_len=1}], 2) = 2
11 fcntl(3, F_GETFD)  = 0x1 (flags FD_CLOEXEC)
11 +++ killed by SIGKILL +++
";
    let calls = parse(trace).unwrap();
    let reported: Vec<_> = calls
        .iter()
        .map(|call| (&*call.name, call.began, call.ended, call.result))
        .collect();
    assert_eq!(
        reported,
        [
            ("openat", 0, 0, 3),
            ("write", 2, 2, 2),
            ("fdatasync", 1, 3, 0),
            ("fsync", 4, 4, -1),
            ("writev", 5, 5, 2),
            ("fcntl", 6, 6, 1),
        ]
    );
    assert_eq!(calls[0].arguments[2], "O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC");
    assert_eq!(calls[4].arguments.len(), 3);
    assert!(parse("10 <... write resumed>) = 3\n").is_err());
}
