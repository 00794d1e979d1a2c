//! Probes and hooks, and what the cluster sees of them.

use std::fs;

use serde_json::{Value, json};

use crate::stage::{Identity, RUN_UNTIL_STOPPED, Stage, eventually, script};

under_both_identities! {
    probes_decide_whether_a_pod_is_ready_and_goes_on
    hooks_run_beside_a_containers_life
}

/// A pod that sees the directory which it shares with the test.
fn sharing(stage: &Stage, mut main: Value) -> Value {
    main["volumeMounts"] = json!([{ "name": "shared", "mountPath": "/shared" }]);
    json!({
        "containers": [main],
        "volumes": [{ "name": "shared", "hostPath": { "path": stage.shared() } }],
    })
}

fn probes_decide_whether_a_pod_is_ready_and_goes_on(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let probe = |test: &str| {
        json!({
            "exec": { "command": ["sh", "-c", test] }, "periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 30,
        })
    };
    let mut main = script("main", RUN_UNTIL_STOPPED);
    main["readinessProbe"] = probe("test -e /shared/ready");
    main["livenessProbe"] = probe("test ! -e /shared/ill");
    stage.create_pod("probed", sharing(&stage, main));
    let pod = stage.until_pod("probed", "runs", |pod| pod.container("main")["state"]["running"].is_object());
    assert_eq!((pod.phase(), pod.condition("Ready")), ("Running", "False"));
    stage.until_event("probed", "Unhealthy", "Readiness probe failed");
    fs::write(stage.shared().join("ready"), "").unwrap();
    stage.until_running("probed");
    fs::remove_file(stage.shared().join("ready")).unwrap();
    stage.until_pod("probed", "is not ready", |pod| pod.condition("Ready") == "False");
    fs::write(stage.shared().join("ready"), "").unwrap();

    fs::write(stage.shared().join("ill"), "").unwrap();
    stage.until_event("probed", "Killing", "failed liveness probe");
    fs::remove_file(stage.shared().join("ill")).unwrap();
    stage.until_pod("probed", "runs again", |pod| pod.restarts("main") >= 1 && pod.condition("Ready") == "True");
}

fn hooks_run_beside_a_containers_life(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let write = |word: &str| json!({ "exec": { "command": ["sh", "-c", format!("echo {word} >> /shared/words")] } });
    let mut main = script("main", RUN_UNTIL_STOPPED);
    main["lifecycle"] = json!({ "postStart": write("begun"), "preStop": write("ending") });
    stage.create_pod("hooked", sharing(&stage, main));
    stage.until_running("hooked");
    let words = || fs::read_to_string(stage.shared().join("words")).unwrap_or_default();
    assert_eq!(words(), "begun\n");
    stage.kubectl().ok(&["delete", "pod", "hooked"]);
    stage.until_gone("hooked");
    eventually("the last words", || if words() == "begun\nending\n" { Ok(()) } else { Err(words()) });
}
