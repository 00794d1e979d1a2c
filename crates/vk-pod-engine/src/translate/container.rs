//! One run of a container: command, environment, resources, security.

use k8s_openapi::api::core::v1::{Container, Pod, PodSecurityContext, SecurityContext};
use vk_core::quantity::Quantity;
use vk_core::resolve::LateFields;
use vk_core::resolved::{EnvValue, ResolvedContainer};
use vk_core::{Error, Result};

use crate::runtime::{
    ContainerIdentity, ContainerSpec, EnvironmentVariable, Mount, Resources, RunAs, Security, Streams,
};

/// A container without a request gets this weight, as under a kubelet.
const MIN_CPU_SHARES: u64 = 2;

/// What a run depends on besides the pod.
#[derive(Debug)]
pub(crate) struct RunContext<'a> {
    pub(crate) identity: ContainerIdentity,
    pub(crate) image_id: &'a str,
    /// The user that the image runs as.
    pub(crate) image_user: &'a str,
    pub(crate) resolved: &'a ResolvedContainer,
    pub(crate) late: &'a LateFields,
    pub(crate) mounts: Vec<Mount>,
}

/// What a runtime is asked to create; `path` is that of the container's field.
pub(crate) fn container_spec(
    pod: &Pod,
    container: &Container,
    path: &str,
    context: RunContext<'_>,
) -> Result<ContainerSpec> {
    let RunContext { identity, image_id, image_user, resolved, late, mounts } = context;
    let mut spec = ContainerSpec::new(identity, container.image.clone().unwrap_or_default(), image_id);
    spec.command = words(&resolved.command, late, path)?;
    spec.args = words(&resolved.args, late, path)?;
    for variable in &resolved.env {
        let value = text(&variable.value, late, path)?;
        spec.env.push(EnvironmentVariable { name: variable.name.clone(), value });
    }
    spec.working_dir = container.working_dir.clone().filter(|dir| !dir.is_empty());
    spec.mounts = mounts;
    spec.resources = resources(container, path)?;
    spec.security = security(pod, container, path, image_user)?;
    spec.streams = Streams {
        tty: container.tty.unwrap_or(false),
        stdin: container.stdin.unwrap_or(false),
        stdin_once: container.stdin_once.unwrap_or(false),
    };
    spec.message_from_log = container.termination_message_policy.as_deref() == Some("FallbackToLogsOnError");
    spec.stop_signal = container.lifecycle.as_ref().and_then(|lifecycle| lifecycle.stop_signal.clone());
    Ok(spec)
}

fn words(values: &[EnvValue], late: &LateFields, path: &str) -> Result<Vec<String>> {
    values.iter().map(|value| text(value, late, path)).collect()
}

fn text(value: &EnvValue, late: &LateFields, path: &str) -> Result<String> {
    let filled = match value {
        EnvValue::Late(value) => value.fill(late),
        other => Some(other.clone()),
    };
    let text = filled.as_ref().and_then(EnvValue::reveal).map(str::to_owned);
    text.ok_or_else(|| Error::unresolved("status.podIP", format!("{path}: the pod has no address yet")))
}

fn resources(container: &Container, path: &str) -> Result<Resources> {
    let resources = container.resources.as_ref();
    let amount = |list: &str, name: &str| {
        let list_of = match list {
            "limits" => resources.and_then(|resources| resources.limits.as_ref()),
            _ => resources.and_then(|resources| resources.requests.as_ref()),
        };
        let Some(quantity) = list_of.and_then(|amounts| amounts.get(name)) else { return Ok(None) };
        let field = || format!("{path}.resources.{list}.{name}");
        quantity.0.parse::<Quantity>().map(Some).map_err(|error| Error::invalid(field(), error.to_string()))
    };
    let positive = |value: i64| u64::try_from(value).ok().filter(|value| *value > 0);
    let cpu_limit = amount("limits", "cpu")?;
    let cpu_request = amount("requests", "cpu")?.or(cpu_limit);
    let milli_cpu = cpu_request.and_then(|cpu| positive(cpu.milli_value())).unwrap_or(0);
    Ok(Resources {
        cpu_limit_nanos: cpu_limit.and_then(|cpu| positive(cpu.milli_value())).map(|milli| milli * 1_000_000),
        cpu_shares: Some((milli_cpu * 1024 / 1000).max(MIN_CPU_SHARES)),
        memory_limit: amount("limits", "memory")?.and_then(|memory| positive(memory.value())),
    })
}

fn security(pod: &Pod, container: &Container, path: &str, image_user: &str) -> Result<Security> {
    let of_pod = pod.spec.as_ref().and_then(|spec| spec.security_context.clone()).unwrap_or_default();
    let of_container = container.security_context.clone().unwrap_or_default();
    let user = of_container.run_as_user.or(of_pod.run_as_user);
    let group = of_container.run_as_group.or(of_pod.run_as_group);
    if of_container.run_as_non_root.or(of_pod.run_as_non_root) == Some(true) {
        refuse_root(user, image_user, path)?;
    }
    // A group alone would take the user away from the image.
    let user = match group {
        Some(_) if user.is_none() => Some(user_of_image(image_user, path)?),
        _ => user,
    };
    let privileged = of_container.privileged.unwrap_or(false);
    let capabilities = of_container.capabilities.clone().unwrap_or_default();
    Ok(Security {
        run_as: (user.is_some() || group.is_some()).then_some(RunAs { user, group }),
        supplemental_groups: groups(&of_pod),
        add_capabilities: capabilities.add.unwrap_or_default(),
        drop_capabilities: capabilities.drop.unwrap_or_default(),
        read_only_root: of_container.read_only_root_filesystem.unwrap_or(false),
        no_new_privileges: !may_gain_privileges(&of_container, privileged),
        privileged,
    })
}

/// The number of the image's user.
fn user_of_image(image_user: &str, path: &str) -> Result<i64> {
    let name = image_user.split(':').next().unwrap_or_default();
    let number = if name.is_empty() { Ok(0) } else { name.parse() };
    number.map_err(|_| {
        let message = format!("the image's user {name:?} has no number here; set runAsUser too");
        Error::invalid(format!("{path}.securityContext.runAsGroup"), message)
    })
}

fn groups(context: &PodSecurityContext) -> Vec<i64> {
    let mut groups = context.supplemental_groups.clone().unwrap_or_default();
    groups.extend(context.fs_group.filter(|group| !groups.contains(group)));
    groups
}

fn may_gain_privileges(context: &SecurityContext, privileged: bool) -> bool {
    privileged || context.allow_privilege_escalation.unwrap_or(true)
}

/// The kubelet's check of `runAsNonRoot`, in its words.
fn refuse_root(user: Option<i64>, image_user: &str, path: &str) -> Result<()> {
    let field = format!("{path}.securityContext.runAsNonRoot");
    let image_user = image_user.split(':').next().unwrap_or_default();
    match user {
        Some(0) => Err(Error::invalid(field, "container's runAsUser breaks non-root policy")),
        Some(_) => Ok(()),
        None => match image_user.parse::<i64>() {
            Ok(0) => Err(Error::invalid(field, "container has runAsNonRoot and image will run as root")),
            Ok(_) => Ok(()),
            Err(_) if image_user.is_empty() => {
                Err(Error::invalid(field, "container has runAsNonRoot and image will run as root"))
            }
            Err(_) => {
                let message = format!(
                    "container has runAsNonRoot and image has non-numeric user ({image_user}), cannot verify user is non-root"
                );
                Err(Error::invalid(field, message))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use vk_core::ContainerKind;

    use super::*;
    use crate::runtime::PodIdentity;

    fn spec_of(pod_spec: Value, image_user: &str) -> Result<ContainerSpec> {
        let pod: Pod = serde_json::from_value(json!({ "spec": pod_spec })).unwrap();
        let container = pod.spec.as_ref().unwrap().containers[0].clone();
        let identity = ContainerIdentity {
            pod: PodIdentity { uid: "u".into(), namespace: "n".to_owned(), name: "p".to_owned() },
            name: container.name.clone(),
            kind: ContainerKind::App,
            attempt: 0,
            sandbox_attempt: 0,
            spec_hash: String::new(),
        };
        let resolved = ResolvedContainer::new(&container.name, ContainerKind::App);
        let late = LateFields::default();
        let context =
            RunContext { identity, image_id: "i", image_user, resolved: &resolved, late: &late, mounts: Vec::new() };
        container_spec(&pod, &container, "spec.containers[0]", context)
    }

    #[test]
    fn amounts_become_what_a_runtime_counts_in() {
        let resources = json!({"limits": {"cpu": "1500m", "memory": "64Mi"}, "requests": {"cpu": "250m"}});
        let spec = spec_of(json!({"containers": [{"name": "a", "resources": resources}]}), "").unwrap();
        assert_eq!(spec.resources.cpu_limit_nanos, Some(1_500_000_000));
        assert_eq!(spec.resources.cpu_shares, Some(256));
        assert_eq!(spec.resources.memory_limit, Some(64 << 20));
        let none = spec_of(json!({"containers": [{"name": "a"}]}), "").unwrap().resources;
        assert_eq!(none, Resources { cpu_limit_nanos: None, cpu_shares: Some(2), memory_limit: None });
    }

    #[test]
    fn the_containers_own_security_context_wins() {
        let spec = spec_of(
            json!({
                "securityContext": {"runAsUser": 1, "runAsGroup": 2, "fsGroup": 3, "supplementalGroups": [4]},
                "containers": [{"name": "a", "securityContext": {
                    "runAsUser": 9, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]},
                }}],
            }),
            "",
        )
        .unwrap();
        assert_eq!(spec.security.run_as, Some(RunAs { user: Some(9), group: Some(2) }));
        assert_eq!(spec.security.supplemental_groups, [4, 3]);
        assert!(spec.security.no_new_privileges && spec.security.read_only_root);
        assert_eq!(spec.security.drop_capabilities, ["ALL"]);
    }

    #[test]
    fn a_group_alone_keeps_the_images_user() {
        let spec = json!({"securityContext": {"runAsGroup": 5}, "containers": [{"name": "a"}]});
        let run_as = |image_user: &str| spec_of(spec.clone(), image_user).map(|spec| spec.security.run_as);
        assert_eq!(run_as("1000").unwrap(), Some(RunAs { user: Some(1000), group: Some(5) }));
        assert_eq!(run_as("").unwrap(), Some(RunAs { user: Some(0), group: Some(5) }));
        assert!(run_as("app").unwrap_err().message.contains("runAsUser"));
    }

    #[test]
    fn root_is_refused_where_the_pod_says_so() {
        let non_root = json!({"securityContext": {"runAsNonRoot": true}, "containers": [{"name": "a"}]});
        for (image_user, allowed) in [("", false), ("0", false), ("app", false), ("0:5", false), ("1000:0", true)] {
            assert_eq!(spec_of(non_root.clone(), image_user).is_ok(), allowed, "{image_user:?}");
        }
        let numeric = json!({
            "securityContext": {"runAsNonRoot": true, "runAsUser": 7}, "containers": [{"name": "a"}],
        });
        assert!(spec_of(numeric, "").is_ok());
    }
}
