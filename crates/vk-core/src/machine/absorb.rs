//! Taking an event in: what is known changes, nothing is decided yet.

use std::sync::Arc;
use std::time::Duration;

use super::calls::NEARER;
use super::effect::{Call, Effect, EffectId, Write};
use super::event::{CallOutcome, Created, Event, LookedUp, Updated, WriteOutcome};
use super::lane::Curve;
use super::state::{ApiSide, BackendView, Farewell, PodMachine, Preparation, Stop};
use crate::error::{Error, ErrorKind, Retry};
use crate::identity::BackendInstance;
use crate::observation::{BackendEvent, EventType, PodObservation, Stage};
use crate::record::{Deletion, PodFacts};
use crate::status::{EndCause, Phase};
use crate::time::Now;

/// A kubelet gives a pod at least this long to stop.
pub(super) const SHORTEST_GRACE: Duration = Duration::from_secs(1);

/// How long a write waits for the watch to show the write before.
const ECHO_PATIENCE: Duration = Duration::from_secs(2);

/// Messages for people that change all the time, and nothing with them, are written this often.
const REWORDING: Duration = Duration::from_secs(10);

/// A back end that asks to be called again at once is not called in a tight loop.
const SHORTEST_DELAY: Duration = Duration::from_millis(100);

/// Failed writes are repeated soon: a server that comes back is noticed within seconds.
const WRITE_CURVE: Curve = Curve { first: Duration::from_millis(200), cap: Duration::from_secs(5) };
/// A conflict is over as soon as the watch has caught up.
const CONFLICT_CURVE: Curve = Curve { first: Duration::from_millis(50), cap: Duration::from_secs(2) };
/// The API server has the pod, and forbids to write it.
const FORBIDDEN_CURVE: Curve = Curve { first: Duration::from_secs(1), cap: Duration::from_secs(300) };
/// So many failures of writes in a row are no blip: an Event tells them, and from then on every so many.
const FAILURES_OF_A_BLIP: u32 = 5;
const FAILURES_BETWEEN_EVENTS: u32 = 60;
/// An answer that will hardly change.
pub(super) const REFUSED_CURVE: Curve = Curve { first: Duration::from_secs(10), cap: Duration::from_secs(300) };
/// The back end, or something that the pod refers to, is not there for the moment.
const OUTAGE_CURVE: Curve = Curve { first: Duration::from_millis(500), cap: Duration::from_secs(10) };
/// The back end said no for now.
const DENIAL_CURVE: Curve = Curve { first: Duration::from_secs(1), cap: Duration::from_secs(60) };

impl PodMachine {
    pub(super) fn absorb(&mut self, event: Event, now: Now, effects: &mut Vec<Effect>) {
        match event {
            Event::Api(facts) => self.absorb_facts(facts, now),
            Event::Gone { deletion } => self.absorb_gone(deletion, now),
            Event::Observed(observation) => self.absorb_observation(observation, effects),
            Event::Listed { found, instance, asked_at } => self.absorb_list(found, instance, asked_at, now, effects),
            Event::Called { id, outcome } => self.absorb_call(id, outcome, now, effects),
            Event::Written { id, outcome } => self.absorb_write(id, outcome, now, effects),
            Event::BackendRecovered => self.calls.reset(),
            Event::AgentEnds => {
                self.farewell = Farewell::Owed;
                self.writes.reset();
            }
            Event::Tick => {}
        }
    }

    /// The pod as it is when this agent first sees it: new, or older than this process.
    pub(super) fn absorb_first_facts(&mut self, facts: Arc<PodFacts>, now: Now) {
        self.handle.clone_from(&facts.handle);
        self.instance.clone_from(&facts.instance);
        if !facts.started {
            // That incarnation was given the pod, or may have been.
            self.offered_to.clone_from(&facts.instance);
        }
        self.status.changed();
        self.inherited_intent = self.policy.forgets && facts.start_time.is_some();
        if self.inherited_intent || !self.policy.forgets {
            // Another process may have created it, until the very moment at which it ended.
            self.handed_over = Some(self.policy.taken_over);
        }
        if let Some(deletion) = facts.deletion {
            self.order_stop(EndCause::Stopped, now, remaining_grace(deletion, now));
        }
        self.obey_terminal_phase(&facts, now);
        self.api = ApiSide::Present(facts);
    }

    fn absorb_facts(&mut self, facts: Arc<PodFacts>, now: Now) {
        // A UID never comes back.
        let ApiSide::Present(known) = &self.api else { return };
        if !asks_for_the_same(known, &facts) {
            if self.preparation == Preparation::Refused {
                self.calls.reset();
            }
            self.preparation = Preparation::Needed;
        }
        if self.was_begun_by_others(known, &facts) {
            self.follow_what_others_began(&facts, now);
        }
        self.status.echo_until = None;
        if self.status.written_version.as_deref() != Some(&facts.resource_version) {
            self.status.changed();
        }
        if let Some(deletion) = facts.deletion {
            let grace = Duration::from_secs(deletion.grace_seconds).max(SHORTEST_GRACE);
            self.order_stop(EndCause::Stopped, now, grace);
        }
        self.obey_terminal_phase(&facts, now);
        self.api = ApiSide::Present(facts);
    }

    /// Whether this version shows that another agent has handed the pod over: one that lives beside us, or the one before us,
    /// whose last write came through after it had ended.
    fn was_begun_by_others(&self, known: &PodFacts, facts: &PodFacts) -> bool {
        let starts = facts.started && !known.started && !self.has_started();
        let gets_handle = facts.handle.is_some() && self.handle.is_none();
        (starts || gets_handle) && self.end.is_none() && !matches!(self.backend, BackendView::Present(_))
    }

    /// What was asked before that, and without the handle, says nothing of it.
    fn follow_what_others_began(&mut self, facts: &PodFacts, now: Now) {
        self.handed_over = Some(now.mono);
        self.lookup_begun = Duration::ZERO;
        if self.handle.is_none() {
            self.handle.clone_from(&facts.handle);
        }
        if self.instance.is_none() {
            self.instance.clone_from(&facts.instance);
        }
        if self.backend == BackendView::Absent {
            self.backend = BackendView::Unknown;
        }
        if !self.connected {
            self.given = None;
        }
    }

    /// A terminal phase that others wrote (pod garbage collection, an evictor) is an order to stop.
    fn obey_terminal_phase(&mut self, facts: &PodFacts, now: Now) {
        if facts.phase.is_terminal() && self.end.is_none() {
            self.order_stop(EndCause::Stopped, now, whole_grace(facts));
        }
    }

    fn absorb_gone(&mut self, deletion: Option<Deletion>, now: Now) {
        let facts = self.facts().cloned();
        let grace = match (deletion.or_else(|| facts.as_ref().and_then(|facts| facts.deletion)), &facts) {
            (Some(deletion), _) => Duration::from_secs(deletion.grace_seconds),
            (None, Some(facts)) => whole_grace(facts),
            (None, None) => SHORTEST_GRACE,
        };
        self.order_stop(EndCause::Stopped, now, grace.max(SHORTEST_GRACE));
        self.api = ApiSide::Gone(facts);
        self.suspicion = None;
    }

    /// Orders the pod to be stopped. The first cause stays; the deadline only comes nearer.
    pub(super) fn order_stop(&mut self, cause: EndCause, now: Now, grace: Duration) {
        let deadline = now.mono.saturating_add(grace);
        match &mut self.stop {
            None => {
                self.stop = Some(Stop {
                    cause,
                    ordered_at: now.mono,
                    deadline,
                    told: None,
                    adoption_failed: false,
                    sought_by: None,
                    accepted: false,
                });
                // The back-off was earned by what is not wanted any more.
                self.calls.reset();
            }
            Some(stop) => {
                if deadline + NEARER < stop.deadline {
                    self.calls.reset();
                }
                stop.deadline = stop.deadline.min(deadline);
            }
        }
    }

    fn absorb_observation(&mut self, observation: PodObservation, effects: &mut Vec<Effect>) {
        if observation.uid != self.uid {
            return;
        }
        let known = match &self.backend {
            BackendView::Present(known) if observation.revision < known.revision || observation == **known => return,
            BackendView::Present(known) => Some(known),
            _ => None,
        };
        let told = |event: &&BackendEvent| known.is_some_and(|known| known.events.contains(*event));
        effects.extend(observation.events.iter().filter(|event| !told(event)).cloned().map(Effect::Record));
        // Other annotations may be taken.
        self.status.bare &= known.is_some_and(|known| known.annotations == observation.annotations);
        if observation.handle.is_some() {
            self.handle.clone_from(&observation.handle);
        }
        if let Some(offered_to) = self.offered_to.take() {
            self.remember_instance(Some(offered_to));
        }
        self.seen_running = true;
        self.lost_at = None;
        // Another create, should there ever be one, is prepared anew.
        self.preparation = Preparation::Needed;
        self.waiting = None;
        self.status.changed();
        self.backend = BackendView::Present(Box::new(observation));
    }

    fn absorb_list(
        &mut self,
        found: Option<PodObservation>,
        instance: Option<BackendInstance>,
        asked_at: Duration,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        self.answered_by.clone_from(&instance);
        if let Some(observation) = found {
            self.offered_to = None;
            self.remember_instance(instance);
            return self.absorb_observation(observation, effects);
        }
        if matches!(self.calls.in_flight(), Some((_, Call::Create))) {
            return;
        }
        if let Some(settled) = self.settled_at().filter(|settled| asked_at < *settled) {
            if self.backend == BackendView::Unlisted {
                self.backend = BackendView::Unknown;
                self.calls.postponed(settled);
            }
            return;
        }
        match self.backend {
            _ if !self.policy.lists_all => self.doubted = true,
            // A pod that has run is not given up because of one list: a lookup confirms it.
            BackendView::Unlisted if !self.has_started() => self.believe_absence(instance, now),
            BackendView::Unlisted | BackendView::Present(_) => self.backend = BackendView::Unknown,
            // Another one than before: maybe ours is back.
            BackendView::OtherInstance { instance: ref before, .. } if instance.as_ref() != Some(before) => {
                self.calls.reset();
            }
            BackendView::Unknown | BackendView::OtherInstance { .. } | BackendView::Absent => {}
        }
    }

    /// From when on absence proves something, if the pod may have been handed over.
    fn settled_at(&self) -> Option<Duration> {
        self.handed_over.map(|at| at.saturating_add(self.policy.settle))
    }

    /// Whether any container may have run: what must not run twice.
    pub(super) fn has_started(&self) -> bool {
        self.has_been_seen() || self.inherited_intent
    }

    /// Whether somebody has seen it in the back end.
    pub(super) fn has_been_seen(&self) -> bool {
        self.seen_running || self.facts().is_some_and(|facts| facts.started)
    }

    fn absorb_call(&mut self, id: EffectId, outcome: CallOutcome, now: Now, effects: &mut Vec<Effect>) {
        let Some(call) = self.calls.finish(id) else { return };
        let failed = match outcome {
            CallOutcome::Prepared(result) => result.map(|()| self.absorb_prepared(now)).err(),
            CallOutcome::Created(result) => result.map(|created| self.absorb_created(created, now, effects)).err(),
            CallOutcome::Adopted(result) => result.map(|()| self.absorb_adopted(now)).err(),
            CallOutcome::Updated(result) => self.absorb_updated(call, result).err(),
            CallOutcome::Terminated(result) => self.absorb_terminated(result, effects).err(),
            CallOutcome::Removed(result) => result.map(|()| self.absorb_removed()).err(),
            CallOutcome::LookedUp(result) => result.map(|looked_up| self.absorb_lookup(looked_up, now, effects)).err(),
        };
        if let Some(error) = failed {
            self.absorb_failure(id, call, error, now, effects);
        }
    }

    fn absorb_prepared(&mut self, now: Now) {
        let (offered, wanted) = (self.offered.as_deref(), self.in_api().map(|facts| &**facts));
        let is_current = offered.zip(wanted).is_some_and(|(offered, wanted)| asks_for_the_same(offered, wanted));
        self.preparation = if is_current { Preparation::Done { since: now.mono } } else { Preparation::Needed };
        // The intent may have to be recorded now.
        if self.policy.forgets {
            self.status.changed();
        }
    }

    fn absorb_updated(&mut self, call: Call, result: Result<Updated, Error>) -> Result<(), Error> {
        // What the back end cannot change, it cannot change at the second try either.
        let was_uncertain = self.given_is_uncertain;
        if result.as_ref().err().is_none_or(|error| error.retry == Retry::Never) {
            let told = self.answered_generation();
            self.given.clone_from(&self.offered);
            self.given_is_uncertain = false;
            if self.answered_generation() != told {
                self.status.changed();
            }
            if matches!(call, Call::Update(changes) if changes.resources) {
                self.resize_deferred = Some(result.as_ref().is_ok_and(|updated| updated.resize_deferred));
                self.status.changed();
            }
        }
        result
            .map(|_| self.calls.reset())
            .map_err(|error| if was_uncertain { of_a_possible_change(error) } else { error })
    }

    fn absorb_terminated(
        &mut self,
        result: Result<Option<PodObservation>, Error>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Error> {
        match result {
            Ok(found) => {
                self.stop.iter_mut().for_each(|stop| stop.accepted = true);
                found.into_iter().for_each(|found| self.absorb_observation(found, effects));
            }
            Err(error) => {
                // It does not know of the deadline yet.
                self.stop.iter_mut().for_each(|stop| stop.told = None);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Another incarnation of the back end has nothing to remove either. Where a list does not find again what is left, a
    /// lookup tells who it was.
    fn absorb_removed(&mut self) {
        let is_certain = self.policy.lists_all || self.instance.is_none();
        self.backend = if is_certain { BackendView::Absent } else { BackendView::Unknown };
    }

    fn absorb_created(&mut self, created: Created, now: Now, effects: &mut Vec<Effect>) {
        self.calls.reset();
        self.handed_over = Some(now.mono);
        self.given.clone_from(&self.offered);
        self.connect(now);
        if created.handle.is_some() {
            self.handle = created.handle;
        }
        let offered_to = self.offered_to.take();
        self.remember_instance(created.instance.or(offered_to));
        let accepted = || {
            let message = "accepted by the back end".to_owned();
            PodObservation::new(
                self.uid.clone(),
                0,
                Stage::Provisioning { reason: "ContainerCreating".into(), message },
            )
        };
        let observation = created.observation.unwrap_or_else(accepted);
        // Observations may have overtaken the reply.
        self.absorb_observation(observation, effects);
    }

    fn absorb_adopted(&mut self, now: Now) {
        self.calls.reset();
        // What this process has given it, in a create whose answer was lost, it knows better.
        if let (None, Some(offered)) = (&self.given, self.offered.clone()) {
            self.follow_given(offered);
        }
        self.connect(now);
    }

    /// The back end has the pod. Observations may have been told before that: start time and handle are told now.
    fn connect(&mut self, now: Now) {
        self.connected = true;
        self.start_time.get_or_insert(now.wall);
        self.status.changed();
    }

    fn absorb_lookup(&mut self, looked_up: LookedUp, now: Now, effects: &mut Vec<Effect>) {
        self.answered_by.clone_from(&looked_up.instance);
        if let Some(observation) = looked_up.found {
            self.calls.reset();
            self.offered_to = None;
            self.remember_instance(looked_up.instance);
            self.absorb_observation(observation, effects);
            let runs = matches!(&self.backend, BackendView::Present(observation) if !self.has_settled(observation));
            if let Some(stop) = self.stop.as_mut().filter(|stop| runs && now.mono >= stop.deadline) {
                // Told in time, and it runs on: it is told again.
                stop.told = None;
                stop.accepted = false;
                self.calls.failed(now.mono, OUTAGE_CURVE, self.salt());
            }
            return;
        }
        match self.settled_at() {
            Some(settled) if self.lookup_begun < settled => self.calls.postponed(settled),
            // It contradicts what was observed, maybe while it was under way: it has to be said again.
            _ if matches!(self.backend, BackendView::Present(_)) => self.backend = BackendView::Unknown,
            _ => {
                // Failures of creates still count: a lookup between two of them is no success.
                self.believe_absence(looked_up.instance, now);
                if let BackendView::OtherInstance { instance, since } = self.backend.clone() {
                    self.wait_for_our_instance(&instance, since, now, effects);
                }
            }
        }
    }

    fn absorb_failure(&mut self, id: EffectId, call: Call, error: Error, now: Now, effects: &mut Vec<Effect>) {
        if call == Call::Create {
            self.absorb_failed_create(&error, now);
        }
        let asked_to_give_up = self.cancelled.take_if(|cancelled| *cancelled == id).is_some();
        if asked_to_give_up && error.kind == ErrorKind::Cancelled {
            // It did not have its turn.
            self.doubted |= call == Call::Lookup;
            return self.calls.reset();
        }
        self.explain(&error, effects);
        if let Some(stop) = self.stop.as_mut().filter(|_| call == Call::Adopt) {
            // The stop waits for no other attempt.
            stop.adoption_failed = true;
            return self.calls.reset();
        }
        match error.retry {
            Retry::Never => {
                self.refuse(&error);
                // Some calls are needed all the same, as the stop of a pod that is deleted.
                if !matches!(call, Call::Update(_)) {
                    self.calls.failed(now.mono, REFUSED_CURVE, self.salt());
                }
            }
            Retry::After(delay) => self.calls.postponed(now.mono.saturating_add(delay.max(SHORTEST_DELAY))),
            Retry::Backoff => self.calls.failed(now.mono, curve_of(&error.kind), self.salt()),
        }
    }

    /// Unless the answer is certain, the pod is looked up before anything is repeated (invariant 3).
    fn absorb_failed_create(&mut self, error: &Error, now: Now) {
        match self.backend {
            BackendView::Unknown if is_certain(&error.kind) => {
                self.backend = BackendView::Absent;
                self.offered_to = None;
            }
            // Nothing has happened; a lookup tells whom to ask now.
            BackendView::Unknown if error.kind == ErrorKind::OtherInstance => self.offered_to = None,
            _ => self.handed_over = Some(now.mono),
        }
    }

    fn refuse(&mut self, error: &Error) {
        let not_created = matches!(self.backend, BackendView::Absent);
        if let ErrorKind::Rejected { reason } = &error.kind {
            if not_created && self.end.is_none() {
                self.end = Some(EndCause::Rejected { reason: reason.clone(), message: error.message.clone() });
                self.status.changed();
            }
        } else if not_created {
            self.preparation = Preparation::Refused;
        }
    }

    /// Makes a failure visible: as the waiting reason of a pod that does not run yet, and as an Event.
    fn explain(&mut self, error: &Error, effects: &mut Vec<Effect>) {
        let (reason, event) = match &error.kind {
            ErrorKind::Unresolved { .. } => ("CreateContainerConfigError", "FailedToResolve"),
            ErrorKind::Unsupported { .. } => ("CreateContainerConfigError", "UnsupportedField"),
            ErrorKind::Invalid { .. } => ("CreateContainerConfigError", "InvalidField"),
            ErrorKind::Rejected { reason } => (reason.as_str(), reason.as_str()),
            _ => ("CreateContainerError", "ProviderFailed"),
        };
        let told = match &error.kind {
            // The reason says the rest, as in a kubelet's Event.
            ErrorKind::Rejected { .. } => error.message.clone(),
            _ => error.to_string(),
        };
        effects.push(warning(event, told));
        if !matches!(self.backend, BackendView::Present(_)) {
            let waiting = (reason.to_owned(), error.to_string());
            if self.waiting.as_ref() != Some(&waiting) {
                self.status.changed();
            }
            self.waiting = Some(waiting);
        }
    }

    fn absorb_write(&mut self, id: EffectId, outcome: WriteOutcome, now: Now, effects: &mut Vec<Effect>) {
        let Some(write) = self.writes.finish(id) else { return };
        self.status.refused = false;
        let repeat_status = write == Write::Status;
        if repeat_status && self.farewell == Farewell::UnderWay {
            self.farewell = if outcome == WriteOutcome::Conflict { Farewell::Owed } else { Farewell::Tried };
        }
        let fail = |machine: &mut Self, curve| {
            machine.status.dirty |= repeat_status;
            machine.writes.failed(now.mono, curve, machine.salt());
        };
        match outcome {
            WriteOutcome::Unchanged { phase } => {
                self.writes.reset();
                self.status.acknowledge(phase);
                if !self.echo_was_seen() {
                    // It was compared with an older version than the one that our last write made.
                    self.status.written_version = None;
                }
            }
            WriteOutcome::Applied { phase, resource_version } => self.absorb_applied(phase, resource_version, now),
            WriteOutcome::Reworded { phase, resource_version } => {
                self.absorb_applied(phase, resource_version, now);
                self.status.reword_from = now.mono + REWORDING;
            }
            WriteOutcome::OnlyWords { phase } => {
                self.writes.reset();
                self.status.acknowledge(phase);
                self.status.only_words = !self.status.dirty;
                self.status.dirty = true;
            }
            WriteOutcome::Deleted => {
                self.writes.reset();
                self.delete_sent = true;
            }
            WriteOutcome::Absent => {
                self.writes.reset();
                self.absorb_gone(None, now);
            }
            WriteOutcome::StillThere => {
                let answer = self.suspicion.take();
                effects.extend(answer.map(|answer| warning("ApiWriteRefused", answer)));
                fail(self, FORBIDDEN_CURVE);
                self.status.refused = true;
            }
            WriteOutcome::IdentityLost { message } => {
                self.suspicion = Some(message);
                self.status.dirty |= repeat_status;
            }
            WriteOutcome::Conflict => fail(self, CONFLICT_CURVE),
            WriteOutcome::Refused { message } => {
                effects.push(warning("ApiWriteRefused", message));
                self.absorb_refusal(write, now);
            }
            WriteOutcome::Failed { retry_after: Some(delay), .. } => {
                self.status.dirty |= repeat_status;
                self.writes.postponed(now.mono + delay);
            }
            WriteOutcome::Failed { retry_after: None, message } => {
                fail(self, WRITE_CURVE);
                let failures = self.writes.failures();
                if failures == FAILURES_OF_A_BLIP || failures.is_multiple_of(FAILURES_BETWEEN_EVENTS) {
                    effects.push(warning("ApiWriteFailed", message));
                }
            }
        }
    }

    fn absorb_refusal(&mut self, write: Write, now: Now) {
        let annotated = !self.status.bare && self.told_observation().is_some_and(|told| !told.annotations.is_empty());
        self.status.dirty |= write == Write::Status;
        if write == Write::Status && annotated {
            // What the back end wants to be noted must not keep the pod's end from being told.
            self.status.bare = true;
            return self.writes.postponed(now.mono + SHORTEST_DELAY);
        }
        self.writes.failed(now.mono, REFUSED_CURVE, self.salt());
        self.status.refused = true;
    }

    /// A refusal holds for what was refused: something else is tried soon, and the end of the pod at once.
    pub(super) fn reconsider_refusal(&mut self, has_come_to_stop_or_end: bool, now: Now) {
        if !self.status.refused {
            return;
        }
        if has_come_to_stop_or_end {
            self.status.refused = false;
            self.writes.reset();
        } else if self.status.news {
            self.writes.hurry(now.mono + REFUSED_CURVE.first);
        }
    }

    /// Whether the watch has shown what our last write made.
    fn echo_was_seen(&self) -> bool {
        let written = self.status.written_version.as_deref();
        written.is_none_or(|written| self.in_api().is_some_and(|facts| facts.resource_version == written))
    }

    fn absorb_applied(&mut self, phase: Phase, resource_version: String, now: Now) {
        self.writes.reset();
        self.status.acknowledge(phase);
        let echo_seen = self.in_api().is_some_and(|facts| facts.resource_version == resource_version);
        self.status.echo_until = (!echo_seen).then_some(now.mono + ECHO_PATIENCE);
        self.status.written_version = Some(resource_version);
    }
}

/// Whether the back end can be trusted not to have created anything after this answer to a create.
fn is_certain(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Invalid { .. }
            | ErrorKind::Unsupported { .. }
            | ErrorKind::Unresolved { .. }
            | ErrorKind::Rejected { .. }
            | ErrorKind::Exhausted { .. }
            | ErrorKind::Unauthenticated
    )
}

/// The answer to changes that came while no agent saw them through: which ones they were is not known.
fn of_a_possible_change(mut error: Error) -> Error {
    error.message = format!("the pod has changed while no agent saw it through; if it was in this: {}", error.message);
    error
}

/// Whether a preparation of the one is good for the other.
fn asks_for_the_same(one: &PodFacts, other: &PodFacts) -> bool {
    one.generation == other.generation
        && one.labels == other.labels
        && one.annotations == other.annotations
        && one.containers == other.containers
}

fn curve_of(kind: &ErrorKind) -> Curve {
    match kind {
        ErrorKind::Exhausted { .. } | ErrorKind::Internal => DENIAL_CURVE,
        _ => OUTAGE_CURVE,
    }
}

pub(super) fn warning(reason: &str, message: String) -> Effect {
    let reason = reason.to_owned();
    Effect::Record(BackendEvent { kind: EventType::Warning, reason, message, container: None })
}

pub(super) fn whole_grace(facts: &PodFacts) -> Duration {
    let seconds = facts.deletion.map_or(facts.grace_seconds, |deletion| deletion.grace_seconds);
    Duration::from_secs(seconds).max(SHORTEST_GRACE)
}

/// What the API server's clock leaves of the grace period of a deletion that is older than this process.
fn remaining_grace(deletion: Deletion, now: Now) -> Duration {
    let whole = Duration::from_secs(deletion.grace_seconds).max(SHORTEST_GRACE);
    let left = Duration::try_from(deletion.due.duration_since(now.wall)).unwrap_or(Duration::ZERO);
    left.clamp(SHORTEST_GRACE, whole)
}
