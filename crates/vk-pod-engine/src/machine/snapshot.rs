//! Taking a list of what the runtime holds into account.

use std::cmp::Reverse;

use vk_core::{Now, Terminated};

use super::PodMachine;
use super::container::{ContainerRecord, Run};
use super::event::Mark;
use crate::plan::RestartPolicy;
use crate::runtime::{RunState, RuntimeContainer, RuntimePod, RuntimeSandbox};

/// What the kubelet reports of a container that its runtime no longer knows.
const LOST: (i32, &str) = (137, "ContainerStatusUnknown");

impl PodMachine {
    /// Takes a list into account, unless a newer one has been already. What was being changed while the list was made is
    /// left out.
    pub(super) fn take_list(&mut self, mark: Mark, pod: RuntimePod, now: Now) {
        if self.listing.taken.is_some_and(|taken| mark.0 < taken) {
            self.listing.wanted = true;
            return;
        }
        self.take_sandboxes(mark, pod.sandboxes);
        self.take_containers(mark, pod.containers, now);
        self.sequence += 1;
        self.listing.asked = Some(mark.0);
        self.listing.taken = Some(self.sequence);
        if self.plan.is_some() {
            self.weigh_evidence(now);
        }
    }

    fn take_sandboxes(&mut self, mark: Mark, mut listed: Vec<RuntimeSandbox>) {
        if self.sandbox.call.is_some() {
            return;
        }
        if mark.0 < self.sandbox.fence {
            self.listing.wanted = true;
            return;
        }
        self.sandbox.doubtful = false;
        listed.sort_by_key(|sandbox| Reverse(sandbox.attempt));
        let mut listed = listed.into_iter().peekable();
        let next_attempt = self.sandbox.next_attempt;
        match listed.next_if(|sandbox| sandbox.attempt + 1 >= next_attempt) {
            Some(newest) => self.sandbox.set(newest),
            None => self.sandbox.newest = None,
        }
        self.sandbox.superseded = listed.map(|sandbox| sandbox.id).collect();
    }

    fn take_containers(&mut self, mark: Mark, listed: Vec<RuntimeContainer>, now: Now) {
        for container in &listed {
            if !self.containers.iter().any(|record| record.name == container.name) {
                self.containers.push(ContainerRecord::new(&container.name, container.kind));
            }
        }
        for record in &mut self.containers {
            if record.is_starting() {
                continue;
            }
            if mark.0 < record.fence {
                self.listing.wanted = true;
                continue;
            }
            record.doubtful = false;
            let mut runs: Vec<_> = listed.iter().filter(|container| container.name == record.name).collect();
            runs.sort_by_key(|container| Reverse(container.attempt));
            record.take_runs(&runs, now);
        }
        if self.plan.is_none() {
            // Without a plan, the order of creation is the best that is known of the order of the spec.
            self.containers.sort_by_key(|record| record.kind);
        }
    }

    /// Compares what the API remembers with what the runtime knows: a run that only the API remembers was lost.
    pub(super) fn weigh_evidence(&mut self, now: Now) {
        // The API does not say in which sandbox something ran. A pod that never restarts has only one; for others it is taken
        // to be another, so that init containers run again rather than too little.
        let never = self.plan.as_ref().is_some_and(|plan| plan.restart == RestartPolicy::Never);
        let only_sandbox = self.sandbox.ready().filter(|_| never).map(|sandbox| sandbox.attempt);
        for (name, evidence) in std::mem::take(&mut self.evidence) {
            let Some(record) = self.containers.iter_mut().find(|record| record.name == name) else { continue };
            record.remembered = Some((evidence.attempt, evidence.health));
            if record.next_attempt > evidence.attempt || record.is_starting() || record.doubtful {
                continue;
            }
            let known = record.ended().cloned();
            record.set_run(Run {
                attempt: evidence.attempt,
                id: None,
                sandbox_attempt: only_sandbox,
                spec_hash: None,
                image: String::new(),
                image_id: String::new(),
                state: RunState::Exited(evidence.ended.unwrap_or_else(|| lost(now))),
                confirmed: true,
            });
            record.previous = evidence.previous.or(known);
        }
    }
}

impl ContainerRecord {
    /// Takes the listed runs of this container into account, the newest first.
    fn take_runs(&mut self, runs: &[&RuntimeContainer], now: Now) {
        let newest = runs.first().copied();
        let known = self.run.as_ref().filter(|run| run.has_started());
        let is_known = newest.is_some_and(|newest| known.is_none_or(|known| newest.attempt >= known.attempt));
        let older = if is_known { runs.get(1..).unwrap_or_default() } else { runs };
        match newest {
            Some(newest) if is_known => self.set_run(Run::from(newest)),
            _ => self.lose_run(now),
        }
        // The log of the run before the newest is kept, if that run has really ended.
        let (previous, superseded) = match older.split_first() {
            Some((previous, rest)) if matches!(previous.state, RunState::Exited(_)) => (Some(previous), rest),
            _ => (None, older),
        };
        if let Some(RunState::Exited(ended)) = previous.map(|previous| &previous.state) {
            self.previous = Some(ended.clone());
        }
        self.previous_id = previous.map(|previous| previous.id.clone());
        self.superseded = superseded.iter().map(|container| container.id.clone()).collect();
    }

    /// The runtime no longer knows the newest run.
    fn lose_run(&mut self, now: Now) {
        let Some(run) = &mut self.run else { return };
        match &run.state {
            RunState::Created => self.run = None,
            RunState::Running { .. } => {
                run.state = RunState::Exited(lost(now));
                run.id = None;
                self.stopping = None;
            }
            RunState::Exited(_) => run.id = None,
        }
    }
}

fn lost(now: Now) -> Terminated {
    let mut run = Terminated::with_exit_code(LOST.0);
    run.reason = LOST.1.to_owned();
    run.message = "The container runtime no longer knows this container".to_owned();
    run.finished_at = Some(now.wall);
    run
}

impl From<&RuntimeContainer> for Run {
    fn from(container: &RuntimeContainer) -> Self {
        Self {
            attempt: container.attempt,
            id: Some(container.id.clone()),
            sandbox_attempt: Some(container.sandbox_attempt),
            spec_hash: Some(container.spec_hash.clone()),
            image: container.image.clone(),
            image_id: container.image_id.clone(),
            state: container.state.clone(),
            confirmed: true,
        }
    }
}
