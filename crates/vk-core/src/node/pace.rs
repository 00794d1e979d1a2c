//! [`WritePace`]: how soon after one write the next may follow.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Keeps a quarrel with another writer slow. A first repair goes out at once and a few more soon after; where each repair is
/// undone again, the distance grows to [`WritePace::SLOWEST`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct WritePace {
    last: Option<Duration>,
    spacing: Duration,
}

impl WritePace {
    const FASTEST: Duration = Duration::from_millis(100);
    const SLOWEST: Duration = Duration::from_secs(5);
    /// A write that comes this long after the one before it belongs to no quarrel.
    const CALM: Duration = Duration::from_secs(10);

    pub(super) const fn new() -> Self {
        Self { last: None, spacing: Self::FASTEST }
    }

    /// When the next write may go out; monotonic.
    pub(super) fn earliest(&self) -> Duration {
        self.last.map_or(Duration::ZERO, |last| last.saturating_add(self.spacing))
    }

    /// Counts a write that goes out now.
    pub(super) fn wrote(&mut self, now: Duration) {
        let calm = self.last.is_none_or(|last| now.saturating_sub(last) >= Self::CALM);
        self.spacing = if calm { Self::FASTEST } else { (self.spacing * 2).min(Self::SLOWEST) };
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarrel_slows_down_and_calm_is_rewarded() {
        let mut pace = WritePace::new();
        let mut now = Duration::from_secs(100);
        let mut distances = Vec::new();
        for _ in 0..8 {
            pace.wrote(now);
            distances.push((pace.earliest() - now).as_millis());
            now = pace.earliest();
        }
        assert_eq!(distances, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);

        pace.wrote(now + Duration::from_secs(60));
        assert_eq!(pace.earliest(), now + Duration::from_secs(60) + WritePace::FASTEST);
    }
}
