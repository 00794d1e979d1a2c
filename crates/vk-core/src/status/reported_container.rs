//! A container that the back end reports, beside what the API says of it.

use k8s_openapi::api::core::v1::{ContainerState, ContainerStateRunning, ContainerStateTerminated, ContainerStatus};

use super::container_state::{
    MESSAGE_LIMIT, STATUS_UNKNOWN, is_waiting, last_run_of, lost_run, run, running, running_of, terminated,
    terminated_of, text, time, waiting,
};
use super::container_status::{base, default_waiting};
use super::pod_view::{PodView, SpecContainer};
use super::resources;
use crate::observation::{self, ContainerKind, ContainerObservation, Terminated};

const END_NOT_SEEN: &str = "The container was running, and nobody saw how that run ended";

/// The status that the report amounts to.
pub(super) fn reported(
    view: &PodView<'_>,
    container: &SpecContainer<'_>,
    api: Option<&ContainerStatus>,
    observed: &ContainerObservation,
) -> ContainerStatus {
    let report = Report::new(view, api, observed);
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
        observation::ContainerState::Waiting { .. } | observation::ContainerState::Unknown => {
            default_waiting(view, container)
        }
    });
    let has_run = !is_waiting(&status) || last_run_of(&status).is_some() || status.container_id.is_some();
    if has_run {
        resources::allocate(&mut status, container, observed.resources.as_ref());
    }
    status
}

/// A container's observation beside what the API says of it.
struct Report<'a> {
    api: Option<&'a ContainerStatus>,
    observed: &'a ContainerObservation,
    restarts: i32,
    /// This agent has told of that run before: if the API speaks of another one, somebody else has written that.
    is_told: bool,
    /// The identifier that the observation gives for the newest run; empty if it gives none.
    id: &'a str,
}

impl<'a> Report<'a> {
    fn new(view: &PodView<'_>, api: Option<&'a ContainerStatus>, observed: &'a ContainerObservation) -> Self {
        let id = match &observed.state {
            observation::ContainerState::Terminated(run) if observed.container_id.is_empty() => &run.container_id,
            _ => &observed.container_id,
        };
        let restarts = i32::try_from(observed.restarts).unwrap_or(i32::MAX);
        Self { api, observed, restarts, is_told: view.input.told.contains(observed), id }
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
        let api = self.api.filter(|_| !self.is_told)?;
        if let Some(run) = terminated_of(api) {
            let is_later = self.waits() || self.is_running() || !self.is_same_run();
            return is_later.then(|| run.clone());
        }
        let is_later = running_of(api).is_some() && (self.waits() || !self.is_same_run());
        is_later.then(|| lost_run(Some(api), END_NOT_SEEN))
    }

    /// Whether the observation is about a run that came after one which the API knows.
    fn follows_another_run(&self) -> bool {
        let Some(api) = self.api.filter(|_| !self.is_told) else { return false };
        // A run whose end nobody saw, and that is there again, was taken for lost.
        let was_there = |last: &ContainerStateTerminated| {
            last.reason.as_deref() == Some(STATUS_UNKNOWN) && last.container_id.as_deref() == Some(self.id)
        };
        let left_back_off = is_waiting(api)
            && last_run_of(api).is_some_and(|last| !was_there(last))
            && api
                .container_id
                .as_deref()
                .is_some_and(|known| self.is_running() || (!self.id.is_empty() && known != self.id));
        !self.waits() && (left_back_off || self.run_left_behind().is_some())
    }

    /// Restarts never fall. A back end that does not count is counted for: a run that follows another is a restart. One that
    /// counts may show a new run as waiting before it runs.
    fn restart_count(&self) -> i32 {
        let known = self.api.map_or(0, |api| api.restart_count);
        if self.restarts > 0 && self.restarts >= known {
            return self.restarts;
        }
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
