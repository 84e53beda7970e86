//! Shrinks a script that loses, as long as it loses in the same way.

use crate::game_result::GameResult;
use crate::moves::Script;
use std::time::Instant;

/// Removes moves, larger chunks first, and then zeroes arguments, while `is_bad` holds; stops at
/// `until`.
pub(crate) fn shrink(
    script: &Script,
    played: GameResult,
    until: Instant,
    is_bad: &dyn Fn(&Script) -> Option<GameResult>,
) -> (Script, GameResult) {
    let mut best = (script.clone(), played);
    // Moves after the loss were not played.
    best.0.0.truncate(best.1.moves);
    loop {
        let before = best.0.clone();
        let mut part = (best.0.0.len() / 2).max(1);
        loop {
            let mut from = 0;
            while from < best.0.0.len() {
                if Instant::now() > until {
                    return best;
                }
                let mut shorter = best.0.0.clone();
                shorter.drain(from..(from + part).min(shorter.len()));
                match is_bad(&Script(shorter.clone())) {
                    Some(played) => best = (Script(shorter), played),
                    None => from += part,
                }
            }
            if part == 1 {
                break;
            }
            part /= 2;
        }
        for place in 0..best.0.0.len() {
            for (a, b) in [(true, true), (true, false), (false, true)] {
                if Instant::now() > until {
                    return best;
                }
                let mut simpler = best.0.0.clone();
                let one = &mut simpler[place];
                if (a && one.target == 0) || (b && one.variation == 0) {
                    continue;
                }
                (one.target, one.variation) = (
                    if a { 0 } else { one.target },
                    if b { 0 } else { one.variation },
                );
                if let Some(played) = is_bad(&Script(simpler.clone())) {
                    best = (Script(simpler), played);
                }
            }
        }
        if best.0 == before {
            return best;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::moves::{Move, MoveKind};
    use std::time::Duration;

    #[test]
    fn a_script_shrinks_to_the_necessary_moves() {
        let noise = |n| Move::new(MoveKind::Blocks, n, n);
        let mut moves: Vec<_> = (0..40).map(noise).collect();
        moves.insert(3, Move::new(MoveKind::Prune, 9, 9));
        moves.insert(30, Move::new(MoveKind::Delete, 9, 9));
        let script = Script(moves);
        // A script is bad if it prunes before it deletes.
        let is_bad = |script: &Script| {
            let place = |kind| script.0.iter().position(|one| one.kind == kind);
            let (pruned, deleted) = (place(MoveKind::Prune)?, place(MoveKind::Delete)?);
            let moves = script.0.len();
            (pruned < deleted).then(|| GameResult {
                moves,
                ..GameResult::default()
            })
        };
        let played = is_bad(&script).unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        let (left, _) = shrink(&script, played, until, &is_bad);
        let expected = [
            Move::new(MoveKind::Prune, 0, 0),
            Move::new(MoveKind::Delete, 0, 0),
        ];
        assert_eq!(left.0, expected);
    }
}
