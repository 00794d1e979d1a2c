//! Whether a pod may be on a node with these labels and taints.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodSpec, Toleration};

use super::Rejection;
use crate::node::Taint;
use crate::resolve::NodeFacts;

const OS_LABEL: &str = "kubernetes.io/os";

/// Whether the pod may be on this node: `spec.os`, `nodeSelector`, the required node affinity, and tolerations of the taints
/// with effect `NoExecute`. (`NoSchedule` concerns the scheduler alone, for a kubelet too.)
///
/// # Errors
/// The first that does not agree.
pub fn check_placement(spec: &PodSpec, node: &NodeFacts) -> Result<(), Rejection> {
    let os = node.labels.get(OS_LABEL);
    if spec.os.as_ref().zip(os).is_some_and(|(wanted, os)| wanted.name != *os) {
        return Err(Rejection {
            reason: "PodOSNotSupported".to_owned(),
            message: "Failed to admit pod as the OS field doesn't match node OS".to_owned(),
        });
    }
    if !selects(spec, node) {
        return Err(Rejection::of_predicate("NodeAffinity", "node(s) didn't match Pod's node affinity/selector"));
    }
    let tolerations = spec.tolerations.as_deref().unwrap_or_default();
    let untolerated = |taint: &&Taint| {
        taint.effect == "NoExecute" && !tolerations.iter().any(|toleration| tolerates(toleration, taint))
    };
    if node.taints.iter().any(|taint| untolerated(&taint)) {
        return Err(Rejection::of_predicate("TaintToleration", "node(s) had taints that the pod didn't tolerate"));
    }
    Ok(())
}

fn required(spec: &PodSpec) -> Option<&NodeSelector> {
    let affinity = spec.affinity.as_ref()?.node_affinity.as_ref()?;
    affinity.required_during_scheduling_ignored_during_execution.as_ref()
}

fn selects(spec: &PodSpec, node: &NodeFacts) -> bool {
    let mut wanted = spec.node_selector.iter().flatten();
    let selected = wanted.all(|(key, value)| node.labels.get(key) == Some(value));
    selected && required(spec).is_none_or(|selector| selector.node_selector_terms.iter().any(|term| fits(term, node)))
}

/// A term without any requirement fits no node.
fn fits(term: &NodeSelectorTerm, node: &NodeFacts) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    let names = BTreeMap::from([("metadata.name".to_owned(), node.name.clone())]);
    !(expressions.is_empty() && fields.is_empty())
        && expressions.iter().all(|requirement| holds(requirement, &node.labels))
        && fields.iter().all(|requirement| holds(requirement, &names))
}

fn holds(requirement: &NodeSelectorRequirement, labels: &BTreeMap<String, String>) -> bool {
    let values = requirement.values.as_deref().unwrap_or_default();
    let label = labels.get(&requirement.key);
    let is_listed = label.is_some_and(|label| values.contains(label));
    match requirement.operator.as_str() {
        "In" => is_listed,
        "NotIn" => !is_listed,
        "Exists" => label.is_some(),
        "DoesNotExist" => label.is_none(),
        "Gt" => compare(label, values).is_some_and(|(label, bound)| label > bound),
        "Lt" => compare(label, values).is_some_and(|(label, bound)| label < bound),
        _ => false,
    }
}

fn compare(label: Option<&String>, values: &[String]) -> Option<(i64, i64)> {
    match values {
        [bound] => Some((label?.parse().ok()?, bound.parse().ok()?)),
        _ => None,
    }
}

fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let agrees = |wanted: &Option<String>, given: &str| wanted.as_deref().is_none_or(|it| it.is_empty() || it == given);
    if !agrees(&toleration.effect, &taint.effect) || !agrees(&toleration.key, &taint.key) {
        return false;
    }
    let value = toleration.value.as_deref().unwrap_or_default();
    let numbers = || Some((taint.value.parse::<i64>().ok()?, value.parse::<i64>().ok()?));
    match toleration.operator.as_deref().unwrap_or_default() {
        "" | "Equal" => value == taint.value,
        "Exists" => true,
        "Lt" => numbers().is_some_and(|(taint, bound)| taint < bound),
        "Gt" => numbers().is_some_and(|(taint, bound)| taint > bound),
        _ => false,
    }
}
