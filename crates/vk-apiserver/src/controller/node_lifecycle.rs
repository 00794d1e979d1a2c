//! Node lifecycle: a node whose lease ran out becomes Unknown; what is not ready is tainted, and untainted again.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::clock::{Now, parse_rfc3339, rfc3339_seconds};
use crate::kernel::Kernel;
use crate::object::Object;

/// `--node-monitor-grace-period`.
const GRACE: SignedDuration = SignedDuration::from_secs(50);
const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const WATCHED: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

pub(super) fn act(kernel: &mut Kernel, now: Now) {
    let nodes: Vec<Arc<Object>> = kernel.storage.collection("nodes").objects(None).cloned().collect();
    for node in nodes {
        let mut changed = Object::clone(&node);
        if lapsed(kernel, &node, now) {
            set_unknown(&mut changed, now);
            if ready(&node) == Some("True") {
                mark_pods_not_ready(kernel, node.name(), now);
            }
        }
        set_taints(&mut changed, now);
        if changed != *node {
            kernel.put("nodes", changed, now);
        }
    }
}

/// Whether neither lease nor status was written for the grace period.
fn lapsed(kernel: &Kernel, node: &Object, now: Now) -> bool {
    let lease = kernel.storage.find("leases", "kube-node-lease", node.name());
    let renewed = lease.and_then(|lease| parse_rfc3339(lease.text("/spec/renewTime")));
    let reported = node
        .items("/status/conditions")
        .iter()
        .filter_map(|condition| parse_rfc3339(condition.get("lastHeartbeatTime")?.as_str()?))
        .max();
    let created = parse_rfc3339(node.text("/metadata/creationTimestamp"));
    let latest = [renewed, reported, created].into_iter().flatten().max();
    latest.is_none_or(|latest| now.wall.duration_since(latest) > GRACE)
}

fn set_unknown(node: &mut Object, now: Now) {
    let mut conditions = node.items("/status/conditions").to_vec();
    for kind in WATCHED {
        let place = conditions.iter().position(|own| own.get("type").and_then(Value::as_str) == Some(kind));
        let status = place.and_then(|index| conditions.get(index)?.get("status")?.as_str()).unwrap_or_default();
        if status == "Unknown" {
            continue;
        }
        let reason = if place.is_some() { "NodeStatusUnknown" } else { "NodeStatusNeverUpdated" };
        let message =
            if place.is_some() { "Kubelet stopped posting node status." } else { "Kubelet never posted node status." };
        let unknown = json!({
            "type": kind, "status": "Unknown", "reason": reason, "message": message,
            "lastHeartbeatTime": place.and_then(|index| conditions.get(index)?.get("lastHeartbeatTime").cloned()),
            "lastTransitionTime": rfc3339_seconds(now.wall),
        });
        match place.and_then(|index| conditions.get_mut(index)) {
            Some(own) => *own = unknown,
            None => conditions.push(unknown),
        }
    }
    node.set("/status/conditions", conditions);
}

fn ready(object: &Object) -> Option<&str> {
    let conditions = object.items("/status/conditions").iter();
    let mut ready = conditions.filter(|condition| condition.get("type").and_then(Value::as_str) == Some("Ready"));
    ready.next()?.get("status")?.as_str()
}

/// Pods of a node that is not heard of are not ready: Services must send them nothing.
fn mark_pods_not_ready(kernel: &mut Kernel, node: &str, now: Now) {
    let pods: Vec<Arc<Object>> = kernel
        .storage
        .collection("pods")
        .objects(None)
        .filter(|pod| pod.text("/spec/nodeName") == node && ready(pod) == Some("True"))
        .cloned()
        .collect();
    for pod in pods {
        let mut pod = Object::clone(&pod);
        for condition in pod.items_mut("/status/conditions").iter_mut().filter_map(Value::as_object_mut) {
            if condition.get("type").and_then(Value::as_str) == Some("Ready") {
                condition.insert("status".into(), "False".into());
                condition.insert("lastTransitionTime".into(), rfc3339_seconds(now.wall).into());
            }
        }
        kernel.put("pods", pod, now);
    }
}

fn set_taints(node: &mut Object, now: Now) {
    let wanted = match ready(node).unwrap_or("Unknown") {
        "True" => None,
        "False" => Some(NOT_READY),
        _ => Some(UNREACHABLE),
    };
    let before = node.items("/spec/taints").to_vec();
    let key_of = |taint: &Value| taint.get("key").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut taints: Vec<Value> = before
        .iter()
        .filter(|taint| {
            let key = key_of(taint);
            (key != NOT_READY && key != UNREACHABLE) || Some(key.as_str()) == wanted
        })
        .cloned()
        .collect();
    for effect in ["NoSchedule", "NoExecute"] {
        let Some(key) = wanted else { break };
        let there = taints.iter().any(|taint| key_of(taint) == key && taint.get("effect") == Some(&effect.into()));
        if !there {
            taints.push(json!({"key": key, "effect": effect, "timeAdded": rfc3339_seconds(now.wall)}));
        }
    }
    if taints != before {
        let taints = Some(Value::from(taints)).filter(|list| list.as_array().is_some_and(|list| !list.is_empty()));
        node.set_or_remove("/spec/taints", taints);
    }
}
