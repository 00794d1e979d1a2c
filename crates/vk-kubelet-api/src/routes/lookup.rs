//! From the names in a path to what the node knows of them, refused in the kubelet's words and with its status.

use http::StatusCode;
use tokio::time::timeout;
use vk_core::{ContainerState, PodKey, Target};

use super::route::{ContainerPath, PodPath, SessionPath};
use crate::limits::Limits;
use crate::names::{InvalidName, Name};
use crate::pod_source::PodEntry;
use crate::response::Refusal;
use crate::server::NodeServices;

/// The pod of this name, if its UID is the one that is meant.
pub(super) async fn find_pod(
    node: &NodeServices,
    limits: &Limits,
    path: &PodPath,
    uid: Option<&str>,
) -> Result<PodEntry, Refusal> {
    path.check().map_err(|invalid| Refusal::bad_request(invalid.to_string()))?;
    let key = PodKey::new(path.namespace.as_str(), path.pod.as_str());
    let found = timeout(limits.backend_timeout, node.pods.find(key)).await;
    let found = found.map_err(|_| Refusal::late("the pod source"))??;
    let pod = found.filter(|pod| uid.is_none_or(|uid| pod.target.uid.as_str() == uid));
    pod.ok_or_else(|| Refusal::not_found(format!("pod \"{}\" does not exist", path.pod)))
}

/// The pod, if it has such a container and that runs.
pub(super) async fn find_running(node: &NodeServices, limits: &Limits, path: &SessionPath) -> Result<Target, Refusal> {
    let name = &path.container.container;
    path.container.check().map_err(|invalid| Refusal::bad_request(invalid.to_string()))?;
    let pod = find_pod(node, limits, &path.container.pod, path.uid.as_deref()).await?;
    // `kubectl` shows the text.
    let not_found = || Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, format!("container not found (\"{name}\")"));
    let container = pod.container(name).ok_or_else(not_found)?;
    match container.state {
        Some(ContainerState::Running { .. } | ContainerState::Unknown) => Ok(pod.target.clone()),
        _ => Err(not_found()),
    }
}

impl PodPath {
    pub(super) fn check(&self) -> Result<(), InvalidName> {
        Name::Namespace.check(&self.namespace)?;
        Name::Pod.check(&self.pod)
    }
}

impl ContainerPath {
    pub(super) fn check(&self) -> Result<(), InvalidName> {
        self.pod.check()?;
        Name::Container.check(&self.container)
    }
}
