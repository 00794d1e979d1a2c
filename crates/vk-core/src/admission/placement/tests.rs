use serde_json::{Value, json};

use super::*;

fn node() -> NodeFacts {
    let labels = [(OS_LABEL, "linux"), ("zone", "a"), ("slots", "7")];
    NodeFacts {
        name: "virtual-1".to_owned(),
        labels: labels.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        ..NodeFacts::default()
    }
}

fn tainted(effect: &str) -> NodeFacts {
    let taint = Taint { key: "gone".to_owned(), value: "3".to_owned(), effect: effect.to_owned() };
    NodeFacts { taints: vec![taint], ..node() }
}

fn spec(fields: Value) -> PodSpec {
    let mut spec = json!({"containers": []});
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(spec).unwrap()
}

fn affinity(terms: Value) -> PodSpec {
    spec(json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
        "nodeSelectorTerms": terms,
    }}}}))
}

fn requirement(key: &str, operator: &str, values: &[&str]) -> PodSpec {
    affinity(json!([{"matchExpressions": [{"key": key, "operator": operator, "values": values}]}]))
}

fn reason(spec: &PodSpec, node: &NodeFacts) -> String {
    check_placement(spec, node).err().map(|rejection| rejection.reason).unwrap_or_default()
}

#[test]
fn a_node_selector_has_to_agree_in_every_label() {
    assert_eq!(reason(&spec(json!({"nodeSelector": {"zone": "a", "slots": "7"}})), &node()), "");
    let other = spec(json!({"nodeSelector": {"zone": "a", "slots": "8"}}));
    let rejection = check_placement(&other, &node()).unwrap_err();
    assert_eq!(rejection.reason, "NodeAffinity");
    assert_eq!(rejection.message, "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector");
}

#[test]
fn every_operator_means_what_it_means_to_the_scheduler() {
    let fitting = [
        ("zone", "In", &["b", "a"][..]),
        ("zone", "NotIn", &["b"]),
        ("missing", "NotIn", &["a"]),
        ("zone", "Exists", &[]),
        ("missing", "DoesNotExist", &[]),
        ("slots", "Gt", &["6"]),
        ("slots", "Lt", &["8"]),
    ];
    for (key, operator, values) in fitting {
        assert_eq!(reason(&requirement(key, operator, values), &node()), "", "{key} {operator} {values:?}");
    }
    let unfitting = [
        ("zone", "In", &["b"][..]),
        ("missing", "In", &["a"]),
        ("zone", "NotIn", &["a"]),
        ("missing", "Exists", &[]),
        ("zone", "DoesNotExist", &[]),
        ("slots", "Gt", &["7"]),
        ("slots", "Lt", &["7"]),
        ("zone", "Gt", &["1"]),
        ("slots", "Gt", &["1", "2"]),
        ("zone", "Like", &["a"]),
    ];
    for (key, operator, values) in unfitting {
        assert_eq!(reason(&requirement(key, operator, values), &node()), "NodeAffinity", "{key} {operator} {values:?}");
    }
}

#[test]
fn one_term_is_enough_and_an_empty_one_fits_nothing() {
    let zone = |zone: &str| json!({"matchExpressions": [{"key": "zone", "operator": "In", "values": [zone]}]});
    assert_eq!(reason(&affinity(json!([zone("b"), zone("a")])), &node()), "");
    assert_eq!(reason(&affinity(json!([{}])), &node()), "NodeAffinity");
    assert_eq!(reason(&affinity(json!([{}, zone("a")])), &node()), "");
}

/// The DaemonSet controller binds its pods by this field.
#[test]
fn the_nodes_name_is_a_field() {
    let named =
        |name: &str| affinity(json!([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]}]));
    assert_eq!(reason(&named("virtual-1"), &node()), "");
    assert_eq!(reason(&named("virtual-2"), &node()), "NodeAffinity");
}

#[test]
fn only_taints_that_evict_concern_a_kubelet() {
    let bare = spec(json!({}));
    assert_eq!(reason(&bare, &tainted("NoSchedule")), "");
    assert_eq!(reason(&bare, &tainted("NoExecute")), "TaintToleration");
}

#[test]
fn tolerations_are_matched_by_key_value_and_effect() {
    let tolerating = [
        json!({"operator": "Exists"}),
        json!({"key": "gone", "operator": "Exists", "effect": "NoExecute"}),
        json!({"key": "gone", "value": "3"}),
        json!({"key": "gone", "operator": "Equal", "value": "3", "tolerationSeconds": 300}),
        json!({"key": "gone", "operator": "Lt", "value": "4"}),
        json!({"key": "gone", "operator": "Gt", "value": "2"}),
    ];
    for toleration in tolerating {
        let pod = spec(json!({"tolerations": [toleration.clone()]}));
        assert_eq!(reason(&pod, &tainted("NoExecute")), "", "{toleration}");
    }
    let not_tolerating = [
        json!({"key": "other", "operator": "Exists"}),
        json!({"key": "gone", "operator": "Exists", "effect": "NoSchedule"}),
        json!({"key": "gone", "value": "4"}),
        json!({"key": "gone", "operator": "Gt", "value": "3"}),
    ];
    for toleration in not_tolerating {
        let pod = spec(json!({"tolerations": [toleration.clone()]}));
        assert_eq!(reason(&pod, &tainted("NoExecute")), "TaintToleration", "{toleration}");
    }
}

#[test]
fn a_pod_for_another_operating_system_is_refused() {
    assert_eq!(reason(&spec(json!({"os": {"name": "linux"}})), &node()), "");
    assert_eq!(reason(&spec(json!({"os": {"name": "windows"}})), &node()), "PodOSNotSupported");
    assert_eq!(reason(&spec(json!({"os": {"name": "windows"}})), &NodeFacts::default()), "");
}
