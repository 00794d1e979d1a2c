//! Environment variables as containers find them.

use serde_json::{Value, json};

use crate::stage::{Identity, Stage, script};

under_both_identities! {
    every_source_of_variables_is_honoured
}

fn every_source_of_variables_is_honoured(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let metadata = |name: &str| json!({ "name": name });
    stage.kubectl().create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("data"), "data": { "COLOUR": "blue", "size": "7" },
    }));
    stage.kubectl().create(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": metadata("keys"), "stringData": { "password": "t0p" },
    }));
    let port = json!({ "name": "http", "port": 80 });
    stage.kubectl().create(&json!({
        "apiVersion": "v1", "kind": "Service", "metadata": metadata("db"),
        "spec": { "ports": [port] },
    }));
    let from = |name: &str, source: Value| json!({ "name": name, "valueFrom": source });
    let field = |name: &str, path: &str| from(name, json!({ "fieldRef": { "fieldPath": path } }));
    let limit = json!({ "resourceFieldRef": { "resource": "limits.memory", "divisor": "1Mi" } });
    let mut main = script("main", "env | sort");
    main["resources"] = json!({ "limits": { "memory": "64Mi" } });
    main["envFrom"] = json!([{ "configMapRef": { "name": "data" }, "prefix": "CM_" }, { "secretRef": { "name": "none", "optional": true } }]);
    main["env"] = json!([
        { "name": "PLAIN", "value": "one" },
        { "name": "COMPOSED", "value": "$(PLAIN)-$(CM_COLOUR)-$(MISSING)-$$(PLAIN)" },
        from("KEY", json!({ "configMapKeyRef": { "name": "data", "key": "size" } })),
        from("PASSWORD", json!({ "secretKeyRef": { "name": "keys", "key": "password" } })),
        from("ABSENT", json!({ "secretKeyRef": { "name": "keys", "key": "none", "optional": true } })),
        field("POD", "metadata.name"),
        field("NAMESPACE", "metadata.namespace"),
        field("LABEL", "metadata.labels['app']"),
        field("NODE", "spec.nodeName"),
        field("ACCOUNT", "spec.serviceAccountName"),
        field("IP", "status.podIP"),
        field("HOST_IP", "status.hostIP"),
        from("LIMIT", limit),
    ]);
    stage.create_pod("reader", json!({ "restartPolicy": "Never", "containers": [main] }));
    let pod = stage.until_phase("reader", "Succeeded");
    let said = stage.kubectl().ok(&["logs", "reader"]);
    let address = stage.environment().cluster.address().to_string();
    let service = stage.kubectl().ok(&["get", "service", "db", "-o=jsonpath={.spec.clusterIP}"]);
    for (name, value) in [
        ("PLAIN", "one"),
        ("COMPOSED", "one-blue-$(MISSING)-$(PLAIN)"),
        ("CM_COLOUR", "blue"),
        ("KEY", "7"),
        ("PASSWORD", "t0p"),
        ("POD", "reader"),
        ("NAMESPACE", stage.name()),
        ("LABEL", "reader"),
        ("NODE", stage.name()),
        ("ACCOUNT", "default"),
        ("IP", &pod.ip()),
        ("HOST_IP", &address),
        ("LIMIT", "64"),
        ("HOSTNAME", "reader"),
        ("DB_SERVICE_HOST", &service),
        ("DB_SERVICE_PORT_HTTP", "80"),
        ("KUBERNETES_SERVICE_HOST", "10.96.0.1"),
    ] {
        let line = format!("{name}={value}");
        assert!(said.lines().any(|found| found == line), "{line} in\n{said}");
    }
    assert!(!said.contains("ABSENT"), "{said}");
}
