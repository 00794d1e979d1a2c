//! What the engine cannot do for any runtime, and a table of fields cannot say.

use k8s_openapi::api::core::v1::{Pod, Volume};
use vk_core::{Error, Result};

/// Refuses a pod by a combination of fields.
pub(crate) fn admit(pod: &Pod, has_volumes: bool) -> Result<()> {
    let volumes = pod.spec.as_ref().and_then(|spec| spec.volumes.as_deref()).unwrap_or_default();
    for (index, volume) in volumes.iter().enumerate() {
        if !has_volumes && volume.host_path.is_none() {
            let message = "this runtime has no place for files; only hostPath volumes can be mounted";
            return Err(Error::unsupported(format!("spec.volumes[{index}]"), message));
        }
        let on_disk = |dir: &k8s_openapi::api::core::v1::EmptyDirVolumeSource| dir.medium.as_deref() != Some("Memory");
        if volume.empty_dir.as_ref().is_some_and(|dir| on_disk(dir) && dir.size_limit.is_some()) {
            let message = "a limit is enforced only in memory (medium: Memory)";
            return Err(Error::unsupported(format!("spec.volumes[{index}].emptyDir.sizeLimit"), message));
        }
    }
    for (path, container) in super::containers(pod) {
        for (index, mount) in container.volume_mounts.iter().flatten().enumerate() {
            let volume = volumes.iter().find(|volume| volume.name == mount.name);
            let is_files = volume.is_some_and(holds_files);
            let field = match (&mount.sub_path, &mount.sub_path_expr) {
                (Some(path), _) if !path.is_empty() => "subPath",
                (_, Some(path)) if !path.is_empty() => "subPathExpr",
                _ => continue,
            };
            // In a directory that containers write to, a link could lead the mount anywhere on the host.
            if !is_files {
                let message = "only paths in configMap, secret, downwardAPI and projected volumes can be mounted";
                return Err(Error::unsupported(format!("{path}.volumeMounts[{index}].{field}"), message));
            }
        }
    }
    Ok(())
}

fn holds_files(volume: &Volume) -> bool {
    volume.config_map.is_some()
        || volume.secret.is_some()
        || volume.downward_api.is_some()
        || volume.projected.is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refused(volume: Value, mount: Value) -> String {
        let pod = json!({"spec": {
            "volumes": [volume],
            "containers": [{"name": "a", "volumeMounts": [mount]}],
        }});
        let pod: Pod = serde_json::from_value(pod).unwrap();
        admit(&pod, true).err().map(|error| error.kind.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_path_in_a_volume_is_mounted_only_where_containers_cannot_plant_links() {
        let mount = json!({"name": "v", "mountPath": "/v", "subPath": "a"});
        let field = "unsupported spec.containers[0].volumeMounts[0].subPath";
        assert_eq!(refused(json!({"name": "v", "emptyDir": {}}), mount.clone()), field);
        assert_eq!(refused(json!({"name": "v", "hostPath": {"path": "/srv"}}), mount.clone()), field);
        assert_eq!(refused(json!({"name": "v", "configMap": {"name": "c"}}), mount), "");
    }

    #[test]
    fn a_size_limit_on_disk_is_refused_and_one_in_memory_is_not() {
        let mount = json!({"name": "v", "mountPath": "/v"});
        let on_disk = json!({"name": "v", "emptyDir": {"sizeLimit": "1Mi"}});
        assert_eq!(refused(on_disk, mount.clone()), "unsupported spec.volumes[0].emptyDir.sizeLimit");
        let in_memory = json!({"name": "v", "emptyDir": {"sizeLimit": "1Mi", "medium": "Memory"}});
        assert_eq!(refused(in_memory, mount), "");
    }
}
