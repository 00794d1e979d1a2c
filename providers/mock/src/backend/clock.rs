//! The back end's own clock.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// Wall time as it was when the back end opened, and from there on monotonic time: it never jumps, and follows tokio's
/// paused clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    opened: Instant,
    wall_when_opened: Timestamp,
}

impl Clock {
    pub(crate) fn starting_at(wall: Timestamp) -> Self {
        Self { opened: Instant::now(), wall_when_opened: wall }
    }

    pub(crate) fn now(&self) -> Timestamp {
        after(self.wall_when_opened, self.opened.elapsed())
    }

    /// The moment to sleep until; the past is now.
    pub(crate) fn instant(&self, at: Timestamp) -> Instant {
        let wait = Duration::try_from(at.duration_since(self.wall_when_opened)).unwrap_or(Duration::ZERO);
        self.opened + wait
    }
}

/// The timestamp so much later; the end of time if there is none.
pub(crate) fn after(at: Timestamp, delay: Duration) -> Timestamp {
    at.checked_add(delay).unwrap_or(Timestamp::MAX)
}
