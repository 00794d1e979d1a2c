//! Fields of the pod as a whole.

use serde_json::json;

use super::{FieldGroup, FieldKind, Section};

pub(super) fn describe(section: &mut Section) {
    control_plane(section);
    security_context(section);
    names_and_namespaces(section);

    section.defaulted(FieldGroup::RestartPolicy, "spec.restartPolicy", "Always");
    section.requests(FieldGroup::Images, "spec", "imagePullSecrets[].name");
    section.requests(FieldGroup::RuntimeClass, "spec", "runtimeClassName");
    section.requests(FieldGroup::PodResources, "spec.resources", "limits.*");
    section.consumed("spec.resources", "requests.*");
    section.requests(
        FieldGroup::ResourceClaims,
        "spec",
        "resourceClaims[].name resourceClaims[].resourceClaimName resourceClaims[].resourceClaimTemplateName
         resources.claims[].name resources.claims[].request",
    );
}

fn control_plane(section: &mut Section) {
    section.consumed(
        "spec",
        "activeDeadlineSeconds affinity.** automountServiceAccountToken enableServiceLinks evictionResponders[].** nodeName nodeSelector.* os.name
         overhead.* preemptionPolicy priority priorityClassName readinessGates[].conditionType schedulerName
         schedulingGates[].name schedulingGroup.** serviceAccount serviceAccountName terminationGracePeriodSeconds
         tolerations[].** topologySpreadConstraints[].** workloadRef.**",
    );
}

fn names_and_namespaces(section: &mut Section) {
    section.requests(FieldGroup::HostNamespaces, "spec", "hostIPC hostNetwork hostPID");
    section.requests(FieldGroup::ProcessNamespace, "spec", "shareProcessNamespace");
    section.defaulted(FieldGroup::UserNamespace, "spec.hostUsers", true);
    section.defaulted(FieldGroup::Dns, "spec.dnsPolicy", "ClusterFirst");
    section.requests(FieldGroup::Dns, "spec.dnsConfig", "nameservers searches options[].name options[].value");
    section.requests(
        FieldGroup::HostNames,
        "spec",
        "hostname hostnameOverride subdomain setHostnameAsFQDN hostAliases[].ip hostAliases[].hostnames",
    );
}

fn security_context(section: &mut Section) {
    let path = "spec.securityContext";
    section.requests(FieldGroup::Users, path, "runAsUser runAsGroup runAsNonRoot supplementalGroups fsGroup");
    section.defaulted(FieldGroup::Users, format!("{path}.supplementalGroupsPolicy"), "Merge");
    section.defaulted(FieldGroup::Users, format!("{path}.fsGroupChangePolicy"), "Always");
    section.requests(FieldGroup::Sysctls, path, "sysctls[].name sysctls[].value");
    section.defaulted(FieldGroup::SecurityProfiles, format!("{path}.seLinuxChangePolicy"), json!("MountOption"));
    security_profiles(section, path);
}

/// What pods and containers have in common.
pub(super) fn security_profiles(section: &mut Section, path: &str) {
    section.requests(
        FieldGroup::SecurityProfiles,
        path,
        "seLinuxOptions.user seLinuxOptions.role seLinuxOptions.type seLinuxOptions.level
         seccompProfile.type seccompProfile.localhostProfile appArmorProfile.type appArmorProfile.localhostProfile",
    );
    section.requests(
        FieldGroup::Windows,
        path,
        "windowsOptions.gmsaCredentialSpecName windowsOptions.gmsaCredentialSpec windowsOptions.runAsUserName",
    );
    section.add(FieldGroup::Windows, format!("{path}.windowsOptions.hostProcess"), FieldKind::Request);
}
