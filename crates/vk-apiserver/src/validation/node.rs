//! Nodes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::qualified_name_error;
use crate::api_error::FieldError;
use crate::object::Object;

const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// What is wrong with a node, new or changed.
pub(crate) fn validate_node(node: &Object) -> Vec<FieldError> {
    let mut errors = taints(node);
    errors.extend(resources(node));
    errors.extend(declared_features(node));
    errors
}

/// What may not change in a node.
pub(crate) fn validate_node_update(new: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = validate_node(new);
    let mut seen: Vec<&Value> = Vec::new();
    for (index, address) in new.items("/status/addresses").iter().enumerate() {
        if seen.contains(&address) {
            errors.push(FieldError::duplicate(format!("status.addresses[{index}]"), address.clone()));
        }
        seen.push(address);
    }
    let provider = old.text("/spec/providerID");
    if !provider.is_empty() && provider != new.text("/spec/providerID") {
        let detail = r#"node updates may not change providerID except from "" to valid"#;
        errors.push(FieldError::forbidden("spec.providerID", detail));
    }
    let cidrs = old.items("/spec/podCIDRs");
    if !cidrs.is_empty() && cidrs != new.items("/spec/podCIDRs") {
        let detail = r#"node updates may not change podCIDR except from "" to valid"#;
        errors.push(FieldError::forbidden("spec.podCIDRs", detail));
    }
    errors
}

fn taints(node: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, taint) in node.items("/spec/taints").iter().enumerate() {
        let text = |field: &str| taint.get(field).and_then(Value::as_str).unwrap_or_default();
        let path = format!("metadata.taints[{index}]");
        if let Some(error) = qualified_name_error(text("key")) {
            errors.push(FieldError::invalid(format!("{path}.key"), text("key"), &error));
        }
        if text("effect").is_empty() {
            errors.push(FieldError::required(format!("{path}.effect"), ""));
        } else if !EFFECTS.contains(&text("effect")) {
            errors.push(FieldError::not_supported(format!("{path}.effect"), text("effect"), &EFFECTS));
        }
        if !seen.insert((text("key"), text("effect"))) {
            errors.push(FieldError::duplicate(path, taint.clone()));
        }
    }
    errors
}

fn resources(node: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for field in ["capacity", "allocatable"] {
        for (name, quantity) in node.strings(&format!("/status/{field}")) {
            if quantity.starts_with('-') {
                let path = format!("status.{field}.{name}");
                errors.push(FieldError::invalid(path, quantity, "must be greater than or equal to 0"));
            }
        }
    }
    errors
}

/// `status.declaredFeatures` is a sorted set (KEP-5328).
fn declared_features(node: &Object) -> Vec<FieldError> {
    let features: Vec<&str> = node.items("/status/declaredFeatures").iter().filter_map(Value::as_str).collect();
    let mut errors = Vec::new();
    for (index, pair) in features.windows(2).enumerate() {
        let path = format!("status.declaredFeatures[{}]", index + 1);
        if let [left, right] = pair {
            if left == right {
                errors.push(FieldError::duplicate(path, *right));
            } else if left > right {
                errors.push(FieldError::invalid(path, *right, "list must be sorted alphabetically"));
            }
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(value: Value) -> Object {
        Object::from_value(value).unwrap()
    }

    #[test]
    fn declared_features_are_a_sorted_set() {
        let with = |features: Value| validate_node(&node(json!({"status": {"declaredFeatures": features}}))).len();
        assert_eq!(with(json!(["A", "B"])), 0);
        assert_eq!(with(json!(["B", "A"])), 1);
        assert_eq!(with(json!(["A", "A"])), 1);
    }

    #[test]
    fn taints_need_an_effect_and_are_unique() {
        let taints = json!([{"key": "a", "effect": "NoSchedule"}, {"key": "a", "effect": "NoSchedule"}, {"key": "b"}]);
        assert_eq!(validate_node(&node(json!({"spec": {"taints": taints}}))).len(), 2);
    }

    #[test]
    fn the_provider_id_is_set_once() {
        let old = node(json!({"spec": {"providerID": "a"}}));
        assert!(validate_node_update(&old, &node(json!({}))).is_empty());
        assert_eq!(validate_node_update(&node(json!({"spec": {"providerID": "b"}})), &old).len(), 1);
    }
}
