//! The power fails at random moments while a provider's buckets are uploaded to, committed to,
//! pruned, released, exported, imported, created and deleted, and while it signs for windows. After
//! each cut the provider starts, everything that it reported holds, nothing that it signed is
//! forgotten, and it works on.
//!
//! `CAIRN_CUTS` and `CAIRN_SEED` set the number of cuts and the first seed. A failure names the
//! seed and the number of the cut.

mod disk_faults;
mod disk_model;
mod expected_state;
mod recording;
mod unsynced_log;

use cairn_powercuts::Guarantees;
use recording::{Recording, number_from};

/// The number of cuts in a default test run.
const CUTS: u64 = 80;
/// The number of cuts in each recorded history.
const CUTS_PER_RECORDING: u64 = 40;

/// The number of faults after which a test stops.
const MAX_FAULTS: usize = 20;

#[test]
fn everything_reported_survives_a_power_loss() {
    let cuts = number_from("CAIRN_CUTS", CUTS);
    let seed = number_from("CAIRN_SEED", 1);
    let mut left = cuts;
    let mut plays = seed..;
    let (mut mended, mut faults) = (0, Vec::new());
    while left > 0 {
        let play = Recording::record(plays.next().unwrap());
        let now = left.min(CUTS_PER_RECORDING);
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
        if faults.len() >= MAX_FAULTS {
            break;
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    println!("{cuts} cuts from seed {seed} on; {mended} buckets were repaired by a command");
}
