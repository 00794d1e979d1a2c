//! Recognises the volume that admission adds to a pod so that it can reach the API server.

use k8s_openapi::api::core::v1::{Volume, VolumeProjection};

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

fn is_api_token(source: &VolumeProjection) -> bool {
    let token = source.service_account_token.as_ref();
    token.is_some_and(|token| token.audience.as_deref().unwrap_or_default().is_empty())
}
