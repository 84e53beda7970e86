//! A script determines its game: a replay is the same to the last word.

use cairn_game::{Variant, replay, script_of};

#[test]
fn a_replay_is_identical() {
    for (seed, variant) in (1..).zip(Variant::ALL) {
        let script = script_of(seed);
        let (once, again) = (replay(variant, &script), replay(variant, &script));
        assert_eq!(once.log, again.log, "{variant}, seed {seed}");
        assert_eq!(once.violation, again.violation, "{variant}, seed {seed}");
    }
}
