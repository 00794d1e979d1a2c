//! How containers end, and what becomes of their pod then.

use serde_json::json;

use crate::stage::{Identity, RUN_UNTIL_STOPPED, Stage, eventually, script};

under_both_identities! {
    exit_codes_decide_over_the_phase
    a_crash_is_repeated_with_back_off
    a_container_out_of_memory_says_so
}

fn exit_codes_decide_over_the_phase(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let well = script("main", "echo 'all done' > /dev/termination-log");
    stage.create_pod("well", json!({ "restartPolicy": "Never", "containers": [well] }));
    stage.create_pod("badly", json!({ "restartPolicy": "Never", "containers": [script("main", "exit 3")] }));
    // One of two that fails makes the pod fail, once both have ended.
    let mixed = [script("good", "exit 0"), script("bad", "exit 4")];
    stage.create_pod("mixed", json!({ "restartPolicy": "Never", "containers": mixed }));
    let again = script("main", "test -f /shared/second || { touch /shared/second; exit 5; }");
    stage.create_pod(
        "again",
        json!({ "restartPolicy": "OnFailure", "containers": [with_shared(again)], "volumes": [shared(&stage)] }),
    );

    let well = stage.until_phase("well", "Succeeded");
    let ended = well.terminated("main");
    assert_eq!((&ended["exitCode"], &ended["reason"]), (&json!(0), &json!("Completed")));
    assert_eq!(ended["message"].as_str().map(str::trim), Some("all done"));
    assert!(ended["startedAt"].is_string() && ended["finishedAt"].is_string());
    assert_eq!(well.condition("Ready"), "False");

    let badly = stage.until_phase("badly", "Failed");
    let ended = badly.terminated("main");
    assert_eq!((&ended["exitCode"], &ended["reason"]), (&json!(3), &json!("Error")));
    assert!(stage.kubectl().ok(&["get", "pod", "badly"]).contains("Error"));
    let mixed = stage.until_phase("mixed", "Failed");
    assert_eq!((&mixed.terminated("good")["exitCode"], &mixed.terminated("bad")["exitCode"]), (&json!(0), &json!(4)));

    let again = stage.until_phase("again", "Succeeded");
    assert_eq!(again.restarts("main"), 1);
    assert_eq!(again.container("main")["lastState"]["terminated"]["exitCode"], 5);
    // Completed pods keep their logs.
    assert_eq!(stage.kubectl().ok(&["logs", "well"]), "");
}

fn a_crash_is_repeated_with_back_off(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let crash = script("main", "echo once more; exit 1");
    let steady = script("steady", RUN_UNTIL_STOPPED);
    stage.create_pod("crash", json!({ "containers": [crash, steady] }));
    let pod = stage.until_pod("crash", "is in CrashLoopBackOff after two restarts", |pod| {
        pod.waiting("main") == "CrashLoopBackOff" && pod.restarts("main") >= 2
    });
    assert_eq!(pod.phase(), "Running");
    assert_eq!(pod.container("main")["lastState"]["terminated"]["exitCode"], 1);
    assert_eq!((pod.condition("Ready"), pod.restarts("steady")), ("False", 0));
    stage.until_event("crash", "BackOff", "Back-off restarting failed container main in pod crash");
    let line = stage.kubectl().ok(&["get", "pod", "crash"]);
    assert!(line.contains("CrashLoopBackOff") && line.contains("1/2"), "{line}");
    // The log of the run that has ended, while the next one waits.
    assert_eq!(stage.kubectl().ok(&["logs", "crash", "-c", "main"]), "once more\n");
    // No copy of an earlier run is left in Docker.
    eventually("only the last runs' containers", || {
        let left =
            stage.docker().of_pod("crash").into_iter().filter(|container| container.name.as_deref() == Some("main"));
        let left = left.count();
        (left <= 2).then_some(()).ok_or_else(|| format!("{left} containers"))
    });
}

fn a_container_out_of_memory_says_so(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    // Docker learns of the kill beside the container's end: told of the end first, it forgets the kill.
    let mut greedy = script("main", "tail /dev/zero; code=$?; sleep 2; exit $code");
    greedy["resources"] = json!({ "limits": { "memory": "16Mi" } });
    stage.create_pod("greedy", json!({ "restartPolicy": "Never", "containers": [greedy] }));
    let pod = stage.until_phase("greedy", "Failed");
    let ended = pod.terminated("main");
    assert_eq!((&ended["exitCode"], &ended["reason"]), (&json!(137), &json!("OOMKilled")));
    assert_eq!(pod.status()["qosClass"], "Burstable");
    assert!(stage.kubectl().ok(&["get", "pod", "greedy"]).contains("OOMKilled"));
}

fn shared(stage: &Stage) -> serde_json::Value {
    json!({ "name": "shared", "hostPath": { "path": stage.shared() } })
}

fn with_shared(mut container: serde_json::Value) -> serde_json::Value {
    container["volumeMounts"] = json!([{ "name": "shared", "mountPath": "/shared" }]);
    container
}
