use serde_json::json;

use super::*;
use crate::patch::{NODE, POD};

fn patched(mut target: Value, patch: Value) -> Result<Value, PatchError> {
    apply(&mut target, &patch, &POD).map(|()| target)
}

#[test]
fn conditions_merge_by_type_and_those_left_out_stay() {
    let before = json!({"status": {"conditions": [
        {"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False", "reason": "x"},
    ]}});
    let patch = json!({"status": {"conditions": [{"type": "Ready", "status": "True", "reason": null}]}});
    let after = patched(before, patch).unwrap();
    assert_eq!(
        after["status"]["conditions"],
        json!([{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}])
    );
}

#[test]
fn a_condition_is_removed_only_by_the_delete_directive() {
    let before = json!({"status": {"conditions": [{"type": "A", "status": "True"}, {"type": "B", "status": "True"}]}});
    let patch = json!({"status": {"conditions": [{"$patch": "delete", "type": "A"}]}});
    assert_eq!(patched(before, patch).unwrap()["status"]["conditions"], json!([{"type": "B", "status": "True"}]));
}

#[test]
fn pod_ips_merge_by_ip_unless_replaced() {
    let before = json!({"status": {"podIPs": [{"ip": "10.0.0.1"}]}});
    let merged = patched(before.clone(), json!({"status": {"podIPs": [{"ip": "10.0.0.2"}]}})).unwrap();
    assert_eq!(merged["status"]["podIPs"], json!([{"ip": "10.0.0.2"}, {"ip": "10.0.0.1"}]));
    let replaced = patched(before, json!({"status": {"podIPs": [{"$patch": "replace"}, {"ip": "10.0.0.2"}]}})).unwrap();
    assert_eq!(replaced["status"]["podIPs"], json!([{"ip": "10.0.0.2"}]));
}

#[test]
fn container_statuses_have_no_merge_key_and_are_replaced() {
    let before = json!({"status": {"containerStatuses": [{"name": "a"}, {"name": "b"}]}});
    let after = patched(before, json!({"status": {"containerStatuses": [{"name": "b", "ready": true}]}})).unwrap();
    assert_eq!(after["status"]["containerStatuses"], json!([{"name": "b", "ready": true}]));
}

#[test]
fn nested_keyed_lists_merge_inside_their_element() {
    let before = json!({"spec": {"containers": [
        {"name": "a", "image": "i", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]},
    ]}});
    let patch = json!({"spec": {"containers": [{"name": "a", "env": [{"name": "Y", "value": "3"}]}]}});
    let after = patched(before, patch).unwrap();
    assert_eq!(
        after["spec"]["containers"],
        json!([{"name": "a", "image": "i", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "3"}]}])
    );
}

#[test]
fn finalizers_are_a_set_with_deletion() {
    let before = json!({"metadata": {"finalizers": ["a", "b"]}});
    let added = patched(before.clone(), json!({"metadata": {"finalizers": ["b", "c"]}})).unwrap();
    assert_eq!(added["metadata"]["finalizers"], json!(["a", "b", "c"]));
    let removed = patched(before, json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}})).unwrap();
    assert_eq!(removed["metadata"]["finalizers"], json!(["b"]));
}

#[test]
fn set_element_order_moves_the_named_and_keeps_the_others() {
    let before = json!({"status": {"conditions": [{"type": "A"}, {"type": "B"}, {"type": "C"}]}});
    let patch = json!({"status": {
        "$setElementOrder/conditions": [{"type": "C"}, {"type": "A"}],
        "conditions": [{"type": "A", "status": "True"}],
    }});
    let after = patched(before, patch).unwrap();
    assert_eq!(after["status"]["conditions"], json!([{"type": "B"}, {"type": "C"}, {"type": "A", "status": "True"}]));
}

#[test]
fn retain_keys_drops_the_other_fields_of_a_union() {
    let before = json!({"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}});
    let patch =
        json!({"spec": {"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}]}});
    let after = patched(before.clone(), patch).unwrap();
    assert_eq!(after["spec"]["volumes"], json!([{"name": "v", "hostPath": {"path": "/x"}}]));
    let wrong = json!({"spec": {"volumes": [{"name": "v", "$retainKeys": ["name"], "hostPath": {"path": "/x"}}]}});
    assert!(matches!(patched(before, wrong), Err(PatchError::Malformed(_))));
}

#[test]
fn directives_on_objects_replace_or_empty_them() {
    let before = json!({"metadata": {"labels": {"a": "1", "b": "2"}}});
    let replaced = patched(before.clone(), json!({"metadata": {"labels": {"$patch": "replace", "c": "3"}}})).unwrap();
    assert_eq!(replaced["metadata"]["labels"], json!({"c": "3"}));
    let emptied = patched(before.clone(), json!({"metadata": {"labels": {"$patch": "delete"}}})).unwrap();
    assert_eq!(emptied["metadata"]["labels"], json!({}));
    assert!(patched(before, json!({"metadata": {"labels": {"$patch": "merge"}}})).is_err());
}

#[test]
fn an_element_without_its_merge_key_is_refused() {
    let before = json!({"status": {"conditions": [{"type": "A"}]}});
    let after = patched(before, json!({"status": {"conditions": [{"status": "True"}]}}));
    assert!(matches!(after, Err(PatchError::Internal(_))), "{after:?}");
}

#[test]
fn node_addresses_merge_by_type() {
    let mut node = json!({"status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]}});
    let patch = json!({"status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.2"}]}});
    apply(&mut node, &patch, &NODE).unwrap();
    assert_eq!(node["status"]["addresses"], json!([{"type": "InternalIP", "address": "10.0.0.2"}]));
}
