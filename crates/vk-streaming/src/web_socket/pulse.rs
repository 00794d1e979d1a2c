//! [`Pulse`].

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

/// How often a client that is not read hears something.
const SIGN_INTERVAL: Duration = Duration::from_secs(2);

/// Signs of life of a session, noted by those who read and write.
pub(crate) struct Pulse {
    start: Instant,
    heard: AtomicU64,
    used: AtomicU64,
    /// Nothing is read, because what has come waits for its reader.
    input_waits: AtomicBool,
    sign: Notify,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            heard: AtomicU64::new(0),
            used: AtomicU64::new(0),
            input_waits: AtomicBool::new(false),
            sign: Notify::new(),
        }
    }

    /// Something came.
    pub(super) fn heard(&self) {
        self.note(&self.heard);
    }

    /// A byte of some channel came, or was taken by the transport.
    pub(super) fn used(&self) {
        self.note(&self.used);
    }

    /// Waits until nothing has come for this long, counted from now.
    pub(super) async fn silence(&self, length: Duration) {
        self.heard();
        self.pause(&self.heard, length).await;
    }

    /// Waits until no channel has been used for this long.
    pub(super) async fn idleness(&self, length: Duration) {
        self.pause(&self.used, length).await;
    }

    /// Waits for what has to be done before more can be read. While that takes long, the client's pings are not seen, and neither
    /// is its end: so it is shown that we are here, which fails once it has gone.
    pub(super) async fn while_input_waits<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let done = loop {
            tokio::select! {
                biased;
                done = &mut work => break done,
                () = sleep(SIGN_INTERVAL) => {
                    self.input_waits.store(true, Ordering::Relaxed);
                    self.sign.notify_one();
                }
            }
        };
        self.input_waits.store(false, Ordering::Relaxed);
        done
    }

    /// Whether nothing has been read for a while.
    pub(super) fn input_waits(&self) -> bool {
        self.input_waits.load(Ordering::Relaxed)
    }

    /// Waits until the client is to be shown that we are here.
    pub(super) async fn sign_is_due(&self) {
        self.sign.notified().await;
    }

    fn note(&self, moment: &AtomicU64) {
        moment.store(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    async fn pause(&self, last: &AtomicU64, length: Duration) {
        loop {
            let end = self.start + Duration::from_millis(last.load(Ordering::Relaxed)) + length;
            if Instant::now() >= end {
                return;
            }
            sleep_until(end).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_pause_begins_anew_with_every_sign() {
        let pulse = Pulse::new();
        advance(SECOND * 5).await;
        // Of what was before nobody knows.
        assert!(timeout(SECOND * 2, pulse.silence(SECOND * 3)).await.is_err());
        assert!(timeout(SECOND, pulse.idleness(SECOND * 3)).await.is_ok());
        pulse.used();
        advance(SECOND * 2).await;
        pulse.used();
        assert!(timeout(SECOND * 2, pulse.idleness(SECOND * 3)).await.is_err());
        assert!(timeout(SECOND * 2, pulse.idleness(SECOND * 3)).await.is_ok());
    }
}
