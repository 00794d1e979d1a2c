//! Waiting for real processes, which keep real time.

use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};

#[expect(clippy::disallowed_types, reason = "there is no async runtime here, and a real process keeps no virtual time")]
type Clock = std::time::Instant;

/// A moment after which waiting is given up.
pub(crate) struct Deadline {
    start: Clock,
    limit: Duration,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self { start: Clock::now(), limit }
    }

    /// Asks `ready` every `interval` until it answers with a value; an error ends the wait at once. `what` names, in the
    /// error for the passed deadline, what did not come.
    pub(crate) fn poll<T>(
        &self,
        what: &str,
        interval: Duration,
        mut ready: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        loop {
            if let Some(value) = ready()? {
                return Ok(value);
            }
            if self.start.elapsed() >= self.limit {
                bail!("{what}: not within {} s", self.limit.as_secs());
            }
            thread::sleep(interval);
        }
    }
}
