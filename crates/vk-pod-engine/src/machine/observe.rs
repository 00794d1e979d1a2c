//! What is to be reported of a pod.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use vk_core::{ContainerKind, ContainerObservation, ContainerState, Stage};

use super::container::ContainerRecord;
use super::{Goal, PodMachine};
use crate::runtime::{ContainerId, RunState, SandboxId};

/// Everything that the machine knows and others may want to know: an observation without its revision.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Observed {
    /// Where the pod as a whole stands.
    pub stage: Stage,
    /// Its containers, in the order of the spec.
    pub containers: Vec<ContainerObservation>,
    /// Its addresses.
    pub ips: Vec<IpAddr>,
}

impl PodMachine {
    /// The pod as it is now.
    pub fn observe(&self) -> Observed {
        Observed {
            stage: self.stage(),
            containers: self.containers.iter().map(|record| self.observe_container(record)).collect(),
            ips: self.sandbox.ips.clone(),
        }
    }

    /// The sandbox, if containers can run in it.
    pub fn sandbox(&self) -> Option<&SandboxId> {
        self.sandbox.ready().map(|sandbox| &sandbox.id)
    }

    fn stage(&self) -> Stage {
        let ending = self.winding_down.is_some();
        match self.goal {
            Goal::Gone => Stage::Stopped,
            Goal::Stop { .. } | Goal::Remove(_) if self.is_quiet() => Stage::Stopped,
            Goal::Stop { .. } | Goal::Remove(_) => Stage::Stopping,
            Goal::Run if ending && self.is_quiet() => Stage::Stopped,
            Goal::Run if !ending && self.sandbox.ready().is_none() && !self.has_ever_run() => Stage::Provisioning {
                reason: "ContainerCreating".to_owned(),
                message: self.sandbox.trouble.clone().unwrap_or_default(),
            },
            Goal::Run | Goal::Observe => Stage::Active,
        }
    }

    fn has_ever_run(&self) -> bool {
        self.containers.iter().any(ContainerRecord::has_run)
    }

    /// What a container waits for, as long as there is nothing more special to say.
    pub(super) fn default_waiting_reason(&self) -> &'static str {
        let initializes =
            self.containers.iter().any(|record| matches!(record.kind, ContainerKind::Init | ContainerKind::Sidecar));
        if initializes { "PodInitializing" } else { "ContainerCreating" }
    }

    fn observe_container(&self, record: &ContainerRecord) -> ContainerObservation {
        let mut seen = ContainerObservation::new(&record.name, record.kind, self.waiting(record));
        seen.restarts = record.next_attempt.saturating_sub(1);
        seen.last.clone_from(&record.previous);
        seen.image = self.plan_of(record).map(|plan| plan.image.clone()).unwrap_or_default();
        let Some(run) = &record.run else { return seen };
        if !run.image.is_empty() {
            seen.image.clone_from(&run.image);
        }
        seen.image_id.clone_from(&run.image_id);
        seen.container_id = run.id.as_ref().map(|id| self.full_id(id)).unwrap_or_default();
        match &run.state {
            RunState::Created => {}
            RunState::Running { .. } if !run.confirmed => {}
            RunState::Running { started_at } => {
                seen.state = ContainerState::Running { started_at: *started_at };
                (seen.started, seen.ready) = self.observe_health(record);
            }
            RunState::Exited(ended) => {
                let waits = self.wants_starts() && record.notice.is_some() && self.runs_again(record, ended);
                if waits {
                    seen.last = Some(ended.clone());
                } else {
                    seen.container_id.clone_from(&ended.container_id);
                    seen.state = ContainerState::Terminated(ended.clone());
                }
            }
        }
        seen
    }

    fn waiting(&self, record: &ContainerRecord) -> ContainerState {
        match &record.notice {
            Some(notice) => ContainerState::waiting(&notice.reason, &notice.message),
            None => ContainerState::waiting(self.default_waiting_reason(), ""),
        }
    }

    /// A container id as the API shows it: `docker://4f5c…`.
    pub(super) fn full_id(&self, id: &ContainerId) -> String {
        format!("{}://{id}", self.scheme)
    }
}
