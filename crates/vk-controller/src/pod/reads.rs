//! The read budget of the provider, shared by the lists and the lookups.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use vk_core::poll::{Pace, PollBudget};
use vk_provider::Observe;

/// Hands out reads. Clones share one budget.
#[derive(Debug, Clone)]
pub(super) struct Reads(Arc<Mutex<PollBudget>>);

impl Reads {
    pub(super) fn of(observe: Observe) -> Self {
        let budget = match observe {
            // Pushed changes need no quick reads: the list only catches what a push may have missed.
            Observe::Push { safety_net } => PollBudget::new(safety_net, safety_net, None),
            Observe::Poll(policy) => PollBudget::new(policy.transition, policy.steady, Some(policy.reads_per_hour)),
        };
        Self(Arc::new(Mutex::new(budget)))
    }

    /// A list was asked for at `at` and took so many reads.
    pub(super) fn listed(&self, at: Duration, reads: u32) {
        self.0.lock().succeeded(at, reads);
    }

    /// A list was asked for at `at` and failed.
    pub(super) fn list_failed(&self, at: Duration, random: u64) {
        self.0.lock().failed(at, random);
    }

    /// When the next list is due.
    pub(super) fn next_list(&self, pace: Pace) -> Duration {
        self.0.lock().next_poll(pace)
    }

    /// When a list may be made that somebody asked for.
    pub(super) fn earliest_list(&self) -> Duration {
        self.0.lock().earliest()
    }

    /// Takes one read for a lookup, and says when it may be made.
    pub(super) fn book_lookup(&self, now: Duration) -> Duration {
        self.0.lock().book_lookup(now)
    }

    /// A lookup that was booked is not made.
    pub(super) fn return_lookup(&self) {
        self.0.lock().return_lookup();
    }
}
