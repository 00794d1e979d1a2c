use serde_json::json;

use super::*;
use crate::resolve::tests::{ips, node, pod_with};

fn selector(field_path: &str) -> ObjectFieldSelector {
    ObjectFieldSelector { api_version: Some("v1".to_owned()), field_path: field_path.to_owned() }
}

fn pod() -> Pod {
    pod_with(&json!({"containers": [], "nodeName": "virtual-1", "serviceAccountName": "robot"}))
}

fn known() -> LateFields {
    LateFields::with_pod_ips(&ips(&["fd00::7", "10.0.0.7"]), &node())
}

#[test]
fn fields_have_the_values_of_a_kubelet() {
    for (field, expected) in [
        ("metadata.name", "web-0"),
        ("metadata.namespace", "shop"),
        ("metadata.uid", "1a2b"),
        ("metadata.labels['app']", "web"),
        ("metadata.labels['none']", ""),
        ("metadata.annotations['example.com/note']", "line 1\nline \"2\""),
        ("metadata.labels", "app=\"web\"\ntier=\"front end\""),
        ("metadata.annotations", "example.com/note=\"line 1\\nline \\\"2\\\"\""),
        ("spec.nodeName", "virtual-1"),
        ("spec.host", "virtual-1"),
        ("spec.serviceAccountName", "robot"),
        ("status.hostIP", "10.0.0.1"),
        ("status.hostIPs", "10.0.0.1,fd00::1"),
        ("status.podIP", "10.0.0.7"),
        ("status.podIPs", "10.0.0.7,fd00::7"),
    ] {
        let value = variable(&selector(field), "env", &pod(), &node(), &known());
        assert_eq!(value, Ok(EnvValue::Literal(expected.to_owned())), "{field}");
    }
}

#[test]
fn other_fields_are_refused() {
    for field in ["", "metadata", "metadata.generation", "spec.containers", "status.phase", "spec.labels['a']", "['a']"]
    {
        let result = variable(&selector(field), "env[0].valueFrom.fieldRef", &pod(), &node(), &known());
        let Err(ResolveError::Invalid { field: path, .. }) = result else { panic!("{field}: {result:?}") };
        assert_eq!(path, "env[0].valueFrom.fieldRef.fieldPath", "{field}");
    }
    let other_version = ObjectFieldSelector { api_version: Some("v2".to_owned()), ..selector("metadata.name") };
    assert!(variable(&other_version, "env", &pod(), &node(), &known()).is_err());
}

#[test]
fn files_know_the_metadata_only() {
    assert_eq!(file(&selector("metadata.labels['app']"), "item", &pod()), Ok("web".to_owned()));
    for field in ["spec.nodeName", "status.podIP", "status.hostIP"] {
        assert!(file(&selector(field), "item", &pod()).is_err(), "{field}");
    }
}

#[test]
fn addresses_that_are_not_known_yet_come_late() {
    let late = LateFields::default();
    let value = |field, node: &NodeFacts| variable(&selector(field), "env", &pod(), node, &late);
    assert_eq!(value("status.podIP", &node()), Ok(EnvValue::Late(LateField::PodIp.into())));
    assert_eq!(value("status.podIPs", &node()), Ok(EnvValue::Late(LateField::PodIps.into())));
    assert_eq!(value("status.hostIP", &node()), Ok(EnvValue::Literal("10.0.0.1".to_owned())));
    assert_eq!(value("status.hostIP", &NodeFacts::default()), Ok(EnvValue::Late(LateField::HostIp.into())));
}

#[test]
fn a_pod_in_its_place_without_any_host_address_is_an_error_and_without_its_own_is_none() {
    let value = |field| variable(&selector(field), "env", &pod(), &NodeFacts::default(), &known());
    assert!(matches!(value("status.hostIPs"), Err(ResolveError::NodeUnknown { .. })));
    let nowhere = LateFields::with_pod_ips(&[], &node());
    let value = variable(&selector("status.podIP"), "env", &pod(), &node(), &nowhere);
    assert_eq!(value, Ok(EnvValue::Literal(String::new())));
}

#[test]
fn the_host_of_the_pod_goes_before_the_node() {
    let late = LateFields { host_ips: Some(ips(&["192.0.2.1"])), ..known() };
    let value = variable(&selector("status.hostIP"), "env", &pod(), &node(), &late);
    assert_eq!(value, Ok(EnvValue::Literal("192.0.2.1".to_owned())));
}

#[test]
fn pod_addresses_are_one_of_each_family_that_of_the_node_first() {
    let v6_node = NodeFacts { host_ips: ips(&["fd00::1"]), ..node() };
    for (node, pod_ips, expected) in [
        (node(), &["fd00::7", "10.0.0.7", "10.0.0.8"][..], &["10.0.0.7", "fd00::7"][..]),
        (v6_node, &["10.0.0.7", "fd00::7"], &["fd00::7", "10.0.0.7"]),
        (NodeFacts::default(), &["fd00::7", "10.0.0.7"], &["fd00::7", "10.0.0.7"]),
        (node(), &["fd00::7"], &["fd00::7"]),
        (node(), &[], &[]),
    ] {
        assert_eq!(LateFields::with_pod_ips(&ips(pod_ips), &node).pod_ips, Some(ips(expected)), "{pod_ips:?}");
    }
}

/// As Go's `strconv.Quote` writes them.
#[test]
fn values_of_maps_are_quoted_as_go_quotes() {
    for (text, expected) in [
        ("", r#""""#),
        ("a b", r#""a b""#),
        ("\\ \" '", r#""\\ \" '""#),
        ("\x07\x08\x0c\n\r\t\x0b", r#""\a\b\f\n\r\t\v""#),
        ("\0\x1b\x7f", r#""\x00\x1b\x7f""#),
        ("é 日本 🦀", r#""é 日本 🦀""#),
        ("\u{a0}\u{ad}\u{200b}\u{2028}", r#""\u00a0\u00ad\u200b\u2028""#),
        ("e\u{301}\u{fffd}", "\"e\u{301}\u{fffd}\""),
        ("\u{e000}\u{10ffff}", r#""\ue000\U0010ffff""#),
    ] {
        assert_eq!(quote(text), expected, "{text:?}");
    }
}
