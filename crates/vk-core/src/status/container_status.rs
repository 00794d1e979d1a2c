//! One container's status, from what the back end reports and what the API says already.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, VolumeMountStatus};

use super::container_state::{running_of, terminated_of, waiting};
use super::input::{EndCause, Verdict};
use super::pod_view::{PodView, SpecContainer};
use super::reported_container::reported;
use super::unreported_container::unreported;
use crate::observation::{self, ContainerKind, ContainerObservation, Stage};

const CONTAINER_CREATING: &str = "ContainerCreating";
const NO_EPHEMERAL_CONTAINERS: &str =
    "it will not run: the back end of this virtual node has no ephemeral containers (spec.ephemeralContainers)";
const POD_INITIALIZING: &str = "PodInitializing";

/// The status of one container of the spec. An end that was written is never taken back unless the container may be
/// restarted: the API server refuses that, and with it everything else in the patch.
pub(super) fn status_of(view: &PodView<'_>, container: &SpecContainer<'_>) -> ContainerStatus {
    let api = view.api_status(container);
    let observed = view.observed(container.name).filter(|observed| !is_overruled(view, observed));
    let status = match observed {
        Some(observed) => match &observed.state {
            observation::ContainerState::Unknown => unreported(view, container, api),
            _ => reported(view, container, api, observed),
        },
        None => unreported(view, container, api),
    };
    match api {
        Some(api) if keeps_its_end(view, container, api) && terminated_of(&status).is_none() => kept(container, api),
        _ => status,
    }
}

/// A reason that the state machine gives says more than "waiting" of an older observation.
fn is_overruled(view: &PodView<'_>, observed: &ContainerObservation) -> bool {
    matches!(view.input.verdict, Verdict::Waiting { .. })
        && matches!(observed.state, observation::ContainerState::Waiting { .. })
}

fn keeps_its_end(view: &PodView<'_>, container: &SpecContainer<'_>, api: &ContainerStatus) -> bool {
    terminated_of(api).is_some_and(|run| !view.may_restart() || !container.restarts(view.policy, run.exit_code))
}

/// What the API says, as far as it fits the state.
pub(super) fn kept(container: &SpecContainer<'_>, api: &ContainerStatus) -> ContainerStatus {
    let is_done = container.kind == ContainerKind::Init && terminated_of(api).is_some_and(|run| run.exit_code == 0);
    let runs = running_of(api).is_some();
    let started = if runs { api.started } else { (container.kind != ContainerKind::Ephemeral).then_some(false) };
    ContainerStatus { ready: is_done || (runs && api.ready), started, ..api.clone() }
}

/// Why a container waits of which the back end has nothing to say.
pub(super) fn default_waiting(view: &PodView<'_>, container: &SpecContainer<'_>) -> ContainerState {
    if container.kind == ContainerKind::Ephemeral && !view.input.runs_ephemeral_containers {
        // `kubectl debug` waits for it, and shows the message meanwhile.
        return waiting("UnsupportedField", NO_EPHEMERAL_CONTAINERS);
    }
    let (reason, message) = match (view.input.verdict, view.stage()) {
        (Verdict::Waiting { reason, message } | Verdict::Recreating { reason, message }, _)
        | (Verdict::Ended(EndCause::CreateFailed { reason, message }), _)
        | (Verdict::Observed, Some(Stage::Provisioning { reason, message })) => (reason.as_str(), message.as_str()),
        (Verdict::Observed | Verdict::Ended(_), _) => ("", ""),
    };
    match reason {
        "" | CONTAINER_CREATING | POD_INITIALIZING => {
            let word = if view.has_init_containers() { POD_INITIALIZING } else { CONTAINER_CREATING };
            waiting(word, message)
        }
        reason => waiting(reason, message),
    }
}

/// A status without identity in the back end.
pub(super) fn base(
    container: &SpecContainer<'_>,
    api: Option<&ContainerStatus>,
    state: ContainerState,
) -> ContainerStatus {
    ContainerStatus {
        name: container.name.to_owned(),
        image: container.image.to_owned(),
        restart_count: api.map_or(0, |api| api.restart_count),
        started: (container.kind != ContainerKind::Ephemeral).then_some(false),
        state: Some(state),
        volume_mounts: volume_mounts(container),
        allocated_resources: api.and_then(|api| api.allocated_resources.clone()),
        resources: api.and_then(|api| api.resources.clone()),
        ..ContainerStatus::default()
    }
}

/// KEP-3857: which mounts are read-only, and whether with everything mounted below them.
fn volume_mounts(container: &SpecContainer<'_>) -> Option<Vec<VolumeMountStatus>> {
    let mounts = container.volume_mounts.iter().map(|mount| {
        let read_only = mount.read_only.filter(|read_only| *read_only);
        let recursively = if mount.recursive_read_only.as_deref() == Some("Enabled") { "Enabled" } else { "Disabled" };
        VolumeMountStatus {
            name: mount.name.clone(),
            mount_path: mount.mount_path.clone(),
            read_only,
            recursive_read_only: read_only.map(|_| recursively.to_owned()),
            ..VolumeMountStatus::default()
        }
    });
    Some(mounts.collect::<Vec<_>>()).filter(|mounts| !mounts.is_empty())
}
