//! The three lists of container statuses, complete and in the kubelet's order.

use k8s_openapi::api::core::v1::ContainerStatus;

use super::container_state::{
    is_waiting, last_run_of, lost_run, running_of, share_message_budget, terminated, terminated_of,
};
use super::container_status::status_of;
use super::input::EndCause;
use super::pod_view::PodView;
use crate::observation::ContainerKind;

const NOT_SEEN_AT_THE_END: &str = "The container was not found when the pod came to its end";

/// Statuses of all containers of a pod.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct ContainerStatuses {
    /// Init containers and sidecars, in the order of the spec.
    pub(super) init: Vec<ContainerStatus>,
    /// Regular containers, by name.
    pub(super) app: Vec<ContainerStatus>,
    /// Ephemeral containers, by name.
    pub(super) ephemeral: Vec<ContainerStatus>,
}

impl ContainerStatuses {
    pub(super) fn of(view: &PodView<'_>) -> Self {
        let mut statuses = Self::default();
        for container in &view.containers {
            let list = match container.kind {
                ContainerKind::Init | ContainerKind::Sidecar => &mut statuses.init,
                ContainerKind::App => &mut statuses.app,
                ContainerKind::Ephemeral => &mut statuses.ephemeral,
            };
            list.push(status_of(view, container));
        }
        if let Some(cause) = view.end() {
            statuses.end_every_run(view, cause);
        }
        for list in [&mut statuses.init, &mut statuses.app, &mut statuses.ephemeral] {
            share_message_budget(list, view.containers.len());
        }
        statuses.app.sort_by(|one, other| one.name.cmp(&other.name));
        statuses.ephemeral.sort_by(|one, other| one.name.cmp(&other.name));
        statuses
    }

    /// The status of the container of this name, which no two containers of a pod share.
    pub(super) fn get(&self, name: &str) -> Option<&ContainerStatus> {
        self.iter().find(|status| status.name == name)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &ContainerStatus> {
        self.init.iter().chain(&self.app).chain(&self.ephemeral)
    }

    /// Whether some regular container has ever left its waiting state.
    pub(super) fn any_regular_has_run(&self) -> bool {
        self.app.iter().any(has_run)
    }

    /// The pod has ended: no container is left in a state that leads on to another. Those that were never reached stay as
    /// they are, so that a failed init container is not followed by failures of what it held back.
    fn end_every_run(&mut self, view: &PodView<'_>, cause: &EndCause) {
        let never_started = matches!(cause, EndCause::CreateFailed { .. });
        let was_initialized = self.was_initialized(view);
        for status in &mut self.app {
            if has_run(status) || (was_initialized && !never_started) {
                end_run(status);
            }
        }
        let reached = match self.init.iter().rposition(has_run) {
            Some(last) => last + 1,
            None => usize::from(!never_started && !was_initialized),
        };
        let kinds = view.containers.iter().map(|container| container.kind);
        for (status, kind) in self.init.iter_mut().zip(kinds).take(reached) {
            end_run(status);
            status.ready = kind == ContainerKind::Init && terminated_of(status).is_some_and(|run| run.exit_code == 0);
        }
        for status in self.ephemeral.iter_mut().filter(|status| has_run(status)) {
            end_run(status);
        }
    }

    /// Whether the regular containers had their turn.
    fn was_initialized(&self, view: &PodView<'_>) -> bool {
        if !view.has_init_containers() || self.any_regular_has_run() {
            return true;
        }
        let kind_of_last = view
            .containers
            .iter()
            .rfind(|container| matches!(container.kind, ContainerKind::Init | ContainerKind::Sidecar));
        self.init.last().zip(kind_of_last).is_some_and(|(status, container)| match container.kind {
            ContainerKind::Sidecar => running_of(status).is_some() && status.started == Some(true),
            _ => terminated_of(status).or_else(|| last_run_of(status)).is_some_and(|run| run.exit_code == 0),
        })
    }
}

fn has_run(status: &ContainerStatus) -> bool {
    !is_waiting(status) || last_run_of(status).is_some()
}

fn end_run(status: &mut ContainerStatus) {
    if terminated_of(status).is_some() {
        return;
    }
    let run = match last_run_of(status) {
        // In back-off: the run before is the last one there will be.
        Some(last) if is_waiting(status) => {
            let last = last.clone();
            status.last_state = None;
            last
        }
        _ => lost_run(Some(status), NOT_SEEN_AT_THE_END),
    };
    status.state = Some(terminated(run));
    status.ready = false;
    status.started = status.started.map(|_| false);
}
