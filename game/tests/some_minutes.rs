//! Plays for `CAIRN_GAME_SECONDS`, two minutes by default, from the game `CAIRN_GAME_SEED`, the
//! first by default.

use cairn_game::{SearchConfig, Variant, search};
use std::time::Duration;

fn number(name: &str, usual: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(usual, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name}={text} is not a number"))
    })
}

#[test]
fn no_game_is_lost() {
    let report = search(SearchConfig {
        variant: Variant::Current,
        seed: number("CAIRN_GAME_SEED", 1),
        duration: Duration::from_secs(number("CAIRN_GAME_SECONDS", 120)),
        shrink_duration: Duration::from_secs(120),
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        finds_all: false,
    });
    println!("{report}");
    assert!(report.findings.is_empty(), "{report}");
    // Games without activity would find nothing either.
    assert!(report.games > 0 && report.challenges > report.games);
    assert!(
        report.void_games * 2 < report.games,
        "most games are void: {report}"
    );
}
