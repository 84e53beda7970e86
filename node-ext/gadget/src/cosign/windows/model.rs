//! An exhaustive search over a few windows: blocks seen, signatures, killed processes, and indexes
//! lost or restored, in every order. In none are two commitments signed for one window.
//!
//! The rules are the real ones; only the rows are kept in memory. A node may report blocks before
//! those that it reported earlier, and an index may be lost or restored, but not one after the
//! other: then nothing shows that anything is missing.

use super::*;
use cairn_primitives::{H256, LeafCount, Sequence};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Anchor blocks in a window.
const INTERVAL: u32 = 2 * MAX_UNSEEN_GAP;
/// Anchor blocks between blocks of the model: enough that each is recorded, and that one more would
/// be a gap.
const STEP: u32 = MAX_UNSEEN_GAP;
/// Blocks of the model, which span three windows.
const BLOCKS: u32 = 5;
/// The maximum lag of a node in blocks, each as many anchor blocks as a gap.
const LAG: u32 = 2;
/// Commitments that may be signed.
const COMMITMENTS: u64 = 2;

fn commitment(count: u64) -> Commitment {
    Commitment {
        mmr_root: H256::from_low_u64_be(count),
        start_seq: Sequence(0),
        leaf_count: LeafCount::new(count).unwrap(),
    }
}

/// The rows of an index on disk.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rows {
    memory: WindowMeta,
    floor: u64,
    signed: Vec<(u64, u64)>,
}

impl Rows {
    fn new(history: WindowHistory) -> Self {
        Self {
            memory: WindowMeta {
                history,
                last_seen: None,
            },
            floor: 0,
            signed: Vec::new(),
        }
    }

    fn signed(&self) -> SignedWindows {
        let taken = self.signed.iter();
        SignedWindows {
            floor: self.floor,
            commitments: taken.map(|(window, n)| (*window, commitment(*n))).collect(),
        }
    }

    fn store(&mut self, signed: &SignedWindows) {
        self.floor = signed.floor;
        let taken = signed.commitments.iter();
        self.signed = taken
            .map(|(window, signed)| (*window, signed.leaf_count.get()))
            .collect();
    }
}

/// A state of the model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    /// The last finalized block, and the block that the process last heard of.
    block: u32,
    heard: Option<u32>,
    /// The newest block that any process heard of.
    newest_heard: u32,
    has_lost_rows: bool,
    rows: Rows,
    /// A copy of the index that was made earlier.
    copy: Option<Rows>,
    /// Everything ever signed for each window.
    published: BTreeMap<u64, BTreeSet<u64>>,
}

#[derive(Clone, Copy, Debug)]
enum Event {
    /// The chain adds a block.
    Block,
    /// The process hears of a block: the last one, or an earlier one from a node that lags.
    Hear(u32),
    /// The process signs for the window of the block that it heard of, or the next.
    Sign { is_next: bool, count: u64 },
    /// It is killed between the durable record and the signature.
    SignAndKill { is_next: bool, count: u64 },
    /// It is killed and restarted.
    Restart,
    /// The index is lost and recreated.
    Lose,
    /// The index is copied.
    Copy,
    /// The copy replaces the index.
    Restore,
}

impl State {
    fn new(history: WindowHistory) -> Self {
        Self {
            block: 0,
            heard: None,
            newest_heard: 0,
            has_lost_rows: false,
            rows: Rows::new(history),
            copy: None,
            published: BTreeMap::new(),
        }
    }

    fn events(&self) -> Vec<Event> {
        let mut events = vec![Event::Restart, Event::Lose, Event::Copy];
        if self.block < BLOCKS {
            events.push(Event::Block);
        }
        let oldest = match self.has_lost_rows {
            true => self.newest_heard,
            false => self.block.saturating_sub(LAG),
        };
        events.extend((oldest..=self.block).map(Event::Hear));
        // The order of these two does not matter.
        let is_first = self.published.is_empty() && self.rows.signed.is_empty();
        for count in 1..=if is_first { 1 } else { COMMITMENTS } {
            for is_next in [false, true] {
                events.push(Event::Sign { is_next, count });
                events.push(Event::SignAndKill { is_next, count });
            }
        }
        if self.copy.is_some() {
            events.push(Event::Restore);
        }
        events
    }

    /// Returns the state after an event, or `None` if nothing changes. A copy is not restored
    /// within `young` anchor blocks of what it has seen.
    fn after(&self, event: Event, young: u32) -> Option<Self> {
        let mut next = self.clone();
        match event {
            Event::Block => next.block += 1,
            Event::Hear(block) => {
                next.rows.memory = self.rows.memory.after_block(block * STEP);
                next.heard = Some(block);
                next.newest_heard = self.newest_heard.max(block);
            }
            Event::Sign { is_next, count } | Event::SignAndKill { is_next, count } => {
                let current = u64::from(self.heard? * STEP / INTERVAL);
                let window = current + u64::from(is_next);
                let turn = SigningWindow {
                    window,
                    current,
                    interval: INTERVAL,
                };
                let before = self.rows.signed();
                let taken = self.rows.memory.decide(&before, commitment(count), turn);
                if let Some(signed) = taken.ok()? {
                    next.rows.store(&signed);
                }
                if matches!(event, Event::Sign { .. }) {
                    next.published.entry(window).or_default().insert(count);
                } else {
                    next.heard = None;
                }
            }
            Event::Restart => next.heard = None,
            Event::Lose => {
                next.rows = Rows::new(WindowHistory::Unknown);
                next.has_lost_rows = true;
                next.heard = None;
            }
            Event::Copy => next.copy = Some(self.rows.clone()),
            Event::Restore => {
                let copy = self.copy.clone()?;
                let seen = copy.memory.last_seen?;
                if self.newest_heard * STEP - seen <= young {
                    return None;
                }
                next.has_lost_rows = true;
                next.rows = copy;
                next.heard = None;
            }
        }
        // Nothing depends any more on windows that no process can hear of.
        let oldest = next.block.saturating_sub(LAG).min(next.newest_heard);
        let oldest = u64::from(oldest * STEP / INTERVAL);
        next.published
            .retain(|window, signed| *window >= oldest || signed.len() > 1);
        (next != *self).then_some(next)
    }

    fn has_contradiction(&self) -> bool {
        self.published.values().any(|signed| signed.len() > 1)
    }
}

/// Tries every order of events. Returns the number of states, and the events that lead to a
/// contradiction, if any.
fn explore(young: u32) -> (usize, Option<Vec<Event>>) {
    let first = State::new(WindowHistory::Complete);
    let mut came: BTreeMap<State, Option<(State, Event)>> = BTreeMap::new();
    came.insert(first.clone(), None);
    let mut to_do = VecDeque::from([first]);
    while let Some(state) = to_do.pop_front() {
        if state.has_contradiction() {
            let (mut way, mut at) = (Vec::new(), state);
            while let Some(Some((before, event))) = came.get(&at) {
                way.push(*event);
                at = before.clone();
            }
            way.reverse();
            return (came.len(), Some(way));
        }
        for event in state.events() {
            let Some(next) = state.after(event, young) else {
                continue;
            };
            if !came.contains_key(&next) {
                came.insert(next.clone(), Some((state.clone(), event)));
                to_do.push_back(next);
            }
        }
    }
    (came.len(), None)
}

#[test]
fn i4_no_order_of_events_signs_a_window_twice() {
    let (states, way) = explore(MAX_UNSEEN_GAP);
    assert!(way.is_none(), "{way:#?}");
    assert!(
        states > 10_000,
        "{states} states are not all that there are"
    );
}

/// Shows a limit of the rule, and that the search can find a contradiction.
#[test]
fn a_copy_restored_within_minutes_goes_unnoticed() {
    let (_, way) = explore(0);
    assert!(way.is_some_and(|way| way.iter().any(|event| matches!(event, Event::Restore))));
}
