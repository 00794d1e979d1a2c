//! Recognises the volume that admission adds to a pod so that it can reach the API server.

#[cfg(test)]
mod tests;

use k8s_openapi::api::core::v1::{Pod, Volume, VolumeMount, VolumeProjection};

/// Where admission mounts the volume.
pub(super) const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// How admission begins the volume's name.
pub(super) const NAME_PREFIX: &str = "kube-api-access-";

/// Whether this is the volume that the ServiceAccount admission plugin adds: named `kube-api-access-*`, with a token for the
/// API server, CA certificates and the namespace, and nothing else.
pub fn is_injected_token_volume(volume: &Volume) -> bool {
    let sources = volume.projected.as_ref().and_then(|projected| projected.sources.as_deref()).unwrap_or_default();
    volume.name.starts_with(NAME_PREFIX)
        && sources.iter().any(is_api_token)
        && sources
            .iter()
            .all(|source| is_api_token(source) || source.config_map.is_some() || source.downward_api.is_some())
}

/// The pod without its injected token volume and the mounts of it, for [`TokenVolume::Omit`](super::TokenVolume::Omit):
/// nothing then asks for a token.
#[must_use]
pub fn omit_token_volume(mut pod: Pod) -> Pod {
    let Some(spec) = &mut pod.spec else { return pod };
    let Some(volumes) = &mut spec.volumes else { return pod };
    let injected: Vec<Volume> = volumes.extract_if(.., |volume| is_injected_token_volume(volume)).collect();
    let is_kept = |mount: &VolumeMount| injected.iter().all(|volume| volume.name != mount.name);
    for container in spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()) {
        container.volume_mounts.iter_mut().for_each(|mounts| mounts.retain(is_kept));
    }
    for container in spec.ephemeral_containers.iter_mut().flatten() {
        container.volume_mounts.iter_mut().for_each(|mounts| mounts.retain(is_kept));
    }
    pod
}

fn is_api_token(source: &VolumeProjection) -> bool {
    let token = source.service_account_token.as_ref();
    token.is_some_and(|token| token.audience.as_deref().unwrap_or_default().is_empty())
}
