//! Fields that kube-apiserver writes even when they are empty, because Go marshals a struct or a time by value.

use serde_json::{Map, Value, json};

use super::containers::set_default;
use crate::object::Object;

/// Fills in the empty fields of a pod's status.
pub(super) fn of_pod(pod: &mut Object) {
    set_in_items(pod, "/status/conditions", &[("lastProbeTime", Value::Null), ("lastTransitionTime", Value::Null)]);
    for list in ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"] {
        for status in pod.items_mut(&format!("/status/{list}")) {
            let Value::Object(status) = status else { continue };
            for field in ["state", "lastState"] {
                set_default(status, field, json!({}));
                if let Some(Value::Object(state)) = status.get_mut(field) {
                    of_container_state(state);
                }
            }
        }
    }
}

/// Fills in the empty fields of a node's status.
pub(crate) fn of_node(node: &mut Object) {
    let times = [("lastHeartbeatTime", Value::Null), ("lastTransitionTime", Value::Null)];
    set_in_items(node, "/status/conditions", &times);
    node.set_default("/status/daemonEndpoints/kubeletEndpoint", json!({"Port": 0}));
    for field in [
        "architecture",
        "bootID",
        "containerRuntimeVersion",
        "kernelVersion",
        "kubeProxyVersion",
        "kubeletVersion",
        "machineID",
        "operatingSystem",
        "osImage",
        "systemUUID",
    ] {
        node.set_default(&format!("/status/nodeInfo/{field}"), "");
    }
}

fn of_container_state(state: &mut Map<String, Value>) {
    if let Some(Value::Object(running)) = state.get_mut("running") {
        set_default(running, "startedAt", Value::Null);
    }
    if let Some(Value::Object(terminated)) = state.get_mut("terminated") {
        set_default(terminated, "startedAt", Value::Null);
        set_default(terminated, "finishedAt", Value::Null);
    }
}

fn set_in_items(object: &mut Object, list: &str, fields: &[(&str, Value)]) {
    for item in object.items_mut(list) {
        if let Value::Object(item) = item {
            for (field, value) in fields {
                set_default(item, field, value.clone());
            }
        }
    }
}
