//! A script determines its game: a replay is the same to the last word.

use cairn_game::{Variant, replay, script_of};

#[test]
fn a_replay_is_identical() {
    for seed in 1..6 {
        let script = script_of(seed);
        let (once, again) = (
            replay(Variant::Current, &script),
            replay(Variant::Current, &script),
        );
        assert_eq!(once.log, again.log, "seed {seed}");
        assert_eq!(once.violation, again.violation, "seed {seed}");
    }
}
