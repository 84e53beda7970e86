//! The anchor block on runtimes that do not tell it.
//!
//! Such a pallet counts in blocks of its own chain or of the relay chain, and metadata does
//! not say in which. Values of rows do: none is later than the clock that wrote it, and no
//! challenge stays open long after its deadline.
//!
//! While rows do not tell the clock, both are used, each where it is the safe one. The later clock
//! makes deadlines nearer. The earlier one decides that a challenge is past its deadline, and that
//! an agreement has ended.

/// The clock in which a pallet counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// `System.Number`.
    Own,
    /// `ParachainSystem.LastRelayChainBlockNumber`.
    Relay,
}

/// The anchor block of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    /// The anchor block. While the clock is not known, that of the later clock, but not after the
    /// deadline of an open challenge.
    pub(crate) block: u32,
    /// The earliest that it can be: the same once the clock is known.
    pub(crate) earliest: u32,
    /// True if something depends on the clock, and it cannot be told.
    pub(crate) is_undecided: bool,
}

impl Anchor {
    /// Creates an anchor block of a known clock.
    pub(crate) const fn known(block: u32) -> Self {
        Self {
            block,
            earliest: block,
            is_undecided: false,
        }
    }

    /// Returns by how many blocks an agreement may end later than the anchor block says.
    pub(crate) const fn uncertainty(&self) -> u32 {
        match self.is_undecided {
            true => self.block.saturating_sub(self.earliest),
            false => 0,
        }
    }
}

/// The evidence of a block's rows for the clock that wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// True if there are rows.
    pub(crate) has_rows: bool,
    /// The latest block at which a row says that something happened, if one can be read.
    pub(crate) latest: Option<u32>,
    /// The deadlines of challenges that are not removed.
    pub(crate) deadlines: Vec<u32>,
}

/// Returns the part of a challenge period by which clocks may differ and still be near, and within
/// which the chain removes a challenge after its deadline.
const fn leeway(period: u32) -> u32 {
    period >> 4
}

/// The two clocks at a block, on a chain that has both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    /// The block's own number.
    pub(crate) own: u32,
    /// The relay chain's number.
    pub(crate) relay: u32,
}

impl Clocks {
    /// Returns the anchor block by a clock.
    pub(crate) const fn by(&self, clock: Clock) -> u32 {
        match clock {
            Clock::Own => self.own,
            Clock::Relay => self.relay,
        }
    }

    /// Returns the earlier and the later clock.
    const fn in_order(&self) -> (Clock, Clock) {
        match self.own <= self.relay {
            true => (Clock::Own, Clock::Relay),
            false => (Clock::Relay, Clock::Own),
        }
    }

    /// Returns whether it hardly matters which of the clocks is the pallet's.
    pub(crate) const fn are_near(&self, period: u32) -> bool {
        self.own.abs_diff(self.relay) <= leeway(period)
    }

    /// Returns the pallet's clock, if rows tell it. `period` is the number of blocks within which
    /// challenges are due.
    pub(crate) fn tell(&self, evidence: &Evidence, period: u32) -> Option<Clock> {
        let (early, late) = self.in_order();
        let (earlier, later) = (self.by(early), self.by(late));
        let removal = leeway(period);
        // By the later clock, the chain would have removed these.
        let is_early = evidence.deadlines.iter().any(|deadline| {
            let removed = deadline.saturating_add(removal);
            earlier <= removed && removed < later
        });
        if evidence.latest.is_some_and(|latest| latest > later) {
            return None;
        }
        // By the earlier clock, this has not happened yet. It must also be nearer to the later one:
        // else it is a stray value, which shows nothing.
        let is_ahead = evidence.latest.is_some_and(|latest| latest > earlier);
        let is_late = is_ahead
            && evidence
                .latest
                .is_some_and(|latest| latest.abs_diff(earlier) > latest.abs_diff(later));
        match (is_early, is_late) {
            (true, false) => Some(early),
            (false, true) => Some(late),
            (true, true) => None,
            (false, false) if is_ahead => None,
            (false, false) => {
                // It fits both. The last event is near the clock that wrote it, and far from the
                // other. No challenge is due later than a period after the clock that wrote it.
                let latest = evidence.latest?;
                let last_due = earlier.saturating_add(period);
                let has_later = evidence.deadlines.iter().any(|due| *due > last_due);
                let since_earlier = earlier.saturating_sub(latest);
                let since_later = later.saturating_sub(latest);
                (!has_later && since_earlier.saturating_mul(4) < since_later).then_some(early)
            }
        }
    }

    /// Returns the anchor block while the clock is not known.
    pub(crate) fn unknown(&self, deadlines: &[u32], is_undecided: bool) -> Anchor {
        let (early, late) = self.in_order();
        let (earlier, later) = (self.by(early), self.by(late));
        // A challenge that may be open is not past its deadline.
        let open = deadlines.iter().copied().filter(|due| *due >= earlier);
        Anchor {
            block: open.min().map_or(later, |due| due.min(later)),
            earliest: earlier,
            is_undecided,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: u32 = 28_800;

    fn clock_of(own: u32, relay: u32, latest: Option<u32>, deadlines: &[u32]) -> Option<Clock> {
        let evidence = Evidence {
            has_rows: true,
            latest,
            deadlines: deadlines.to_vec(),
        };
        Clocks { own, relay }.tell(&evidence, PERIOD)
    }

    #[test]
    fn rows_tell_the_clock() {
        let clock = |own, relay, latest| clock_of(own, relay, Some(latest), &[]);
        assert_eq!(clock(50_000, 9_000_000, 8_999_000), Some(Clock::Relay));
        assert_eq!(clock(50_000, 9_000_000, 49_000), Some(Clock::Own));
        // Also if the relay chain is the younger one.
        assert_eq!(clock(900_000, 20_000, 899_000), Some(Clock::Own));
        assert_eq!(clock(900_000, 20_000, 19_000), Some(Clock::Relay));
    }

    #[test]
    fn what_fits_both_clocks_or_none_tells_nothing() {
        assert_eq!(clock_of(50_000, 9_000_000, None, &[]), None);
        assert_eq!(clock_of(50_000, 100_000, Some(10_000), &[]), None);
        assert_eq!(clock_of(50_000, 9_000_000, Some(9_000_001), &[]), None);
    }

    #[test]
    fn a_stray_value_ahead_of_the_earlier_clock_shows_nothing() {
        let clock = |deadlines| clock_of(1_010, 25_000_000, Some(1_046), deadlines);
        assert_eq!(clock(&[]), None);
        assert_eq!(clock(&[1_033]), Some(Clock::Own));
    }

    #[test]
    fn an_open_challenge_tells_the_clock_by_which_it_is_not_overdue() {
        let latest = Some(120_000);
        assert_eq!(clock_of(150_000, 200_000, latest, &[]), None);
        assert_eq!(
            clock_of(150_000, 200_000, latest, &[170_000]),
            Some(Clock::Own)
        );
        assert_eq!(
            clock_of(200_000, 150_000, latest, &[170_000]),
            Some(Clock::Relay)
        );
        assert_eq!(
            clock_of(150_000, 200_000, None, &[170_000]),
            Some(Clock::Own)
        );
        // It may be open by both clocks.
        assert_eq!(clock_of(150_000, 200_000, latest, &[210_000]), None);
        // A chain may be late to remove it, and may have left one for ever.
        assert_eq!(clock_of(150_000, 200_000, latest, &[199_000]), None);
        assert_eq!(clock_of(150_000, 200_000, latest, &[9]), None);
        // It contradicts what happened.
        assert_eq!(clock_of(150_000, 200_000, Some(190_000), &[170_000]), None);
        // The chain was quiet for long, but the earlier clock cannot have written this.
        assert_eq!(
            clock_of(150_000, 200_000, Some(149_000), &[]),
            Some(Clock::Own)
        );
        assert_eq!(clock_of(150_000, 200_000, Some(149_000), &[210_000]), None);
    }

    #[test]
    fn an_unknown_clock_is_the_later_one_and_no_open_challenge_is_overdue() {
        let clocks = Clocks {
            own: 150_000,
            relay: 200_000,
        };
        let anchor = |deadlines: &[u32]| {
            let anchor = clocks.unknown(deadlines, true);
            assert_eq!(anchor.earliest, 150_000);
            anchor.block
        };
        assert_eq!(anchor(&[]), 200_000);
        assert_eq!(anchor(&[9, 199_000, 199_500]), 199_000);
        assert_eq!(anchor(&[210_000]), 200_000);
        assert_eq!(clocks.unknown(&[], true).uncertainty(), 50_000);
        assert_eq!(clocks.unknown(&[], false).uncertainty(), 0);
        assert_eq!(Anchor::known(7).uncertainty(), 0);
    }

    #[test]
    fn near_clocks_differ_by_a_sixteenth_of_the_period() {
        let near = |own, relay| Clocks { own, relay }.are_near(PERIOD);
        assert!(near(50_000, 51_800));
        assert!(near(51_800, 50_000));
        assert!(!near(50_000, 51_801));
    }
}
