//! [`Evidence`]: what the API remembers of runs that the runtime may have lost (invariant 3).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};
use serde::{Deserialize, Serialize};
use vk_core::Terminated;

/// A run of which a pod's status tells, though the runtime may know nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Evidence {
    /// `restartCount`: the number of the run.
    pub attempt: u32,
    /// How it ended, if the status says so; else it was running when it was last seen.
    pub ended: Option<Terminated>,
    /// The run before.
    pub previous: Option<Terminated>,
    /// What probes had found out of it.
    pub health: Health,
}

/// What probes have found out about a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Health {
    /// It had come up.
    pub started: bool,
    /// It could serve.
    pub ready: bool,
}

impl Evidence {
    /// What the status of a pod tells, by name of the container. A container that never ran is left out.
    pub fn of(pod: &Pod) -> BTreeMap<String, Self> {
        let Some(status) = &pod.status else { return BTreeMap::new() };
        let statuses = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
        statuses.filter_map(|status| Some((status.name.clone(), Self::of_container(status)?))).collect()
    }

    fn of_container(status: &ContainerStatus) -> Option<Self> {
        let attempt = u32::try_from(status.restart_count).unwrap_or(0);
        let state = status.state.as_ref();
        let health = Health { started: status.started.unwrap_or(false), ready: status.ready };
        let last = status.last_state.as_ref().and_then(|state| state.terminated.as_ref()).map(terminated);
        if let Some(ended) = state.and_then(|state| state.terminated.as_ref()) {
            return Some(Self { attempt, ended: Some(terminated(ended)), previous: last, health: Health::default() });
        }
        if state.is_some_and(|state| state.running.is_some()) {
            return Some(Self { attempt, ended: None, previous: last, health });
        }
        // Between two runs: the last one is the newest.
        match last {
            Some(last) => Some(Self { attempt, ended: Some(last), previous: None, health: Health::default() }),
            None => (attempt > 0).then_some(Self { attempt, ended: None, previous: None, health: Health::default() }),
        }
    }
}

fn terminated(state: &ContainerStateTerminated) -> Terminated {
    let mut run = Terminated::with_exit_code(state.exit_code);
    run.signal = state.signal;
    run.reason = state.reason.clone().unwrap_or_default();
    run.message = state.message.clone().unwrap_or_default();
    run.started_at = state.started_at.as_ref().map(|time| time.0);
    run.finished_at = state.finished_at.as_ref().map(|time| time.0);
    run.container_id = state.container_id.clone().unwrap_or_default();
    run
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn evidence(status: serde_json::Value) -> Option<Evidence> {
        let mut container = json!({"name": "web", "image": "a", "imageID": "", "ready": false, "restartCount": 0});
        container.as_object_mut().unwrap().extend(status.as_object().unwrap().clone());
        let pod: Pod = serde_json::from_value(json!({"status": {"containerStatuses": [container]}})).unwrap();
        Evidence::of(&pod).remove("web")
    }

    #[test]
    fn a_container_that_only_waited_leaves_no_evidence() {
        assert_eq!(evidence(json!({"state": {"waiting": {"reason": "ContainerCreating"}}})), None);
    }

    #[test]
    fn a_running_state_is_a_run_without_an_end() {
        let found = evidence(json!({"restartCount": 3, "state": {"running": {}}})).unwrap();
        assert_eq!((found.attempt, found.ended), (3, None));
    }

    #[test]
    fn a_crash_looping_container_ended_its_newest_run() {
        let status = json!({
            "restartCount": 2,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            "lastState": {"terminated": {"exitCode": 7, "finishedAt": "2026-01-01T00:00:00Z"}},
        });
        let found = evidence(status).unwrap();
        assert_eq!((found.attempt, found.ended.unwrap().exit_code), (2, 7));
    }
}
