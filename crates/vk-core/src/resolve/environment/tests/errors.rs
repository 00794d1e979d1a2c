//! What keeps a container from starting, and how that is said.

use super::*;

fn settings() -> Reference {
    Reference::ConfigMap("settings".to_owned())
}

fn login() -> Reference {
    Reference::Secret("login".to_owned())
}

fn error_of(container: Value) -> ResolveError {
    resolve(container).unwrap_err()
}

#[test]
fn missing_objects_are_named() {
    let missing_map = ResolveError::NotFound { reference: Reference::ConfigMap("gone".to_owned()) };
    let missing_secret = ResolveError::NotFound { reference: Reference::Secret("gone".to_owned()) };
    let key = json!({"name": "gone", "key": "a"});
    for (container, expected) in [
        (json!({"envFrom": [{"configMapRef": {"name": "gone"}}]}), &missing_map),
        (json!({"envFrom": [{"secretRef": {"name": "gone", "optional": false}}]}), &missing_secret),
        (json!({"env": [{"name": "A", "valueFrom": {"configMapKeyRef": key}}]}), &missing_map),
        (json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": key}}]}), &missing_secret),
    ] {
        assert_eq!(&error_of(container.clone()), expected, "{container}");
    }
}

#[test]
fn missing_keys_are_named() {
    let missing = |name: &str, reference| ResolveError::KeyNotFound { reference, key: name.to_owned() };
    let variable = |source: Value| json!({"env": [{"name": "A", "valueFrom": source}]});
    assert_eq!(
        error_of(variable(json!({"configMapKeyRef": {"name": "settings", "key": "none"}}))),
        missing("none", settings())
    );
    assert_eq!(error_of(variable(json!({"secretKeyRef": {"name": "login", "key": "none"}}))), missing("none", login()));
    // Environment variables are made of `data` only.
    assert_eq!(
        error_of(variable(json!({"configMapKeyRef": {"name": "settings", "key": "logo"}}))),
        missing("logo", settings())
    );
}

#[test]
fn what_has_not_been_read_is_not_absent() {
    let unread = Reference::ConfigMap("unread".to_owned());
    let container = json!({"envFrom": [{"configMapRef": {"name": "unread", "optional": true}}]});
    assert_eq!(error_of(container), ResolveError::NotRead { reference: unread });
    let nothing = ReferenceData::default();
    let error = resolve_with(json!({}), &nothing).unwrap_err();
    assert_eq!(error, ResolveError::NotRead { reference: Reference::Services });
}

#[test]
fn what_is_no_text_cannot_be_a_variable() {
    let mut data = cluster();
    data.extend([
        secret("binary", &[("raw", b"\xff")]),
        secret("nul", &[("raw", b"a\0b")]),
        config_map("nul", &[("raw", "a\0b")]),
    ]);
    for (source, reference) in [
        (json!({"secretRef": {"name": "binary"}}), Reference::Secret("binary".to_owned())),
        (json!({"secretRef": {"name": "nul"}}), Reference::Secret("nul".to_owned())),
        (json!({"configMapRef": {"name": "nul"}}), Reference::ConfigMap("nul".to_owned())),
    ] {
        let error = resolve_with(json!({ "envFrom": [source] }), &data).unwrap_err();
        assert_eq!(error, ResolveError::NotText { reference, key: "raw".to_owned() }, "{source}");
    }
}

#[test]
fn what_is_wrong_in_the_pod_is_named_by_field() {
    for (container, path) in [
        (json!({"env": [{"name": "A=B", "value": "1"}]}), "spec.containers[0].env[0].name"),
        (json!({"env": [{"name": "", "value": "1"}]}), "spec.containers[0].env[0].name"),
        (json!({"env": [{"name": "A", "value": "a\u{0}"}]}), "spec.containers[0].env[0].value"),
        (
            json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.tolerations"}}}]}),
            "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath",
        ),
        (
            json!({"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.gpu"}}}]}),
            "spec.containers[0].env[0].valueFrom.resourceFieldRef.resource",
        ),
    ] {
        let ResolveError::Invalid { field, .. } = error_of(container.clone()) else { panic!("{container}") };
        assert_eq!(field, path, "{container}");
    }
}

#[test]
fn sources_that_cannot_be_resolved_are_unsupported() {
    let file = json!({"fileKeyRef": {"volumeName": "a", "path": "b", "key": "c"}});
    for (container, path) in [
        (json!({"env": [{"name": "A", "valueFrom": file}]}), "spec.containers[0].env[0].valueFrom"),
        (json!({"envFrom": [{"prefix": "A"}]}), "spec.containers[0].envFrom[0]"),
    ] {
        let ResolveError::Unsupported { field, .. } = error_of(container.clone()) else { panic!("{container}") };
        assert_eq!(field, path, "{container}");
    }
}

#[test]
fn a_container_that_does_not_exist_is_an_error() {
    let pod = pod_with(&json!({ "containers": [] }));
    let result = container_env(&pod, "web", &cluster(), &node(), &LateFields::default());
    assert!(matches!(result, Err(ResolveError::Invalid { .. })));
}
