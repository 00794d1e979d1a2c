//! [`PingMonitor`]: whether the back end answers, and when to ask it again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::backoff::{Backoff, jittered};

/// Whether the back end answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum BackendHealth {
    /// It does, as far as we know.
    Reachable,
    /// It does not.
    Unreachable {
        /// In which way.
        reason: OutageReason,
        /// For people.
        message: String,
    },
}

impl BackendHealth {
    /// Whether the back end answers.
    pub fn is_reachable(&self) -> bool {
        matches!(self, Self::Reachable)
    }
}

/// In which way a back end does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum OutageReason {
    /// A call is under way and has not come back in time.
    Hangs,
    /// Calls fail.
    Fails,
}

impl OutageReason {
    /// The reason of the condition `BackendReachable`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hangs => "BackendTimeout",
            Self::Fails => "BackendError",
        }
    }
}

/// How often the back end is asked, and how patient we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PingPolicy {
    /// From the end of one ping to the beginning of the next, while all is well.
    pub interval: Duration,
    /// A ping that takes longer means that the back end hangs.
    pub timeout: Duration,
    /// So many pings in a row must fail before the back end counts as unreachable.
    pub failures: u32,
}

impl Default for PingPolicy {
    fn default() -> Self {
        Self { interval: Duration::from_secs(10), timeout: Duration::from_secs(10), failures: 2 }
    }
}

/// What became of a ping. It is never abandoned: a provider that blocks would otherwise gather one stuck call after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PingOutcome {
    /// The back end answered, in time or late.
    Answered,
    /// The call failed, in time or late.
    Failed(String),
    /// The time is up and the call is still under way.
    Overdue,
}

/// What follows from a [`PingOutcome`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PingStep {
    /// The new health, if it changed.
    pub changed: Option<BackendHealth>,
    /// How long to wait before the next ping; `None` while one is under way.
    pub next_in: Option<Duration>,
}

/// Draws conclusions from pings.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PingMonitor {
    policy: PingPolicy,
    health: BackendHealth,
    backoff: Backoff,
}

impl PingMonitor {
    const FIRST_RETRY: Duration = Duration::from_secs(1);
    const JITTER_PERCENT: u32 = 10;

    /// A monitor that believes in the back end until it learns otherwise.
    pub fn new(policy: PingPolicy) -> Self {
        let backoff = Backoff::new(Self::FIRST_RETRY.min(policy.interval), policy.interval);
        Self { policy, health: BackendHealth::Reachable, backoff }
    }

    /// How often it asks.
    pub fn policy(&self) -> &PingPolicy {
        &self.policy
    }

    /// Takes in what became of a ping.
    pub fn step(&mut self, outcome: PingOutcome, random: u64) -> PingStep {
        match outcome {
            PingOutcome::Answered => {
                self.backoff.reset();
                let next_in = Some(jittered(self.policy.interval, Self::JITTER_PERCENT, random));
                PingStep { changed: self.become_health(BackendHealth::Reachable), next_in }
            }
            PingOutcome::Failed(message) => {
                let next_in = Some(self.backoff.next_delay(random));
                let proven = self.backoff.failures() >= self.policy.failures;
                let changed = proven.then(|| self.become_unreachable(OutageReason::Fails, message)).flatten();
                PingStep { changed, next_in }
            }
            PingOutcome::Overdue => {
                let message = format!("a ping has not come back for {:?}", self.policy.timeout);
                PingStep { changed: self.become_unreachable(OutageReason::Hangs, message), next_in: None }
            }
        }
    }

    /// While the reason stays, so does the message: an error text that differs each time is no news.
    fn become_unreachable(&mut self, reason: OutageReason, message: String) -> Option<BackendHealth> {
        if matches!(self.health, BackendHealth::Unreachable { reason: known, .. } if known == reason) {
            return None;
        }
        self.become_health(BackendHealth::Unreachable { reason, message })
    }

    fn become_health(&mut self, health: BackendHealth) -> Option<BackendHealth> {
        if self.health == health {
            return None;
        }
        self.health = health.clone();
        Some(health)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(text: &str) -> PingOutcome {
        PingOutcome::Failed(text.to_owned())
    }

    #[test]
    fn one_failure_is_asked_again_soon_and_proves_nothing() {
        let mut monitor = PingMonitor::new(PingPolicy::default());
        let step = monitor.step(failed("refused"), u64::MAX);
        assert_eq!(step, PingStep { changed: None, next_in: Some(Duration::from_secs(1)) });
        assert_eq!(monitor.step(PingOutcome::Answered, 0).changed, None);
    }

    #[test]
    fn failures_in_a_row_prove_an_outage_that_one_answer_ends() {
        let mut monitor = PingMonitor::new(PingPolicy::default());
        monitor.step(failed("refused by 10.0.0.1:4711"), 0);
        let changed = monitor.step(failed("refused by 10.0.0.1:4712"), 0).changed.unwrap();
        assert!(matches!(&changed, BackendHealth::Unreachable { reason: OutageReason::Fails, .. }), "{changed:?}");
        assert_eq!(monitor.step(failed("refused by 10.0.0.1:4713"), 0).changed, None);
        assert_eq!(monitor.step(PingOutcome::Answered, 0).changed, Some(BackendHealth::Reachable));
    }

    #[test]
    fn a_hung_ping_is_an_outage_at_once_and_is_waited_for() {
        let mut monitor = PingMonitor::new(PingPolicy::default());
        let step = monitor.step(PingOutcome::Overdue, 0);
        assert_eq!(step.next_in, None);
        assert!(matches!(step.changed, Some(BackendHealth::Unreachable { reason: OutageReason::Hangs, .. })));
        assert_eq!(monitor.step(PingOutcome::Answered, 0).changed, Some(BackendHealth::Reachable));
    }

    #[test]
    fn a_back_end_that_fails_for_long_is_asked_no_slower_than_one_that_is_well() {
        let mut monitor = PingMonitor::new(PingPolicy::default());
        for _ in 0..50 {
            let next_in = monitor.step(failed("x"), u64::MAX).next_in.unwrap();
            assert!(next_in <= PingPolicy::default().interval);
        }
    }
}
