//! When a back end is read next: quickly while something is awaited, slowly when all is steady, within one budget.

use std::time::Duration;

use crate::backoff::Backoff;

/// How much the pods of a node hang on the next read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pace {
    /// Every pod is where it is expected to stay.
    Steady,
    /// Some pod is expected to change soon.
    Transition,
}

/// Failed reads are repeated within this.
const OUTAGE_CAP: Duration = Duration::from_secs(10);
const OUTAGE_FIRST: Duration = Duration::from_millis(500);

/// Explicit requests for a list are served at most this often.
const SHORTEST: Duration = Duration::from_millis(100);

/// The read budget of one provider: lists and lookups together. Pure: it is told when reads happened, and says when the next
/// one is due.
#[derive(Debug, Clone)]
pub struct PollBudget {
    transition: Duration,
    steady: Duration,
    ration: Option<Ration>,
    last: Duration,
    outage: Option<Duration>,
    backoff: Backoff,
}

impl PollBudget {
    /// Reads at these intervals; at most so many reads an hour, if a number is given.
    pub fn new(transition: Duration, steady: Duration, reads_per_hour: Option<u32>) -> Self {
        Self {
            transition,
            steady,
            ration: reads_per_hour.map(Ration::new),
            last: Duration::ZERO,
            outage: None,
            backoff: Backoff::new(OUTAGE_FIRST, OUTAGE_CAP),
        }
    }

    /// A list was asked for at `at` and took so many reads.
    pub fn succeeded(&mut self, at: Duration, reads: u32) {
        self.last = at;
        self.outage = None;
        self.backoff.reset();
        self.spend(at, reads);
    }

    /// A list was asked for at `at` and failed.
    pub fn failed(&mut self, at: Duration, random: u64) {
        self.last = at;
        self.spend(at, 1);
        self.outage = Some(at + OUTAGE_FIRST / 2 + self.backoff.next_delay(random));
    }

    /// Takes one read out of the budget for a lookup, and says when it may be made.
    pub fn book_lookup(&mut self, now: Duration) -> Duration {
        let at = now.max(self.affordable());
        self.spend(at, 1);
        at
    }

    /// A lookup that was booked is not made. The turns of others stay as they are.
    pub fn return_lookup(&mut self) {
        if let Some(ration) = &mut self.ration {
            ration.spent_until = ration.spent_until.saturating_sub(ration.per_read);
        }
    }

    fn spend(&mut self, at: Duration, reads: u32) {
        if let Some(ration) = &mut self.ration {
            ration.spend(at, reads);
        }
    }

    fn affordable(&self) -> Duration {
        self.ration.map_or(Duration::ZERO, Ration::affordable)
    }

    /// When the next list is due.
    pub fn next_poll(&self, pace: Pace) -> Duration {
        let wished = match (self.outage, pace) {
            (Some(retry), _) => retry,
            (None, Pace::Transition) => self.last.saturating_add(self.transition),
            (None, Pace::Steady) => self.last.saturating_add(self.steady),
        };
        wished.max(self.affordable())
    }

    /// When a list may be made that somebody asked for.
    pub fn earliest(&self) -> Duration {
        (self.last + SHORTEST).max(self.affordable())
    }
}

/// So many reads an hour: a tenth of them may be made at once, the others one after the other.
#[derive(Debug, Clone, Copy)]
struct Ration {
    /// Time that one read costs.
    per_read: Duration,
    /// How far reads may be ahead of their time.
    ahead: Duration,
    /// The time up to which reads have been used up.
    spent_until: Duration,
}

impl Ration {
    fn new(reads_per_hour: u32) -> Self {
        let at_once = reads_per_hour / 10;
        let per_read = Duration::from_secs(3600) / (reads_per_hour - at_once).max(1);
        Self { per_read, ahead: per_read.saturating_mul(at_once), spent_until: Duration::ZERO }
    }

    fn spend(&mut self, at: Duration, reads: u32) {
        let cost = self.per_read.saturating_mul(reads);
        self.spent_until = self.spent_until.max(at).saturating_add(cost);
    }

    fn affordable(self) -> Duration {
        self.spent_until.saturating_sub(self.ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_transition_is_read_quickly_and_a_steady_node_slowly() {
        let mut budget = PollBudget::new(2 * SECOND, 60 * SECOND, None);
        budget.succeeded(10 * SECOND, 1);
        assert_eq!(budget.next_poll(Pace::Transition), 12 * SECOND);
        assert_eq!(budget.next_poll(Pace::Steady), 70 * SECOND);
    }

    #[test]
    fn a_back_end_may_ask_never_to_be_read() {
        let mut budget = PollBudget::new(Duration::MAX, Duration::MAX, None);
        budget.succeeded(SECOND, 1);
        assert_eq!(budget.next_poll(Pace::Steady), Duration::MAX);
    }

    /// contract-sketch.md 3: 500 pods with a GET each 5 s are 360,000 reads an hour; a cloud allows 12,000.
    #[test]
    fn the_budget_holds_however_urgent_it_is() {
        let mut budget = PollBudget::new(SECOND, 60 * SECOND, Some(600));
        let (mut now, mut reads) = (Duration::ZERO, 0);
        while now < Duration::from_secs(3600) {
            budget.succeeded(now, 3);
            reads += 3;
            now = budget.next_poll(Pace::Transition);
        }
        assert!(reads <= 603, "{reads} reads");
    }

    #[test]
    fn lookups_are_paid_out_of_the_same_budget() {
        let mut budget = PollBudget::new(SECOND, 60 * SECOND, Some(600));
        let (mut now, mut reads) = (Duration::ZERO, 0);
        while now < Duration::from_secs(3600) {
            budget.succeeded(now, 1);
            let looked_up = budget.book_lookup(now);
            assert!(looked_up >= now);
            reads += 2;
            now = budget.next_poll(Pace::Transition).max(looked_up);
        }
        assert!(reads <= 602, "{reads} reads");
    }

    #[test]
    fn a_few_lookups_at_once_wait_for_nothing_and_many_wait_their_turn() {
        let mut budget = PollBudget::new(SECOND, 60 * SECOND, Some(600));
        let booked: Vec<Duration> = (0..100).map(|_| budget.book_lookup(SECOND)).collect();
        assert!(booked.iter().take(60).all(|at| *at == SECOND));
        assert!(booked.iter().skip(61).all(|at| *at > SECOND) && booked.is_sorted());
        assert!(budget.next_poll(Pace::Transition) >= booked[99]);

        let mut unlimited = PollBudget::new(SECOND, SECOND, None);
        assert!((0..1000).all(|_| unlimited.book_lookup(SECOND) == SECOND));
    }

    #[test]
    fn a_turn_that_is_returned_can_be_booked_again() {
        let mut budget = PollBudget::new(SECOND, 60 * SECOND, Some(600));
        let booked: Vec<Duration> = (0..100).map(|_| budget.book_lookup(SECOND)).collect();
        (0..20).for_each(|_| budget.return_lookup());
        assert_eq!(budget.book_lookup(SECOND), booked[80]);
    }

    #[test]
    fn an_outage_is_retried_within_ten_seconds_or_so() {
        let mut budget = PollBudget::new(SECOND, 600 * SECOND, None);
        let mut now = Duration::ZERO;
        for _ in 0..100 {
            budget.failed(now, u64::MAX);
            let next = budget.next_poll(Pace::Steady);
            assert!(next > now && next - now <= 11 * SECOND, "{:?}", next - now);
            now = next;
        }
    }
}
