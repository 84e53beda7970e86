//! Plays for `CAIRN_GAME_SECONDS`, two minutes by default, a part of it on each variant of the chain,
//! from the game `CAIRN_GAME_SEED`, the first by default.

use cairn_game::{SearchConfig, Variant, search};
use std::time::Duration;

fn number(name: &str, usual: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(usual, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is not a number"))
    })
}

fn play(variant: Variant) {
    let seconds = number("CAIRN_GAME_SECONDS", 120) / Variant::ALL.len() as u64;
    let report = search(SearchConfig {
        variant,
        seed: number("CAIRN_GAME_SEED", 1),
        duration: Duration::from_secs(seconds),
        shrink_duration: Duration::from_secs(120),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        finds_all: false,
    });
    println!("{variant}: {report}");
    assert!(report.findings.is_empty(), "{report}");
    // Games without activity would find nothing either.
    assert!(report.games > 0 && report.challenges > report.games);
    assert!(
        report.void_games * 2 < report.games,
        "most games are void: {report}"
    );
}

// One test, so that the variants do not share the processors.
#[test]
fn no_game_is_lost() {
    for variant in Variant::ALL {
        play(variant);
    }
}
