//! When a ping is due, and when a connection has been idle for too long.

use std::time::Duration;

use tokio::time::Instant;

use super::super::Role;
use crate::error::ConnectionError;

/// The clock of a connection.
pub(super) struct Pace {
    ping_interval: Option<Duration>,
    idle_timeout: Option<Duration>,
    next_ping: u32,
    last_ping: Instant,
    /// The ping that has not come back.
    unanswered: Option<u32>,
    last_use: Instant,
}

impl Pace {
    pub(super) fn new(role: Role, ping_interval: Option<Duration>, idle_timeout: Option<Duration>) -> Self {
        let now = Instant::now();
        let next_ping = if role == Role::Client { 1 } else { 2 };
        Self { ping_interval, idle_timeout, next_ping, last_ping: now, unanswered: None, last_use: now }
    }

    /// A frame of a stream came or went.
    pub(super) fn used(&mut self) {
        self.last_use = Instant::now();
    }

    /// A ping came. Says whether it is the peer's own, which has to go back.
    pub(super) fn is_of_peer(&mut self, ping: u32) -> bool {
        let ours = ping % 2 == self.next_ping % 2;
        if self.unanswered == Some(ping) {
            self.unanswered = None;
        }
        !ours
    }

    /// When to look again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let ping = self.ping_interval.map(|interval| self.last_ping + interval);
        let idle = self.idle_timeout.map(|timeout| self.last_use + timeout);
        ping.into_iter().chain(idle).min()
    }

    /// The ping that is due now, if one is. While this side does not read, no answer can be missed; that the peer is gone
    /// shows when the pings cannot be written.
    pub(super) fn tick(&mut self, reading: bool) -> Result<Option<u32>, ConnectionError> {
        let now = Instant::now();
        if self.idle_timeout.is_some_and(|timeout| now >= self.last_use + timeout) {
            return Err(ConnectionError::Idle);
        }
        if self.ping_interval.is_none_or(|interval| now < self.last_ping + interval) {
            return Ok(None);
        }
        if reading && self.unanswered.is_some() {
            return Err(ConnectionError::PingTimeout);
        }
        let ping = self.next_ping;
        self.next_ping = self.next_ping.wrapping_add(2);
        (self.last_ping, self.unanswered) = (now, Some(ping));
        Ok(Some(ping))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn pings_that_come_back_go_on_and_others_end_it() {
        let mut pace = Pace::new(Role::Server, Some(SECOND), None);
        assert!(pace.tick(true).unwrap().is_none());
        tokio::time::advance(SECOND).await;
        assert_eq!(pace.tick(true).unwrap(), Some(2));
        assert!(pace.is_of_peer(1) && !pace.is_of_peer(2));
        tokio::time::advance(SECOND).await;
        assert_eq!(pace.tick(true).unwrap(), Some(4));
        tokio::time::advance(SECOND).await;
        assert!(matches!(pace.tick(true), Err(ConnectionError::PingTimeout)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_could_not_be_read_is_not_missed() {
        let mut pace = Pace::new(Role::Server, Some(SECOND), None);
        for ping in [2, 4, 6] {
            tokio::time::advance(SECOND).await;
            assert_eq!(pace.tick(false).unwrap(), Some(ping));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pings_do_not_count_as_use() {
        let mut pace = Pace::new(Role::Client, Some(SECOND), Some(SECOND * 2));
        tokio::time::advance(SECOND).await;
        assert_eq!(pace.tick(true).unwrap(), Some(1));
        assert!(!pace.is_of_peer(1));
        tokio::time::advance(SECOND / 2).await;
        pace.used();
        assert_eq!(pace.deadline(), Some(Instant::now() + SECOND / 2));
        tokio::time::advance(SECOND * 2).await;
        assert!(matches!(pace.tick(true), Err(ConnectionError::Idle)));
    }
}
