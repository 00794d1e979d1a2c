//! One view on the three kinds of container that a pod's spec has.

use k8s_openapi::api::core::v1::{
    Container, EnvFromSource, EnvVar, EphemeralContainer, Pod, ResourceRequirements, SecurityContext,
};

use super::error::ResolveError;
use crate::observation::ContainerKind;

/// What resolution needs of a container, of whichever kind.
pub(super) struct ContainerSpec<'a> {
    pub(super) name: &'a str,
    pub(super) kind: ContainerKind,
    /// As in `spec.initContainers[0]`.
    pub(super) path: String,
    pub(super) env: &'a [EnvVar],
    pub(super) env_from: &'a [EnvFromSource],
    pub(super) command: &'a [String],
    pub(super) args: &'a [String],
    pub(super) resources: Option<&'a ResourceRequirements>,
    pub(super) security_context: Option<&'a SecurityContext>,
}

macro_rules! view {
    ($container:expr, $kind:expr, $path:expr) => {
        ContainerSpec {
            name: &$container.name,
            kind: $kind,
            path: $path,
            env: $container.env.as_deref().unwrap_or_default(),
            env_from: $container.env_from.as_deref().unwrap_or_default(),
            command: $container.command.as_deref().unwrap_or_default(),
            args: $container.args.as_deref().unwrap_or_default(),
            resources: $container.resources.as_ref(),
            security_context: $container.security_context.as_ref(),
        }
    };
}

/// Every container of the pod in the order of the spec: init, app, ephemeral.
pub(super) fn containers(pod: &Pod) -> impl Iterator<Item = ContainerSpec<'_>> {
    let spec = pod.spec.as_ref();
    let init = spec.and_then(|spec| spec.init_containers.as_deref()).unwrap_or_default();
    let app = spec.map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let ephemeral = spec.and_then(|spec| spec.ephemeral_containers.as_deref()).unwrap_or_default();
    let init = init.iter().enumerate().map(|(index, container)| init_container(index, container));
    let app = app
        .iter()
        .enumerate()
        .map(|(index, container)| view!(container, ContainerKind::App, format!("spec.containers[{index}]")));
    init.chain(app).chain(ephemeral.iter().enumerate().map(|(index, container)| ephemeral_container(index, container)))
}

fn init_container(index: usize, container: &Container) -> ContainerSpec<'_> {
    let is_sidecar = container.restart_policy.as_deref() == Some("Always");
    let kind = if is_sidecar { ContainerKind::Sidecar } else { ContainerKind::Init };
    view!(container, kind, format!("spec.initContainers[{index}]"))
}

fn ephemeral_container(index: usize, container: &EphemeralContainer) -> ContainerSpec<'_> {
    view!(container, ContainerKind::Ephemeral, format!("spec.ephemeralContainers[{index}]"))
}

/// The container of this name.
pub(super) fn container<'a>(pod: &'a Pod, name: &str) -> Result<ContainerSpec<'a>, ResolveError> {
    let mut found = containers(pod).filter(|container| container.name == name);
    found.next().ok_or_else(|| ResolveError::invalid("spec.containers", format!("there is no container {name:?}")))
}
