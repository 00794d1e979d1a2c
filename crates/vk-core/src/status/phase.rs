//! `status.phase`: the kubelet's rules, and what the state machine's conclusion makes of them.

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus};

use super::container_lists::ContainerStatuses;
use super::container_state::{is_waiting, last_run_of, running_of, terminated_of};
use super::ended::{ExpectedContainer, ended};
use super::input::{EndCause, Phase, Verdict};
use super::pod_view::PodView;
use crate::observation::ContainerKind;

/// The phase to write. It never goes back: the API server would take that, and controllers would act on it.
pub(super) fn phase_of(view: &PodView<'_>, statuses: &ContainerStatuses) -> Phase {
    let api = view.api_phase();
    if api.is_terminal() {
        return api;
    }
    match view.input.verdict {
        Verdict::Ended(cause) => phase_at_the_end(view, cause, statuses),
        Verdict::Waiting { .. } | Verdict::Recreating { .. } | Verdict::Observed => {
            match (api, phase_of_containers(view, statuses)) {
                // Something may still run: a sidecar, a debugging container, or what the back end does not know about.
                (_, phase) if phase.is_terminal() && !is_ended(view) => api,
                (Phase::Running, Phase::Pending) => Phase::Running,
                (_, phase) => phase,
            }
        }
    }
}

fn is_ended(view: &PodView<'_>) -> bool {
    let expected = view.containers.iter().map(|container| ExpectedContainer {
        name: container.name,
        kind: container.kind,
        restart: Some(&container.restart),
    });
    matches!(view.input.verdict, Verdict::Observed)
        && view.input.observation.is_some_and(|observation| ended(view.policy, observation, expected))
}

fn phase_at_the_end(view: &PodView<'_>, cause: &EndCause, statuses: &ContainerStatuses) -> Phase {
    let succeeded = match cause {
        EndCause::Completed | EndCause::Stopped => all_succeeded(view, statuses),
        // Work that was done, and would not have been repeated, is not lost with what remembered it.
        EndCause::Lost { .. } => all_succeeded(view, statuses) && !any_restarts_after_success(view),
        EndCause::DeadlineExceeded
        | EndCause::Disrupted { .. }
        | EndCause::Rejected { .. }
        | EndCause::CreateFailed { .. } => false,
    };
    if succeeded { Phase::Succeeded } else { Phase::Failed }
}

/// Whether every regular container ended well, and no init container badly. Sidecars are told to stop at the end: how they
/// do it says nothing about the pod (KEP-753).
fn all_succeeded(view: &PodView<'_>, statuses: &ContainerStatuses) -> bool {
    view.containers.iter().all(|container| {
        let run = statuses.get(container.name).and_then(terminated_of);
        match container.kind {
            ContainerKind::App => run.is_some_and(|run| run.exit_code == 0),
            ContainerKind::Init => run.is_none_or(|run| run.exit_code == 0),
            ContainerKind::Sidecar | ContainerKind::Ephemeral => true,
        }
    })
}

fn any_restarts_after_success(view: &PodView<'_>) -> bool {
    view.containers.iter().any(|container| container.kind == ContainerKind::App && container.restarts(view.policy, 0))
}

/// How the containers of one kind stand.
#[derive(Default)]
struct Count {
    running: usize,
    waiting: usize,
    ended_for_good: usize,
    to_be_restarted: usize,
    succeeded: usize,
}

/// What a status says about the way of its container.
enum Standing<'a> {
    Running,
    /// Has not run yet.
    Waiting,
    /// Has run, and may wait for its next run.
    Stopped(&'a ContainerStateTerminated),
}

impl<'a> Standing<'a> {
    fn of(status: &'a ContainerStatus) -> Self {
        if running_of(status).is_some() {
            return Self::Running;
        }
        let last = last_run_of(status).filter(|_| is_waiting(status));
        terminated_of(status).or(last).map_or(Self::Waiting, Self::Stopped)
    }
}

/// The phase that the container statuses alone amount to (`getPhase` of the kubelet).
fn phase_of_containers(view: &PodView<'_>, statuses: &ContainerStatuses) -> Phase {
    let mut init_pending = false;
    let mut count = Count::default();
    for container in &view.containers {
        let Some(status) = statuses.get(container.name) else { continue };
        match (container.kind, Standing::of(status)) {
            (ContainerKind::Ephemeral, _) => {}
            (ContainerKind::Init, Standing::Running | Standing::Waiting) => init_pending = true,
            (ContainerKind::Init, Standing::Stopped(run)) => {
                if run.exit_code != 0 && !container.restarts(view.policy, run.exit_code) {
                    return Phase::Failed;
                }
            }
            // A sidecar that has ended, or is about to be restarted, says nothing about the pod.
            (ContainerKind::Sidecar, Standing::Stopped(_)) => {}
            (ContainerKind::Sidecar | ContainerKind::App, Standing::Running) => count.running += 1,
            (ContainerKind::Sidecar | ContainerKind::App, Standing::Waiting) => count.waiting += 1,
            (ContainerKind::App, Standing::Stopped(run)) => {
                if container.restarts(view.policy, run.exit_code) {
                    count.to_be_restarted += 1;
                } else {
                    count.ended_for_good += 1;
                }
                count.succeeded += usize::from(run.exit_code == 0);
            }
        }
    }
    count.phase(init_pending)
}

impl Count {
    fn phase(&self, initializing: bool) -> Phase {
        let stopped = self.ended_for_good + self.to_be_restarted;
        if initializing || self.waiting > 0 || self.running + stopped == 0 {
            Phase::Pending
        } else if self.running > 0 || self.to_be_restarted > 0 {
            Phase::Running
        } else if stopped == self.succeeded {
            Phase::Succeeded
        } else {
            Phase::Failed
        }
    }
}
