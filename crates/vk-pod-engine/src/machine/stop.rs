//! Stopping: app containers beside each other, then sidecars backwards, then the sandbox.

use std::time::Duration;

use vk_core::{ContainerKind, Now};

use super::container::{PreStop, Stage, Step, Stopping};
use super::effect::{Call, Effect, EffectId};
use super::{Effects, Goal, PodMachine, words};
use crate::runtime::Signal;

/// A kill that had no effect is repeated after this time.
const KILL_AGAIN: Duration = Duration::from_secs(10);
/// A signal that could not be sent is sent again after this time.
const SEND_AGAIN: Duration = Duration::from_secs(1);

impl PodMachine {
    /// Whether containers may still be started.
    pub(super) fn wants_starts(&self) -> bool {
        self.goal == Goal::Run && self.winding_down.is_none()
    }

    /// Brings the pod one step nearer to nothing of it running.
    pub(super) fn stop(&mut self, deadline: Duration, now: Now, effects: &mut Effects) {
        self.give_up_starts(effects);
        let late = now.mono >= deadline;
        let mut others_are_busy = false;
        for index in 0..self.containers.len() {
            let record = &self.containers[index];
            if record.kind != ContainerKind::Sidecar {
                others_are_busy |= record.may_run();
                self.stop_container(index, deadline, None, now, effects);
            }
        }
        // The sidecar that was started last goes first. After the deadline nobody waits for anybody.
        for index in (0..self.containers.len()).rev() {
            let record = &self.containers[index];
            if record.kind != ContainerKind::Sidecar || !record.may_run() {
                continue;
            }
            if late || !others_are_busy {
                self.stop_container(index, deadline, None, now, effects);
            }
            others_are_busy = true;
        }
        if !others_are_busy {
            self.stop_sandbox(now, effects);
        }
    }

    /// Stops one container by the deadline; a nearer one replaces an earlier one.
    pub(super) fn stop_container(
        &mut self,
        index: usize,
        deadline: Duration,
        why: Option<&str>,
        now: Now,
        effects: &mut Effects,
    ) {
        let record = &mut self.containers[index];
        if !record.is_running() || record.is_starting() {
            return;
        }
        let Some(id) = record.run.as_ref().and_then(|run| run.id.clone()) else { return };
        let name = record.name.clone();
        let first = record.stopping.is_none();
        let stopping =
            record.stopping.get_or_insert(Stopping { deadline, sent: None, again: None, pre_stop: PreStop::Due });
        stopping.deadline = stopping.deadline.min(deadline);
        let signal = if now.mono >= stopping.deadline { Signal::Kill } else { Signal::Stop };
        let held = stopping.again.is_some_and(|again| now.mono < again);
        let send = match stopping.sent {
            None => !held,
            Some(sent) if sent < signal => true,
            // Sent already; only a kill is ever repeated.
            Some(_) => signal == Signal::Kill && stopping.again.is_some() && !held,
        };
        if first {
            let message = match why {
                Some(why) => format!("Container {name} {why}"),
                None => format!("Stopping container {name}"),
            };
            self.record(words::normal(&name, "Killing", &message), effects);
        }
        if signal == Signal::Stop && self.runs_pre_stop(index, &id, effects) {
            return;
        }
        let Some(stopping) = &mut self.containers[index].stopping else { return };
        if let PreStop::UnderWay(hook) = std::mem::replace(&mut stopping.pre_stop, PreStop::Done) {
            // Its time is over.
            cancel(&mut self.calls, hook, effects);
        }
        if send {
            stopping.sent = Some(signal);
            stopping.again = (signal == Signal::Kill).then(|| now.mono.saturating_add(KILL_AGAIN));
            self.call(Call::Signal { container: name, id, signal }, effects);
        }
    }

    /// A signal was sent, or could not be.
    pub(super) fn signalled(&mut self, container: &str, signal: Signal, sent: bool, now: Now) {
        self.listing.wanted = true;
        if sent {
            return;
        }
        let record = self.containers.iter_mut().find(|record| record.name == container);
        if let Some(stopping) = record.and_then(|record| record.stopping.as_mut())
            && stopping.sent == Some(signal)
        {
            stopping.sent = None;
            stopping.again = Some(now.mono.saturating_add(SEND_AGAIN));
        }
    }

    /// Cancels what would lead to a start, and forgets what was waited for.
    pub(super) fn give_up_starts(&mut self, effects: &mut Effects) {
        for record in &mut self.containers {
            match record.step {
                Step::Calling { id, stage: Stage::FindImage | Stage::Pull | Stage::Create | Stage::PostStart } => {
                    cancel(&mut self.calls, id, effects);
                }
                Step::Paused { .. } => record.step = Step::Idle,
                Step::Calling { .. } | Step::Idle => {}
            }
        }
    }
}

fn cancel(calls: &mut std::collections::BTreeMap<EffectId, super::UnderWay>, id: EffectId, effects: &mut Effects) {
    if let Some(under_way) = calls.get_mut(&id).filter(|under_way| !under_way.cancelled) {
        under_way.cancelled = true;
        effects.push(Effect::Cancel { id });
    }
}
