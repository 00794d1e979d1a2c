//! Fields of a container. Init and ephemeral containers share them.

use super::pod::security_profiles;
use super::{FieldGroup, FieldKind, Section};

const CONTAINER: &str = "spec.containers[]";

pub(super) fn describe(section: &mut Section) {
    section.requests(
        FieldGroup::Basics,
        CONTAINER,
        "name image command args env[].name env[].value ports[].name ports[].containerPort",
    );
    section.defaulted(FieldGroup::Basics, format!("{CONTAINER}.ports[].protocol"), "TCP");
    section.requests(FieldGroup::HostPorts, CONTAINER, "ports[].hostIP");
    section.add(FieldGroup::HostPorts, format!("{CONTAINER}.ports[].hostPort"), FieldKind::HostPort);
    environment(section);
    process(section);
    resources(section);
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        describe_probe(section, &format!("{CONTAINER}.{probe}"));
    }
    for hook in ["postStart", "preStop"] {
        let path = format!("{CONTAINER}.lifecycle.{hook}");
        describe_handlers(section, FieldGroup::LifecycleHooks, &path);
        section.object(FieldGroup::LifecycleHooks, &format!("{path}.sleep"), "seconds");
    }
    section.requests(FieldGroup::StopSignal, CONTAINER, "lifecycle.stopSignal");
    mounts(section);
    security_context(section);
}

fn environment(section: &mut Section) {
    section.requests(
        FieldGroup::Environment,
        CONTAINER,
        "envFrom[].prefix envFrom[].configMapRef.name envFrom[].configMapRef.optional
         envFrom[].secretRef.name envFrom[].secretRef.optional",
    );
    let value_from = format!("{CONTAINER}.env[].valueFrom");
    section.requests(
        FieldGroup::Environment,
        &value_from,
        "configMapKeyRef.name configMapKeyRef.key configMapKeyRef.optional
         secretKeyRef.name secretKeyRef.key secretKeyRef.optional
         fieldRef.fieldPath resourceFieldRef.containerName resourceFieldRef.resource",
    );
    section.defaulted(FieldGroup::Environment, format!("{value_from}.fieldRef.apiVersion"), "v1");
    section.defaulted(FieldGroup::Environment, format!("{value_from}.resourceFieldRef.divisor"), "0");
    section.requests(FieldGroup::EnvironmentFiles, &format!("{value_from}.fileKeyRef"), "volumeName path key optional");
}

fn process(section: &mut Section) {
    section.requests(FieldGroup::Process, CONTAINER, "workingDir");
    section.defaulted(FieldGroup::Process, format!("{CONTAINER}.terminationMessagePath"), "/dev/termination-log");
    section.defaulted(FieldGroup::Process, format!("{CONTAINER}.terminationMessagePolicy"), "File");
    section.requests(FieldGroup::Terminal, CONTAINER, "stdin stdinOnce tty");
    section.requests(FieldGroup::ProcessNamespace, CONTAINER, "targetContainerName");
    let pull_policy = FieldKind::PullPolicy { image: "image" };
    section.add(FieldGroup::Images, format!("{CONTAINER}.imagePullPolicy"), pull_policy);
    section.requests(
        FieldGroup::ContainerRestartPolicy,
        CONTAINER,
        "restartPolicy restartPolicyRules[].action restartPolicyRules[].exitCodes.operator
         restartPolicyRules[].exitCodes.values",
    );
}

fn resources(section: &mut Section) {
    section.requests(FieldGroup::Resources, CONTAINER, "resources.limits.*");
    section.consumed(CONTAINER, "resources.requests.* resizePolicy[].resourceName");
    section.defaulted(FieldGroup::Resources, format!("{CONTAINER}.resizePolicy[].restartPolicy"), "NotRequired");
    section.requests(FieldGroup::ResourceClaims, CONTAINER, "resources.claims[].name resources.claims[].request");
}

fn describe_probe(section: &mut Section, path: &str) {
    describe_handlers(section, FieldGroup::Probes, path);
    section.object(FieldGroup::Probes, &format!("{path}.grpc"), "port service");
    section.defaulted(FieldGroup::ProbeProtocols, format!("{path}.grpc.mode"), "Plaintext");
    section.defaulted(FieldGroup::Probes, format!("{path}.initialDelaySeconds"), 0);
    section.defaulted(FieldGroup::Probes, format!("{path}.timeoutSeconds"), 1);
    section.defaulted(FieldGroup::Probes, format!("{path}.periodSeconds"), 10);
    section.defaulted(FieldGroup::Probes, format!("{path}.successThreshold"), 1);
    section.defaulted(FieldGroup::Probes, format!("{path}.failureThreshold"), 3);
    section.requests(FieldGroup::Probes, path, "terminationGracePeriodSeconds");
}

fn describe_handlers(section: &mut Section, group: FieldGroup, path: &str) {
    section.object(group, &format!("{path}.exec"), "command");
    section.object(group, &format!("{path}.tcpSocket"), "port host");
    section.object(group, &format!("{path}.httpGet"), "port host httpHeaders[].name httpHeaders[].value");
    section.defaulted(group, format!("{path}.httpGet.path"), "/");
    section.defaulted(group, format!("{path}.httpGet.scheme"), "HTTP");
    section.requests(FieldGroup::ProbeProtocols, path, "httpGet.protocol");
}

fn mounts(section: &mut Section) {
    section.requests(
        FieldGroup::VolumeMounts,
        CONTAINER,
        "volumeMounts[].name volumeMounts[].mountPath volumeMounts[].readOnly volumeMounts[].subPath
         volumeMounts[].subPathExpr",
    );
    let mount = format!("{CONTAINER}.volumeMounts[]");
    section.defaulted(FieldGroup::MountOptions, format!("{mount}.mountPropagation"), "None");
    section.defaulted(FieldGroup::MountOptions, format!("{mount}.recursiveReadOnly"), "Disabled");
    section.requests(FieldGroup::MountOptions, &mount, "bindMountOptions");
    section.requests(FieldGroup::BlockDevices, CONTAINER, "volumeDevices[].name volumeDevices[].devicePath");
}

fn security_context(section: &mut Section) {
    let path = format!("{CONTAINER}.securityContext");
    section.requests(FieldGroup::Users, &path, "runAsUser runAsGroup runAsNonRoot");
    section.requests(
        FieldGroup::Privileges,
        &path,
        "capabilities.add capabilities.drop privileged readOnlyRootFilesystem",
    );
    section.defaulted(FieldGroup::Privileges, format!("{path}.allowPrivilegeEscalation"), true);
    section.defaulted(FieldGroup::Privileges, format!("{path}.procMount"), "Default");
    security_profiles(section, &path);
}
