//! One container's status, from what the back end reports and what the API says already.

use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStatus, VolumeMountStatus,
};

use super::container_state::{
    MESSAGE_LIMIT, STATUS_UNKNOWN, is_waiting, last_run_of, lost_run, run, running, running_of, terminated,
    terminated_of, text, time, waiting,
};
use super::input::{EndCause, Verdict};
use super::pod_view::{PodView, SpecContainer};
use super::resources;
use crate::observation::{self, ContainerKind, ContainerObservation, Stage, Terminated};

const CONTAINER_CREATING: &str = "ContainerCreating";
const POD_INITIALIZING: &str = "PodInitializing";
const LOST_AND_RESTARTED: &str = "The container was running, and the back end no longer has it; it is started again";
const END_NOT_SEEN: &str = "The container was running, and nobody saw how that run ended";
const INIT_CONTAINER_GONE: &str =
    "The back end no longer has this init container, and a regular container has run since: it must have succeeded";

/// The status of one container of the spec. An end that was written is never taken back unless the container may be
/// restarted: the API server refuses that, and with it everything else in the patch.
pub(super) fn status_of(view: &PodView<'_>, container: &SpecContainer<'_>) -> ContainerStatus {
    let api = view.api_status(container);
    let observed = view.observed(container.name).filter(|observed| !is_overruled(view, observed));
    let status = match observed {
        Some(observed) => match &observed.state {
            observation::ContainerState::Unknown => unobserved(view, container, api),
            _ => reported(view, container, api, observed),
        },
        None => unobserved(view, container, api),
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
fn kept(container: &SpecContainer<'_>, api: &ContainerStatus) -> ContainerStatus {
    let is_done = container.kind == ContainerKind::Init && terminated_of(api).is_some_and(|run| run.exit_code == 0);
    let runs = running_of(api).is_some();
    let started = if runs { api.started } else { (container.kind != ContainerKind::Ephemeral).then_some(false) };
    ContainerStatus { ready: is_done || (runs && api.ready), started, ..api.clone() }
}

// ── A container that the back end does not report ────────────────────────────────────────────────────────────────────

fn unobserved(view: &PodView<'_>, container: &SpecContainer<'_>, api: Option<&ContainerStatus>) -> ContainerStatus {
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
            ..base(container, api, default_waiting(view))
        },
    }
}

/// The snapshot lacks a container that ran: it is gone. An active pod without any container says nothing of them, so that
/// is no proof. Only where the policy starts it again is the loss told here; any other ends the pod, which is the state
/// machine's decision.
fn is_lost_and_restarted(view: &PodView<'_>, container: &SpecContainer<'_>) -> bool {
    let is_proved = view.input.observation.is_some_and(|observation| match observation.stage {
        Stage::Active => !observation.containers.is_empty(),
        Stage::Provisioning { .. } => true,
        _ => false,
    });
    is_proved
        && matches!(view.input.verdict, Verdict::Observed)
        && view.observed(container.name).is_none()
        && !view.is_being_deleted()
        && view.may_restart()
        && container.restarts(view.policy, lost_run(None, "").exit_code)
}

fn lost_and_restarted(view: &PodView<'_>, container: &SpecContainer<'_>, api: &ContainerStatus) -> ContainerStatus {
    ContainerStatus {
        last_state: Some(terminated(lost_run(Some(api), LOST_AND_RESTARTED))),
        restart_count: api.restart_count.saturating_add(1),
        ..base(container, Some(api), default_waiting(view))
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

/// Why a container waits of which the back end has nothing to say.
fn default_waiting(view: &PodView<'_>) -> ContainerState {
    let (reason, message) = match (view.input.verdict, view.stage()) {
        (Verdict::Waiting { reason, message }, _)
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
fn base(container: &SpecContainer<'_>, api: Option<&ContainerStatus>, state: ContainerState) -> ContainerStatus {
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

// ── A container that the back end reports ────────────────────────────────────────────────────────────────────────────

fn reported(
    view: &PodView<'_>,
    container: &SpecContainer<'_>,
    api: Option<&ContainerStatus>,
    observed: &ContainerObservation,
) -> ContainerStatus {
    let report = Report::new(api, observed);
    let mut status = ContainerStatus {
        restart_count: report.restart_count(),
        last_state: report.last_run().map(terminated),
        container_id: report.container_id(),
        image_id: report.image_id(),
        ..base(container, api, ContainerState::default())
    };
    if !observed.image.is_empty() {
        status.image.clone_from(&observed.image);
    }
    status.state = Some(match &observed.state {
        observation::ContainerState::Running { started_at } => {
            status.started = report.started(container);
            status.ready = report.ready(container, status.started);
            let since = time(*started_at).or_else(|| report.same_running()?.started_at.clone());
            running(since.or_else(|| time(Some(view.input.now))))
        }
        observation::ContainerState::Terminated(ended) => {
            status.ready = container.kind == ContainerKind::Init && ended.exit_code == 0;
            terminated(report.ended_run(ended, view, status.container_id.as_deref()))
        }
        observation::ContainerState::Waiting { reason, message } if !reason.is_empty() => waiting(reason, message),
        observation::ContainerState::Waiting { .. } | observation::ContainerState::Unknown => default_waiting(view),
    });
    let has_run = !is_waiting(&status) || last_run_of(&status).is_some() || status.container_id.is_some();
    if has_run {
        resources::allocate(&mut status, container);
    }
    status
}

/// A container's observation beside what the API says of it.
struct Report<'a> {
    api: Option<&'a ContainerStatus>,
    observed: &'a ContainerObservation,
    restarts: i32,
    /// The identifier that the observation gives for the newest run; empty if it gives none.
    id: &'a str,
}

impl<'a> Report<'a> {
    fn new(api: Option<&'a ContainerStatus>, observed: &'a ContainerObservation) -> Self {
        let id = match &observed.state {
            observation::ContainerState::Terminated(run) if observed.container_id.is_empty() => &run.container_id,
            _ => &observed.container_id,
        };
        Self { api, observed, restarts: i32::try_from(observed.restarts).unwrap_or(i32::MAX), id }
    }

    fn is_running(&self) -> bool {
        matches!(self.observed.state, observation::ContainerState::Running { .. })
    }

    fn waits(&self) -> bool {
        matches!(self.observed.state, observation::ContainerState::Waiting { .. })
    }

    /// Whether the API speaks of the same run. Where identifiers are missing, the restart count tells.
    fn is_same_run(&self) -> bool {
        let Some(api) = self.api else { return false };
        match api.container_id.as_deref() {
            Some(known) if !self.id.is_empty() => known == self.id && self.restarts <= api.restart_count,
            _ => self.restarts <= api.restart_count,
        }
    }

    /// The API's running state, if it is about the run that the observation is about.
    fn same_running(&self) -> Option<&'a ContainerStateRunning> {
        self.api.filter(|_| self.is_same_run()).and_then(running_of)
    }

    /// The run that the API shows, if the observation is about a later one.
    fn run_left_behind(&self) -> Option<ContainerStateTerminated> {
        let api = self.api?;
        if let Some(run) = terminated_of(api) {
            let is_later = self.waits() || self.is_running() || !self.is_same_run();
            return is_later.then(|| run.clone());
        }
        let is_later = running_of(api).is_some() && (self.waits() || !self.is_same_run());
        is_later.then(|| lost_run(Some(api), END_NOT_SEEN))
    }

    /// Whether the observation is about a run that came after one which the API knows.
    fn follows_another_run(&self) -> bool {
        let Some(api) = self.api else { return false };
        let left_back_off = is_waiting(api)
            && last_run_of(api).is_some()
            && api
                .container_id
                .as_deref()
                .is_some_and(|known| self.is_running() || (!self.id.is_empty() && known != self.id));
        !self.waits() && (left_back_off || self.run_left_behind().is_some())
    }

    /// Restarts never fall. A back end that does not count is counted for: a run that follows another is a restart.
    fn restart_count(&self) -> i32 {
        let known = self.api.map_or(0, |api| api.restart_count);
        self.restarts.max(if self.follows_another_run() { known.saturating_add(1) } else { known })
    }

    /// The run before the newest one.
    fn last_run(&self) -> Option<ContainerStateTerminated> {
        let known = self.api.and_then(last_run_of);
        match &self.observed.last {
            Some(last) => Some(run(last)),
            None => self.run_left_behind().or_else(|| known.cloned()),
        }
    }

    fn container_id(&self) -> Option<String> {
        // While a container waits, its identifier is that of the run before.
        let is_known = self.is_same_run() && (self.waits() || self.run_left_behind().is_none());
        text(self.id, MESSAGE_LIMIT).or_else(|| self.api.filter(|_| is_known)?.container_id.clone())
    }

    fn image_id(&self) -> String {
        let known = self.api.filter(|_| self.is_same_run()).map(|api| api.image_id.clone());
        text(&self.observed.image_id, MESSAGE_LIMIT).or(known).unwrap_or_default()
    }

    /// What the back end does not say is taken from the API, so that a restart of the agent changes nothing; without a
    /// startup probe, running is started.
    fn started(&self, container: &SpecContainer<'_>) -> Option<bool> {
        if container.kind == ContainerKind::Ephemeral {
            return None;
        }
        let known = self.same_running().is_some() && self.api.is_some_and(|api| api.started == Some(true));
        let is_ready = self.observed.ready == Some(true);
        Some(self.observed.started.unwrap_or(!container.has_startup_probe || is_ready || known))
    }

    /// As [`Self::started`]. With a readiness probe that nobody has run yet, a container is not ready.
    fn ready(&self, container: &SpecContainer<'_>, started: Option<bool>) -> bool {
        let has_readiness = matches!(container.kind, ContainerKind::App | ContainerKind::Sidecar);
        let known = self.same_running().is_some() && self.api.is_some_and(|api| api.ready);
        has_readiness && started == Some(true) && self.observed.ready.unwrap_or(!container.has_readiness_probe || known)
    }

    /// The end as reported; times that the back end does not know are those that the API shows, or the moment in which
    /// the end was first seen.
    fn ended_run(
        &self,
        ended: &Terminated,
        view: &PodView<'_>,
        container_id: Option<&str>,
    ) -> ContainerStateTerminated {
        let same = self.api.filter(|_| self.is_same_run());
        let known_end = same.and_then(terminated_of).filter(|known| known.exit_code == ended.exit_code);
        let mut run = run(ended);
        let began = || same.and_then(running_of).and_then(|running| running.started_at.clone());
        run.started_at = run.started_at.or_else(|| known_end.and_then(|known| known.started_at.clone())).or_else(began);
        run.finished_at = run.finished_at.or_else(|| match known_end {
            Some(known) => known.finished_at.clone(),
            None if ended.reason == STATUS_UNKNOWN => None,
            None => time(Some(view.input.now)),
        });
        run.container_id = run.container_id.or_else(|| container_id.map(str::to_owned));
        run
    }
}
