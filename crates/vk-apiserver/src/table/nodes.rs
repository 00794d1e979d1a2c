//! Nodes.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::age::age;
use super::{Column, Printer, or, or_none, text};
use crate::object::Object;

pub(crate) static NODES: Printer = Printer::new(
    &[
        Column::name(),
        Column::new("Status", "Whether pods can run there."),
        Column::new("Roles", "What the node is for."),
        Column::age(),
        Column::new("Version", "The version of its agent."),
        Column::wide("Internal-IP", "Its first address inside the cluster."),
        Column::wide("External-IP", "Its first address outside the cluster."),
        Column::wide("OS-Image", "Its operating system."),
        Column::wide("Kernel-Version", "Its kernel."),
        Column::wide("Container-Runtime", "What runs its containers."),
    ],
    cells,
);

fn cells(node: &Object, now: Timestamp) -> Vec<Value> {
    let info = |field: &str| node.text(&format!("/status/nodeInfo/{field}"));
    let kernel = or(info("kernelVersion"), "<unknown>");
    let kernel = match info("architecture") {
        "" => kernel.to_owned(),
        architecture => format!("{kernel} ({architecture})"),
    };
    vec![
        node.name().into(),
        status(node).into(),
        or_none(&roles(node)).into(),
        age(node, now).into(),
        info("kubeletVersion").into(),
        or_none(address(node, "InternalIP")).into(),
        or_none(address(node, "ExternalIP")).into(),
        or(info("osImage"), "<unknown>").into(),
        kernel.into(),
        or(info("containerRuntimeVersion"), "<unknown>").into(),
    ]
}

fn status(node: &Object) -> String {
    // Of two conditions of one type the last counts here.
    let ready = node.items("/status/conditions").iter().rfind(|condition| text(condition, "/type") == "Ready");
    let ready = match ready.map(|condition| text(condition, "/status")) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    let closed = if node.flag("/spec/unschedulable") { ",SchedulingDisabled" } else { "" };
    format!("{ready}{closed}")
}

fn roles(node: &Object) -> String {
    let labels = node.labels();
    let roles: BTreeSet<&str> = labels
        .iter()
        .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) => Some(role),
            None => (*key == "kubernetes.io/role").then_some(*value),
        })
        .filter(|role| !role.is_empty())
        .collect();
    roles.into_iter().collect::<Vec<&str>>().join(",")
}

fn address<'node>(node: &'node Object, kind: &str) -> &'node str {
    let mut addresses = node.items("/status/addresses").iter();
    addresses.find(|address| text(address, "/type") == kind).map(|found| text(found, "/address")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn status_and_roles() {
        let node = Object::from_value(json!({
            "metadata": {"labels": {
                "node-role.kubernetes.io/worker": "", "kubernetes.io/role": "agent", "node-role.kubernetes.io/": "x"
            }},
            "spec": {"unschedulable": true},
            "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}
        }))
        .unwrap();
        assert_eq!(status(&node), "NotReady,SchedulingDisabled");
        assert_eq!(roles(&node), "agent,worker");
        assert_eq!(status(&Object::default()), "Unknown");
    }
}
