//! Plugins that only fill in: Priority, DefaultTolerationSeconds, TaintNodesByCondition, StorageObjectInUseProtection.

use serde_json::{Value, json};

use crate::object::Object;

/// Every pod has a priority.
pub(super) fn priority(pod: &mut Object) {
    pod.set_default("/spec/priority", 0);
    pod.set_default("/spec/preemptionPolicy", "PreemptLowerPriority");
}

/// Pods stay for five minutes on a node that is not ready or unreachable, unless they say otherwise.
pub(super) fn tolerate_node_problems(pod: &mut Object) {
    let mut tolerations = pod.items("/spec/tolerations").to_vec();
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let covered = tolerations.iter().any(|toleration| {
            let text = |field: &str| toleration.get(field).and_then(Value::as_str).unwrap_or_default();
            matches!(text("key"), "" | "node.kubernetes.io/not-ready" | "node.kubernetes.io/unreachable")
                && (text("key").is_empty() || text("key") == key)
                && matches!(text("effect"), "" | "NoExecute")
        });
        if !covered {
            tolerations.push(json!({
                "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300,
            }));
        }
    }
    pod.set("/spec/tolerations", tolerations);
}

/// StorageObjectInUseProtection: claims and volumes stay until nothing uses them.
pub(super) fn protect(object: &mut Object, finalizer: &str) {
    let mut finalizers = object.items("/metadata/finalizers").to_vec();
    if !finalizers.iter().any(|own| own == finalizer) {
        finalizers.push(finalizer.into());
        object.set("/metadata/finalizers", finalizers);
    }
}

/// A new node takes no pods until a controller has seen it ready.
pub(super) fn taint_as_not_ready(node: &mut Object) {
    let taint = json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"});
    let mut taints = node.items("/spec/taints").to_vec();
    let same = |other: &Value| other.get("key") == taint.get("key") && other.get("effect") == taint.get("effect");
    if !taints.iter().any(same) {
        taints.push(taint);
        node.set("/spec/taints", taints);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerations_are_added_once() {
        let mut pod = Object::default();
        tolerate_node_problems(&mut pod);
        let once = pod.clone();
        tolerate_node_problems(&mut pod);
        assert_eq!(pod, once);
        assert_eq!(pod.items("/spec/tolerations").len(), 2);
    }

    #[test]
    fn a_pod_that_tolerates_everything_gets_nothing() {
        let mut pod = Object::from_value(json!({"spec": {"tolerations": [{"operator": "Exists"}]}})).unwrap();
        tolerate_node_problems(&mut pod);
        assert_eq!(pod.items("/spec/tolerations").len(), 1);
    }
}
