//! Pods.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::age::{age, human};
use super::pod_status::Summary;
use super::{Column, Printer, condition_holds, or_none, text};
use crate::object::Object;

pub(crate) static PODS: Printer = Printer {
    columns: &[
        Column::name(),
        Column::new("Ready", "How many of the pod's containers are ready."),
        Column::new("Status", "What the pod's containers are doing."),
        Column::new("Restarts", "How often containers were restarted, and when last."),
        Column::age(),
        Column::wide("IP", "The pod's address."),
        Column::wide("Node", "The node that the pod is bound to."),
        Column::wide("Nominated Node", "The node on which room is made for the pod."),
        Column::wide("Readiness Gates", "How many of the pod's readiness gates are open."),
    ],
    cells,
    conditions,
};

fn cells(pod: &Object, now: Timestamp) -> Vec<Value> {
    let summary = Summary::of(pod);
    let restarts = match summary.last_restart {
        Some(last) if summary.restarts != 0 => {
            format!("{} ({} ago)", summary.restarts, human(now.duration_since(last)))
        }
        _ => summary.restarts.to_string(),
    };
    vec![
        pod.name().into(),
        format!("{}/{}", summary.ready, summary.containers).into(),
        summary.status.into(),
        restarts.into(),
        age(pod, now).into(),
        or_none(pod.text("/status/podIPs/0/ip")).into(),
        or_none(pod.text("/spec/nodeName")).into(),
        or_none(pod.text("/status/nominatedNodeName")).into(),
        readiness_gates(pod).into(),
    ]
}

fn readiness_gates(pod: &Object) -> String {
    let gates = pod.items("/spec/readinessGates");
    let open = gates.iter().filter(|gate| condition_holds(pod, text(gate, "/conditionType"))).count();
    if gates.is_empty() { "<none>".into() } else { format!("{open}/{}", gates.len()) }
}

fn conditions(pod: &Object) -> Option<Value> {
    let (reason, message) = match pod.text("/status/phase") {
        "Succeeded" => ("Succeeded", "The pod has completed successfully."),
        "Failed" => ("Failed", "The pod failed."),
        _ => return None,
    };
    Some(json!([{"type": "Completed", "status": "True", "reason": reason, "message": message}]))
}
