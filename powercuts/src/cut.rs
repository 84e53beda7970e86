//! Builds the possible states of a disk after a power loss.

use super::history::{Change, Event, History, Inode, LiveState, Name, ROOT, apply_to_file};
use rand::Rng;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// A file system's guarantees about unsynced changes; see [the module](super).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarantees {
    /// Name changes take effect in order.
    Journaled,
    /// Name changes of one folder take effect in order.
    Posix,
}

/// A file or folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A folder.
    Folder(Tree),
    /// A file's bytes.
    File(Vec<u8>),
}

/// A folder with its contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree(pub BTreeMap<Name, Node>);

impl Tree {
    /// Writes the tree into an existing empty folder.
    ///
    /// # Errors
    ///
    /// An I/O error.
    pub fn write_to(&self, folder: &Path) -> std::io::Result<()> {
        for (name, node) in &self.0 {
            let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name);
            let path = folder.join(name);
            match node {
                Node::File(bytes) => std::fs::write(path, bytes)?,
                Node::Folder(tree) => {
                    std::fs::create_dir(&path)?;
                    tree.write_to(&path)?;
                }
            }
        }
        Ok(())
    }

    /// Returns the live state of a file system, as if all of it were synced.
    pub fn from_live(live: &LiveState, history: &History) -> Self {
        let folders = history.folders.iter().copied().collect();
        let mut read = |inode| live.bytes.get(&inode).cloned().unwrap_or_default();
        Self::gather(live, ROOT, &folders, &mut read)
    }

    fn gather(
        live: &LiveState,
        folder: Inode,
        folders: &BTreeSet<Inode>,
        read: &mut impl FnMut(Inode) -> Vec<u8>,
    ) -> Self {
        let names = live.names.get(&folder).into_iter().flatten();
        let nodes = names.map(|(name, inode)| {
            let node = if folders.contains(inode) {
                Node::Folder(Self::gather(live, *inode, folders, read))
            } else {
                Node::File(read(*inode))
            };
            (name.clone(), node)
        });
        Self(nodes.collect())
    }
}

/// How much of the unsynced data is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survival {
    /// Nothing.
    None,
    /// All, as after a mere end of the process.
    All,
    /// Something different for each file and folder.
    Mixed,
}

impl Survival {
    /// Returns a random choice, mostly `Mixed`.
    pub fn random(random: &mut impl Rng) -> Self {
        match random.gen_range(0..10) {
            0 | 1 => Self::None,
            2 => Self::All,
            _ => Self::Mixed,
        }
    }
}

/// The bytes that a disk writes atomically.
const SECTOR: usize = 512;
/// The unit of the page cache in bytes.
const PAGE: usize = 4096;

/// Returns a state that the disk may have when the power fails before the moment `cut`.
pub fn after_cut(
    history: &History,
    cut: usize,
    guarantees: Guarantees,
    luck: Survival,
    random: &mut impl Rng,
) -> Tree {
    let until = history.events.partition_point(|event| event.ended < cut);
    let done = &history.events[..until];
    let synced = Syncs::from_events(done);
    let mut disk = LiveState::default();
    for change in surviving_names(done, &synced, guarantees, luck, random) {
        disk.apply(change);
    }
    let mut writes: HashMap<Inode, Vec<&Event>> = HashMap::new();
    for event in done {
        if let Some(inode) = event.change.file() {
            writes.entry(inode).or_default().push(event);
        }
    }
    let folders = history.folders.iter().copied().collect();
    let mut kept: HashMap<Inode, Vec<u8>> = HashMap::new();
    // A file with two names has the same bytes under both names.
    let mut read = |inode| {
        let found = kept.entry(inode).or_insert_with(|| {
            let of_file = writes.get(&inode).map_or(&[][..], |writes| writes);
            surviving_bytes(inode, of_file, &synced, guarantees, luck, random)
        });
        found.clone()
    };
    Tree::gather(&disk, ROOT, &folders, &mut read)
}

/// The moments at which the completed syncs of each file and folder began.
struct Syncs {
    /// The last successful one.
    last: HashMap<Inode, usize>,
    /// The failed ones: the moment before which everything was safe, and the moment of the failure.
    failed: HashMap<Inode, Vec<(usize, usize)>>,
}

impl Syncs {
    fn from_events(done: &[Event]) -> Self {
        let mut last: HashMap<Inode, usize> = HashMap::new();
        let mut failed: HashMap<Inode, Vec<_>> = HashMap::new();
        for event in done {
            match event.change {
                Change::Sync { inode } => {
                    let began = last.entry(inode).or_default();
                    *began = event.began.max(*began);
                }
                Change::SyncFailed { inode } => {
                    let before = last.get(&inode).copied().unwrap_or(0);
                    failed.entry(inode).or_default().push((before, event.ended));
                }
                _ => {}
            }
        }
        Self { last, failed }
    }

    /// Returns true if a change of a file or folder is on the disk for certain.
    fn is_durable(&self, inode: Inode, event: &Event) -> bool {
        let last = self.last.get(&inode).copied().unwrap_or(0);
        event.ended < last && !self.was_dropped(inode, event)
    }

    /// Returns true if a failed sync may have dropped the change, so that no later sync covers it.
    fn was_dropped(&self, inode: Inode, event: &Event) -> bool {
        let failed = self.failed.get(&inode).map_or(&[][..], |failed| failed);
        failed
            .iter()
            .any(|(from, until)| event.ended >= *from && event.ended < *until)
    }

    fn is_safe(&self, event: &Event) -> bool {
        let mut folders = event.change.folders();
        folders.any(|folder| self.is_durable(folder, event))
    }
}

/// Returns the surviving name changes in order.
fn surviving_names<'h>(
    done: &'h [Event],
    synced: &Syncs,
    guarantees: Guarantees,
    luck: Survival,
    random: &mut impl Rng,
) -> Vec<&'h Change> {
    let changes: Vec<_> = done
        .iter()
        .filter(|event| event.change.folders().next().is_some())
        .collect();
    match guarantees {
        Guarantees::Journaled => {
            let all: Vec<_> = (0..changes.len()).collect();
            let kept = surviving_prefix(&all, |at| synced.is_safe(changes[at]), luck, random);
            changes
                .iter()
                .take(kept)
                .map(|event| &event.change)
                .collect()
        }
        Guarantees::Posix => {
            let mut of_folder: BTreeMap<Inode, Vec<usize>> = BTreeMap::new();
            for (at, event) in changes.iter().enumerate() {
                for folder in event.change.folders() {
                    let list = of_folder.entry(folder).or_default();
                    if list.last() != Some(&at) {
                        list.push(at);
                    }
                }
            }
            let mut kept = BTreeSet::new();
            for list in of_folder.values() {
                let is_safe = |at: usize| synced.is_safe(changes[at]);
                kept.extend(&list[..surviving_prefix(list, is_safe, luck, random)]);
            }
            close_over_renames(&of_folder, &mut kept);
            kept.into_iter().map(|at| &changes[at].change).collect()
        }
    }
}

/// Returns how many of the changes `list` survive: all up to the last safe one, and some of the
/// others.
fn surviving_prefix(
    list: &[usize],
    is_safe: impl Fn(usize) -> bool,
    luck: Survival,
    random: &mut impl Rng,
) -> usize {
    let safe = list.iter().rposition(|at| is_safe(*at));
    let least = safe.map_or(0, |last| last + 1);
    match luck {
        Survival::None => least,
        Survival::All => list.len(),
        Survival::Mixed => match random.gen_range(0..4) {
            0 => least,
            1 => list.len(),
            _ => random.gen_range(least..=list.len()),
        },
    }
}

/// Closes the set of surviving changes: a rename between two folders survives in both, with all
/// that precedes it in each.
fn close_over_renames(of_folder: &BTreeMap<Inode, Vec<usize>>, kept: &mut BTreeSet<usize>) {
    loop {
        let before = kept.len();
        for list in of_folder.values() {
            if let Some(last) = list.iter().rposition(|at| kept.contains(at)) {
                kept.extend(&list[..=last]);
            }
        }
        if kept.len() == before {
            return;
        }
    }
}

/// Returns the surviving bytes of a file.
fn surviving_bytes(
    inode: Inode,
    writes: &[&Event],
    synced: &Syncs,
    guarantees: Guarantees,
    luck: Survival,
    random: &mut impl Rng,
) -> Vec<u8> {
    let safe = writes
        .iter()
        .rposition(|event| synced.is_durable(inode, event));
    let (safe, pending) = writes.split_at(safe.map_or(0, |last| last + 1));
    let mut old = Vec::new();
    for event in safe {
        if synced.is_durable(inode, event) || survives_failed_sync(luck, random) {
            apply_to_file(&mut old, &event.change);
        }
    }
    if pending.is_empty() || luck == Survival::None {
        return old;
    }
    let after = |count: usize| {
        let mut bytes = old.clone();
        let some = pending.iter().take(count);
        some.for_each(|event| apply_to_file(&mut bytes, &event.change));
        bytes
    };
    if luck == Survival::All {
        return after(pending.len());
    }
    match random.gen_range(0..6) {
        0 => old,
        1 => after(pending.len()),
        2 => {
            let count = random.gen_range(0..pending.len());
            let mut bytes = after(count);
            apply_torn_write(&mut bytes, &pending[count].change, random);
            bytes
        }
        kind => {
            let last = match random.gen_range(0..3) {
                0 => random.gen_range(1..=pending.len()),
                _ => pending.len(),
            };
            let middle = random.gen_range(0..=last);
            let versions = [after(middle), after(last), old];
            let unit = if kind == 3 { SECTOR } else { PAGE };
            mix_versions(&versions, unit, guarantees, random)
        }
    }
}

/// Decides whether something survives that a failed sync dropped.
fn survives_failed_sync(luck: Survival, random: &mut impl Rng) -> bool {
    match luck {
        Survival::None => false,
        Survival::All => true,
        Survival::Mixed => random.gen_bool(0.5),
    }
}

/// Applies a write of which the disk got only the first sectors.
fn apply_torn_write(bytes: &mut Vec<u8>, change: &Change, random: &mut impl Rng) {
    if let Change::Write {
        inode,
        offset,
        bytes: written,
    } = change
    {
        let end = offset + written.len();
        let cut = random.gen_range(*offset..=end) / SECTOR * SECTOR;
        let beginning = Change::Write {
            inode: *inode,
            offset: *offset,
            bytes: written[..cut.saturating_sub(*offset)].to_vec(),
        };
        // A write without any bytes does not extend the file.
        if cut > *offset {
            apply_to_file(bytes, &beginning);
        }
    }
}

/// Composes a file from parts of its versions; its length is that of one version, or reaches to the
/// last part.
fn mix_versions(
    versions: &[Vec<u8>; 3],
    unit: usize,
    guarantees: Guarantees,
    random: &mut impl Rng,
) -> Vec<u8> {
    let longest = versions.iter().map(Vec::len).max().unwrap_or(0);
    let mut bytes = vec![0; longest];
    let mut reach = 0;
    // Parts are lost singly as well as in runs.
    let mut sticks = random.gen_range(0..4);
    let mut chosen: usize = random.gen_range(0..3);
    for begin in (0..longest).step_by(unit) {
        if sticks == 0 {
            chosen = random.gen_range(0..3);
            sticks = random.gen_range(0..8);
        } else {
            sticks -= 1;
        }
        let end = (begin + unit).min(longest);
        let version = &versions[chosen];
        let has = version.len().clamp(begin, end);
        if has > begin {
            bytes[begin..has].copy_from_slice(&version[begin..has]);
            reach = has;
        }
        if guarantees == Guarantees::Posix && has < end && random.gen_bool(0.5) {
            random.fill(&mut bytes[has..end]);
        }
    }
    let shortest = versions.iter().map(Vec::len).min().unwrap_or(0);
    let length = match random.gen_range(0..5) {
        0 => versions[0].len(),
        1 => versions[1].len(),
        2 => versions[2].len(),
        _ => reach.max(shortest),
    };
    bytes.truncate(length);
    bytes
}
