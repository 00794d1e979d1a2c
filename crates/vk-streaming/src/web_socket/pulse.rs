//! [`Pulse`].

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::Departure;
use crate::settings::Settings;

/// Signs of life of a session, noted by the half that reads and looked at by the one that writes.
pub(crate) struct Pulse {
    start: Instant,
    heard: AtomicU64,
    used: AtomicU64,
    waits_for_reader: AtomicBool,
}

impl Pulse {
    pub(super) fn new() -> Self {
        let none = || AtomicU64::new(0);
        Self { start: Instant::now(), heard: none(), used: none(), waits_for_reader: AtomicBool::new(false) }
    }

    /// Something came.
    pub(super) fn heard(&self) {
        self.heard.store(self.now(), Ordering::Relaxed);
    }

    /// A byte of some stream came or went.
    pub(super) fn used(&self) {
        self.used.store(self.now(), Ordering::Relaxed);
    }

    /// Nothing is read while what came before has no reader: an answer cannot be missed then.
    pub(super) fn waits_for_reader(&self, waits: bool) {
        self.waits_for_reader.store(waits, Ordering::Relaxed);
        self.heard();
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn since(&self, moment: &AtomicU64) -> Duration {
        Duration::from_millis(self.now().saturating_sub(moment.load(Ordering::Relaxed)))
    }

    /// Why the session has to end, if it has to.
    pub(super) fn end(&self, settings: &Settings) -> Option<Departure> {
        let listens = !self.waits_for_reader.load(Ordering::Relaxed);
        if listens && self.since(&self.heard) > settings.ping_interval * 3 {
            return Some(Departure::Gone);
        }
        let idle = self.since(&self.used) >= settings.idle_timeout;
        idle.then(|| Departure::Broken("nothing moved for too long".to_owned()))
    }
}
