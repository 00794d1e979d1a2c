//! What follows from everything that is known: whether the pod must stop, and whether it has come to its end.

use std::time::Duration;

use super::absorb::{SHORTEST_GRACE, whole_grace};
use super::state::{BackendView, PodMachine};
use crate::observation::{ContainerKind, ContainerObservation, ContainerState, PodObservation, Stage};
use crate::record::RestartPolicy;
use crate::status::{EndCause, ExpectedContainer, ended};
use crate::time::Now;

/// The exit code of a container that was lost.
const LOST: i32 = 137;

impl PodMachine {
    pub(super) fn conclude(&mut self, now: Now) {
        self.enforce_active_deadline(now);
        if self.end.is_none()
            && let Some(cause) = self.end_by_now()
        {
            self.come_to_end(cause, now);
        }
        self.hold_to_the_end(now);
        self.notice_loss(now);
    }

    /// What ran is gone, though something will run again: that is told if it lasts.
    fn notice_loss(&mut self, now: Now) {
        let is_lost = self.backend == BackendView::Absent && self.has_started() && self.wants_to_run();
        if is_lost && self.lost_at.is_none() {
            self.lost_at = Some(now.mono);
            self.status.changed();
        }
    }

    pub(super) fn come_to_end(&mut self, cause: EndCause, now: Now) {
        self.end = Some(cause);
        self.ended_at = Some(now.mono);
        self.status.changed();
    }

    /// What has been told as ended stays ended, whatever the back end shows later.
    fn hold_to_the_end(&mut self, now: Now) {
        let BackendView::Present(observation) = &self.backend else { return };
        if self.end.is_none() {
            return;
        }
        if self.has_settled(observation) {
            let says_less = |known: &PodObservation| known_ends(observation) < known_ends(known);
            let news = self.last_words.as_ref().is_none_or(|known| known != observation && !says_less(known));
            if news {
                self.last_words = Some(observation.clone());
            }
        } else if self.stop.is_none() {
            let grace = self.facts().map_or(SHORTEST_GRACE, |facts| whole_grace(facts));
            self.order_stop(EndCause::Stopped, now, grace);
        }
    }

    fn enforce_active_deadline(&mut self, now: Now) {
        let Some((due, grace)) = self.active_deadline() else { return };
        if now.wall >= due && self.stop.is_none() && self.end.is_none() {
            self.order_stop(EndCause::DeadlineExceeded, now, grace);
        }
    }

    /// When `spec.activeDeadlineSeconds` is over, by the wall clock, and the grace that the pod then gets. As for a kubelet, it
    /// begins with the pod's first status, whether anything runs or not. Where `status.startTime` means that the pod was
    /// handed over, the agent that comes next counts anew for one that never was.
    pub(super) fn active_deadline(&self) -> Option<(jiff::Timestamp, Duration)> {
        let facts = self.in_api()?;
        let started = facts.start_time.or(self.start_time).or(self.waiting_since)?;
        let due = started.checked_add(Duration::from_secs(facts.active_deadline_seconds?)).ok()?;
        Some((due, Duration::from_secs(facts.grace_seconds.max(1))))
    }

    fn end_by_now(&self) -> Option<EndCause> {
        match &self.backend {
            BackendView::Present(observation) if self.has_settled(observation) => Some(self.cause_of_end(observation)),
            BackendView::Absent => match &self.stop {
                Some(stop) => Some(stop.cause.clone()),
                None if self.has_started() && !self.may_be_created_again() => Some(EndCause::Lost {
                    message: "the back end no longer has this pod, and its end was not seen".to_owned(),
                }),
                None => None,
            },
            _ => None,
        }
    }

    fn cause_of_end(&self, observation: &PodObservation) -> EndCause {
        match (&self.stop, &observation.stage) {
            (Some(stop), _) => stop.cause.clone(),
            (None, Stage::Disrupted { reason, message }) => {
                EndCause::Disrupted { reason: reason.clone(), message: message.clone() }
            }
            (None, Stage::CreateFailed(error)) => {
                EndCause::CreateFailed { reason: "CreateFailed".to_owned(), message: error.to_string() }
            }
            (None, _) => EndCause::Completed,
        }
    }

    /// Whether nothing of the pod runs in the back end, and nothing of it will again.
    pub(super) fn has_settled(&self, observation: &PodObservation) -> bool {
        let told_to_stop = self.stop.as_ref().is_some_and(|stop| stop.accepted);
        let Some(facts) = self.facts() else {
            // Nobody knows the spec of an orphan: once it was told to stop, what the back end shows of it is all there is.
            let shown = observation.containers.iter().filter(|_| told_to_stop);
            let shown = shown.map(|container| (container.name.as_str(), container.kind));
            return ended(RestartPolicy::Never, observation, shown);
        };
        // Nothing is restarted any more once the back end was told to stop.
        let policy = if told_to_stop { RestartPolicy::Never } else { facts.restart_policy };
        let expected = facts.containers.iter().map(|container| ExpectedContainer {
            name: &container.name,
            kind: container.kind,
            restart: (!told_to_stop).then_some(&container.restart),
        });
        ended(policy, observation, expected)
    }

    /// A lost pod gets another attempt where its restart policy wants one and the back end can fence (invariant 3).
    pub(super) fn may_be_created_again(&self) -> bool {
        let restarts = self.in_api().is_some_and(|facts| {
            let regular = facts.containers.iter().filter(|container| container.kind == ContainerKind::App);
            regular.into_iter().any(|container| {
                let restarts = |code| container.restart.restarts(facts.restart_policy, code);
                // What is not there any more may have ended well, and been forgotten.
                restarts(LOST) && (!self.policy.forgets || restarts(0))
            })
        });
        self.policy.recreates_lost && restarts && self.stop.is_none()
    }
}

/// How many containers it tells the end of.
fn known_ends(observation: &PodObservation) -> usize {
    let ended = |container: &&ContainerObservation| matches!(container.state, ContainerState::Terminated(_));
    observation.containers.iter().filter(ended).count()
}
