//! Time comes in from outside: wall time through [`Clock`], elapsed time from tokio's clock, which tests can pause.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The server's wall clock. It may jump; deadlines inside the server never depend on it.
pub trait Clock: Send + Sync + 'static {
    /// The current wall time of the machine on which the server pretends to run.
    fn wall(&self) -> Timestamp;
}

impl<F> Clock for F
where
    F: Fn() -> Timestamp + Send + Sync + 'static,
{
    fn wall(&self) -> Timestamp {
        self()
    }
}

/// A wall clock that starts at a given time and follows tokio's clock, so that it stands still while tokio's time is
/// paused and jumps with `tokio::time::advance`.
#[derive(Clone, Copy, Debug)]
pub struct VirtualClock {
    epoch: Timestamp,
    started: tokio::time::Instant,
}

impl VirtualClock {
    /// A clock that shows `epoch` now.
    #[must_use]
    pub fn starting_at(epoch: Timestamp) -> Self {
        Self { epoch, started: tokio::time::Instant::now() }
    }
}

impl Clock for VirtualClock {
    fn wall(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.started.elapsed()).unwrap_or(SignedDuration::MAX);
        self.epoch.saturating_add(elapsed).unwrap_or(Timestamp::MAX)
    }
}

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Wall time: what is written into objects.
    pub wall: Timestamp,
    /// Time since the server was built: what timeouts and lags are measured with. Never goes back.
    pub elapsed: Duration,
}

/// `metav1.Time`: RFC 3339 in UTC with whole seconds.
pub(crate) fn rfc3339_seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Whether a text is a `metav1.MicroTime`: RFC 3339 with six decimals, no more and no less.
pub(crate) fn is_micro_time(text: &str) -> bool {
    let decimals = text.split_once('.').map(|(_, rest)| rest.bytes().take_while(u8::is_ascii_digit).count());
    decimals == Some(6) && parse_rfc3339(text).is_some()
}

/// Reads any RFC 3339 time; `None` if it is none.
pub(crate) fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_cut_off_and_never_rounded_up() {
        let time = parse_rfc3339("2026-11-22T14:00:00.999999Z").unwrap();
        assert_eq!(rfc3339_seconds(time), "2026-11-22T14:00:00Z");
    }

    #[test]
    fn micro_times_have_six_decimals() {
        assert!(is_micro_time("2026-11-22T14:00:00.123456Z"));
        for text in ["2026-11-22T14:00:00Z", "2026-11-22T14:00:00.1Z", "2026-11-22T14:00:00.1234567Z", "soon.123456Z"] {
            assert!(!is_micro_time(text), "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_virtual_clock_follows_paused_tokio_time() {
        let clock = VirtualClock::starting_at(parse_rfc3339("2026-11-22T14:00:00Z").unwrap());
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(rfc3339_seconds(clock.wall()), "2026-11-22T14:01:30Z");
    }
}
