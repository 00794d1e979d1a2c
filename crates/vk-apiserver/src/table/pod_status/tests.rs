use serde_json::json;

use super::*;

fn summary(pod: Value) -> Summary {
    Summary::of(&Object::from_value(pod).unwrap())
}

/// Status of a pod with two containers, of which the statuses are these.
fn status_of(phase: &str, containers: Value, conditions: Value) -> String {
    summary(json!({
        "spec": {"containers": [{"name": "a"}, {"name": "b"}]},
        "status": {"phase": phase, "containerStatuses": containers, "conditions": conditions},
    }))
    .status
}

#[test]
fn a_container_that_cannot_run_is_named_first() {
    let waiting = json!({"name": "a", "state": {"waiting": {"reason": "CrashLoopBackOff"}}});
    let failed = json!({"name": "b", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}});
    assert_eq!(status_of("Running", json!([waiting, failed]), json!([])), "CrashLoopBackOff");
    assert_eq!(status_of("Running", json!([failed, waiting]), json!([])), "Error");
    let signalled = json!({"state": {"terminated": {"exitCode": 137, "signal": 9}}});
    assert_eq!(status_of("Failed", json!([signalled]), json!([])), "Signal:9");
    let silent = json!({"state": {"terminated": {"exitCode": 3}}});
    assert_eq!(status_of("Failed", json!([silent]), json!([])), "ExitCode:3");
}

#[test]
fn one_container_that_is_done_does_not_end_the_pod() {
    let done = json!({"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}});
    let runs = json!({"ready": true, "state": {"running": {}}});
    let failed = json!({"state": {"terminated": {"exitCode": 1, "reason": "Error"}}});
    let ready = json!([{"type": "Ready", "status": "True"}]);
    assert_eq!(status_of("Running", json!([done, runs]), ready), "Running");
    assert_eq!(status_of("Running", json!([done, runs]), json!([])), "NotReady");
    assert_eq!(status_of("Running", json!([done, failed]), json!([])), "Error");
    assert_eq!(status_of("Succeeded", json!([done, done]), json!([])), "Completed");
}

#[test]
fn initialization_is_counted() {
    let pod = |first: Value, second: Value| {
        json!({
            "spec": {"containers": [{"name": "a"}], "initContainers": [{"name": "i"}, {"name": "j"}]},
            "status": {"phase": "Pending", "initContainerStatuses": [first, second]},
        })
    };
    let done = json!({"name": "i", "state": {"terminated": {"exitCode": 0}}, "restartCount": 1});
    let waits = json!({"name": "j", "state": {"waiting": {"reason": "PodInitializing"}}, "restartCount": 2});
    let found = summary(pod(done.clone(), waits.clone()));
    assert_eq!((found.status.as_str(), found.restarts), ("Init:1/2", 3));
    assert_eq!(summary(pod(waits, done.clone())).status, "Init:0/2");
    let crashes = json!({"name": "j", "state": {"waiting": {"reason": "CrashLoopBackOff"}}});
    assert_eq!(summary(pod(done.clone(), crashes)).status, "Init:CrashLoopBackOff");
    let failed = json!({"name": "j", "state": {"terminated": {"exitCode": 2}}});
    assert_eq!(summary(pod(done.clone(), failed)).status, "Init:ExitCode:2");
    let found = summary(pod(done.clone(), done));
    assert_eq!((found.status.as_str(), found.restarts), ("Pending", 0));
}

#[test]
fn sidecars_count_as_containers_and_keep_their_restarts() {
    let found = summary(json!({
        "spec": {"containers": [{"name": "a"}], "initContainers": [{"name": "s", "restartPolicy": "Always"}]},
        "status": {
            "phase": "Running",
            "initContainerStatuses": [{
                "name": "s", "ready": true, "started": true, "restartCount": 1, "state": {"running": {}},
                "lastState": {"terminated": {"finishedAt": "2026-11-22T13:00:00Z"}},
            }],
            "containerStatuses": [{
                "name": "a", "ready": true, "restartCount": 2, "state": {"running": {}},
                "lastState": {"terminated": {"finishedAt": "2026-11-22T12:00:00Z"}},
            }],
        },
    }));
    let last_restart = parse_rfc3339("2026-11-22T13:00:00Z");
    assert_eq!(found, Summary { ready: 2, containers: 2, status: "Running".into(), restarts: 3, last_restart });
}

#[test]
fn deletion_and_gates_go_before_the_phase() {
    let deleted = |phase: &str, reason: &str| {
        let metadata = json!({"deletionTimestamp": "2026-11-22T13:00:00Z"});
        summary(json!({"metadata": metadata, "status": {"phase": phase, "reason": reason}})).status
    };
    assert_eq!(deleted("Running", ""), "Terminating");
    assert_eq!(deleted("Running", "NodeLost"), "Unknown");
    assert_eq!(deleted("Failed", "Evicted"), "Evicted");
    let gated = json!([{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]);
    assert_eq!(summary(json!({"status": {"phase": "Pending", "conditions": gated}})).status, "SchedulingGated");
}
