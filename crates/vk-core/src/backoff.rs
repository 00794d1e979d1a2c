//! How long to wait before a failed call is made again: capped, fully jittered, and never given up (invariant 5).

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A growing delay. Pure: the caller brings the random number and does the waiting.
///
/// The n-th delay is drawn evenly from zero to `first * 2^n`, at most `cap` ("full jitter"), so that many agents that lost
/// the same server do not come back to it at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Backoff {
    first: Duration,
    cap: Duration,
    failures: u32,
}

impl Backoff {
    /// A back-off whose first delay is at most `first`, and no delay above `cap`.
    pub const fn new(first: Duration, cap: Duration) -> Self {
        Self { first, cap, failures: 0 }
    }

    /// The same number of failures under other bounds: for callers whose bounds depend on the kind of failure.
    #[must_use]
    pub const fn with_bounds(self, first: Duration, cap: Duration) -> Self {
        Self { first, cap, failures: self.failures }
    }

    /// Failures since the last success.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Counts one failure and gives the delay before the next attempt; `random` is evenly distributed over all of `u64`.
    pub fn next_delay(&mut self, random: u64) -> Duration {
        let ceiling = self.ceiling();
        self.failures = self.failures.saturating_add(1);
        scale(ceiling, random)
    }

    /// What the next delay can be at most.
    pub fn ceiling(&self) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.cap)
    }

    /// Counts a success: the next delay is a first one again.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

/// A delay around `base`, at most `fraction_percent` of it longer or shorter: for what is done regularly, so that agents
/// which started together do not stay together.
pub fn jittered(base: Duration, fraction_percent: u32, random: u64) -> Duration {
    let spread = base.saturating_mul(fraction_percent) / 100;
    base.saturating_sub(spread).saturating_add(scale(spread.saturating_mul(2), random))
}

/// The part of `whole` that `random` is of `u64::MAX`.
fn scale(whole: Duration, random: u64) -> Duration {
    let nanos = whole.as_nanos().saturating_mul(u128::from(random)) / u128::from(u64::MAX);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIRST: Duration = Duration::from_millis(200);
    const CAP: Duration = Duration::from_secs(5);

    #[test]
    fn the_ceiling_doubles_up_to_the_cap() {
        let mut backoff = Backoff::new(FIRST, CAP);
        let ceilings: Vec<u128> = (0..7).map(|_| backoff.next_delay(u64::MAX).as_millis()).collect();
        assert_eq!(ceilings, [200, 400, 800, 1600, 3200, 5000, 5000]);
        backoff.reset();
        assert_eq!(backoff.next_delay(u64::MAX), FIRST);
    }

    #[test]
    fn jitter_spreads_both_ways() {
        let base = Duration::from_secs(10);
        assert_eq!(jittered(base, 4, 0), Duration::from_millis(9_600));
        assert_eq!(jittered(base, 4, u64::MAX), Duration::from_millis(10_400));
    }

    proptest! {
        #[test]
        fn no_number_of_failures_exceeds_the_cap(failures in 0_u32..200, random: u64) {
            let mut backoff = Backoff::new(FIRST, CAP);
            for _ in 0..failures {
                backoff.next_delay(0);
            }
            prop_assert!(backoff.next_delay(random) <= CAP);
        }
    }
}
