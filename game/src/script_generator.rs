//! Generates the opponent's scripts: short plans of related moves, strung together at random with
//! single moves in between.

use crate::moves::{Move, MoveKind, Script};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The number of moves of a script.
const LENGTH: std::ops::RangeInclusive<usize> = 20..=60;

/// Single moves with their weights.
const SINGLE_MOVES: &[(MoveKind, u32)] = &[
    (MoveKind::Put, 12),
    (MoveKind::PutOffline, 3),
    (MoveKind::PutUnsigned, 3),
    (MoveKind::StrangerAsks, 4),
    (MoveKind::Prune, 5),
    (MoveKind::CreateBucket, 2),
    (MoveKind::Import, 2),
    (MoveKind::Delete, 4),
    (MoveKind::CreateOnChain, 2),
    (MoveKind::Agree, 4),
    (MoveKind::AccompliceAgrees, 3),
    (MoveKind::RedeemAgain, 1),
    (MoveKind::TopUp, 1),
    (MoveKind::Collect, 5),
    (MoveKind::EndAgreement, 3),
    (MoveKind::Member, 3),
    (MoveKind::Freeze, 1),
    (MoveKind::Blocks, 20),
    (MoveKind::WaitOut, 2),
    (MoveKind::SubmitOld, 6),
    (MoveKind::Extend, 3),
    (MoveKind::SubmitWindow, 3),
    (MoveKind::RequestSignature, 6),
    (MoveKind::ChallengeSnapshot, 6),
    (MoveKind::ChallengeSigned, 8),
    (MoveKind::Reorg, 3),
    (MoveKind::Stall, 2),
    (MoveKind::Lag, 2),
    (MoveKind::FailQuery, 3),
    (MoveKind::RemoveQuery, 1),
    (MoveKind::DelayExtrinsics, 1),
    (MoveKind::DropPool, 1),
    (MoveKind::Crash, 4),
    (MoveKind::Restart, 2),
    (MoveKind::Backup, 4),
    (MoveKind::Restore, 2),
    (MoveKind::RestoreBucket, 2),
    (MoveKind::RestoreIndex, 1),
    (MoveKind::UnmountDisk, 2),
    (MoveKind::DamageFile, 1),
    (MoveKind::Accept, 2),
    (MoveKind::Repair, 1),
    (MoveKind::SetPeriod, 2),
    (MoveKind::Jump, 2),
    (MoveKind::DropChallenges, 1),
    (MoveKind::OtherKey, 1),
    (MoveKind::SpoilRow, 2),
    (MoveKind::Windows, 2),
    (MoveKind::OtherChain, 1),
];

/// A kind of move, with its arguments if they matter.
type PlannedMove = (MoveKind, Option<u8>, Option<u8>);

/// The plans.
const PLANS: &[&[PlannedMove]] = &[
    // A bucket grows and is checkpointed.
    &[
        (MoveKind::Put, None, None),
        (MoveKind::Blocks, Some(4), None),
    ],
    // It is pruned and grows again.
    &[
        (MoveKind::Prune, None, None),
        (MoveKind::Put, None, None),
        (MoveKind::Blocks, Some(6), None),
    ],
    // Time passes until nothing seems to bind the provider.
    &[
        (MoveKind::WaitOut, None, None),
        (MoveKind::Blocks, Some(3), None),
    ],
    // An old signed commitment becomes the checkpoint again, and is challenged.
    &[
        (MoveKind::SubmitOld, None, None),
        (MoveKind::Blocks, Some(0), None),
        (MoveKind::ChallengeSnapshot, None, None),
        (MoveKind::Blocks, Some(7), None),
    ],
    // The same with a new agreement.
    &[
        (MoveKind::Agree, None, None),
        (MoveKind::Blocks, Some(1), None),
        (MoveKind::ChallengeSigned, None, None),
        (MoveKind::Blocks, Some(7), None),
    ],
    // A bucket is deleted if the tool permits it, and is challenged.
    &[
        (MoveKind::Delete, None, None),
        (MoveKind::ChallengeSnapshot, None, None),
        (MoveKind::ChallengeSigned, None, None),
        (MoveKind::Blocks, Some(7), None),
    ],
    // An older copy is restored, behind the chain.
    &[
        (MoveKind::Backup, None, None),
        (MoveKind::Put, None, None),
        (MoveKind::Blocks, Some(6), None),
        (MoveKind::Restore, None, None),
        (MoveKind::Put, None, None),
    ],
    // The same for one bucket, which is then accepted as it is.
    &[
        (MoveKind::Backup, None, None),
        (MoveKind::Put, None, None),
        (MoveKind::Blocks, Some(2), None),
        (MoveKind::RestoreBucket, None, None),
        (MoveKind::Accept, None, None),
        (MoveKind::Put, None, None),
    ],
    // A disk is missing when its data is challenged.
    &[
        (MoveKind::Put, None, None),
        (MoveKind::Blocks, Some(6), None),
        (MoveKind::UnmountDisk, None, None),
        (MoveKind::ChallengeSigned, None, None),
        (MoveKind::Blocks, Some(7), None),
    ],
    // The wrong chain for a while.
    &[
        (MoveKind::OtherChain, None, None),
        (MoveKind::ChallengeSigned, None, None),
        (MoveKind::Blocks, Some(7), None),
    ],
    // A foreign bucket, or one of another hashing profile, under an agreement.
    &[
        (MoveKind::CreateOnChain, None, None),
        (MoveKind::Blocks, Some(0), None),
        (MoveKind::Import, Some(255), None),
        (MoveKind::Agree, Some(255), None),
        (MoveKind::Blocks, Some(5), None),
    ],
    &[
        (MoveKind::CreateOnChain, None, None),
        (MoveKind::Blocks, Some(0), None),
        (MoveKind::CreateBucket, Some(255), None),
        (MoveKind::Agree, Some(255), None),
        (MoveKind::Put, Some(255), None),
        (MoveKind::Blocks, Some(5), None),
    ],
    // The challenge period is lowered while nothing binds the provider, and raised again.
    &[
        (MoveKind::Put, None, None),
        (MoveKind::Collect, None, None),
        (MoveKind::SetPeriod, Some(0), None),
        (MoveKind::WaitOut, None, None),
        (MoveKind::Prune, None, None),
        (MoveKind::SetPeriod, Some(2), None),
        (MoveKind::SubmitOld, None, None),
        (MoveKind::Blocks, Some(0), None),
        (MoveKind::ChallengeSnapshot, None, None),
        (MoveKind::Blocks, Some(7), None),
    ],
    // Several challenges with one deadline, some of them answered later.
    &[
        (MoveKind::Collect, None, None),
        (MoveKind::Blocks, Some(0), None),
        (MoveKind::ChallengeSnapshot, None, None),
        (MoveKind::ChallengeSnapshot, None, None),
        (MoveKind::ChallengeSnapshot, None, None),
        (MoveKind::Blocks, Some(7), None),
    ],
    // Challenges vanish, or cannot be read for a while.
    &[
        (MoveKind::Collect, None, None),
        (MoveKind::Blocks, Some(0), None),
        (MoveKind::ChallengeSnapshot, None, None),
        (MoveKind::Blocks, Some(0), None),
        (MoveKind::SpoilRow, None, Some(0)),
        (MoveKind::Blocks, Some(7), None),
        (MoveKind::DropChallenges, None, Some(0)),
        (MoveKind::Prune, None, None),
        (MoveKind::Blocks, Some(4), None),
    ],
    // Requests for signatures in two windows, with new leaves in between.
    &[
        (MoveKind::AccompliceAgrees, None, None),
        (MoveKind::Blocks, Some(1), None),
        (MoveKind::RequestSignature, None, None),
        (MoveKind::Put, None, None),
        (MoveKind::RequestSignature, None, None),
        (MoveKind::SubmitWindow, None, None),
        (MoveKind::Blocks, Some(1), None),
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
const fn takes_bucket(kind: MoveKind) -> bool {
    use MoveKind::*;
    matches!(
        kind,
        Put | PutOffline
            | PutUnsigned
            | StrangerAsks
            | Prune
            | Delete
            | Agree
            | AccompliceAgrees
            | EndAgreement
            | TopUp
            | Collect
            | Member
            | Freeze
            | WaitOut
            | Extend
            | ChallengeSnapshot
            | RestoreBucket
            | Accept
            | Repair
            | RequestSignature
            | SubmitWindow
            | SpoilRow
            | Windows
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
        for kind in MoveKind::ALL {
            assert!(made.contains(kind), "{kind:?} is never made");
        }
    }
}
