//! The lane of provider calls: which one is wanted now.

use std::time::Duration;

use super::absorb::SHORTEST_GRACE;
use super::effect::{Call, Changes, Effect};
use super::policy::Release;
use super::state::{BackendView, Farewell, PodMachine, Preparation};
use crate::time::Now;

/// A deadline counts as nearer only if it is nearer by more than this.
pub(super) const NEARER: Duration = Duration::from_millis(500);

/// A stop waits so long for the pod's context to be taken.
const ADOPTION: Duration = Duration::from_secs(5);

/// Of the grace period at least this much is left when the stop is told.
const LEFT_FOR_STOP: Duration = Duration::from_secs(2);

/// What a preparation has resolved is given to a create for so long; then tokens may expire, and people mend what the
/// create failed of.
const FRESH: Duration = Duration::from_secs(60);

/// How long after the deadline a pod that was told to stop is asked about.
pub(super) const OVERDUE: Duration = Duration::from_secs(5);

impl PodMachine {
    pub(super) fn take_call(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.cancel_what_is_not_wanted(now.mono, effects);
        if !self.calls.is_free(now.mono) || self.farewell != Farewell::NotYet {
            return;
        }
        let Some(call) = self.wanted_call(now.mono) else { return };
        if let (Call::Terminate { grace }, Some(stop)) = (call, self.stop.as_mut()) {
            stop.told = Some(now.mono + grace);
        }
        match call {
            // From here on it may be there.
            Call::Create => {
                self.backend = BackendView::Unknown;
                self.create_begun = Some(now.mono);
                self.offered_to.clone_from(&self.answered_by);
                self.given.clone_from(&self.offered);
                self.given_is_uncertain = false;
                self.start_time.get_or_insert(now.wall);
            }
            Call::Prepare | Call::Adopt | Call::Update(_) => self.offered = self.in_api().cloned(),
            Call::Lookup => {
                self.doubted = false;
                self.lookup_begun = now.mono;
            }
            Call::Terminate { .. } | Call::Remove => {}
        }
        let id = self.new_id();
        let seeks = call == Call::Lookup && !matches!(self.backend, BackendView::Present(_));
        if let Some(stop) = self.stop.as_mut().filter(|_| seeks) {
            stop.sought_by.get_or_insert(id);
        }
        self.calls.begin(id, call);
        effects.push(Effect::Call { id, call });
    }

    /// A create that is under way when its pod is to be stopped is asked to give up; what became of it is then looked up. A
    /// lookup may have to wait minutes for its turn, and an adoption may hang: no stop waits for that. Where a lookup has to
    /// tell whether there is anything to stop, it is asked for anew, as one that is urgent.
    fn cancel_what_is_not_wanted(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        let Some((id, call)) = self.calls.in_flight() else { return };
        let is_unwanted = match call {
            Call::Create | Call::Prepare => self.stop.is_some(),
            Call::Lookup => self.stop.as_ref().is_some_and(|stop| match self.backend {
                BackendView::Present(_) => matches!(self.wanted_call(now), Some(Call::Terminate { .. })),
                _ => stop.sought_by.is_none(),
            }),
            Call::Adopt => self.stop.is_some() && self.adopts_until().is_none_or(|until| now >= until),
            Call::Update(_) | Call::Terminate { .. } | Call::Remove => false,
        };
        if is_unwanted && self.cancelled != Some(id) {
            self.cancelled = Some(id);
            effects.push(Effect::Cancel { id });
        }
    }

    /// The call that should be under way, if back-off permits.
    pub(super) fn wanted_call(&self, now: Duration) -> Option<Call> {
        match &self.backend {
            BackendView::Unlisted => None,
            BackendView::Unknown => Some(Call::Lookup),
            BackendView::OtherInstance { .. } => {
                let is_waited_for = self.in_api().is_some() || !self.policy.lists_all;
                is_waited_for.then_some(Call::Lookup)
            }
            BackendView::Absent => self.wanted_to_start(now),
            BackendView::Present(observation) if self.has_settled(observation) => {
                self.may_remove(now).then_some(Call::Remove)
            }
            BackendView::Present(_) => self.wanted_while_running(now),
        }
    }

    fn wanted_to_start(&self, now: Duration) -> Option<Call> {
        if !self.wants_to_run() {
            return None;
        }
        match self.preparation {
            Preparation::Refused => None,
            Preparation::Needed => Some(Call::Prepare),
            Preparation::Done { since } if now >= since.saturating_add(FRESH) => Some(Call::Prepare),
            Preparation::Done { .. } => self.intent_is_recorded().then_some(Call::Create),
        }
    }

    /// Whether the pod is absent from the back end and should not be.
    pub(super) fn wants_to_run(&self) -> bool {
        let permitted = !self.has_started() || self.may_be_created_again();
        self.in_api().is_some() && self.stop.is_none() && self.end.is_none() && permitted
    }

    /// Where the back end forgets, `status.startTime` must be in the API before the create (invariant 3).
    fn intent_is_recorded(&self) -> bool {
        !self.policy.forgets || self.in_api().is_some_and(|facts| facts.start_time.is_some())
    }

    fn wanted_while_running(&self, now: Duration) -> Option<Call> {
        let Some(stop) = &self.stop else { return self.wanted_to_serve() };
        if self.adopts_until().is_some_and(|until| now < until) {
            return Some(Call::Adopt);
        }
        // What it would be told now: a stop gets its shortest grace however late it is.
        let deadline = stop.deadline.max(now + SHORTEST_GRACE);
        match stop.told {
            Some(told) if now >= told.max(stop.deadline) + OVERDUE => Some(Call::Lookup),
            Some(told) if deadline + NEARER >= told => None,
            _ => Some(Call::Terminate { grace: deadline - now }),
        }
    }

    /// Until when a pod that was deleted while the agent was away is handed over before it is stopped: the back end may need
    /// its context for that, as for a `preStop` hook. `None` if it has it, or does not take it.
    pub(super) fn adopts_until(&self) -> Option<Duration> {
        let stop = self.stop.as_ref()?;
        let is_known = self.connected || self.create_begun.is_some() || self.end.is_some();
        let is_owed = !is_known && self.in_api().is_some() && stop.told.is_none() && !stop.adoption_failed;
        let until = stop.ordered_at.saturating_add(ADOPTION).min(stop.deadline.saturating_sub(LEFT_FOR_STOP));
        is_owed.then_some(until)
    }

    fn wanted_to_serve(&self) -> Option<Call> {
        if !self.connected {
            return self.in_api().map(|_| Call::Adopt);
        }
        if self.doubted {
            return Some(Call::Lookup);
        }
        let changes = self.owed_changes();
        (changes != Changes::default()).then_some(Call::Update(changes))
    }

    /// Order of the end (invariant 4): the back end lets go only after the API server has acknowledged the terminal status,
    /// and only of a pod that is being deleted, gone, or past its retention: a completed pod keeps its logs.
    fn may_remove(&self, now: Duration) -> bool {
        let Some(facts) = self.in_api() else { return true };
        let is_due = facts.deletion.is_some() || self.release_at().is_some_and(|at| now >= at);
        is_due && self.terminal_status_is_acknowledged()
    }

    /// When a pod that nobody deletes is past its retention.
    pub(super) fn release_at(&self) -> Option<Duration> {
        match self.policy.release {
            Release::OnDelete => None,
            Release::AfterTerminal(retention) => Some(self.ended_at?.saturating_add(retention)),
        }
    }
}
