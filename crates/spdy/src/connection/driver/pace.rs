//! When a ping is due, and when a connection has stood still for too long.

use std::time::Duration;

use tokio::time::Instant;

use super::super::{Role, Settings};
use crate::error::ConnectionError;

/// How often a peer that is not read hears something. It may have gone, which only writing can show.
const SIGN_INTERVAL: Duration = Duration::from_secs(2);

/// The clock of a connection.
pub(super) struct Pace {
    ping_interval: Option<Duration>,
    idle_timeout: Option<Duration>,
    linger: Duration,
    next_ping: u32,
    /// Nothing is read, because what has come waits for its readers.
    input_waits: bool,
    last_ping: Instant,
    last_use: Instant,
    /// Since when this side has had nothing more to say, and has heard nothing.
    quiet_since: Option<Instant>,
}

/// What it is time for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// This ping.
    Ping(u32),
    /// The end: the peer has had everything, and is silent.
    Parting,
}

impl Pace {
    pub(super) fn new(role: Role, settings: &Settings) -> Self {
        let now = Instant::now();
        Self {
            ping_interval: settings.ping_interval,
            idle_timeout: settings.idle_timeout,
            linger: settings.linger,
            next_ping: if role == Role::Client { 1 } else { 2 },
            input_waits: false,
            last_ping: now,
            last_use: now,
            quiet_since: None,
        }
    }

    /// A frame of a stream came, or the transport took some of one.
    pub(super) fn used(&mut self) {
        self.last_use = Instant::now();
        self.quiet_since = None;
    }

    /// Something came, whatever it was.
    pub(super) fn heard(&mut self) {
        self.quiet_since = self.quiet_since.map(|_| Instant::now());
    }

    /// This side has nothing more to say. True if that is new.
    pub(super) fn quiet(&mut self) -> bool {
        let is_new = self.quiet_since.is_none();
        self.quiet_since.get_or_insert_with(Instant::now);
        is_new
    }

    /// Whether nothing is read, because what has come waits for its readers.
    pub(super) fn input_waits(&mut self, waits: bool) {
        self.input_waits = waits;
    }

    /// Whether a ping is the peer's own, which has to go back.
    pub(super) fn is_of_peer(&self, ping: u32) -> bool {
        ping % 2 != self.next_ping % 2
    }

    /// When to look again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let ping = self.interval().map(|interval| self.last_ping + interval);
        let idle = self.idle_timeout.map(|timeout| self.last_use + timeout);
        let parting = self.quiet_since.map(|since| since + self.linger);
        [ping, idle, parting].into_iter().flatten().min()
    }

    fn interval(&self) -> Option<Duration> {
        self.ping_interval.map(|interval| if self.input_waits { interval.min(SIGN_INTERVAL) } else { interval })
    }

    /// What is due now. An answer that a ping does not get says nothing: it stands behind all that the peer has not read yet,
    /// and a peer that reads slowly is none that is gone.
    pub(super) fn tick(&mut self) -> Result<Option<Due>, ConnectionError> {
        let now = Instant::now();
        if self.quiet_since.is_some_and(|since| now >= since + self.linger) {
            return Ok(Some(Due::Parting));
        }
        if self.idle_timeout.is_some_and(|timeout| now >= self.last_use + timeout) {
            return Err(ConnectionError::Idle);
        }
        if self.interval().is_none_or(|interval| now < self.last_ping + interval) {
            return Ok(None);
        }
        if self.input_waits {
            self.last_ping = now;
            return Ok(Some(Due::Ping(self.unasked_answer())));
        }
        let ping = self.next_ping;
        self.next_ping = self.next_ping.wrapping_add(2);
        self.last_ping = now;
        Ok(Some(Due::Ping(ping)))
    }

    /// A number of the peer's that it has not used: it has to ignore that (draft 3.1, section 2.6.5). A ping of ours it would have
    /// to answer, and while nobody reads what it writes it might get stuck in that, and read no further either.
    fn unasked_answer(&self) -> u32 {
        u32::MAX - self.next_ping % 2
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pace(role: Role, ping_interval: Option<Duration>, idle_timeout: Option<Duration>) -> Pace {
        Pace::new(role, &Settings { ping_interval, idle_timeout, linger: SECOND * 3, ..Settings::default() })
    }

    #[tokio::test(start_paused = true)]
    async fn pings_go_on_whether_they_are_answered_or_not() {
        let mut pace = pace(Role::Server, Some(SECOND), None);
        assert_eq!(pace.tick().unwrap(), None);
        assert!(pace.is_of_peer(1) && !pace.is_of_peer(2));
        for ping in [2, 4, 6, 8] {
            advance(SECOND).await;
            assert_eq!(pace.tick().unwrap(), Some(Due::Ping(ping)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_is_not_read_hears_more_often_and_has_nothing_to_answer() {
        for role in [Role::Server, Role::Client] {
            let mut pace = pace(role, Some(SECOND * 15), None);
            pace.input_waits(true);
            for _ in 0..3 {
                advance(SIGN_INTERVAL).await;
                let Some(Due::Ping(ping)) = pace.tick().unwrap() else { panic!("nothing is due") };
                assert!(pace.is_of_peer(ping), "{role:?} {ping}");
                assert_eq!(pace.deadline(), Some(Instant::now() + SIGN_INTERVAL));
            }
            pace.input_waits(false);
            assert_eq!(pace.deadline(), Some(Instant::now() + SECOND * 15));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pings_do_not_count_as_use() {
        let mut pace = pace(Role::Client, Some(SECOND), Some(SECOND * 2));
        advance(SECOND).await;
        assert_eq!(pace.tick().unwrap(), Some(Due::Ping(1)));
        assert!(!pace.is_of_peer(1));
        advance(SECOND / 2).await;
        pace.used();
        assert_eq!(pace.deadline(), Some(Instant::now() + SECOND / 2));
        advance(SECOND * 2).await;
        assert!(matches!(pace.tick(), Err(ConnectionError::Idle)));
    }

    #[tokio::test(start_paused = true)]
    async fn quiet_ends_with_every_sign_of_the_peer() {
        let mut pace = pace(Role::Server, None, None);
        pace.heard();
        assert_eq!(pace.deadline(), None);
        assert!(pace.quiet() && !pace.quiet());
        advance(SECOND * 2).await;
        pace.heard();
        advance(SECOND * 2).await;
        assert_eq!(pace.tick().unwrap(), None);
        advance(SECOND).await;
        assert_eq!(pace.tick().unwrap(), Some(Due::Parting));
        pace.used();
        assert_eq!(pace.tick().unwrap(), None);
    }
}
