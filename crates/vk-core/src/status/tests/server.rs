//! The part of an API server that a status patch meets: strategic merge, preconditions, and what validation refuses.
//! What it does was observed on kube-apiserver 1.36.

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Map, Value, json};

use crate::record::RestartPolicy;
use crate::status::ContainerRestart;

/// Fields of the status that are not a node agent's to write.
const FOREIGN_FIELDS: [&str; 4] =
    ["qosClass", "resourceClaimStatuses", "nominatedNodeName", "extendedResourceClaimStatus"];

/// Conditions that may appear in a patch.
const OWN_CONDITIONS: [&str; 6] =
    ["PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready", "PodResizePending", "DisruptionTarget"];

/// Applies the patch to the pod as served.
///
/// # Panics
/// If the real server would refuse it, or if it touches what belongs to others.
pub(super) fn apply(pod: &mut Value, patch: &Value) {
    let before = pod.clone();
    assert_eq!(patch["metadata"]["uid"], pod["metadata"]["uid"], "422 on metadata.uid");
    assert_eq!(patch["metadata"]["resourceVersion"], pod["metadata"]["resourceVersion"], "409");
    if let Some(annotations) = patch["metadata"].get("annotations") {
        merge_object(&mut pod["metadata"]["annotations"], annotations);
    }
    for (field, value) in patch["status"].as_object().into_iter().flatten() {
        assert!(!FOREIGN_FIELDS.contains(&field.as_str()), "{field} is not ours");
        let target = &mut pod["status"][field];
        match field.as_str() {
            "conditions" => merge_list(target, value, "type"),
            "podIPs" | "hostIPs" => merge_list(target, value, "ip"),
            _ => *target = value.clone(),
        }
    }
    for entry in patch["status"]["conditions"].as_array().into_iter().flatten() {
        let kind = entry["type"].as_str().unwrap();
        assert!(OWN_CONDITIONS.contains(&kind), "condition {kind} is not ours");
    }
    let version: u64 = pod["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
    pod["metadata"]["resourceVersion"] = json!((version + 1).to_string());
    *pod = stored(pod);
    validate(&before, pod);
}

fn merge_object(target: &mut Value, patch: &Value) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let target = target.as_object_mut().unwrap();
    for (key, value) in patch.as_object().unwrap() {
        if value.is_null() {
            target.remove(key);
        } else {
            target.insert(key.clone(), value.clone());
        }
    }
}

fn merge_list(target: &mut Value, patch: &Value, key: &str) {
    let mut list = target.as_array().cloned().unwrap_or_default();
    for entry in patch.as_array().unwrap() {
        match entry.get("$patch").and_then(Value::as_str) {
            Some("replace") => list.clear(),
            Some("delete") => list.retain(|known| known[key] != entry[key]),
            Some(other) => panic!("$patch: {other}"),
            None => match list.iter_mut().find(|known| known[key] == entry[key]) {
                Some(known) => merge_object(known, entry),
                None => list.push(entry.clone()),
            },
        }
    }
    *target = Value::Array(list);
}

/// What is served afterwards: unknown fields dropped, and Go's way of writing empty structs.
fn stored(pod: &Value) -> Value {
    let typed: Pod = serde_json::from_value(pod.clone()).unwrap();
    let mut served = serde_json::to_value(typed).unwrap();
    for list in ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"] {
        for status in served["status"].get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            let status = status.as_object_mut().unwrap();
            status.entry("lastState").or_insert_with(|| json!({}));
            status.entry("state").or_insert_with(|| json!({}));
        }
    }
    served
}

fn validate(before: &Value, after: &Value) {
    for (statuses, containers) in [("initContainerStatuses", "initContainers"), ("containerStatuses", "containers")] {
        for old in before["status"][statuses].as_array().into_iter().flatten() {
            let Some(exit_code) = old["state"]["terminated"]["exitCode"].as_i64() else { continue };
            let named = |entry: &&Value| entry["name"] == old["name"];
            let new = after["status"][statuses].as_array().unwrap().iter().find(named).unwrap();
            let spec = after["spec"][containers].as_array().unwrap().iter().find(named).unwrap();
            let restart = ContainerRestart::of(&serde_json::from_value(spec.clone()).unwrap());
            let policy = RestartPolicy::parse(after["spec"]["restartPolicy"].as_str().unwrap());
            let may_restart = restart.restarts(policy, i32::try_from(exit_code).unwrap());
            let ended = new["state"].get("terminated").is_some();
            assert!(ended || may_restart, "422: {} may not be transitioned to non-terminated state", old["name"]);
        }
    }
    for (single, list) in [("podIP", "podIPs"), ("hostIP", "hostIPs")] {
        let ips: Vec<&str> =
            after["status"][list].as_array().into_iter().flatten().map(|entry| entry["ip"].as_str().unwrap()).collect();
        assert_eq!(after["status"][single].as_str(), ips.first().copied(), "422: {single} is not {list}[0]");
        let families = ips.iter().filter(|ip| ip.contains(':')).count();
        assert!(families <= 1 && ips.len() - families <= 1, "422: more than one IP of a family: {ips:?}");
    }
}
