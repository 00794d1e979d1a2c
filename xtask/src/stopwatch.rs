//! How long something took.

use std::time::Duration;

#[expect(clippy::disallowed_types, reason = "a console tool without an async runtime; nothing decides by this time")]
type Clock = std::time::Instant;

/// Runs since it was made.
pub(crate) struct Stopwatch(Clock);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Clock::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
