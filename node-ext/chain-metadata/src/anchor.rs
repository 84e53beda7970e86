//! The anchor block on runtimes that do not tell it.
//!
//! Such a pallet counts in blocks of its own chain or of the relay chain, and metadata does
//! not say in which. Values of rows do: none is later than the clock that wrote it.

use cairn_chain::ChainError;

/// The clock in which a pallet counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// `System.Number`.
    Own,
    /// `ParachainSystem.LastRelayChainBlockNumber`.
    Relay,
}

/// The two clocks at a block, and what rows show of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence {
    /// The block's own number.
    pub(crate) own: u32,
    /// The relay chain's number; `None` on a chain without one.
    pub(crate) relay: Option<u32>,
    /// True if there are rows.
    pub(crate) has_rows: bool,
    /// The latest block at which a row says that something happened, if one can be read.
    pub(crate) latest: Option<u32>,
    /// The number of blocks within which challenges are due.
    pub(crate) period: u32,
}

impl Evidence {
    /// Tells the clock; `None` if there is no row, so that nothing depends on the clock yet.
    ///
    /// # Errors
    ///
    /// [`ChainError::Unsupported`] if rows fit both clocks, and these differ too much: with
    /// the wrong one, a challenge would be lost.
    pub(crate) fn clock(&self) -> Result<Option<Clock>, ChainError> {
        match self.relay {
            None => Ok(Some(Clock::Own)),
            Some(_) if !self.has_rows => Ok(None),
            Some(relay) => self.tell(relay).map(Some),
        }
    }

    fn tell(&self, relay: u32) -> Result<Clock, ChainError> {
        // If both are near, the later one makes each deadline nearer, which is safe.
        let gap = relay.abs_diff(self.own);
        if gap <= self.period >> 4 {
            return Ok(match relay > self.own {
                true => Clock::Relay,
                false => Clock::Own,
            });
        }
        let latest = self
            .latest
            .ok_or_else(|| undecided("no provider's row can be read"))?;
        match (latest > self.own, latest > relay) {
            (true, false) => Ok(Clock::Relay),
            (false, true) => Ok(Clock::Own),
            (true, true) => Err(undecided("rows are later than both clocks")),
            // It fits both. The last event is near the clock that wrote it, and far from the
            // other.
            (false, false) => {
                let since_own = self.own.saturating_sub(latest);
                let since_relay = relay.saturating_sub(latest);
                if since_own.saturating_mul(4) < since_relay {
                    Ok(Clock::Own)
                } else if since_relay.saturating_mul(4) < since_own {
                    Ok(Clock::Relay)
                } else {
                    Err(undecided("rows fit both clocks"))
                }
            }
        }
    }
}

fn undecided(why: &str) -> ChainError {
    ChainError::Unsupported(format!(
        "the pallet does not tell whether it counts in its own blocks or in the relay chain's, \
         and {why}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: u32 = 28_800;

    fn clock(own: u32, relay: Option<u32>, latest: Option<u32>) -> Option<Clock> {
        let evidence = Evidence {
            own,
            relay,
            has_rows: true,
            latest,
            period: PERIOD,
        };
        evidence.clock().ok().flatten()
    }

    #[test]
    fn rows_tell_the_clock() {
        // A chain without a relay chain has one clock.
        assert_eq!(clock(7, None, None), Some(Clock::Own));
        assert_eq!(
            clock(50_000, Some(9_000_000), Some(8_999_000)),
            Some(Clock::Relay)
        );
        assert_eq!(
            clock(50_000, Some(9_000_000), Some(49_000)),
            Some(Clock::Own)
        );
        // Also if the relay chain is the younger one.
        assert_eq!(
            clock(900_000, Some(20_000), Some(899_000)),
            Some(Clock::Own)
        );
        assert_eq!(
            clock(900_000, Some(20_000), Some(19_000)),
            Some(Clock::Relay)
        );
    }

    #[test]
    fn what_fits_both_clocks_is_refused() {
        assert_eq!(clock(50_000, Some(9_000_000), None), None);
        assert_eq!(clock(50_000, Some(100_000), Some(10_000)), None);
        assert_eq!(clock(50_000, Some(9_000_000), Some(9_000_001)), None);
    }

    #[test]
    fn without_a_row_nothing_depends_on_the_clock() {
        let evidence = Evidence {
            own: 50_000,
            relay: Some(9_000_000),
            has_rows: false,
            latest: None,
            period: PERIOD,
        };
        assert_eq!(evidence.clock(), Ok(None));
    }

    #[test]
    fn of_two_near_clocks_the_later_one_is_taken() {
        assert_eq!(clock(50_000, Some(51_800), None), Some(Clock::Relay));
        assert_eq!(clock(51_800, Some(50_000), Some(3)), Some(Clock::Own));
        assert_eq!(clock(50_000, Some(51_801), None), None);
    }
}
