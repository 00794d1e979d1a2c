//! Hooks: what runs right after a start, and before a stop signal.

use std::time::Duration;

use vk_core::{Error, ErrorKind, Now};

use super::container::{Condemned, ContainerRecord, PreStop, Stage, Step};
use super::effect::{Call, EffectId};
use super::{Effects, PodMachine, words};
use crate::plan::Hook;
use crate::runtime::ContainerId;

impl PodMachine {
    /// Runs the hook of a container that has just been started. It counts as up once the hook has ended.
    pub(super) fn run_post_start(&mut self, index: usize, effects: &mut Effects) {
        let record = &self.containers[index];
        if !self.plan_of(record).is_some_and(|plan| plan.checks.post_start) {
            return;
        }
        let Some(id) = record.run.as_ref().and_then(|run| run.id.clone()) else { return };
        let call = Call::RunHook { container: record.name.clone(), id, hook: Hook::PostStart };
        let id = self.call(call, effects);
        self.containers[index].step = Step::Calling { id, stage: Stage::PostStart };
    }

    /// Whether the stop signal has to wait for a hook, which is run if that has not been done.
    pub(super) fn runs_pre_stop(&mut self, index: usize, run: &ContainerId, effects: &mut Effects) -> bool {
        let record = &self.containers[index];
        let Some(stopping) = &record.stopping else { return false };
        match stopping.pre_stop {
            PreStop::Done => false,
            PreStop::UnderWay(_) => true,
            PreStop::Due if stopping.sent.is_some() => false,
            PreStop::Due => {
                let has_hook = self.plan_of(record).is_some_and(|plan| plan.checks.pre_stop);
                let pre_stop = if has_hook {
                    let (container, id) = (record.name.clone(), run.clone());
                    PreStop::UnderWay(self.call(Call::RunHook { container, id, hook: Hook::PreStop }, effects))
                } else {
                    PreStop::Done
                };
                if let Some(stopping) = &mut self.containers[index].stopping {
                    stopping.pre_stop = pre_stop;
                }
                has_hook
            }
        }
    }

    /// A hook has ended, one way or the other.
    pub(super) fn hook_ended(
        &mut self,
        container: &str,
        hook: Hook,
        id: EffectId,
        result: Result<(), Error>,
        now: Now,
        effects: &mut Effects,
    ) {
        let Some(index) = self.containers.iter().position(|record| record.name == container) else { return };
        match hook {
            Hook::PostStart => self.post_start_ended(index, id, result, now, effects),
            Hook::PreStop => {
                let stopping = self.containers[index].stopping.as_mut();
                let Some(stopping) = stopping.filter(|stopping| stopping.pre_stop == PreStop::UnderWay(id)) else {
                    return;
                };
                stopping.pre_stop = PreStop::Done;
                if let Err(error) = result {
                    let message = format!("PreStopHook failed: {}", error.message);
                    self.record(words::warning(Some(container), "FailedPreStopHook", &message), effects);
                }
            }
        }
    }

    /// As under a kubelet, a container whose first hook fails is ended.
    fn post_start_ended(
        &mut self,
        index: usize,
        id: EffectId,
        result: Result<(), Error>,
        now: Now,
        effects: &mut Effects,
    ) {
        let grace = self.grace();
        let record = &mut self.containers[index];
        if !matches!(record.step, Step::Calling { id: waiting, .. } if waiting == id) {
            return;
        }
        record.step = Step::Idle;
        let Err(error) = result else { return };
        if error.kind == ErrorKind::Cancelled {
            return;
        }
        let name = record.name.clone();
        record.condemn(now.mono.saturating_add(grace), "failed its postStart hook");
        let message = format!("PostStartHook failed: {}", error.message);
        self.record(words::warning(Some(&name), "FailedPostStartHook", &message), effects);
    }
}

impl ContainerRecord {
    /// Has the newest run end by then.
    pub(super) fn condemn(&mut self, deadline: Duration, why: &str) {
        let Some(attempt) = self.run.as_ref().map(|run| run.attempt) else { return };
        if self.sentence().is_none() {
            self.condemned = Some(Condemned { attempt, deadline, why: why.to_owned() });
        }
    }

    /// Why the newest run has to end, if it has to.
    pub(super) fn sentence(&self) -> Option<&Condemned> {
        let attempt = self.run.as_ref().map(|run| run.attempt);
        self.condemned.as_ref().filter(|condemned| Some(condemned.attempt) == attempt)
    }
}
