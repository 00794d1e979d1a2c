//! From a container's specification to Docker's.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountBindOptions, MountBindOptionsPropagationEnum,
    MountType, RestartPolicy, RestartPolicyNameEnum,
};
use vk_pod_engine::runtime::{ContainerSpec, RunAs, SandboxId, Security};

use crate::labels::Labels;

/// The kubelet's default bound of a container's log: 5 files of 10 MiB.
const LOG_OPTIONS: [(&str, &str); 2] = [("max-size", "10m"), ("max-file", "5")];

/// What Docker is asked to create.
pub(super) fn body(sandbox: &SandboxId, spec: &ContainerSpec, labels: Labels) -> ContainerCreateBody {
    let words = |words: &[String]| (!words.is_empty()).then(|| words.to_vec());
    ContainerCreateBody {
        image: Some(spec.image_id.clone()),
        entrypoint: words(&spec.command),
        cmd: words(&spec.args),
        env: Some(spec.env.iter().map(|variable| format!("{}={}", variable.name, variable.value)).collect()),
        working_dir: spec.working_dir.clone(),
        user: spec.security.run_as.map(user),
        tty: Some(spec.streams.tty),
        open_stdin: Some(spec.streams.stdin),
        stdin_once: Some(spec.streams.stdin_once),
        stop_signal: spec.stop_signal.clone(),
        labels: Some(labels),
        host_config: Some(host_config(sandbox, spec)),
        ..ContainerCreateBody::default()
    }
}

fn host_config(sandbox: &SandboxId, spec: &ContainerSpec) -> HostConfig {
    let namespace = Some(format!("container:{sandbox}"));
    let signed = |value: Option<u64>| value.map(|value| i64::try_from(value).unwrap_or(i64::MAX));
    let resources = &spec.resources;
    let security = &spec.security;
    HostConfig {
        network_mode: namespace.clone(),
        ipc_mode: namespace,
        restart_policy: Some(no_restarts()),
        log_config: Some(log_config()),
        mounts: Some(spec.mounts.iter().map(mount).collect()),
        nano_cpus: signed(resources.cpu_limit_nanos),
        cpu_shares: signed(resources.cpu_shares),
        memory: signed(resources.memory_limit),
        memory_swap: signed(resources.memory_limit),
        cap_add: Some(security.add_capabilities.clone()),
        cap_drop: Some(security.drop_capabilities.clone()),
        readonly_rootfs: Some(security.read_only_root),
        privileged: Some(security.privileged),
        security_opt: Some(security_options(security)),
        group_add: Some(security.supplemental_groups.iter().map(i64::to_string).collect()),
        ..HostConfig::default()
    }
}

/// Restarts are the pod engine's.
pub(super) fn no_restarts() -> RestartPolicy {
    RestartPolicy { name: Some(RestartPolicyNameEnum::NO), maximum_retry_count: None }
}

fn log_config() -> HostConfigLogConfig {
    let options: HashMap<String, String> =
        LOG_OPTIONS.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    HostConfigLogConfig { typ: Some("json-file".to_owned()), config: Some(options) }
}

fn mount(mount: &vk_pod_engine::runtime::Mount) -> Mount {
    Mount {
        typ: Some(MountType::BIND),
        source: Some(mount.source.to_string_lossy().into_owned()),
        target: Some(mount.target.clone()),
        read_only: Some(mount.read_only),
        bind_options: Some(MountBindOptions {
            propagation: Some(MountBindOptionsPropagationEnum::RPRIVATE),
            ..MountBindOptions::default()
        }),
        ..Mount::default()
    }
}

fn security_options(security: &Security) -> Vec<String> {
    if security.no_new_privileges { vec!["no-new-privileges:true".to_owned()] } else { Vec::new() }
}

/// `user[:group]` by number.
fn user(run_as: RunAs) -> String {
    let user = run_as.user.map(|user| user.to_string()).unwrap_or_default();
    match run_as.group {
        Some(group) => format!("{user}:{group}"),
        None => user,
    }
}

#[cfg(test)]
mod tests {
    use vk_core::ContainerKind;
    use vk_pod_engine::runtime::{ContainerIdentity, EnvironmentVariable, PodIdentity};

    use super::*;

    fn spec() -> ContainerSpec {
        let identity = ContainerIdentity {
            pod: PodIdentity { uid: "u".into(), namespace: "n".to_owned(), name: "p".to_owned() },
            name: "web".to_owned(),
            kind: ContainerKind::App,
            attempt: 0,
            sandbox_attempt: 0,
            spec_hash: String::new(),
        };
        ContainerSpec::new(identity, "busybox:1", "sha256:1")
    }

    #[test]
    fn containers_join_the_sandbox_and_are_never_restarted_by_docker() {
        let host = body(&SandboxId::new("s1"), &spec(), Labels::new()).host_config.unwrap();
        assert_eq!(host.network_mode.as_deref(), Some("container:s1"));
        assert_eq!(host.ipc_mode.as_deref(), Some("container:s1"));
        assert_eq!(host.restart_policy.unwrap().name, Some(RestartPolicyNameEnum::NO));
    }

    #[test]
    fn a_memory_limit_allows_no_swap_on_top() {
        let mut spec = spec();
        spec.resources.memory_limit = Some(1 << 20);
        let host = body(&SandboxId::new("s1"), &spec, Labels::new()).host_config.unwrap();
        assert_eq!((host.memory, host.memory_swap), (Some(1 << 20), Some(1 << 20)));
    }

    #[test]
    fn the_images_own_command_stays_where_the_pod_says_nothing() {
        let mut spec = spec();
        spec.env.push(EnvironmentVariable { name: "A".to_owned(), value: "b=c".to_owned() });
        let made = body(&SandboxId::new("s1"), &spec, Labels::new());
        assert_eq!((made.entrypoint, made.cmd, made.user), (None, None, None));
        assert_eq!(made.env.unwrap(), ["A=b=c"]);
    }

    #[test]
    fn users_and_groups_go_by_number() {
        assert_eq!(user(RunAs { user: Some(1), group: None }), "1");
        assert_eq!(user(RunAs { user: Some(1), group: Some(2) }), "1:2");
    }
}
