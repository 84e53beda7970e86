//! The power fails at random moments while a provider's buckets are uploaded to,
//! committed to, pruned, released, exported, imported, made and deleted, and while
//! it signs for windows. After each, it starts, all that it had said is so, nothing that it
//! signed is forgotten, and it goes on.
//!
//! `CAIRN_CUTS` and `CAIRN_SEED` say how many cuts, and which. A failure names the
//! seed and the number of the cut.

mod errors;
mod expected;
mod logged;
mod model;
mod play;

use cairn_powercuts::Guarantees;
use play::{Play, number_from};

/// Cuts in each of the usual test runs.
const CUTS: u64 = 80;
/// Cuts in what one process after the other did to one folder.
const CUTS_OF_A_PLAY: u64 = 40;

/// Faults that are enough to look at.
const MANY: usize = 20;

#[test]
fn all_that_was_said_before_the_power_failed_is_so_afterwards() {
    let cuts = number_from("CAIRN_CUTS", CUTS);
    let seed = number_from("CAIRN_SEED", 1);
    let mut left = cuts;
    let mut plays = seed..;
    let (mut mended, mut faults) = (0, Vec::new());
    while left > 0 {
        let play = Play::record(plays.next().unwrap());
        let now = left.min(CUTS_OF_A_PLAY);
        for cut in 0..now {
            let guarantees = if cut % 3 == 2 {
                Guarantees::Posix
            } else {
                Guarantees::Journaled
            };
            match play.cut(cut, guarantees) {
                Ok(of_cut) => mended += of_cut,
                Err(fault) => faults.push(fault),
            }
        }
        left -= now;
        if faults.len() >= MANY {
            break;
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    println!("{cuts} cuts from seed {seed} on; {mended} buckets were mended by a command");
}
