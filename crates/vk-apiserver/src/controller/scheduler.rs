//! A scheduler that knows node selectors, taints, cordons, what pods request and how many of them a node takes.

mod requests;

use std::sync::Arc;

use serde_json::Value;

use super::taint_eviction::tolerates;
use crate::clock::Now;
use crate::kernel::Kernel;
use crate::object::Object;
use crate::storage::Key;
use requests::Load;

pub(super) fn act(kernel: &mut Kernel, now: Now) {
    let pending: Vec<Arc<Object>> = kernel
        .storage
        .collection("pods")
        .objects(None)
        .filter(|pod| {
            pod.text("/spec/nodeName").is_empty()
                && pod.deletion_timestamp().is_none()
                && pod.items("/spec/schedulingGates").is_empty()
                && pod.text("/spec/schedulerName") == "default-scheduler"
        })
        .cloned()
        .collect();
    for pod in pending {
        if let Some(node) = choose(kernel, &pod) {
            kernel.bind_pod(&Key::of(&pod), &node, now);
        }
    }
}

/// The fitting node with the fewest pods; among equals the first by name.
fn choose(kernel: &Kernel, pod: &Object) -> Option<String> {
    let load = |node: &Object| {
        let pods = kernel.storage.collection("pods").objects(None);
        Load::of(
            pods.filter(|other| other.text("/spec/nodeName") == node.name())
                .filter(|other| !matches!(other.text("/status/phase"), "Failed" | "Succeeded"))
                .map(|other| &**other),
        )
    };
    kernel
        .storage
        .collection("nodes")
        .objects(None)
        .filter(|node| fits(node, pod))
        .map(|node| (load(node), node))
        .filter(|(load, node)| load.leaves_room_for(pod, node))
        .min_by_key(|(load, _)| load.pods())
        .map(|(_, node)| node.name().to_owned())
}

fn fits(node: &Object, pod: &Object) -> bool {
    let labels = node.labels();
    let selected = pod.strings("/spec/nodeSelector").iter().all(|(key, value)| labels.get(key) == Some(value));
    let tolerated = node
        .items("/spec/taints")
        .iter()
        .filter(|taint| taint.get("effect").and_then(Value::as_str) != Some("PreferNoSchedule"))
        .all(|taint| tolerates(pod, taint).is_some());
    selected && tolerated && !node.flag("/spec/unschedulable") && node.deletion_timestamp().is_none()
}
