//! Running a pod by its plan.

use std::time::Duration;

use vk_core::{ContainerKind, Now};

use super::container::ContainerRecord;
use super::effect::Call;
use super::{Effects, PodMachine};
use crate::runtime::RunState;

impl PodMachine {
    /// Brings the pod one step nearer to its plan.
    pub(super) fn run(&mut self, now: Now, effects: &mut Effects) {
        if self.winding_down.is_none() && (self.has_ended() || self.must_not_start_over()) {
            self.winding_down = Some(now.mono.saturating_add(self.grace()));
        }
        if let Some(deadline) = self.winding_down {
            self.stop(deadline, now, effects);
            return;
        }
        self.stop_what_must_be_replaced(now, effects);
        if self.sandbox.ready().is_none() {
            // What still runs belongs to a sandbox that is gone: it has to end before there is a new one.
            if !self.containers.iter().any(ContainerRecord::may_run) {
                self.ensure_sandbox(now, effects);
            }
            return;
        }
        self.remove_leftovers(now, effects);
        self.ask_probes(now, effects);
        if self.is_initialized() || self.initialize(now, effects) {
            for index in 0..self.containers.len() {
                let wanted = match self.containers[index].kind {
                    ContainerKind::App | ContainerKind::Sidecar => true,
                    ContainerKind::Init | ContainerKind::Ephemeral => false,
                };
                if wanted && !self.containers[index].is_running() {
                    self.advance(index, now, effects);
                }
            }
        }
    }

    pub(super) fn grace(&self) -> Duration {
        self.plan.as_ref().map_or(Duration::from_secs(30), |plan| plan.grace)
    }

    /// Works through init containers and sidecars in their order. Answers whether all of them are through.
    fn initialize(&mut self, now: Now, effects: &mut Effects) -> bool {
        for index in 0..self.containers.len() {
            let record = &self.containers[index];
            let through = match record.kind {
                ContainerKind::Init => {
                    self.is_in_sandbox(record) && record.ended().is_some_and(|ended| ended.exit_code == 0)
                }
                ContainerKind::Sidecar => record.is_running() && self.is_in_sandbox(record) && self.has_come_up(record),
                ContainerKind::App | ContainerKind::Ephemeral => continue,
            };
            if through {
                continue;
            }
            if !record.is_running() {
                self.advance(index, now, effects);
            }
            return false;
        }
        true
    }

    /// Stops containers of a lost sandbox, those whose image has changed, and those that are not well.
    fn stop_what_must_be_replaced(&mut self, now: Now, effects: &mut Effects) {
        for index in 0..self.containers.len() {
            let record = &self.containers[index];
            if !record.is_running() || record.is_starting() {
                continue;
            }
            let outdated = record.kind != ContainerKind::Init && self.is_outdated(record);
            if outdated || !self.is_in_sandbox(record) {
                let deadline = now.mono.saturating_add(self.grace());
                let why = outdated.then_some("definition changed, will be restarted");
                if outdated {
                    let record = &mut self.containers[index];
                    record.replaced = record.run.as_ref().map(|run| run.attempt);
                }
                self.stop_container(index, deadline, why, now, effects);
            } else if let Some(condemned) = record.sentence().cloned() {
                self.stop_container(index, condemned.deadline, Some(&condemned.why), now, effects);
            }
        }
    }

    /// Removes runs and sandboxes that newer ones have replaced.
    fn remove_leftovers(&mut self, now: Now, effects: &mut Effects) {
        if self.cleanup_pause.is_some_and(|until| now.mono < until) {
            return;
        }
        let containers = self.containers.iter().flat_map(|record| record.superseded.iter());
        let mut calls: Vec<Call> = containers.map(|id| Call::RemoveContainer { id: id.clone() }).collect();
        // A run that was created for another sandbox or from another image is of no use any more.
        for record in &self.containers {
            if let Some(run) = record.run.as_ref().filter(|run| run.state == RunState::Created)
                && !record.is_starting()
                && (!self.is_in_sandbox(record) || self.is_outdated(record))
                && let Some(id) = &run.id
            {
                calls.push(Call::RemoveContainer { id: id.clone() });
            }
        }
        calls.extend(self.sandbox.superseded.iter().map(|id| Call::RemoveSandbox { id: id.clone() }));
        for call in calls {
            if !self.is_under_way(&call) {
                self.call(call, effects);
            }
        }
    }
}
