//! The pod and everything that its status is computed from, in the shape that the computation needs.

use k8s_openapi::api::core::v1::{
    Container, ContainerStatus, EphemeralContainer, Pod, PodSpec, PodStatus, ResourceRequirements, VolumeMount,
};

use super::input::{EndCause, Phase, StatusInput, Verdict};
use super::restart::ContainerRestart;
use crate::observation::{ContainerKind, ContainerObservation, Stage};
use crate::record::RestartPolicy;

/// A pod, what the API says of it, and what else is known.
pub(super) struct PodView<'a> {
    pub(super) pod: &'a Pod,
    pub(super) spec: &'a PodSpec,
    /// The status as the API shows it.
    pub(super) api: &'a PodStatus,
    pub(super) input: &'a StatusInput<'a>,
    pub(super) policy: RestartPolicy,
    /// In the order of the spec: init containers (sidecars among them), regular, ephemeral.
    pub(super) containers: Vec<SpecContainer<'a>>,
}

/// What a container's status needs of its spec.
pub(super) struct SpecContainer<'a> {
    pub(super) name: &'a str,
    pub(super) kind: ContainerKind,
    pub(super) image: &'a str,
    pub(super) restart: ContainerRestart,
    pub(super) has_startup_probe: bool,
    pub(super) has_readiness_probe: bool,
    pub(super) resources: Option<&'a ResourceRequirements>,
    pub(super) volume_mounts: &'a [VolumeMount],
}

impl<'a> PodView<'a> {
    pub(super) fn new(pod: &'a Pod, spec: &'a PodSpec, api: &'a PodStatus, input: &'a StatusInput<'a>) -> Self {
        let init = spec.init_containers.iter().flatten().map(SpecContainer::init);
        let app = spec.containers.iter().map(|container| SpecContainer::new(container, ContainerKind::App));
        let ephemeral = spec.ephemeral_containers.iter().flatten().map(SpecContainer::ephemeral);
        Self {
            pod,
            spec,
            api,
            input,
            policy: RestartPolicy::parse(spec.restart_policy.as_deref().unwrap_or_default()),
            containers: init.chain(app).chain(ephemeral).collect(),
        }
    }

    pub(super) fn api_phase(&self) -> Phase {
        Phase::parse(self.api.phase.as_deref().unwrap_or_default())
    }

    pub(super) fn stage(&self) -> Option<&'a Stage> {
        self.input.observation.map(|observation| &observation.stage)
    }

    /// Why the pod has ended, once the state machine has concluded that it has.
    pub(super) fn end(&self) -> Option<&'a EndCause> {
        match self.input.verdict {
            Verdict::Ended(cause) => Some(cause),
            Verdict::Waiting { .. } | Verdict::Recreating { .. } | Verdict::Observed => None,
        }
    }

    /// Whether containers that have ended may be followed by another run.
    pub(super) fn may_restart(&self) -> bool {
        self.end().is_none() && !self.api_phase().is_terminal()
    }

    pub(super) fn is_being_deleted(&self) -> bool {
        self.pod.metadata.deletion_timestamp.is_some()
    }

    pub(super) fn has_init_containers(&self) -> bool {
        self.spec.init_containers.as_ref().is_some_and(|init| !init.is_empty())
    }

    pub(super) fn uses_host_network(&self) -> bool {
        self.spec.host_network == Some(true)
    }

    /// The newest `metadata.generation` that this status speaks of, where the API server counts it. What has been told stays.
    pub(super) fn observed_generation(&self) -> Option<i64> {
        let newest = self.pod.metadata.generation?;
        let answered = self.input.answered_generation.unwrap_or(newest);
        let told = self.api.observed_generation.unwrap_or_default();
        Some(answered.max(told).min(newest)).filter(|generation| *generation > 0)
    }

    /// Whether a change of the spec is on its way to the back end.
    pub(super) fn awaits_an_answer(&self) -> bool {
        self.observed_generation() < self.pod.metadata.generation
    }

    pub(super) fn observed(&self, name: &str) -> Option<&'a ContainerObservation> {
        self.input.observation?.containers.iter().find(|container| container.name == name)
    }

    pub(super) fn api_status(&self, container: &SpecContainer<'_>) -> Option<&'a ContainerStatus> {
        let list = match container.kind {
            ContainerKind::Init | ContainerKind::Sidecar => &self.api.init_container_statuses,
            ContainerKind::App => &self.api.container_statuses,
            ContainerKind::Ephemeral => &self.api.ephemeral_container_statuses,
        };
        list.iter().flatten().find(|status| status.name == container.name)
    }
}

impl<'a> SpecContainer<'a> {
    fn init(container: &'a Container) -> Self {
        let is_sidecar = container.restart_policy.as_deref() == Some("Always");
        Self::new(container, if is_sidecar { ContainerKind::Sidecar } else { ContainerKind::Init })
    }

    fn new(container: &'a Container, kind: ContainerKind) -> Self {
        Self {
            name: &container.name,
            kind,
            image: container.image.as_deref().unwrap_or_default(),
            restart: ContainerRestart::of(container),
            has_startup_probe: container.startup_probe.is_some(),
            has_readiness_probe: container.readiness_probe.is_some(),
            resources: container.resources.as_ref(),
            volume_mounts: container.volume_mounts.as_deref().unwrap_or_default(),
        }
    }

    /// Ephemeral containers have neither probes nor resources, and are never restarted (KEP-277).
    fn ephemeral(container: &'a EphemeralContainer) -> Self {
        Self {
            name: &container.name,
            kind: ContainerKind::Ephemeral,
            image: container.image.as_deref().unwrap_or_default(),
            restart: ContainerRestart::never(),
            has_startup_probe: false,
            has_readiness_probe: false,
            resources: None,
            volume_mounts: container.volume_mounts.as_deref().unwrap_or_default(),
        }
    }

    /// Whether a run that ended with this code is followed by another, as far as the spec goes.
    pub(super) fn restarts(&self, policy: RestartPolicy, exit_code: i32) -> bool {
        self.restart.restarts(policy, exit_code)
    }
}
