//! Refuses pods that Docker cannot run, or may not.

use k8s_openapi::api::core::v1::{Pod, SecurityContext};
use vk_core::{Error, Result};

use super::RuntimeSettings;
use crate::support::advice;

/// Refuses what only Docker cannot do, and what the configuration forbids. The latter is in the support table too, which a
/// node may be told not to insist on (`--unsupported-fields=warn`); root on the host is nothing to be had by that.
pub(super) fn admit(pod: &Pod, settings: &RuntimeSettings) -> Result<()> {
    let Some(spec) = &pod.spec else { return Ok(()) };
    let host_network = spec.host_network.unwrap_or(false);
    let namespaces = [("spec.hostNetwork", host_network), ("spec.hostIPC", spec.host_ipc.unwrap_or(false))];
    let wanted = namespaces.into_iter().find(|(_, wanted)| *wanted && !settings.allow_host_namespaces);
    if let Some((field, _)) = wanted {
        return Err(forbidden(field, "allow_host_namespaces"));
    }
    let lists = [("initContainers", spec.init_containers.as_ref()), ("containers", Some(&spec.containers))];
    for (list, containers) in lists {
        for (index, container) in containers.into_iter().flatten().enumerate() {
            let Some(context) = &container.security_context else { continue };
            admit_context(context, &format!("spec.{list}[{index}].securityContext"), settings)?;
        }
    }
    let mut volumes = spec.volumes.iter().flatten().enumerate();
    if let Some((index, _)) = volumes.find(|(_, volume)| volume.host_path.is_some() && settings.host_paths.is_empty()) {
        return Err(forbidden(&format!("spec.volumes[{index}].hostPath"), "host_path_prefixes"));
    }
    if host_network && spec.host_aliases.as_ref().is_some_and(|aliases| !aliases.is_empty()) {
        let message = "Docker shares the host's own /etc/hosts with pods on the host's network";
        return Err(Error::unsupported("spec.hostAliases", message));
    }
    Ok(())
}

fn admit_context(context: &SecurityContext, field: &str, settings: &RuntimeSettings) -> Result<()> {
    if context.privileged.unwrap_or(false) && !settings.allow_privileged {
        return Err(forbidden(&format!("{field}.privileged"), "allow_privileged"));
    }
    let mut added = context.capabilities.iter().filter_map(|capabilities| capabilities.add.as_ref()).flatten();
    match added.find(|name| !settings.allowed_capabilities.permit(name)) {
        Some(name) => Err(forbidden(&format!("{field}.capabilities.add ({name})"), "allowed_capabilities")),
        None => Ok(()),
    }
}

fn forbidden(field: &str, setting: &str) -> Error {
    Error::unsupported(field, format!("not allowed on this node; {}", advice(setting)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::capabilities::AllowedCapabilities;
    use crate::config::DockerConfig;
    use crate::volumes::HostPaths;

    fn settings(allowed: bool) -> RuntimeSettings {
        let prefixes = if allowed { vec!["/srv".into()] } else { Vec::new() };
        let config = DockerConfig { allow_privileged: allowed, ..DockerConfig::default() };
        RuntimeSettings {
            allowed_capabilities: AllowedCapabilities::of(&config),
            pause_image: None,
            network: "bridge".to_owned(),
            allow_host_namespaces: allowed,
            allow_privileged: allowed,
            host_paths: HostPaths::below(prefixes),
        }
    }

    fn refused(spec: &Value, allowed: bool) -> String {
        let pod: Pod = serde_json::from_value(json!({ "spec": spec })).unwrap();
        admit(&pod, &settings(allowed)).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_gives_root_on_the_host_is_refused_unless_it_is_configured() {
        let privileged = json!([{"name": "a", "securityContext": {"privileged": true}}]);
        let capable = json!([
            {"name": "a", "securityContext": {"capabilities": {"add": ["CHOWN"]}}},
            {"name": "b", "securityContext": {"capabilities": {"drop": ["ALL"], "add": ["CHOWN", "sys_admin"]}}},
        ]);
        for (spec, field, setting) in [
            (json!({"containers": [], "hostNetwork": true}), "spec.hostNetwork", "allow_host_namespaces"),
            (json!({"containers": [], "hostIPC": true}), "spec.hostIPC", "allow_host_namespaces"),
            (json!({"containers": privileged}), "spec.containers[0].securityContext.privileged", "allow_privileged"),
            (
                json!({"containers": [], "initContainers": privileged}),
                "spec.initContainers[0].securityContext.privileged",
                "allow_privileged",
            ),
            (
                json!({"containers": capable}),
                "spec.containers[1].securityContext.capabilities.add",
                "allowed_capabilities",
            ),
            (
                json!({"containers": [], "initContainers": capable}),
                "spec.initContainers[1].securityContext.capabilities.add",
                "allowed_capabilities",
            ),
            (
                json!({"containers": [], "volumes": [{"name": "v", "hostPath": {"path": "/"}}]}),
                "spec.volumes[0].hostPath",
                "host_path_prefixes",
            ),
        ] {
            let error = refused(&spec, false);
            assert!(error.contains(field) && error.contains(setting), "{field} in {error:?}");
            assert_eq!(refused(&spec, true), "", "{spec}");
        }
    }

    #[test]
    fn names_of_hosts_cannot_be_added_to_the_hosts_own() {
        let spec = json!({"containers": [], "hostNetwork": true, "hostAliases": [{"ip": "10.0.0.1"}]});
        assert!(refused(&spec, true).contains("spec.hostAliases"));
    }
}
