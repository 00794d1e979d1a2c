//! What a pod refers to comes later than the pod.

use serde_json::json;

use crate::stage::{Identity, Stage, script};

under_both_identities! {
    a_pod_waits_for_what_it_refers_to
}

fn a_pod_waits_for_what_it_refers_to(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let mut by_variable = script("main", "echo $WORD");
    let reference = json!({ "configMapKeyRef": { "name": "late", "key": "word" } });
    by_variable["env"] = json!([{ "name": "WORD", "valueFrom": reference }]);
    let mut by_volume = script("main", "cat /v/word");
    by_volume["volumeMounts"] = json!([{ "name": "late", "mountPath": "/v" }]);
    stage.create_pod("variable", json!({ "restartPolicy": "Never", "containers": [by_variable] }));
    stage.create_pod(
        "volume",
        json!({
            "restartPolicy": "Never",
            "containers": [by_volume],
            "volumes": [{ "name": "late", "configMap": { "name": "late" } }],
        }),
    );
    for name in ["variable", "volume"] {
        let pod = stage.until_pod(name, "says what it waits for", |pod| {
            pod.container("main")["state"]["waiting"]["message"].to_string().contains("late")
        });
        assert_eq!(pod.phase(), "Pending");
        let described = stage.kubectl().ok(&["describe", "pod", name]);
        assert!(described.contains("Warning") && described.contains("\"late\""), "{described}");
    }
    stage.kubectl().create(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "late" }, "data": { "word": "here\n" },
    }));
    for name in ["variable", "volume"] {
        stage.until_phase(name, "Succeeded");
        assert_eq!(stage.kubectl().ok(&["logs", name]).trim(), "here");
    }
}
