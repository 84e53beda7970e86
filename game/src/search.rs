//! Plays many games on several threads until one is lost or the time is up.

use crate::game_result::{GameResult, Violation};
use crate::moves::{MoveKind, Script};
use crate::script_generator::script_of;
use crate::shrink::shrink;
use crate::variant::Variant;
use crate::world;
use parking_lot::Mutex;
use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The settings of a search for a lost game.
#[derive(Clone, Copy, Debug)]
pub struct SearchConfig {
    /// The variant of the chain.
    pub variant: Variant,
    /// The seed of the first game; each further game has the next one.
    pub seed: u64,
    /// How long to play.
    pub duration: Duration,
    /// How long to shrink a lost game.
    pub shrink_duration: Duration,
    /// The number of games at once.
    pub threads: usize,
    /// Continue after a lost game, and report each kind of loss once.
    pub finds_all: bool,
}

/// A game that was lost.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The variant of the chain.
    pub variant: Variant,
    /// The seed of its script.
    pub seed: u64,
    /// The shrunk script.
    pub script: Script,
    /// The game of the shrunk script.
    pub played: GameResult,
    /// How the provider failed.
    pub violation: Violation,
    /// The time that it took to find.
    pub after: Duration,
}

/// The result of a search.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Games played.
    pub games: u64,
    /// Moves in them.
    pub moves: u64,
    /// Blocks in them.
    pub blocks: u64,
    /// Challenges in them.
    pub challenges: u64,
    /// Signatures given.
    pub signatures: u64,
    /// Games that ended because the operator had destroyed promised data.
    pub void_games: u64,
    /// The total time.
    pub elapsed: Duration,
    /// Games that were lost, the first of each kind.
    pub findings: Vec<Finding>,
    /// How often each kind of loss was found.
    pub kinds: BTreeMap<String, u64>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} games in {:.0?} ({} void), {} moves, {} blocks, {} challenges, {} signatures",
            self.games,
            self.elapsed,
            self.void_games,
            self.moves,
            self.blocks,
            self.challenges,
            self.signatures
        )?;
        if self.findings.is_empty() {
            return write!(f, "; none was lost");
        }
        for found in &self.findings {
            write!(f, "\n\n{found}")?;
        }
        for (kind, times) in self.kinds.iter().filter(|_| self.findings.len() > 1) {
            write!(f, "\n{times:>5} times: {kind}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            variant,
            seed,
            after,
            violation,
            ..
        } = self;
        writeln!(
            f,
            "{variant}, seed {seed} was lost after {after:.1?}: {violation}"
        )?;
        for line in &self.played.log {
            write!(f, "\n{line}")?;
        }
        write!(
            f,
            "\n\nreplay it with:\n  cairn-game --variant {variant} --replay '{}'",
            self.script
        )
    }
}

impl Finding {
    /// Returns a key that distinguishes losses: the kind of violation, and the kinds of moves.
    fn kind(&self) -> String {
        let moves = self.script.0.iter().map(|one| one.kind);
        let moves = moves.filter(|kind| !matches!(kind, MoveKind::Put | MoveKind::Blocks));
        let moves: BTreeSet<_> = moves.map(|kind| format!("{kind:?}")).collect();
        let moves: Vec<_> = moves.into_iter().collect();
        format!("{}: {}", self.violation.name(), moves.join(" "))
    }
}

/// Plays a script. A panic counts as a loss.
pub fn replay(variant: Variant, script: &Script) -> GameResult {
    capture_panics();
    let played = catch_unwind(AssertUnwindSafe(|| world::play(variant, script)));
    played.unwrap_or_else(|panic| GameResult {
        violation: Some(Violation::Broken {
            what: panic_text(&*panic),
        }),
        moves: script.0.len(),
        ..GameResult::default()
    })
}

thread_local! {
    /// The message and location of the last panic on a player thread.
    static LAST_PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Captures panic messages on player threads; other threads report as before.
fn capture_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            LAST_PANIC.with(|last| *last.borrow_mut() = Some(info.to_string()));
            let name = std::thread::current().name().map(str::to_owned);
            if name.as_deref() != Some(PLAYER_THREAD) {
                before(info);
            }
        }));
    });
}

/// The name of the player threads.
const PLAYER_THREAD: &str = "game-player";

fn panic_text(panic: &(dyn Any + Send)) -> String {
    if let Some(said) = LAST_PANIC.with(|last| last.borrow_mut().take()) {
        return said;
    }
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic").to_owned()
}

/// Plays games with consecutive seeds.
pub fn search(of: SearchConfig) -> Report {
    let began = Instant::now();
    let next = AtomicU64::new(of.seed);
    let is_over = AtomicBool::new(false);
    let reports = Mutex::new(Report::default());
    std::thread::scope(|scope| {
        for _ in 0..of.threads.max(1) {
            let play = || {
                while began.elapsed() < of.duration && !is_over.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let script = script_of(seed);
                    let played = replay(of.variant, &script);
                    let mut report = reports.lock();
                    report.count(&played);
                    let Some(violation) = played.violation.clone() else {
                        continue;
                    };
                    drop(report);
                    if !of.finds_all && is_over.swap(true, Ordering::Relaxed) {
                        continue;
                    }
                    let after = began.elapsed();
                    let found = shrink_finding(&of, seed, &script, played, violation, after);
                    let mut report = reports.lock();
                    let times = report.kinds.entry(found.kind()).or_default();
                    *times += 1;
                    if *times == 1 {
                        report.findings.push(found);
                    }
                }
            };
            let thread = std::thread::Builder::new().name(PLAYER_THREAD.into());
            thread.spawn_scoped(scope, play).unwrap();
        }
    });
    let mut report = reports.into_inner();
    report.elapsed = began.elapsed();
    report
}

impl Report {
    fn count(&mut self, played: &GameResult) {
        self.games += 1;
        self.moves += played.moves as u64;
        self.blocks += played.blocks;
        self.challenges += played.challenges;
        self.signatures += played.signatures as u64;
        self.void_games += u64::from(played.is_void);
    }
}

fn shrink_finding(
    of: &SearchConfig,
    seed: u64,
    script: &Script,
    played: GameResult,
    violation: Violation,
    after: Duration,
) -> Finding {
    let is_bad = |script: &Script| {
        let played = replay(of.variant, script);
        let is_like = |found: &Violation| found.is_same_kind(&violation);
        played
            .violation
            .as_ref()
            .is_some_and(is_like)
            .then_some(played)
    };
    let (script, played) = shrink(script, played, Instant::now() + of.shrink_duration, &is_bad);
    Finding {
        variant: of.variant,
        seed,
        script,
        violation: played.violation.clone().unwrap_or(violation),
        played,
        after,
    }
}
