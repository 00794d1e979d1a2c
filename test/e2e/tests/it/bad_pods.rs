//! Pods that ask for what the provider does not honour, or for what is wrong.

use serde_json::{Value, json};

use crate::stage::{Identity, Stage, script, sleeper};

under_both_identities! {
    an_unsupported_field_keeps_the_pod_pending_with_a_reason
    a_program_that_is_not_there_is_told
}

fn an_unsupported_field_keeps_the_pod_pending_with_a_reason(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let mut privileged = sleeper("main");
    privileged["securityContext"] = json!({ "privileged": true });
    let refused: [(&str, Value, &str); 3] = [
        ("shared", json!({ "shareProcessNamespace": true, "containers": [sleeper("main")] }), "shareProcessNamespace"),
        ("privileged", json!({ "containers": [privileged] }), "privileged"),
        ("on-the-host", json!({ "hostNetwork": true, "containers": [sleeper("main")] }), "hostNetwork"),
    ];
    for (name, spec, _) in &refused {
        stage.create_pod(name, spec.clone());
    }
    for (name, _, field) in &refused {
        let pod = stage.until_pod(name, "says why it waits", |pod| pod.waiting("main") == "CreateContainerConfigError");
        assert_eq!(pod.phase(), "Pending");
        let message = pod.container("main")["state"]["waiting"]["message"].to_string();
        let told = stage.until_event(name, "UnsupportedField", field);
        assert!(message.contains(field) && told.contains("docker"), "{message}\n{told}");
        assert_eq!(stage.docker().of_pod(name), []);
    }
    // They go as they came.
    stage.kubectl().ok(&["delete", "pods", "--all"]);
}

fn a_program_that_is_not_there_is_told(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let mut missing = script("main", "");
    missing["command"] = json!(["/bin/no-such-program"]);
    stage.create_pod("once", json!({ "restartPolicy": "Never", "containers": [missing] }));
    stage.create_pod("often", json!({ "containers": [missing] }));
    let once = stage.until_phase("once", "Failed");
    let ended = once.terminated("main");
    assert_eq!((&ended["exitCode"], &ended["reason"]), (&json!(128), &json!("StartError")));
    assert!(ended["message"].to_string().contains("no-such-program"), "{ended}");
    stage.until_pod("often", "tries again with back-off", |pod| pod.waiting("main") == "CrashLoopBackOff");
    stage.until_event("often", "Failed", "no-such-program");
}
