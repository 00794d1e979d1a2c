//! From a pod to what a runtime is asked for. Pure.

mod admit;
mod container;
mod credentials;
mod mounts;
mod sandbox;

use k8s_openapi::api::core::v1::{Container, Pod};

pub(crate) use admit::admit;
pub(crate) use container::{RunContext, container_spec};
pub(crate) use credentials::credentials_for;
pub(crate) use mounts::{MountRequest, VolumePath, mount_requests};
pub(crate) use sandbox::{ClusterDns, sandbox_spec};

/// A container of the pod with the path of its field, as in `spec.containers[0]`. Ephemeral containers are left out.
pub(crate) fn containers(pod: &Pod) -> impl Iterator<Item = (String, &Container)> {
    let spec = pod.spec.as_ref();
    let init = spec.and_then(|spec| spec.init_containers.as_deref()).unwrap_or_default();
    let app = spec.map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let path = |list: &'static str| move |(index, container)| (format!("spec.{list}[{index}]"), container);
    init.iter().enumerate().map(path("initContainers")).chain(app.iter().enumerate().map(path("containers")))
}
