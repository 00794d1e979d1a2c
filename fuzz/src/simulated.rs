//! A runtime on which hours pass in no time: it goes on to the next timer whenever nothing else is to be done.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::timeout;

/// Longer than any bound of the code under test, and than a peer waits by its own will in the longest input.
const PATIENCE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Runs a future to its end, on one thread and on paused time.
///
/// # Panics
/// If it has not ended after a month: it hangs.
pub fn run<F: Future>(future: F) -> F::Output {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(async { timeout(PATIENCE, future).await.expect("this hangs") })
}
