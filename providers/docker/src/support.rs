//! The fields of a pod that this provider honours.

use vk_core::support::{FieldGroup, SupportTable, TokenVolume};

use crate::config::DockerConfig;

/// The fields that are honoured with this configuration.
pub(crate) fn support(config: &DockerConfig) -> SupportTable {
    let mut table = SupportTable::minimal()
        .with_groups([
            FieldGroup::Environment,
            FieldGroup::Images,
            FieldGroup::Process,
            FieldGroup::Terminal,
            FieldGroup::RestartPolicy,
            FieldGroup::StopSignal,
            FieldGroup::VolumeMounts,
            FieldGroup::EmptyDir,
            FieldGroup::FileVolumes,
            FieldGroup::HostPorts,
            FieldGroup::Dns,
        ])
        .honour("spec.containers[].resources.limits['cpu']")
        .honour("spec.containers[].resources.limits['memory']")
        .honour_values("spec.volumes[].emptyDir.medium", ["Memory"])
        .honour("spec.hostname")
        .honour("spec.subdomain")
        .honour("spec.hostAliases[].ip")
        .honour("spec.hostAliases[].hostnames")
        .honour("spec.securityContext.runAsUser")
        .honour("spec.securityContext.runAsGroup")
        .honour("spec.securityContext.runAsNonRoot")
        .honour("spec.securityContext.supplementalGroups")
        .honour("spec.securityContext.fsGroup")
        .honour("spec.containers[].securityContext.runAsUser")
        .honour("spec.containers[].securityContext.runAsGroup")
        .honour("spec.containers[].securityContext.runAsNonRoot")
        .honour("spec.containers[].securityContext.capabilities.add")
        .honour("spec.containers[].securityContext.capabilities.drop")
        .honour("spec.containers[].securityContext.readOnlyRootFilesystem")
        .honour("spec.containers[].securityContext.allowPrivilegeEscalation")
        .honour_values("spec.securityContext.seccompProfile.type", ["RuntimeDefault"])
        .honour_values("spec.containers[].securityContext.seccompProfile.type", ["RuntimeDefault"])
        .with_init_containers()
        .with_sidecars()
        .with_token_volume(TokenVolume::Honour);
    if config.allow_privileged {
        table = table.honour("spec.containers[].securityContext.privileged");
    }
    if config.allow_host_namespaces {
        table = table.honour("spec.hostNetwork").honour("spec.hostIPC");
    }
    if !config.host_path_prefixes.is_empty() {
        let prefixes = config.host_path_prefixes.iter().map(|prefix| prefix.to_string_lossy().into_owned());
        table = table
            .honour("spec.volumes[].hostPath")
            .honour_below("spec.volumes[].hostPath.path", prefixes.collect::<Vec<_>>());
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_rule_names_a_field() {
        let config = DockerConfig {
            allow_privileged: true,
            allow_host_namespaces: true,
            host_path_prefixes: vec!["/srv".into()],
            ..DockerConfig::default()
        };
        assert_eq!(support(&config).problems(), Vec::<String>::new());
    }

    #[test]
    fn what_is_not_honoured_is_named() {
        let pod = json!({"spec": {
            "volumes": [
                {"name": "a", "hostPath": {"path": "/etc"}}, {"name": "b", "hostPath": {"path": "/srv/x"}},
                {"name": "c", "nfs": {"server": "s", "path": "/"}},
            ],
            "containers": [{
                "name": "web", "image": "a",
                "livenessProbe": {"httpGet": {"port": 80}},
                "lifecycle": {"preStop": {"exec": {"command": ["true"]}}},
                "resources": {"limits": {"cpu": "1", "memory": "1Gi", "nvidia.com/gpu": "1"}},
                "securityContext": {"privileged": true, "seccompProfile": {"type": "RuntimeDefault"}},
            }],
        }});
        let config = DockerConfig { host_path_prefixes: vec!["/srv".into()], ..DockerConfig::default() };
        let refused: Vec<String> = support(&config).check(&pod).into_iter().map(|field| field.path).collect();
        let expected = [
            "livenessProbe",
            "preStop",
            "nvidia.com/gpu",
            "privileged",
            "spec.volumes[0].hostPath",
            "spec.volumes[2].nfs",
        ];
        for field in expected {
            assert!(refused.iter().any(|path| path.contains(field)), "{field} in {refused:?}");
        }
        for field in ["limits['cpu']", "seccomp", "spec.volumes[1]"] {
            assert!(!refused.iter().any(|path| path.contains(field)), "{field} in {refused:?}");
        }
    }

    #[test]
    fn saying_no_to_what_is_not_honoured_asks_for_nothing() {
        let pod = json!({"spec": {
            "hostNetwork": false, "hostPID": false, "hostIPC": false, "shareProcessNamespace": false,
            "containers": [{"name": "web", "image": "a", "securityContext": {"privileged": false}}],
        }});
        assert_eq!(support(&DockerConfig::default()).check(&pod), Vec::new());
    }
}
