//! Node lifecycle: a node whose lease ran out becomes Unknown; what is not ready is tainted, and untainted again.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::clock::{Now, parse_rfc3339, rfc3339_seconds};
use crate::kernel::Kernel;
use crate::object::Object;

/// `--node-monitor-grace-period`.
const GRACE: SignedDuration = SignedDuration::from_secs(50);
/// `--node-startup-grace-period`: how long a new node may be silent.
const STARTUP_GRACE: SignedDuration = SignedDuration::from_secs(60);
const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const WATCHED: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/// When each node was last heard of, by the server's own clock: the clocks of nodes say nothing.
#[derive(Debug, Default)]
pub(crate) struct NodeHealth(BTreeMap<String, Heartbeat>);

/// The newest sign of life of one node.
#[derive(Debug)]
struct Heartbeat {
    uid: String,
    /// `spec.renewTime` of its lease, as far as it has grown.
    renewed: Option<Timestamp>,
    /// `lastHeartbeatTime` of its Ready condition; `None` as long as it has none.
    reported: Option<String>,
    seen: Timestamp,
}

impl NodeHealth {
    fn forget_all_but(&mut self, nodes: &[Arc<Object>]) {
        self.0.retain(|name, heartbeat| nodes.iter().any(|node| node.name() == name && node.uid() == heartbeat.uid));
    }

    /// Whether nothing was heard of the node for its grace period: its lease's time did not grow, and its status was not
    /// reported anew.
    fn has_lapsed(&mut self, node: &Object, renewed: Option<Timestamp>, now: Now) -> bool {
        let reported = condition(node, "Ready").map(|ready| text(ready, "lastHeartbeatTime").to_owned());
        let known = self.0.entry(node.name().to_owned()).or_insert_with(|| Heartbeat {
            uid: node.uid().to_owned(),
            renewed: None,
            reported: reported.clone(),
            seen: match &reported {
                Some(_) => now.wall,
                None => parse_rfc3339(node.text("/metadata/creationTimestamp")).unwrap_or(now.wall),
            },
        });
        if known.reported != reported || renewed > known.renewed {
            known.seen = now.wall;
        }
        known.renewed = known.renewed.max(renewed);
        let grace = if reported.is_some() { GRACE } else { STARTUP_GRACE };
        known.reported = reported;
        now.wall.duration_since(known.seen) > grace
    }
}

pub(super) fn act(kernel: &mut Kernel, now: Now) {
    let nodes: Vec<Arc<Object>> = kernel.storage.collection("nodes").objects(None).cloned().collect();
    kernel.node_health.forget_all_but(&nodes);
    for node in nodes {
        let mut changed = Object::clone(&node);
        let lease = kernel.storage.find("leases", "kube-node-lease", node.name());
        let renewed = lease.and_then(|lease| parse_rfc3339(lease.text("/spec/renewTime")));
        if kernel.node_health.has_lapsed(&node, renewed, now) {
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

fn condition<'a>(object: &'a Object, kind: &str) -> Option<&'a Value> {
    object.items("/status/conditions").iter().find(|condition| text(condition, "type") == kind)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn ready(object: &Object) -> Option<&str> {
    condition(object, "Ready")?.get("status")?.as_str()
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
