//! What follows from how containers ended: another run, the pod's own end, or neither.

use vk_core::{ContainerKind, Terminated};

use super::PodMachine;
use super::container::ContainerRecord;
use crate::plan::{ContainerPlan, RestartPolicy};
use crate::runtime::RunState;

impl PodMachine {
    /// The plan of a container; `None` for one that the plan does not name.
    pub(super) fn plan_of(&self, record: &ContainerRecord) -> Option<&ContainerPlan> {
        self.plan.as_ref()?.containers.iter().find(|plan| plan.name == record.name)
    }

    /// Whether a container that ended like this runs again while the pod goes on.
    pub(super) fn runs_again(&self, record: &ContainerRecord, ended: &Terminated) -> bool {
        let Some(plan) = &self.plan else { return false };
        // As for the kubelet, a changed image overrides the policy of what ran when it changed, and of nothing that had ended.
        if record.kind == ContainerKind::App && record.is_replaced() {
            return true;
        }
        match (record.kind, plan.restart) {
            (ContainerKind::Sidecar, _) => true,
            (ContainerKind::Ephemeral, _) | (_, RestartPolicy::Never) => false,
            (ContainerKind::Init, _) | (ContainerKind::App, RestartPolicy::OnFailure) => ended.exit_code != 0,
            (ContainerKind::App, RestartPolicy::Always) => true,
        }
    }

    /// Whether the newest run was made from another image than the plan names.
    pub(super) fn is_outdated(&self, record: &ContainerRecord) -> bool {
        let hash = record.run.as_ref().and_then(|run| run.spec_hash.as_ref());
        hash.zip(self.plan_of(record)).is_some_and(|(hash, plan)| *hash != plan.spec_hash)
    }

    /// Whether the newest run belongs to the sandbox that is there now.
    pub(super) fn is_in_sandbox(&self, record: &ContainerRecord) -> bool {
        let current = self.sandbox.ready().map(|sandbox| sandbox.attempt);
        current.is_some() && record.run.as_ref().is_some_and(|run| run.sandbox_attempt == current)
    }

    /// Whether the init containers have done their work for this sandbox: an app container has been started in it.
    pub(super) fn is_initialized(&self) -> bool {
        let mut apps = self.containers.iter().filter(|record| record.kind == ContainerKind::App);
        apps.any(|record| record.run.as_ref().is_some_and(|run| run.has_started()) && self.is_in_sandbox(record))
    }

    /// Whether the pod has come to its own end: nothing that ended runs again, and nothing that has not run ever will.
    pub(super) fn has_ended(&self) -> bool {
        let Some(plan) = &self.plan else { return false };
        let ends = |record: &ContainerRecord| match record.run.as_ref().map(|run| &run.state) {
            Some(RunState::Exited(ended)) => !self.runs_again(record, ended),
            _ => false,
        };
        let init_failed = plan.restart == RestartPolicy::Never
            && self.containers.iter().any(|record| {
                record.kind == ContainerKind::Init && record.ended().is_some_and(|ended| ended.exit_code != 0)
            });
        let mut apps = self.containers.iter().filter(|record| record.kind == ContainerKind::App);
        init_failed || apps.all(ends)
    }

    /// Whether the sandbox was lost under a pod that must not be started again.
    pub(super) fn must_not_start_over(&self) -> bool {
        let never = self.plan.as_ref().is_some_and(|plan| plan.restart == RestartPolicy::Never);
        never && self.sandbox.ready().is_none() && self.containers.iter().any(ContainerRecord::has_run)
    }

    /// Whether nothing of the pod runs, or is about to.
    pub(super) fn is_quiet(&self) -> bool {
        let containers = self.containers.iter().any(ContainerRecord::may_run);
        let sandbox = self.sandbox.ready().is_some() || self.sandbox.is_unsettled();
        self.listing.taken.is_some() && !containers && !sandbox
    }
}
