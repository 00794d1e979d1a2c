//! Volume mounts of a container.

use std::path::PathBuf;

use k8s_openapi::api::core::v1::Container;
use vk_core::resolve::expand_sub_path;
use vk_core::resolved::ResolvedContainer;
use vk_core::{Error, Result};

/// Where a volume's content is on the runtime's host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VolumePath {
    /// Files that the agent writes: containers only read them.
    Files(PathBuf),
    /// A directory that belongs to the containers.
    Directory(PathBuf),
    /// A path of the host, as the pod writes it. Where it leads is looked up for each mount: others can change it.
    Host {
        /// `hostPath.path`.
        path: PathBuf,
        /// `hostPath.type`.
        kind: String,
    },
}

/// A mount, with its path in the volume still to be looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MountRequest {
    pub(crate) volume: String,
    /// `subPath`, or `subPathExpr` expanded.
    pub(crate) sub_path: Option<String>,
    pub(crate) target: String,
    pub(crate) read_only: bool,
    /// Path of the field, for messages.
    pub(crate) field: String,
}

/// The mounts that a container asks for.
pub(crate) fn mount_requests(
    container: &Container,
    path: &str,
    resolved: &ResolvedContainer,
) -> Result<Vec<MountRequest>> {
    let mounts = container.volume_mounts.iter().flatten().enumerate();
    let request = |(index, mount): (usize, &k8s_openapi::api::core::v1::VolumeMount)| {
        let field = format!("{path}.volumeMounts[{index}]");
        let expression = mount.sub_path_expr.as_deref().filter(|expression| !expression.is_empty());
        let sub_path = match expression {
            Some(expression) => Some(expand_sub_path(expression, resolved).map_err(Error::from)?),
            None => mount.sub_path.clone().filter(|path| !path.is_empty()),
        };
        // A container may name a path relative to its root.
        let target =
            if mount.mount_path.starts_with('/') { mount.mount_path.clone() } else { format!("/{}", mount.mount_path) };
        let read_only = mount.read_only.unwrap_or(false);
        Ok(MountRequest { volume: mount.name.clone(), sub_path, target, read_only, field })
    };
    mounts.map(request).collect()
}
