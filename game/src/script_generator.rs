//! Generates the opponent's scripts: short plans of related moves, strung together at random with
//! single moves in between.

use crate::moves::{Kind, Move, Script};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The number of moves of a script.
const LENGTH: std::ops::RangeInclusive<usize> = 20..=60;

/// Single moves with their weights.
const SINGLE_MOVES: &[(Kind, u32)] = &[
    (Kind::Put, 12),
    (Kind::PutOffline, 3),
    (Kind::PutUnsigned, 3),
    (Kind::StrangerAsks, 4),
    (Kind::Prune, 5),
    (Kind::Keep, 2),
    (Kind::Import, 2),
    (Kind::Delete, 4),
    (Kind::Open, 2),
    (Kind::Agree, 4),
    (Kind::AgreeToo, 3),
    (Kind::End, 3),
    (Kind::Member, 3),
    (Kind::Freeze, 1),
    (Kind::Blocks, 20),
    (Kind::Outlast, 2),
    (Kind::Bring, 6),
    (Kind::Extend, 3),
    (Kind::BringWindow, 3),
    (Kind::AskSign, 6),
    (Kind::ChallengeSnapshot, 6),
    (Kind::ChallengeSigned, 8),
    (Kind::Reorg, 3),
    (Kind::Stall, 2),
    (Kind::Lag, 2),
    (Kind::Fail, 3),
    (Kind::Remove, 1),
    (Kind::Delay, 1),
    (Kind::DropPool, 1),
    (Kind::Crash, 4),
    (Kind::Restart, 2),
    (Kind::Backup, 4),
    (Kind::Restore, 2),
    (Kind::RestoreBucket, 2),
    (Kind::RestoreIndex, 1),
    (Kind::Detach, 2),
    (Kind::Damage, 1),
    (Kind::Accept, 2),
    (Kind::Repair, 1),
    (Kind::OtherChain, 1),
];

/// A kind of move, with its arguments if they matter.
type PlannedMove = (Kind, Option<u8>, Option<u8>);

/// The plans.
const PLANS: &[&[PlannedMove]] = &[
    // A bucket grows and is checkpointed.
    &[(Kind::Put, None, None), (Kind::Blocks, Some(4), None)],
    // It is pruned and grows again.
    &[
        (Kind::Prune, None, None),
        (Kind::Put, None, None),
        (Kind::Blocks, Some(6), None),
    ],
    // Time passes until nothing seems to bind the provider.
    &[(Kind::Outlast, None, None), (Kind::Blocks, Some(3), None)],
    // An old signed commitment becomes the checkpoint again, and is challenged.
    &[
        (Kind::Bring, None, None),
        (Kind::Blocks, Some(0), None),
        (Kind::ChallengeSnapshot, None, None),
        (Kind::Blocks, Some(7), None),
    ],
    // The same with a new agreement.
    &[
        (Kind::Agree, None, None),
        (Kind::Blocks, Some(1), None),
        (Kind::ChallengeSigned, None, None),
        (Kind::Blocks, Some(7), None),
    ],
    // A bucket is deleted if the tool permits it, and is challenged.
    &[
        (Kind::Delete, None, None),
        (Kind::ChallengeSnapshot, None, None),
        (Kind::ChallengeSigned, None, None),
        (Kind::Blocks, Some(7), None),
    ],
    // An older copy is restored, behind the chain.
    &[
        (Kind::Backup, None, None),
        (Kind::Put, None, None),
        (Kind::Blocks, Some(6), None),
        (Kind::Restore, None, None),
        (Kind::Put, None, None),
    ],
    // The same for one bucket, which is then accepted as it is.
    &[
        (Kind::Backup, None, None),
        (Kind::Put, None, None),
        (Kind::Blocks, Some(2), None),
        (Kind::RestoreBucket, None, None),
        (Kind::Accept, None, None),
        (Kind::Put, None, None),
    ],
    // A disk is missing when its data is challenged.
    &[
        (Kind::Put, None, None),
        (Kind::Blocks, Some(6), None),
        (Kind::Detach, None, None),
        (Kind::ChallengeSigned, None, None),
        (Kind::Blocks, Some(7), None),
    ],
    // The wrong chain for a while.
    &[
        (Kind::OtherChain, None, None),
        (Kind::ChallengeSigned, None, None),
        (Kind::Blocks, Some(7), None),
    ],
    // A foreign bucket, or one of another hashing profile, under an agreement.
    &[
        (Kind::Open, None, None),
        (Kind::Blocks, Some(0), None),
        (Kind::Import, Some(255), None),
        (Kind::Agree, Some(255), None),
        (Kind::Blocks, Some(5), None),
    ],
    &[
        (Kind::Open, None, None),
        (Kind::Blocks, Some(0), None),
        (Kind::Keep, Some(255), None),
        (Kind::Agree, Some(255), None),
        (Kind::Put, Some(255), None),
        (Kind::Blocks, Some(5), None),
    ],
    // Requests for signatures in two windows, with new leaves in between.
    &[
        (Kind::AgreeToo, None, None),
        (Kind::Blocks, Some(1), None),
        (Kind::AskSign, None, None),
        (Kind::Put, None, None),
        (Kind::AskSign, None, None),
        (Kind::BringWindow, None, None),
        (Kind::Blocks, Some(1), None),
    ],
];

/// Returns the script of a seed.
pub fn script_of(seed: u64) -> Script {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let length = random.gen_range(LENGTH);
    let mut moves = Vec::new();
    while moves.len() < length {
        if random.gen_bool(0.45) {
            // A plan concerns one bucket.
            let bucket = random.r#gen();
            let plan = PLANS[random.gen_range(0..PLANS.len())];
            for (kind, a, b) in plan {
                let a = a.unwrap_or_else(|| match takes_bucket(*kind) {
                    true => bucket,
                    false => random.r#gen(),
                });
                let b = b.unwrap_or_else(|| random.r#gen());
                moves.push(Move::new(*kind, a, b));
                if random.gen_bool(0.15) {
                    moves.push(random_single(&mut random));
                }
            }
        } else {
            moves.push(random_single(&mut random));
        }
    }
    Script(moves)
}

/// Returns true if a move's first argument selects a bucket.
const fn takes_bucket(kind: Kind) -> bool {
    use Kind::*;
    matches!(
        kind,
        Put | PutOffline
            | PutUnsigned
            | StrangerAsks
            | Prune
            | Delete
            | Agree
            | AgreeToo
            | End
            | Member
            | Freeze
            | Outlast
            | Extend
            | ChallengeSnapshot
            | RestoreBucket
            | Accept
            | Repair
            | AskSign
            | BringWindow
    )
}

fn random_single(random: &mut ChaCha8Rng) -> Move {
    let kind = SINGLE_MOVES.choose_weighted(random, |(_, weight)| *weight);
    let (kind, _) = kind.unwrap();
    Move::new(*kind, random.r#gen(), random.r#gen())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_determine_distinct_scripts() {
        assert_eq!(script_of(7), script_of(7));
        assert_ne!(script_of(7), script_of(8));
    }

    #[test]
    fn every_kind_of_move_occurs() {
        let scripts = (0..200).flat_map(|seed| script_of(seed).0);
        let made: Vec<_> = scripts.map(|one| one.kind).collect();
        for kind in Kind::ALL {
            assert!(made.contains(kind), "{kind:?} is never made");
        }
    }
}
