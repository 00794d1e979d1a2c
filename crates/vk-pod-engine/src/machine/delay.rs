//! The kubelet's delays: 10 s, doubling up to 300 s.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use vk_core::{Now, Terminated};

const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(300);
/// A run this long starts the count anew.
const LONG_RUN: Duration = Duration::from_secs(600);

/// Delay before the next restart of a container. The first restart comes at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
pub(super) struct RestartDelay(Option<Duration>);

impl RestartDelay {
    /// The delay that so many restarts have led to, for a container whose history this agent has not seen.
    pub(super) fn after_restarts(restarts: u32) -> Self {
        let doublings = restarts.checked_sub(1);
        Self(doublings.map(|n| FIRST.saturating_mul(1_u32.checked_shl(n).unwrap_or(u32::MAX)).min(LONGEST)))
    }

    /// How long to wait from now, and the whole delay of which that is the rest. `None`: not at all.
    ///
    /// The time since the end counts, by the runtime's clock and ours; where it is known when the run was begun, no more than
    /// has passed since, for the two clocks may differ.
    pub(super) fn pause(self, ended: &Terminated, begun: Option<Duration>, now: Now) -> Option<(Duration, Duration)> {
        let whole = self.0.filter(|_| !ran_long(ended))?;
        let since = ended.finished_at.and_then(|end| Duration::try_from(now.wall.duration_since(end)).ok());
        let most = begun.map_or(Duration::MAX, |begun| now.mono.saturating_sub(begun));
        let rest = whole.saturating_sub(since.unwrap_or_default().min(most));
        (!rest.is_zero()).then_some((rest, whole))
    }

    /// Counts the restart that follows this run.
    pub(super) fn restarted(&mut self, ended: &Terminated) {
        self.0 = Some(match self.0 {
            Some(delay) if !ran_long(ended) => delay.saturating_mul(2).min(LONGEST),
            _ => FIRST,
        });
    }
}

fn ran_long(ended: &Terminated) -> bool {
    ended.duration().is_some_and(|duration| duration > LONG_RUN)
}

/// A delay that grows with each failure in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
pub(super) struct Growing(u32);

impl Growing {
    /// Counts a failure: the delay before the next try.
    pub(super) fn next(&mut self, first: Duration, longest: Duration) -> Duration {
        let factor = 1_u32.checked_shl(self.0).unwrap_or(u32::MAX);
        self.0 = self.0.saturating_add(1).min(31);
        first.saturating_mul(factor).min(longest)
    }

    /// The delay after a failed image pull.
    pub(super) fn next_pull(&mut self) -> Duration {
        self.next(FIRST, LONGEST)
    }

    pub(super) fn reset(&mut self) {
        self.0 = 0;
    }
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;

    fn run(length: Duration) -> Terminated {
        let mut run = Terminated::with_exit_code(1);
        run.started_at = Some(Timestamp::UNIX_EPOCH);
        run.finished_at = Some(Timestamp::UNIX_EPOCH + length);
        run
    }

    fn at(wall: Timestamp) -> Now {
        Now { mono: Duration::from_secs(5), wall }
    }

    #[test]
    fn restarts_come_at_once_then_after_10_20_40_80_160_300_seconds() {
        let (mut delay, short) = (RestartDelay::default(), run(Duration::from_secs(1)));
        let now = at(short.finished_at.unwrap());
        let mut seen = Vec::new();
        for _ in 0..8 {
            seen.push(delay.pause(&short, None, now).map_or(0, |(rest, _)| rest.as_secs()));
            delay.restarted(&short);
        }
        assert_eq!(seen, [0, 10, 20, 40, 80, 160, 300, 300]);
    }

    #[test]
    fn a_run_of_more_than_ten_minutes_starts_the_count_anew() {
        let mut delay = RestartDelay::after_restarts(6);
        let long = run(Duration::from_secs(601));
        assert_eq!(delay.pause(&long, None, at(long.finished_at.unwrap())), None);
        delay.restarted(&long);
        let short = run(Duration::from_secs(1));
        assert_eq!(delay.pause(&short, None, at(short.finished_at.unwrap())).unwrap().1, FIRST);
    }

    #[test]
    fn time_since_the_end_counts_and_a_clock_set_back_does_not_lengthen_the_wait() {
        let (delay, short) = (RestartDelay::after_restarts(1), run(Duration::from_secs(1)));
        let end = short.finished_at.unwrap();
        assert_eq!(delay.pause(&short, None, at(end + Duration::from_secs(4))).unwrap().0, Duration::from_secs(6));
        assert_eq!(delay.pause(&short, None, at(end + Duration::from_secs(40))), None);
        assert_eq!(delay.pause(&short, None, at(end - SignedDuration::from_hours(1))).unwrap().0, FIRST);
    }

    #[test]
    fn a_runtime_whose_clock_is_behind_does_not_shorten_the_wait() {
        let (delay, short) = (RestartDelay::after_restarts(3), run(Duration::from_secs(1)));
        let now = Now { mono: Duration::from_secs(100), wall: short.finished_at.unwrap() + Duration::from_secs(300) };
        let begun = Duration::from_secs(95);
        assert_eq!(delay.pause(&short, Some(begun), now).unwrap().0, Duration::from_secs(35), "it began 5 s ago");
        assert_eq!(delay.pause(&short, None, now), None, "nothing but the clocks is known of an earlier agent's runs");
    }

    #[test]
    fn no_number_of_restarts_exceeds_five_minutes() {
        assert_eq!(RestartDelay::after_restarts(u32::MAX), RestartDelay(Some(LONGEST)));
        assert_eq!(RestartDelay::after_restarts(0), RestartDelay(None));
    }
}
