//! Whether pods may be created at all: a back end whose quota is used up for the whole node is not asked by every pod.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::error::{Error, ErrorKind, ExhaustionScope, Retry};
use crate::identity::PodUid;

/// Delays where the back end names none.
const FIRST: Duration = Duration::from_secs(2);
const CAP: Duration = Duration::from_secs(60);

/// No pause is shorter.
const SHORTEST: Duration = Duration::from_millis(500);

/// While one pod tries, the others ask again after this; so long it stays closed after a try that told nothing.
const TURN: Duration = Duration::from_secs(1);

/// One that tries and is not heard of for this long tries no more.
const PATIENCE: Duration = Duration::from_secs(180);

/// The gate in front of a provider's `create`. Stops and removals do not pass it.
///
/// After a refusal for the whole node it is closed for as long as the back end asks for; then one pod tries, and only its
/// success lets the others follow.
#[derive(Debug, Clone)]
pub struct CreateGate {
    state: State,
    backoff: Backoff,
}

#[derive(Debug, Clone)]
enum State {
    Open,
    Closed { until: Duration, refusal: Error },
    OneTries { uid: PodUid, since: Duration, refusal: Error },
}

impl Default for CreateGate {
    fn default() -> Self {
        Self { state: State::Open, backoff: Backoff::new(FIRST, CAP) }
    }
}

impl CreateGate {
    /// Lets this pod pass, at this moment of the monotonic clock.
    ///
    /// # Errors
    /// The back end's refusal, and when to ask again.
    pub fn enter(&mut self, uid: &PodUid, now: Duration) -> Result<(), Error> {
        match &self.state {
            State::Open => return Ok(()),
            State::Closed { until, refusal } if now < *until => {
                return Err(refusal.clone().retry_after(until.saturating_sub(now)));
            }
            State::OneTries { since, refusal, .. } if now < since.saturating_add(PATIENCE) => {
                return Err(refusal.clone().retry_after(TURN));
            }
            State::Closed { refusal, .. } | State::OneTries { refusal, .. } => {
                self.state = State::OneTries { uid: uid.clone(), since: now, refusal: refusal.clone() };
            }
        }
        Ok(())
    }

    /// A create of this pod, which had passed, has ended like this; `random` is evenly distributed over all of `u64`.
    pub fn ended(&mut self, uid: &PodUid, error: Option<&Error>, now: Duration, random: u64) {
        if let Some(refusal) = error.filter(|error| is_for_the_node(error)) {
            return self.close(refusal, now, random);
        }
        match &self.state {
            State::OneTries { uid: trying, refusal, .. } if trying == uid => {
                let (is_given_up, refusal) = (is_given_up(error), refusal.clone());
                match error {
                    None => *self = Self::default(),
                    // It has not asked the back end at all: the next one may.
                    Some(_) if is_given_up => self.state = State::Closed { until: now, refusal },
                    Some(_) => self.state = State::Closed { until: now.saturating_add(TURN), refusal },
                }
            }
            // One that was let in before the refusal says nothing about the time after it.
            State::OneTries { .. } | State::Closed { .. } => {}
            State::Open => {
                if error.is_none() {
                    self.backoff.reset();
                }
            }
        }
    }

    fn close(&mut self, refusal: &Error, now: Duration, random: u64) {
        let delay = match refusal.retry {
            Retry::After(delay) => delay,
            Retry::Backoff | Retry::Never => {
                // Those that were let in together count as one.
                let delay = if matches!(self.state, State::Closed { .. }) {
                    self.backoff.ceiling() / 2
                } else {
                    self.backoff.ceiling() / 2 + self.backoff.next_delay(random) / 2
                };
                delay.min(CAP)
            }
        };
        let asked_for = now.saturating_add(delay.max(SHORTEST));
        let until = match &self.state {
            State::Closed { until, .. } => asked_for.max(*until),
            State::Open | State::OneTries { .. } => asked_for,
        };
        self.state = State::Closed { until, refusal: refusal.clone() };
    }
}

fn is_given_up(error: Option<&Error>) -> bool {
    error.is_some_and(|error| error.kind == ErrorKind::Cancelled)
}

fn is_for_the_node(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Exhausted { scope: ExhaustionScope::Node, .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pod(uid: &str) -> PodUid {
        PodUid::from(uid)
    }

    fn exhausted(scope: ExhaustionScope) -> Error {
        Error::new(ErrorKind::Exhausted { resource: "container groups".to_owned(), scope }, "quota of 100 is used up")
    }

    #[test]
    fn after_a_refusal_for_the_node_nobody_passes_until_the_back_end_says_so() {
        let mut gate = CreateGate::default();
        assert_eq!(gate.enter(&pod("a"), SECOND), Ok(()));
        let refusal = exhausted(ExhaustionScope::Node).retry_after(30 * SECOND);
        gate.ended(&pod("a"), Some(&refusal), SECOND, 0);
        let refused = gate.enter(&pod("a"), 11 * SECOND).unwrap_err();
        assert_eq!((refused.kind, refused.retry), (refusal.kind, Retry::After(20 * SECOND)));
    }

    #[test]
    fn one_pod_tries_and_its_success_lets_the_others_pass() {
        let mut gate = CreateGate::default();
        gate.ended(&pod("a"), Some(&exhausted(ExhaustionScope::Node).retry_after(30 * SECOND)), SECOND, 0);
        assert_eq!(gate.enter(&pod("a"), 31 * SECOND), Ok(()));
        assert!(gate.enter(&pod("a"), 31 * SECOND).is_err(), "one is enough to find out");
        gate.ended(&pod("a"), None, 32 * SECOND, 0);
        assert_eq!((gate.enter(&pod("a"), 32 * SECOND), gate.enter(&pod("a"), 32 * SECOND)), (Ok(()), Ok(())));
    }

    #[test]
    fn one_that_is_never_heard_of_does_not_keep_the_gate_closed() {
        let mut gate = CreateGate::default();
        gate.ended(&pod("a"), Some(&exhausted(ExhaustionScope::Node).retry_after(SECOND)), SECOND, 0);
        assert_eq!(gate.enter(&pod("a"), 5 * SECOND), Ok(()));
        assert!(gate.enter(&pod("a"), 100 * SECOND).is_err());
        assert_eq!(gate.enter(&pod("a"), 200 * SECOND), Ok(()));
    }

    #[test]
    fn without_a_time_to_wait_it_waits_longer_and_longer_up_to_a_minute() {
        let mut gate = CreateGate::default();
        let (mut now, mut longest) = (Duration::ZERO, Duration::ZERO);
        for _ in 0..50 {
            assert_eq!(gate.enter(&pod("a"), now), Ok(()));
            gate.ended(&pod("a"), Some(&exhausted(ExhaustionScope::Node)), now, u64::MAX);
            let Retry::After(delay) = gate.enter(&pod("a"), now).unwrap_err().retry else { panic!("it says when") };
            assert!((SHORTEST..=CAP).contains(&delay), "{delay:?}");
            longest = longest.max(delay);
            now += delay;
        }
        assert_eq!(longest, CAP);
    }

    #[test]
    fn creates_that_were_let_in_together_count_as_one_refusal() {
        let mut gate = CreateGate::default();
        for _ in 0..32 {
            gate.ended(&pod("a"), Some(&exhausted(ExhaustionScope::Node)), SECOND, u64::MAX);
        }
        let Retry::After(delay) = gate.enter(&pod("a"), SECOND).unwrap_err().retry else { panic!("it says when") };
        assert!(delay <= FIRST * 2, "{delay:?}");
    }

    #[test]
    fn a_late_success_does_not_open_it() {
        let mut gate = CreateGate::default();
        gate.ended(&pod("a"), Some(&exhausted(ExhaustionScope::Node).retry_after(30 * SECOND)), SECOND, 0);
        gate.ended(&pod("a"), None, 2 * SECOND, 0);
        assert!(gate.enter(&pod("a"), 3 * SECOND).is_err());
    }

    #[test]
    fn a_pod_that_is_too_large_closes_it_for_nobody() {
        let mut gate = CreateGate::default();
        gate.ended(&pod("a"), Some(&exhausted(ExhaustionScope::Pod)), SECOND, 0);
        gate.ended(&pod("a"), Some(&Error::unavailable("503")), SECOND, 0);
        assert_eq!(gate.enter(&pod("a"), SECOND), Ok(()));
    }

    /// It was opened for all by a pod that was deleted while it waited for its turn, or whose own spec was refused.
    #[test]
    fn only_a_success_opens_it() {
        for (error, next_at) in [
            (Error::cancelled(), 5 * SECOND),
            (Error::unavailable("503"), 6 * SECOND),
            (Error::outcome_unknown("no answer"), 6 * SECOND),
            (Error::invalid("spec.containers[0].image", "no such image"), 6 * SECOND),
        ] {
            let mut gate = CreateGate::default();
            gate.ended(&pod("a"), Some(&exhausted(ExhaustionScope::Node).retry_after(SECOND)), SECOND, 0);
            assert_eq!(gate.enter(&pod("b"), 5 * SECOND), Ok(()));
            gate.ended(&pod("b"), Some(&error), 5 * SECOND, 0);
            assert_eq!(gate.enter(&pod("c"), next_at), Ok(()), "{error}");
            assert!(gate.enter(&pod("d"), next_at).is_err(), "{error}: one after the other");
        }
    }

    #[test]
    fn another_pods_late_success_does_not_speak_for_the_one_that_tries() {
        let mut gate = CreateGate::default();
        gate.ended(&pod("a"), Some(&exhausted(ExhaustionScope::Node).retry_after(SECOND)), SECOND, 0);
        assert_eq!(gate.enter(&pod("b"), 5 * SECOND), Ok(()));
        gate.ended(&pod("a"), None, 5 * SECOND, 0);
        assert!(gate.enter(&pod("c"), 5 * SECOND).is_err());
    }
}
