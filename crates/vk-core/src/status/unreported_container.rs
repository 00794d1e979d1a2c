//! A container that the back end does not report, or cannot tell the state of: not reached yet, behind us, or lost.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStateTerminated, ContainerStatus};

use super::container_state::{last_run_of, lost_run, run, running_of, terminated, terminated_of};
use super::container_status::{base, default_waiting, kept};
use super::input::Verdict;
use super::pod_view::{PodView, SpecContainer};
use crate::observation::{self, ContainerKind, Stage, Terminated};

const LOST_AND_RESTARTED: &str = "The container was running, and the back end no longer has it; it is started again";
const LOST_FOR_GOOD: &str = "The container was running, and the back end no longer has it";
const INIT_CONTAINER_GONE: &str =
    "The back end no longer has this init container, and a regular container has run since: it must have succeeded";

/// What the API says stays, unless something else tells how the container stands now.
pub(super) fn unreported(
    view: &PodView<'_>,
    container: &SpecContainer<'_>,
    api: Option<&ContainerStatus>,
) -> ContainerStatus {
    match api {
        Some(api) if terminated_of(api).is_some() => kept(container, api),
        _ if container.kind == ContainerKind::Init && has_been_passed(view, container) => {
            let run = ContainerStateTerminated {
                message: Some(INIT_CONTAINER_GONE.to_owned()),
                ..run(&Terminated::with_exit_code(0))
            };
            ContainerStatus { ready: true, ..base(container, api, terminated(run)) }
        }
        Some(api) if running_of(api).is_some() => {
            if is_lost_and_restarted(view, container) {
                lost_and_restarted(view, container, api)
            } else if matches!(view.input.verdict, Verdict::Recreating { .. }) && !view.is_being_deleted() {
                ContainerStatus {
                    container_id: api.container_id.clone(),
                    ..base(container, Some(api), lost_for_good(api))
                }
            } else {
                // Unknown is not absent (invariant 2): whether it is lost for good, the state machine decides.
                kept(container, api)
            }
        }
        // A container in back-off says more than that the back end has just been asked.
        Some(api) if last_run_of(api).is_some() && matches!(view.input.verdict, Verdict::Waiting { .. }) => {
            kept(container, api)
        }
        _ => ContainerStatus {
            last_state: api.and_then(|api| api.last_state.clone()),
            ..base(container, api, default_waiting(view, container))
        },
    }
}

/// The pod is lost, or the snapshot lacks a container that ran: it is gone. An active pod without any container says nothing of them, so that
/// is no proof. Only where the policy starts it again is the loss told here; any other ends the pod, which is the state
/// machine's decision.
fn is_lost_and_restarted(view: &PodView<'_>, container: &SpecContainer<'_>) -> bool {
    let is_left_out = || {
        view.input.observation.is_some_and(|observation| match observation.stage {
            Stage::Active => !observation.containers.is_empty(),
            Stage::Provisioning { .. } => true,
            _ => false,
        })
    };
    let is_proved = match view.input.verdict {
        Verdict::Recreating { .. } => true,
        Verdict::Observed => is_left_out(),
        Verdict::Waiting { .. } | Verdict::Ended(_) => false,
    };
    is_proved
        && view.observed(container.name).is_none()
        && !view.is_being_deleted()
        && view.may_restart()
        && container.restarts(view.policy, lost_run(None, "").exit_code)
}

/// The pod is started again, and this container is not: its policy wants no other run.
fn lost_for_good(api: &ContainerStatus) -> ContainerState {
    terminated(lost_run(Some(api), LOST_FOR_GOOD))
}

fn lost_and_restarted(view: &PodView<'_>, container: &SpecContainer<'_>, api: &ContainerStatus) -> ContainerStatus {
    ContainerStatus {
        last_state: Some(terminated(lost_run(Some(api), LOST_AND_RESTARTED))),
        restart_count: api.restart_count.saturating_add(1),
        ..base(container, Some(api), default_waiting(view, container))
    }
}

/// Whether some regular container has run already, so that this init container is behind it.
fn has_been_passed(view: &PodView<'_>, container: &SpecContainer<'_>) -> bool {
    matches!(view.input.verdict, Verdict::Observed | Verdict::Ended(_))
        && view.observed(container.name).is_none()
        && view.containers.iter().filter(|other| other.kind == ContainerKind::App).any(|other| {
            view.observed(other.name).is_some_and(|observed| {
                observed.last.is_some()
                    || matches!(
                        observed.state,
                        observation::ContainerState::Running { .. } | observation::ContainerState::Terminated(_)
                    )
            })
        })
}
