//! Waiting. No time is ever asserted; bounds are there to end a test that hangs.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use tokio::time::Instant;

/// Longer than anything takes that needs no outage to end, on a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
const INTERVAL: Duration = Duration::from_millis(100);

/// Looks again and again, and answers with what was seen at last.
///
/// # Panics
/// If that does not come; the last error says what was seen instead.
pub(crate) fn eventually<T>(what: &str, look: impl FnMut() -> Result<T, String>) -> T {
    eventually_within(PATIENCE, what, look)
}

/// The same with a bound of one's own.
pub(crate) fn eventually_within<T>(bound: Duration, what: &str, look: impl FnMut() -> Result<T, String>) -> T {
    within(bound, look).unwrap_or_else(|instead| panic!("not within {bound:?}: {what}\nseen instead: {instead}"))
}

/// Looks again and again until it succeeds or the bound is over, and answers with what was seen at last.
pub(crate) fn within<T, E>(bound: Duration, mut look: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    let begun = Instant::now();
    loop {
        match look() {
            Err(_) if begun.elapsed() <= bound => thread::sleep(INTERVAL),
            last => return last,
        }
    }
}

/// Does something and says how long it took, for people who read the output: past the test runner, which would keep it.
pub(crate) fn seconds_of<T>(what: &str, action: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = action();
    let _ = writeln!(io::stderr(), "    {what}: {:.2} s", begun.elapsed().as_secs_f64());
    done
}
