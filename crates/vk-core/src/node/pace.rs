//! [`WritePace`]: how soon after one write the next may follow.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Keeps a quarrel with another writer slow. A repair goes out at once; where the same fields have to be repaired again and
/// again, the distance grows to [`WritePace::SLOWEST`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct WritePace {
    last: Option<Duration>,
    last_repair: Option<Duration>,
    repaired: BTreeSet<String>,
    spacing: Duration,
}

impl WritePace {
    const FASTEST: Duration = Duration::from_millis(100);
    const SLOWEST: Duration = Duration::from_secs(5);
    /// A repair that comes this long after the one before it belongs to no quarrel.
    const CALM: Duration = Duration::from_secs(10);

    pub(super) const fn new() -> Self {
        Self { last: None, last_repair: None, repaired: BTreeSet::new(), spacing: Self::FASTEST }
    }

    /// When the next write may go out; monotonic.
    pub(super) fn earliest(&self) -> Duration {
        self.last.map_or(Duration::ZERO, |last| last.saturating_add(self.spacing))
    }

    /// Counts a write of our own wish that goes out now.
    pub(super) fn wrote(&mut self, now: Duration) {
        self.last = Some(now);
    }

    /// Counts a repair of these fields that goes out now.
    pub(super) fn repaired(&mut self, fields: &BTreeSet<String>, now: Duration) {
        if self.last_repair.is_none_or(|last| now.saturating_sub(last) >= Self::CALM) {
            self.repaired.clear();
            self.spacing = Self::FASTEST;
        }
        if !self.repaired.is_disjoint(fields) {
            self.spacing = (self.spacing * 2).min(Self::SLOWEST);
        }
        self.repaired.extend(fields.iter().cloned());
        self.last_repair = Some(now);
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(name: &str) -> BTreeSet<String> {
        BTreeSet::from([name.to_owned()])
    }

    #[test]
    fn a_quarrel_slows_down_and_calm_is_rewarded() {
        let mut pace = WritePace::new();
        let mut now = Duration::from_secs(100);
        let mut distances = Vec::new();
        for _ in 0..8 {
            pace.repaired(&fields("condition Ready"), now);
            distances.push((pace.earliest() - now).as_millis());
            now = pace.earliest();
        }
        assert_eq!(distances, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);

        now += Duration::from_secs(60);
        pace.repaired(&fields("condition Ready"), now);
        assert_eq!(pace.earliest(), now + WritePace::FASTEST);
    }

    #[test]
    fn repairs_of_different_fields_and_our_own_wishes_are_no_quarrel() {
        let mut pace = WritePace::new();
        for (second, name) in (100..).zip(["condition Ready", "label type", "taints"]) {
            let now = Duration::from_secs(second);
            pace.repaired(&fields(name), now);
            pace.wrote(now);
            assert_eq!(pace.earliest(), now + WritePace::FASTEST);
        }
    }
}
