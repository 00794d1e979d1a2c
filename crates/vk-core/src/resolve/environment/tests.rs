mod errors;
mod properties;

use serde_json::{Value, json};

use super::*;
use crate::observation::ContainerKind;
use crate::resolve::tests::{cluster, config_map, ips, node, pod_with, secret, service, services};

fn resolve_with(container: Value, data: &ReferenceData) -> Result<ResolvedContainer, ResolveError> {
    let mut container = container;
    container["name"] = json!("web");
    let pod = pod_with(&json!({ "containers": [container] }));
    container_env(&pod, "web", data, &node(), &LateFields::with_pod_ips(&ips(&["10.0.0.7"]), &node()))
}

fn resolve(container: Value) -> Result<ResolvedContainer, ResolveError> {
    resolve_with(container, &cluster())
}

/// `NAME=value` lines; secrets revealed, late values as `?`.
fn lines(container: &ResolvedContainer) -> Vec<String> {
    let line = |variable: &EnvVar| format!("{}={}", variable.name, variable.value.reveal().unwrap_or("?"));
    container.env.iter().map(line).collect()
}

fn env(container: Value) -> Vec<String> {
    lines(&resolve(container).unwrap())
}

#[test]
fn variables_come_in_the_order_of_their_declaration() {
    let variables = env(json!({
        "envFrom": [
            {"configMapRef": {"name": "settings"}, "prefix": "CM_"},
            {"secretRef": {"name": "login"}},
        ],
        "env": [{"name": "Z", "value": "1"}, {"name": "A", "value": "2"}],
    }));
    assert_eq!(variables, ["CM_COLOR=blue", "CM_SIZE=10", "PASSWORD=s3cret", "USER=ann", "Z=1", "A=2"]);
}

#[test]
fn the_last_definition_counts_in_its_place() {
    let variables = env(json!({
        "envFrom": [{"configMapRef": {"name": "settings"}}],
        "env": [
            {"name": "A", "value": "first"},
            {"name": "COLOR", "value": "red"},
            {"name": "A", "value": "$(A) and last"},
        ],
    }));
    assert_eq!(variables, ["SIZE=10", "COLOR=red", "A=first and last"]);
}

#[test]
fn services_stand_first_unless_the_container_defines_them_itself() {
    let mut data = cluster();
    data.extend([services(vec![service("shop", "db", "10.1.0.9", &[])])]);
    let container = |env: Value| json!({ "env": env });
    let own = resolve_with(container(json!([{"name": "A", "value": "$(DB_SERVICE_HOST)"}])), &data).unwrap();
    assert_eq!(lines(&own), ["DB_SERVICE_HOST=10.1.0.9", "A=10.1.0.9"]);
    let own = resolve_with(container(json!([{"name": "DB_SERVICE_HOST", "value": "x$(DB_SERVICE_HOST)"}])), &data);
    assert_eq!(lines(&own.unwrap()), ["DB_SERVICE_HOST=x10.1.0.9"]);
    let own = json!([{"name": "DB_SERVICE_HOST", "value": "own"}, {"name": "A", "value": "$(DB_SERVICE_HOST)"}]);
    assert_eq!(lines(&resolve_with(container(own), &data).unwrap()), ["DB_SERVICE_HOST=own", "A=own"]);
}

#[test]
fn services_of_the_namespace_need_service_links() {
    let mut data = cluster();
    let all = vec![service("default", "kubernetes", "10.1.0.1", &[]), service("shop", "db", "10.1.0.9", &[])];
    data.extend([services(all)]);
    for (links, expected) in [
        (json!(null), &["DB_SERVICE_HOST=10.1.0.9", "KUBERNETES_SERVICE_HOST=10.1.0.1"][..]),
        (json!(true), &["DB_SERVICE_HOST=10.1.0.9", "KUBERNETES_SERVICE_HOST=10.1.0.1"]),
        (json!(false), &["KUBERNETES_SERVICE_HOST=10.1.0.1"]),
    ] {
        let pod = pod_with(&json!({"containers": [{"name": "web"}], "enableServiceLinks": links}));
        let resolved = container_env(&pod, "web", &data, &node(), &LateFields::default()).unwrap();
        assert_eq!(lines(&resolved), expected, "{links}");
    }
}

#[test]
fn only_declared_values_are_expanded_and_only_by_what_stands_before() {
    let mut data = cluster();
    data.extend([config_map("raw", &[("RAW", "$(A)")])]);
    let container = json!({
        "envFrom": [{"configMapRef": {"name": "raw"}}],
        "env": [
            {"name": "EARLY", "value": "$(A)"},
            {"name": "A", "value": "1"},
            {"name": "B", "value": "$(A)$$(A)$(NONE)"},
            {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "raw", "key": "RAW"}}},
        ],
    });
    let resolved = resolve_with(container, &data).unwrap();
    assert_eq!(lines(&resolved), ["RAW=$(A)", "EARLY=$(A)", "A=1", "B=1$(A)$(NONE)", "C=$(A)"]);
}

#[test]
fn a_value_goes_before_a_source_and_an_empty_one_does_not() {
    let source = json!({"fieldRef": {"fieldPath": "metadata.name"}});
    let variables = env(json!({"env": [
        {"name": "A", "value": "literal", "valueFrom": source},
        {"name": "B", "value": "", "valueFrom": source},
        {"name": "C", "value": ""},
        {"name": "D"},
    ]}));
    assert_eq!(variables, ["A=literal", "B=web-0", "C=", "D="]);
}

#[test]
fn values_keep_their_origin() {
    let resolved = resolve(json!({"env": [
        {"name": "PLAIN", "value": "1"},
        {"name": "MAP", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "COLOR"}}},
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "login", "key": "PASSWORD"}}},
        {"name": "URL", "value": "http://ann:$(KEY)@db"},
        {"name": "COPY", "value": "$(URL)"},
    ]}))
    .unwrap();
    let values: Vec<String> = resolved.env.iter().map(|variable| format!("{:?}", variable.value)).collect();
    assert_eq!(
        values,
        ["Literal(\"1\")", "ConfigMap(\"blue\")", "Secret([redacted])", "Secret([redacted])", "Secret([redacted])"]
    );
    assert!(!format!("{resolved:?}").contains("s3cret"));
}

#[test]
fn the_command_line_is_expanded_and_keeps_secrets_secret() {
    let resolved = resolve(json!({
        "command": ["serve", "--color=$(COLOR)"],
        "args": ["$(PASSWORD)", "$$(COLOR)", "$(NONE)"],
        "envFrom": [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "login"}}],
    }))
    .unwrap();
    let words = |words: &[EnvValue]| words.iter().map(|word| word.reveal().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(words(&resolved.command), ["serve", "--color=blue"]);
    assert_eq!(words(&resolved.args), ["s3cret", "$(COLOR)", "$(NONE)"]);
    assert!(matches!(resolved.args[0], EnvValue::Secret(_)));
    assert!(!format!("{resolved:?}").contains("s3cret"));
}

#[test]
fn optional_references_that_lead_nowhere_define_nothing() {
    let variables = env(json!({
        "envFrom": [
            {"configMapRef": {"name": "gone", "optional": true}},
            {"secretRef": {"name": "gone", "optional": true}},
            {"configMapRef": {"name": "settings"}},
        ],
        "env": [
            {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "gone", "key": "a", "optional": true}}},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "login", "key": "none", "optional": true}}},
            {"name": "COLOR", "valueFrom": {"secretKeyRef": {"name": "gone", "key": "c", "optional": true}}},
            {"name": "SIZE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "none", "optional": true}}},
        ],
    }));
    assert_eq!(variables, ["COLOR=blue", "SIZE=10"]);
}

#[test]
fn keys_that_cannot_name_a_variable_are_left_out_and_reported() {
    let mut data = cluster();
    data.extend([secret("odd", &[("my.key", b"1"), ("1st", b"2"), ("a=b", b"3")])]);
    let resolved = resolve_with(json!({"envFrom": [{"secretRef": {"name": "odd"}, "prefix": "P-"}]}), &data).unwrap();
    assert_eq!(lines(&resolved), ["P-1st=2", "P-my.key=1"]);
    assert_eq!(resolved.skipped, ["P-a=b"]);
}

#[test]
fn fields_and_resources_are_resolved() {
    let variables = env(json!({
        "resources": {"limits": {"cpu": "1500m"}},
        "env": [
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
            {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Gi"}}},
            {"name": "URL", "value": "http://$(IP):$(CPU)"},
        ],
    }));
    assert_eq!(variables, ["NODE=virtual", "IP=10.0.0.7", "CPU=2", "MEMORY=8", "URL=http://10.0.0.7:2"]);
}

#[test]
fn what_depends_on_the_pods_address_comes_late_and_can_be_filled_in() {
    let pod = pod_with(&json!({"containers": [{
        "name": "web",
        "args": ["--listen=$(IP):80", "--quiet"],
        "env": [
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "URL", "value": "http://$(IP)"},
        ],
    }]}));
    let before = container_env(&pod, "web", &cluster(), &node(), &LateFields::default()).unwrap();
    assert_eq!(lines(&before), ["IP=?", "URL=?"]);
    let late = LateFields::with_pod_ips(&ips(&["10.0.0.7"]), &node());
    let fill = |value: &EnvValue| match value {
        EnvValue::Late(value) => value.fill(&late).unwrap(),
        known => known.clone(),
    };
    let after = container_env(&pod, "web", &cluster(), &node(), &late).unwrap();
    assert_eq!(before.args.iter().map(fill).collect::<Vec<_>>(), after.args);
    let filled: Vec<EnvValue> = before.env.iter().map(|variable| fill(&variable.value)).collect();
    assert_eq!(filled, after.env.iter().map(|variable| variable.value.clone()).collect::<Vec<_>>());
}

#[test]
fn containers_of_every_kind_are_resolved() {
    let variable = json!([{"name": "A", "value": "1"}]);
    let pod = pod_with(&json!({
        "containers": [{"name": "web", "env": variable}],
        "initContainers": [
            {"name": "first", "env": variable},
            {"name": "sidecar", "env": variable, "restartPolicy": "Always"},
        ],
        "ephemeralContainers": [{"name": "debug", "env": variable}],
    }));
    for (name, kind) in [
        ("web", ContainerKind::App),
        ("first", ContainerKind::Init),
        ("sidecar", ContainerKind::Sidecar),
        ("debug", ContainerKind::Ephemeral),
    ] {
        let resolved = container_env(&pod, name, &cluster(), &node(), &LateFields::default()).unwrap();
        assert_eq!((resolved.name.as_str(), resolved.kind, resolved.env.len()), (name, kind, 1));
    }
}

#[test]
fn sub_paths_expand_only_to_what_has_a_value() {
    let container = resolve(json!({"env": [
        {"name": "POD", "value": "web-0"},
        {"name": "EMPTY", "value": ""},
    ]}))
    .unwrap();
    assert_eq!(expand_sub_path("logs/$(POD)/$$(POD)", &container), Ok("logs/web-0/$(POD)".to_owned()));
    for expression in ["$(EMPTY)", "$(NONE)/a"] {
        assert!(expand_sub_path(expression, &container).is_err(), "{expression}");
    }
}
