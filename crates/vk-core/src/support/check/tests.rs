use serde_json::json;

use super::*;
use crate::support::{FieldGroup, TokenVolume};

/// `path: message` of what is not honoured of a pod with this spec.
fn unsupported(table: &SupportTable, spec: &Value) -> Vec<String> {
    table.check(&json!({"metadata": {"name": "web"}, "spec": spec})).iter().map(ToString::to_string).collect()
}

fn paths(table: &SupportTable, spec: &Value) -> Vec<String> {
    table.check(&json!({ "spec": spec })).into_iter().map(|field| field.path).collect()
}

/// A pod with one container that has these fields beside its name and image.
fn container_with(mut fields: Value) -> Value {
    fields["name"] = json!("web");
    fields["image"] = json!("nginx:1");
    json!({ "containers": [fields] })
}

/// A pod as a 1.36 server returns it for a manifest with a name and an image.
fn defaulted_pod() -> Value {
    json!({
        "volumes": [{
            "name": "kube-api-access-x7k2p",
            "projected": {
                "defaultMode": 420,
                "sources": [
                    {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                    {"downwardAPI": {"items": [{"path": "namespace",
                        "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
                ],
            },
        }],
        "containers": [{
            "name": "web",
            "image": "nginx",
            "imagePullPolicy": "Always",
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
            "volumeMounts": [{
                "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
                "name": "kube-api-access-x7k2p",
                "readOnly": true,
            }],
        }],
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": true,
        "nodeName": "virtual",
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "serviceAccount": "default",
        "serviceAccountName": "default",
        "terminationGracePeriodSeconds": 30,
        "tolerations": [{"effect": "NoExecute", "key": "node.kubernetes.io/not-ready", "operator": "Exists",
            "tolerationSeconds": 300}],
    })
}

#[test]
fn what_the_api_server_fills_in_asks_for_nothing() {
    let table = SupportTable::minimal().with_token_volume(TokenVolume::Honour);
    assert_eq!(unsupported(&table, &defaulted_pod()), Vec::<String>::new());
}

#[test]
fn the_token_volume_goes_by_its_policy() {
    let refused = ["spec.volumes[0]: service account tokens are not honoured by this provider; \
                    set automountServiceAccountToken: false"];
    for (policy, expected) in
        [(TokenVolume::Honour, &[][..]), (TokenVolume::Omit, &[]), (TokenVolume::Refuse, &refused)]
    {
        let table = SupportTable::minimal().with_token_volume(policy);
        assert_eq!(unsupported(&table, &defaulted_pod()), expected, "{policy:?}");
    }
}

#[test]
fn a_volume_that_only_borrows_the_name_is_no_token_volume() {
    let mut spec = defaulted_pod();
    spec["volumes"][0]["projected"]["sources"][1] = json!({"secret": {"name": "password"}});
    let table = SupportTable::minimal().with_token_volume(TokenVolume::Omit);
    assert_eq!(paths(&table, &spec), ["spec.containers[0].volumeMounts[0]", "spec.volumes[0].projected"]);
}

#[test]
fn the_token_volume_mounted_elsewhere_is_an_ordinary_mount() {
    let mut spec = defaulted_pod();
    spec["containers"][0]["volumeMounts"][0]["mountPath"] = json!("/token");
    let table = SupportTable::minimal().with_token_volume(TokenVolume::Omit);
    assert_eq!(paths(&table, &spec), ["spec.containers[0].volumeMounts[0]"]);
}

#[test]
fn what_nobody_honours_is_named_once() {
    let spec = container_with(json!({
        "livenessProbe": {"httpGet": {"path": "/", "port": 80, "scheme": "HTTP"}, "periodSeconds": 5},
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", "5"]}}},
        "securityContext": {"runAsUser": 0, "capabilities": {"add": ["NET_ADMIN"]}},
    }));
    assert_eq!(
        unsupported(&SupportTable::minimal(), &spec),
        [
            "spec.containers[0].lifecycle: not honoured by this provider",
            "spec.containers[0].livenessProbe: not honoured by this provider",
            "spec.containers[0].securityContext: not honoured by this provider",
        ]
    );
}

#[test]
fn what_is_honoured_in_part_is_named_exactly() {
    let table = SupportTable::minimal()
        .honour("spec.containers[].livenessProbe.httpGet")
        .honour("spec.containers[].securityContext.runAsUser");
    let spec = container_with(json!({
        "livenessProbe": {"grpc": {"port": 80, "service": ""}, "timeoutSeconds": 1, "periodSeconds": 5},
        "securityContext": {"runAsUser": 0, "privileged": true, "capabilities": {"add": ["NET_ADMIN"]}},
    }));
    assert_eq!(
        paths(&table, &spec),
        [
            "spec.containers[0].livenessProbe.grpc",
            "spec.containers[0].livenessProbe.periodSeconds",
            "spec.containers[0].securityContext.capabilities",
            "spec.containers[0].securityContext.privileged",
        ]
    );
}

#[test]
fn defaults_and_empty_values_are_no_requests_and_other_values_are() {
    for (field, silent, asking) in [
        ("hostNetwork", json!(false), json!(true)),
        ("hostUsers", json!(true), json!(false)),
        ("restartPolicy", json!("Always"), json!("Never")),
        ("dnsPolicy", json!("ClusterFirst"), json!("None")),
        ("hostname", json!(""), json!("web")),
        ("imagePullSecrets", json!([]), json!([{"name": "registry"}])),
        ("securityContext", json!({"fsGroup": null}), json!({"fsGroup": 0})),
        ("resources", json!({"requests": {"cpu": "1"}}), json!({"limits": {"cpu": "1"}})),
    ] {
        let pod = |value: &Value| json!({"containers": [], field: value});
        assert_eq!(paths(&SupportTable::minimal(), &pod(&silent)), Vec::<String>::new(), "{field}: {silent}");
        assert_eq!(paths(&SupportTable::minimal(), &pod(&asking)).len(), 1, "{field}: {asking}");
    }
}

#[test]
fn container_defaults_are_no_requests_and_other_values_are() {
    for (silent, asking) in [
        (json!({"tty": false}), json!({"tty": true})),
        (json!({"terminationMessagePolicy": "File"}), json!({"terminationMessagePolicy": "FallbackToLogsOnError"})),
        (json!({"imagePullPolicy": "IfNotPresent"}), json!({"imagePullPolicy": "Never"})),
        (
            json!({"securityContext": {"allowPrivilegeEscalation": true}}),
            json!({"securityContext": {"allowPrivilegeEscalation": false}}),
        ),
        (json!({"ports": [{"containerPort": 80}]}), json!({"ports": [{"containerPort": 80, "hostPort": 80}]})),
        (
            json!({"resizePolicy": [{"resourceName": "cpu", "restartPolicy": "NotRequired"}]}),
            json!({"resizePolicy": [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]}),
        ),
    ] {
        let table = SupportTable::minimal();
        assert_eq!(paths(&table, &container_with(silent.clone())), Vec::<String>::new(), "{silent}");
        assert_eq!(paths(&table, &container_with(asking.clone())).len(), 1, "{asking}");
    }
}

#[test]
fn probes_may_spell_out_the_default_protocol() {
    let table = SupportTable::minimal().with_group(FieldGroup::Probes);
    let probe = |mode: &str| container_with(json!({"livenessProbe": {"grpc": {"port": 80, "mode": mode}}}));
    assert_eq!(paths(&table, &probe("Plaintext")), Vec::<String>::new());
    assert_eq!(paths(&table, &probe("TLS")), ["spec.containers[0].livenessProbe.grpc.mode"]);
}

#[test]
fn the_default_pull_policy_follows_the_tag() {
    for (image, default) in [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1", "IfNotPresent"),
        ("registry:5000/nginx", "Always"),
        ("registry:5000/nginx:1", "IfNotPresent"),
        ("nginx@sha256:0123", "IfNotPresent"),
        ("nginx:latest@sha256:0123", "Always"),
    ] {
        for policy in ["Always", "IfNotPresent", "Never"] {
            let spec = json!({"containers": [{"name": "web", "image": image, "imagePullPolicy": policy}]});
            assert_eq!(paths(&SupportTable::minimal(), &spec).is_empty(), policy == default, "{image} {policy}");
        }
    }
}

#[test]
fn host_ports_that_come_with_the_host_network_are_no_requests() {
    let table = SupportTable::minimal().honour("spec.hostNetwork");
    let mut spec = container_with(json!({"ports": [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]}));
    assert_eq!(paths(&table, &spec), ["spec.containers[0].ports[0].hostPort"]);
    spec["hostNetwork"] = json!(true);
    assert_eq!(paths(&table, &spec), Vec::<String>::new());
}

#[test]
fn a_volume_is_a_request_even_if_all_its_fields_are_defaults() {
    let spec =
        json!({"volumes": [{"name": "cache", "emptyDir": {}}, {"name": "info", "downwardAPI": {"defaultMode": 420}}]});
    let table = SupportTable::minimal();
    assert_eq!(paths(&table, &spec), ["spec.volumes[0].emptyDir", "spec.volumes[1].downwardAPI"]);
    let table = table.with_groups([FieldGroup::EmptyDir, FieldGroup::FileVolumes]);
    assert_eq!(paths(&table, &spec), Vec::<String>::new());
}

#[test]
fn values_are_honoured_as_declared() {
    let table = SupportTable::minimal()
        .honour_values("spec.restartPolicy", ["Never", "OnFailure"])
        .honour_values("spec.containers[].securityContext.capabilities.add", ["NET_ADMIN"])
        .honour("spec.volumes[].csi")
        .honour_values("spec.volumes[].csi.driver", ["file.example.com"]);
    let pod = |policy: &str, capabilities: &[&str], driver: &str| {
        let mut spec = container_with(json!({"securityContext": {"capabilities": {"add": capabilities}}}));
        spec["restartPolicy"] = json!(policy);
        spec["volumes"] = json!([{"name": "data", "csi": {"driver": driver}}]);
        spec
    };
    assert_eq!(unsupported(&table, &pod("Never", &["NET_ADMIN"], "file.example.com")), Vec::<String>::new());
    let table = table.without("spec.restartPolicy").honour_values("spec.restartPolicy", ["Never"]);
    assert_eq!(
        unsupported(&table, &pod("OnFailure", &["NET_ADMIN", "SYS_TIME"], "disk.example.com")),
        [
            "spec.containers[0].securityContext.capabilities.add: [\"NET_ADMIN\",\"SYS_TIME\"] is not honoured by this \
             provider, only \"NET_ADMIN\" is",
            "spec.restartPolicy: \"OnFailure\" is not honoured by this provider, only \"Never\" is",
            "spec.volumes[0].csi.driver: \"disk.example.com\" is not honoured by this provider, only \
             \"file.example.com\" is",
        ]
    );
}

#[test]
fn paths_are_honoured_below_their_directories() {
    let table = SupportTable::minimal()
        .honour("spec.volumes[].hostPath")
        .honour_below("spec.volumes[].hostPath.path", ["/srv/data/", "/mnt"]);
    for (path, honoured) in [
        ("/srv/data", true),
        ("/srv/data/a/b", true),
        ("/srv//data/./a", true),
        ("/mnt", true),
        ("/srv/database", false),
        ("/srv", false),
        ("/srv/data/../secret", false),
        ("/", false),
        ("srv/data", false),
    ] {
        let spec = json!({"volumes": [{"name": "data", "hostPath": {"path": path, "type": ""}}]});
        assert_eq!(paths(&table, &spec).is_empty(), honoured, "{path}");
    }
}

#[test]
fn the_root_directory_permits_every_absolute_path() {
    assert!(lies_in("/etc", "/") && !lies_in("etc", "/") && !lies_in("/../etc", "/"));
}

#[test]
fn keys_of_maps_are_honoured_one_by_one() {
    let table = SupportTable::minimal()
        .honour("spec.containers[].resources.limits['nvidia.com/gpu']")
        .honour("spec.containers[].resources.limits['cpu']");
    let limits = json!({"cpu": "1", "memory": "1Gi", "nvidia.com/gpu": "1", "amd.com/gpu": "1"});
    assert_eq!(
        paths(&table, &container_with(json!({"resources": {"limits": limits}}))),
        ["spec.containers[0].resources.limits[\"amd.com/gpu\"]", "spec.containers[0].resources.limits.memory",]
    );
}

#[test]
fn unknown_fields_are_requests() {
    let mut spec = container_with(json!({"futureFlag": false, "livenessProbe": {"futureHandler": {"port": 1}}}));
    spec["futureThing"] = json!({"a": {"b": 1}});
    spec["futureNull"] = json!(null);
    let table = SupportTable::minimal().with_group(FieldGroup::Probes);
    assert_eq!(
        unsupported(&table, &spec),
        [
            "spec.containers[0].futureFlag: not known to this version of the agent, so not honoured",
            "spec.containers[0].livenessProbe.futureHandler: not known to this version of the agent, so not honoured",
            "spec.futureThing: not known to this version of the agent, so not honoured",
        ]
    );
    assert_eq!(unsupported(&SupportTable::everything(), &spec), Vec::<String>::new());
}

#[test]
fn unknown_fields_of_the_schedulers_are_not() {
    let spec = json!({"affinity": {"futureAffinity": {"weight": 1}}, "tolerations": [{"future": 1}]});
    assert_eq!(paths(&SupportTable::empty(), &spec), Vec::<String>::new());
}

#[test]
fn other_containers_are_honoured_by_kind_and_go_by_the_same_rules() {
    let spec = json!({
        "containers": [],
        "initContainers": [
            {"name": "first", "image": "busybox:1", "workingDir": "/"},
            {"name": "sidecar", "image": "busybox:1", "restartPolicy": "Always"},
        ],
        "ephemeralContainers": [{"name": "debug", "image": "busybox:1", "targetContainerName": "web", "tty": true}],
    });
    assert_eq!(
        unsupported(&SupportTable::minimal(), &spec),
        [
            "spec.ephemeralContainers[0]: ephemeral containers are not honoured by this provider",
            "spec.initContainers[0]: init containers are not honoured by this provider",
            "spec.initContainers[1]: init containers with restartPolicy Always are not honoured by this provider",
        ]
    );
    let table = SupportTable::minimal()
        .with_init_containers()
        .with_sidecars()
        .with_ephemeral_containers()
        .with_group(FieldGroup::Terminal);
    assert_eq!(
        paths(&table, &spec),
        ["spec.ephemeralContainers[0].targetContainerName", "spec.initContainers[0].workingDir"]
    );
}

#[test]
fn everything_honours_everything() {
    let mut spec = container_with(json!({"securityContext": {"privileged": true}, "volumeMounts": [{"name": "a"}]}));
    spec["initContainers"] = json!([{"name": "a", "tty": true}]);
    spec["volumes"] = json!([{"name": "a", "nfs": {"server": "b", "path": "/"}}]);
    assert_eq!(paths(&SupportTable::everything(), &spec), Vec::<String>::new());
}

#[test]
fn a_pod_without_spec_or_of_the_wrong_shape_does_not_panic() {
    let table = SupportTable::minimal();
    assert_eq!(table.check(&json!(null)), Vec::new());
    assert_eq!(table.check(&json!({"spec": 1})), Vec::new());
    assert_eq!(paths(&table, &json!({"containers": 1, "volumes": {"a": 1}})), ["spec.volumes"]);
    assert_eq!(paths(&table, &json!({"initContainers": [1], "volumes": [1]})), ["spec.volumes[0]"]);
}

#[test]
fn an_unsupported_field_becomes_an_error_that_names_it() {
    let field = table_error();
    assert_eq!(field.to_string(), "unsupported spec.volumes[0].nfs: not honoured by this provider");
}

fn table_error() -> Error {
    let spec = json!({"volumes": [{"name": "a", "nfs": {"server": "b", "path": "/"}}]});
    SupportTable::minimal().check(&json!({ "spec": spec })).remove(0).into()
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    fn any_json() -> impl Strategy<Value = Value> {
        let names = ["name", "image", "exec", "command", "emptyDir", "items", "projected", "volumes", "cpu", "other"];
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(Value::from),
            any::<i8>().prop_map(Value::from),
            "[a-z/.]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(prop::sample::select(names.to_vec()), inner, 0..5)
                    .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
            ]
        })
    }

    fn any_spec() -> impl Strategy<Value = Value> {
        let keys = ["containers", "initContainers", "volumes", "securityContext", "tolerations", "hostname", "future"];
        prop::collection::btree_map(prop::sample::select(keys.to_vec()), any_json(), 0..5)
            .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    proptest! {
        #[test]
        fn no_pod_is_too_strange(spec in any_spec()) {
            prop_assert_eq!(paths(&SupportTable::everything(), &spec), Vec::<String>::new());
            paths(&SupportTable::minimal(), &spec);
        }

        #[test]
        fn honouring_more_never_refuses_more(spec in any_spec(), group in 0..FieldGroup::ALL.len()) {
            let table = SupportTable::minimal();
            let before = paths(&table, &spec);
            let after = paths(&table.with_group(FieldGroup::ALL[group]), &spec);
            // A message about a whole may give way to messages about its parts, never appear out of nothing.
            prop_assert!(after.iter().all(|path| before.iter().any(|whole| path.starts_with(whole.as_str()))));
        }
    }
}

#[test]
fn advice_ends_the_message_about_its_field() {
    let table = SupportTable::minimal()
        .honour_values("spec.containers[].workingDir", ["/"])
        .with_init_containers()
        .advise("spec.containers[].workingDir", "ask for /")
        .advise("spec.volumes[].hostPath", "ask the operator")
        .advise("spec.volumes[].hostPth", "misspelt");
    let spec = json!({
        "volumes": [{"name": "a", "hostPath": {"path": "/a"}}],
        "initContainers": [{"name": "i", "image": "a:1", "workingDir": "/tmp"}],
        "containers": [{"name": "c", "image": "a:1", "workingDir": "/"}],
    });
    assert_eq!(
        unsupported(&table, &spec),
        [
            "spec.initContainers[0].workingDir: \"/tmp\" is not honoured by this provider, only \"/\" is; ask for /",
            "spec.volumes[0].hostPath: not honoured by this provider; ask the operator",
        ]
    );
    assert_eq!(table.problems(), ["spec.volumes[].hostPth is not a field of a pod"]);
}
