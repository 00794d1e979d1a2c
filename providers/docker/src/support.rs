//! The fields of a pod that this provider honours.

use vk_core::support::{FieldGroup, SupportTable, TokenVolume};

use crate::capabilities::AllowedCapabilities;
use crate::config::DockerConfig;

const CAPABILITIES: &str = "spec.containers[].securityContext.capabilities.add";
const PRIVILEGED: &str = "spec.containers[].securityContext.privileged";

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
            FieldGroup::Probes,
            FieldGroup::LifecycleHooks,
            FieldGroup::VolumeMounts,
            FieldGroup::EmptyDir,
            FieldGroup::FileVolumes,
            FieldGroup::HostPorts,
            FieldGroup::Dns,
        ])
        // The API still has it, and no kubelet has ever done it.
        .without("spec.containers[].lifecycle.postStart.tcpSocket")
        .without("spec.containers[].lifecycle.preStop.tcpSocket")
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
        .honour("spec.containers[].securityContext.capabilities.drop")
        .honour("spec.containers[].securityContext.readOnlyRootFilesystem")
        .honour("spec.containers[].securityContext.allowPrivilegeEscalation")
        .honour_values("spec.securityContext.seccompProfile.type", ["RuntimeDefault"])
        .honour_values("spec.containers[].securityContext.seccompProfile.type", ["RuntimeDefault"])
        .with_init_containers()
        .with_sidecars()
        .with_token_volume(TokenVolume::Honour);
    table = match AllowedCapabilities::of(config) {
        AllowedCapabilities::Any => table.honour(CAPABILITIES),
        AllowedCapabilities::Only(names) => table.honour_values(CAPABILITIES, names),
    };
    if config.allow_privileged {
        table = table.honour(PRIVILEGED);
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
    [
        (CAPABILITIES, "allowed_capabilities"),
        (PRIVILEGED, "allow_privileged"),
        ("spec.hostNetwork", "allow_host_namespaces"),
        ("spec.hostIPC", "allow_host_namespaces"),
        ("spec.volumes[].hostPath", "host_path_prefixes"),
        ("spec.volumes[].hostPath.path", "host_path_prefixes"),
    ]
    .into_iter()
    .fold(table, |table, (field, setting)| table.advise(field, advice(setting)))
}

/// What an operator can do about a field that is refused.
pub(crate) fn advice(setting: &str) -> String {
    format!("{setting} in the provider's configuration may allow it")
}

#[cfg(test)]
mod tests;
