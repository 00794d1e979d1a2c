//! Pod statuses: what `/status` refuses. Phases and restart counts may go backwards; the server does not mind.

use serde_json::Value;

use super::ip_addresses::validate_ip_list;
use super::qualified_name_error;
use crate::api_error::FieldError;
use crate::object::Object;

const SYSTEM_CONDITIONS: [&str; 3] = ["PodScheduled", "Ready", "Initialized"];

/// What is wrong with the change of a pod's status.
pub(crate) fn validate_pod_status_update(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = conditions(new);
    if new.text("/status/qosClass") != old.text("/status/qosClass") {
        errors.push(FieldError::invalid("status.qosClass", new.text("/status/qosClass"), "field is immutable"));
    }
    if new.integer("/status/observedGeneration").unwrap_or_default() < 0 {
        let value = new.integer("/status/observedGeneration").unwrap_or_default();
        errors.push(FieldError::invalid("status.observedGeneration", value, "must be a non-negative integer"));
    }
    let nominated = new.text("/status/nominatedNodeName");
    if !old.text("/spec/nodeName").is_empty()
        && !nominated.is_empty()
        && nominated != old.text("/status/nominatedNodeName")
    {
        let detail = "may not be set on pods that are already bound to a node";
        errors.push(FieldError::forbidden("status.nominatedNodeName", detail));
    }
    for list in [Containers::Main, Containers::Init, Containers::Ephemeral] {
        errors.extend(terminated_stays_terminated(new, old, list));
    }
    errors.extend(validate_ip_list(new, old, "podIPs"));
    let host_ips = new.items("/status/hostIPs");
    if let Some(first) = host_ips.first().and_then(|entry| entry.get("ip")).and_then(Value::as_str)
        && first != new.text("/status/hostIP")
    {
        errors.push(FieldError::invalid("status.hostIPs[0].ip", first, "must be equal to `hostIP`"));
    }
    errors.extend(validate_ip_list(new, old, "hostIPs"));
    errors
}

fn conditions(pod: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (index, condition) in pod.items("/status/conditions").iter().enumerate() {
        let kind = condition.get("type").and_then(Value::as_str).unwrap_or_default();
        if condition.get("observedGeneration").and_then(Value::as_i64).unwrap_or_default() < 0 {
            let path = format!("status.conditions[{index}].observedGeneration");
            errors.push(FieldError::invalid(path, -1, "must be a non-negative integer"));
        }
        if SYSTEM_CONDITIONS.contains(&kind) {
            continue;
        }
        if let Some(error) = qualified_name_error(kind) {
            errors.push(FieldError::invalid(format!("status.conditions[{index}].Type"), kind, &error));
        }
    }
    errors
}

#[derive(Clone, Copy, PartialEq)]
enum Containers {
    Main,
    Init,
    Ephemeral,
}

impl Containers {
    fn status_field(self) -> &'static str {
        match self {
            Self::Main => "containerStatuses",
            Self::Init => "initContainerStatuses",
            Self::Ephemeral => "ephemeralContainerStatuses",
        }
    }

    fn spec_pointer(self) -> &'static str {
        match self {
            Self::Main => "/spec/containers",
            Self::Init => "/spec/initContainers",
            Self::Ephemeral => "/spec/ephemeralContainers",
        }
    }
}

/// A container that ended may only start again where its restart policy allows it.
fn terminated_stays_terminated(new: &Object, old: &Object, list: Containers) -> Vec<FieldError> {
    let field = list.status_field();
    let pointer = format!("/status/{field}");
    let mut errors = Vec::new();
    for (index, before) in old.items(&pointer).iter().enumerate() {
        let Some(exit_code) = before.pointer("/state/terminated/exitCode").and_then(Value::as_i64) else { continue };
        let name = before.get("name").and_then(Value::as_str).unwrap_or_default();
        let after = new.items(&pointer).iter().find(|status| status.get("name").and_then(Value::as_str) == Some(name));
        let revived = after.is_some_and(|status| status.pointer("/state/terminated").is_none_or(Value::is_null));
        if revived && !may_restart(old, list, name, exit_code) {
            let path = format!("status.{field}[{index}].state");
            errors.push(FieldError::forbidden(path, "may not be transitioned to non-terminated state"));
        }
    }
    errors
}

fn may_restart(pod: &Object, list: Containers, name: &str, exit_code: i64) -> bool {
    if list == Containers::Ephemeral {
        return false;
    }
    let container = pod
        .items(list.spec_pointer())
        .iter()
        .find(|container| container.get("name").and_then(Value::as_str) == Some(name));
    let Some(container) = container else { return false };
    // A container's own policy (sidecars, KEP-5307) stands above the pod's.
    let own = container.get("restartPolicy").and_then(Value::as_str);
    match own.unwrap_or_else(|| pod.text("/spec/restartPolicy")) {
        "Always" => true,
        "OnFailure" => exit_code != 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(policy: &str, status: Value) -> Object {
        Object::from_value(json!({
            "spec": {
                "nodeName": "n",
                "restartPolicy": policy,
                "containers": [{"name": "c"}],
                "initContainers": [{"name": "side", "restartPolicy": "Always"}],
            },
            "status": status,
        }))
        .unwrap()
    }

    fn containers(state: Value) -> Value {
        json!({"containerStatuses": [{"name": "c", "state": state}]})
    }

    #[test]
    fn terminated_to_waiting_follows_the_restart_policy() {
        let ended = |code: i64| containers(json!({"terminated": {"exitCode": code}}));
        let waiting = containers(json!({"waiting": {}}));
        let check = |policy: &str, code: i64| {
            validate_pod_status_update(&pod(policy, waiting.clone()), &pod(policy, ended(code))).len()
        };
        assert_eq!(check("Never", 1), 1);
        assert_eq!(check("Never", 0), 1);
        assert_eq!(check("OnFailure", 1), 0);
        assert_eq!(check("OnFailure", 0), 1);
        assert_eq!(check("Always", 0), 0);
    }

    #[test]
    fn a_sidecar_restarts_under_never() {
        let status = |state: Value| json!({"initContainerStatuses": [{"name": "side", "state": state}]});
        let old = pod("Never", status(json!({"terminated": {"exitCode": 1}})));
        assert!(validate_pod_status_update(&pod("Never", status(json!({"running": {}}))), &old).is_empty());
    }

    #[test]
    fn phases_go_anywhere_and_the_qos_class_nowhere() {
        let old = pod("Always", json!({"phase": "Failed", "qosClass": "Burstable"}));
        let running = pod("Always", json!({"phase": "Running", "qosClass": "Burstable"}));
        assert!(validate_pod_status_update(&running, &old).is_empty());
        let changed = pod("Always", json!({"phase": "Failed", "qosClass": "BestEffort"}));
        assert_eq!(
            validate_pod_status_update(&changed, &old),
            [FieldError::invalid("status.qosClass", "BestEffort", "field is immutable")]
        );
    }

    #[test]
    fn two_addresses_of_one_family_and_a_host_ip_that_differs_are_refused() {
        let old = pod("Always", json!({}));
        let two = |ips: Value| validate_pod_status_update(&pod("Always", json!({"podIPs": ips})), &old).len();
        assert_eq!(two(json!([{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}])), 1);
        assert_eq!(two(json!([{"ip": "10.0.0.1"}, {"ip": "fd00::1"}])), 0);
        assert_eq!(two(json!([{"ip": "nonsense"}])), 1);
        let host = pod("Always", json!({"hostIP": "10.0.0.1", "hostIPs": [{"ip": "10.0.0.2"}]}));
        assert_eq!(validate_pod_status_update(&host, &old).len(), 1);
    }
}
