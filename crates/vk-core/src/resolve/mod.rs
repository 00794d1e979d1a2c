//! Resolution of what a pod refers to: environment, downward API, files of volumes.
//!
//! [`references`] says what has to be gathered, [`container_env`] and [`resolve_volume`] turn a pod and the gathered
//! [`ReferenceData`] into what a container gets, with the kubelet's semantics throughout. [`resolve_pod`] does so for a
//! whole pod at once.

mod container;
mod data;
mod environment;
mod error;
mod expansion;
mod field;
mod files;
mod late;
mod reference;
mod references;
mod resource;
mod services;
#[cfg(test)]
mod tests;
mod volume;

pub use data::{ConfigMapData, NodeFacts, SecretData, ServiceFacts, ServicePort};
pub use environment::{container_env, expand_sub_path};
pub use error::ResolveError;
pub use late::{LateField, LateFields, LatePart, LateValue};
pub use reference::{Data, Reference, ReferenceData, TokenRequest};
pub use references::{Necessity, PodReferences, ReferenceUse, ReferenceUser, references};
pub use volume::resolve_volume;

use crate::resolved::ResolvedPod;

/// The pod with all of its containers and volumes resolved, for back ends that take everything at once
/// ([`Resolution::Inline`](crate::resolved::Resolution::Inline)).
///
/// # Errors
/// What is missing or wrong, by the first such reference.
pub fn resolve_pod(
    mut pod: ResolvedPod,
    data: &ReferenceData,
    node: &NodeFacts,
    late: &LateFields,
) -> Result<ResolvedPod, ResolveError> {
    let spec = pod.pod.spec.as_ref();
    let volumes = spec.and_then(|spec| spec.volumes.as_deref()).unwrap_or_default().iter();
    let volumes = volumes.map(|volume| resolve_volume(&pod.pod, &volume.name, data, node)).collect::<Result<_, _>>()?;
    let containers = container::containers(&pod.pod);
    let containers = containers.map(|container| container_env(&pod.pod, container.name, data, node, late));
    pod.containers = containers.collect::<Result<_, _>>()?;
    pod.volumes = volumes;
    Ok(pod)
}
