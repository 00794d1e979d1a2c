//! The lane of API writes: which one is wanted now.

use std::time::Duration;

use super::effect::{Call, Effect, Write};
use super::state::{BackendView, Farewell, PodMachine, Preparation};
use crate::observation::{ContainerState, PodObservation, Stage};
use crate::status::ToldRuns;
use crate::time::Now;

/// A pod that starts at once is written once: "creating", and that it was lost, is told only if it lasts, and what a create's
/// reply tells is told with what was observed before it came.
const QUIET_START: Duration = Duration::from_secs(1);

/// A pod that stops at once is written once: that it is being stopped is told only if it lasts.
const QUIET_STOP: Duration = Duration::from_secs(1);

impl PodMachine {
    pub(super) fn take_write(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if !self.writes.is_free(now.mono) {
            return;
        }
        let Some((write, due)) = self.wanted_write() else { return };
        if now.mono < due {
            return;
        }
        if write == Write::Status {
            self.status.dirty = false;
            self.status.only_words = false;
            self.status.news = false;
            self.status.may_reword = self.end.is_some() || now.mono >= self.status.reword_from;
            self.status.telling = self.told_observation().map(ToldRuns::of).unwrap_or_default();
            self.note_start(now);
            self.record_intent(now);
            if self.farewell == Farewell::Owed {
                self.farewell = Farewell::UnderWay;
            }
        }
        let id = self.new_id();
        self.writes.begin(id, write);
        effects.push(Effect::Write { id, write });
    }

    /// The write that should be under way, if back-off permits, and not before when.
    pub(super) fn wanted_write(&self) -> Option<(Write, Duration)> {
        let facts = self.in_api()?;
        if self.suspicion.is_some() {
            return Some((Write::ProveAbsence, Duration::ZERO));
        }
        if self.status.dirty && self.has_something_to_say() {
            return Some((Write::Status, self.status_due()));
        }
        let stopped = match &self.backend {
            BackendView::Present(observation) => self.has_settled(observation),
            BackendView::Absent => true,
            BackendView::Unlisted | BackendView::Unknown | BackendView::OtherInstance { .. } => false,
        };
        let may_delete = facts.deletion.is_some() && stopped && self.terminal_status_is_acknowledged();
        (may_delete && !self.delete_sent).then_some((Write::Delete, Duration::ZERO))
    }

    /// Whether the API shows the pod's end, and everything that there is to tell about it.
    pub(super) fn terminal_status_is_acknowledged(&self) -> bool {
        let terminal = self.status.acknowledged.is_some_and(|phase| phase.is_terminal());
        let writing = matches!(self.writes.in_flight(), Some((_, Write::Status)));
        self.end.is_some() && terminal && !self.status.dirty && !writing
    }

    /// Nothing is said about a pod of which nothing is known: its status stays as it is.
    fn has_something_to_say(&self) -> bool {
        let waits = self.waiting.is_some() && !self.has_started();
        let observed = matches!(self.backend, BackendView::Present(_));
        self.end.is_some() || observed || waits || self.lost_at.is_some() || self.must_record_intent()
    }

    /// A kubelet tells `status.startTime` with a pod's first status.
    fn note_start(&mut self, now: Now) {
        if self.end.is_some() {
            return;
        }
        self.waiting_since.get_or_insert(now.wall);
        if !self.policy.forgets {
            self.start_time.get_or_insert(now.wall);
        }
    }

    fn must_record_intent(&self) -> bool {
        let unrecorded = self.in_api().is_some_and(|facts| facts.start_time.is_none());
        self.policy.forgets && unrecorded && self.wants_to_run() && matches!(self.preparation, Preparation::Done { .. })
    }

    fn record_intent(&mut self, now: Now) {
        if self.must_record_intent() {
            self.start_time.get_or_insert(now.wall);
            self.offered_to.clone_from(&self.answered_by);
        }
    }

    fn status_due(&self) -> Duration {
        let hurries = self.end.is_some() || self.farewell != Farewell::NotYet;
        let quiet = if hurries { Duration::ZERO } else { self.quiet_until() };
        quiet.max(self.status.echo_until.unwrap_or_default())
    }

    /// Until then more is expected, to be told in the same write.
    fn quiet_until(&self) -> Duration {
        let is_creating = matches!(self.calls.in_flight(), Some((_, Call::Create)));
        let starts = match &self.backend {
            BackendView::Present(observation) => is_creating || is_starting(observation),
            _ => false,
        };
        let begun = self.create_begun.unwrap_or(self.first_seen);
        let start = if starts { begun + QUIET_START } else { Duration::ZERO };
        let stop = self.stop.as_ref().map_or(Duration::ZERO, |stop| stop.ordered_at + QUIET_STOP);
        let words = if self.status.only_words { self.status.reword_from } else { Duration::ZERO };
        let lost = self.lost_at.map_or(Duration::ZERO, |lost_at| lost_at + QUIET_START);
        start.max(stop).max(words).max(lost)
    }
}

/// Whether nothing has run yet, and nothing is wrong.
fn is_starting(observation: &PodObservation) -> bool {
    let quiet_stage = matches!(observation.stage, Stage::Provisioning { .. } | Stage::Active);
    quiet_stage
        && observation.containers.iter().all(|container| match &container.state {
            ContainerState::Waiting { reason, .. } => {
                container.restarts == 0 && matches!(reason.as_str(), "" | "ContainerCreating" | "PodInitializing")
            }
            _ => false,
        })
}
