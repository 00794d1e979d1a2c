//! A scheduler that knows node selectors, taints, cordons, what pods request and how many of them a node takes. It does
//! not preempt.

mod requests;

use std::collections::BTreeMap;
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
        match choose(kernel, &pod) {
            Ok(node) => kernel.bind_pod(&Key::of(&pod), &node, now),
            Err(message) => kernel.set_unschedulable(&Key::of(&pod), &message, now),
        }
    }
}

/// The fitting node with the fewest pods; among equals the first by name. If there is none, the sentence that says why.
fn choose(kernel: &Kernel, pod: &Object) -> Result<String, String> {
    let load = |node: &Object| {
        let pods = kernel.storage.collection("pods").objects(None);
        Load::of(
            pods.filter(|other| other.text("/spec/nodeName") == node.name())
                .filter(|other| !matches!(other.text("/status/phase"), "Failed" | "Succeeded"))
                .map(|other| &**other),
        )
    };
    let mut fitting: Vec<(usize, &str)> = Vec::new();
    let mut refusals: BTreeMap<String, usize> = BTreeMap::new();
    let mut nodes = 0;
    for node in kernel.storage.collection("nodes").objects(None) {
        nodes += 1;
        let load = load(node);
        let reasons = refusal(node, pod).map_or_else(|| load.shortages(pod, node), |reason| vec![reason.to_owned()]);
        if reasons.is_empty() {
            fitting.push((load.pods(), node.name()));
        }
        for reason in reasons {
            *refusals.entry(reason).or_default() += 1;
        }
    }
    let chosen = fitting.into_iter().min_by_key(|(pods, _)| *pods);
    chosen.map(|(_, node)| node.to_owned()).ok_or_else(|| explanation(nodes, &refusals))
}

/// The first sentence of `FitError`; what follows it speaks of preemption, of which there is none here.
fn explanation(nodes: usize, refusals: &BTreeMap<String, usize>) -> String {
    if nodes == 0 {
        return "no nodes available to schedule pods".to_owned();
    }
    let mut reasons: Vec<String> = refusals.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    reasons.sort_unstable();
    format!("0/{nodes} nodes are available: {}.", reasons.join(", "))
}

/// Why a node is out of the question, whatever room it has: the first reason in the order of the scheduler's plugins.
fn refusal(node: &Object, pod: &Object) -> Option<&'static str> {
    let labels = node.labels();
    let selected = pod.strings("/spec/nodeSelector").iter().all(|(key, value)| labels.get(key) == Some(value));
    let tolerated = node
        .items("/spec/taints")
        .iter()
        .filter(|taint| taint.get("effect").and_then(Value::as_str) != Some("PreferNoSchedule"))
        .all(|taint| tolerates(pod, taint).is_some());
    if node.flag("/spec/unschedulable") || node.deletion_timestamp().is_some() {
        Some("node(s) were unschedulable")
    } else if !tolerated {
        Some("node(s) had untolerated taint(s)")
    } else if !selected {
        Some("node(s) didn't match Pod's node affinity/selector")
    } else {
        None
    }
}
