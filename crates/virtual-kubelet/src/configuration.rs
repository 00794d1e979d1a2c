//! The agent's settings as fields of a `KubeletConfiguration`, for `/configz`.

use serde_json::{Map, Value, json};

use crate::node_spec::NodeSpec;

/// What is true of any agent, and what this node was given; the latter wins.
pub(crate) fn of(node: &NodeSpec) -> Map<String, Value> {
    let taints =
        node.facts.taints.iter().map(|taint| json!({ "key": taint.key, "value": taint.value, "effect": taint.effect }));
    let taints: Vec<Value> = taints.collect();
    let mut fields = Map::new();
    fields.insert("registerNode".to_owned(), true.into());
    fields.insert("registerWithTaints".to_owned(), taints.into());
    fields.insert("nodeLeaseDurationSeconds".to_owned(), LEASE_SECONDS.into());
    fields.insert("featureGates".to_owned(), node.feature_gates.values().into_iter().collect::<Map<_, _>>().into());
    fields.extend(node.configuration.clone());
    fields
}

/// How long the node lease holds, as a kubelet has it.
const LEASE_SECONDS: u32 = 40;
