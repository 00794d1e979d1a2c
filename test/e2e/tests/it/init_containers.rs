//! Init containers and sidecars.

use serde_json::{Value, json};

use crate::stage::{Identity, RUN_UNTIL_STOPPED, Stage, eventually, script};

under_both_identities! {
    init_containers_run_in_order_before_the_others
    a_failing_init_container_keeps_the_pod_from_running
    a_sidecar_starts_before_and_ends_after_the_rest
}

fn init_containers_run_in_order_before_the_others(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let step = |name: &str| mounted(script(name, &format!("echo {name} >> /scratch/order")));
    let main = mounted(script("main", "cat /scratch/order"));
    stage.create_pod(
        "steps",
        json!({
            "restartPolicy": "Never",
            "initContainers": [step("first"), step("second")],
            "containers": [main],
            "volumes": [{ "name": "scratch", "emptyDir": {} }],
        }),
    );
    let pod = stage.until_phase("steps", "Succeeded");
    assert_eq!(stage.kubectl().ok(&["logs", "steps"]), "first\nsecond\n");
    for name in ["first", "second"] {
        assert_eq!(pod.terminated(name)["exitCode"], 0, "{name}");
    }
    assert_eq!(pod.condition("Initialized"), "True");
}

fn a_failing_init_container_keeps_the_pod_from_running(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let containers = json!([script("main", "echo never")]);
    let init = json!([script("init", "exit 6")]);
    stage.create_pod("once", json!({ "restartPolicy": "Never", "initContainers": init, "containers": containers }));
    stage.create_pod("often", json!({ "initContainers": init, "containers": containers }));
    let once = stage.until_phase("once", "Failed");
    assert_eq!(once.terminated("init")["exitCode"], 6);
    assert_eq!(once.waiting("main"), "PodInitializing");
    let often = stage.until_pod("often", "its init container was tried again", |pod| pod.restarts("init") >= 1);
    assert_eq!((often.phase(), often.condition("Initialized")), ("Pending", "False"));
    let line = stage.kubectl().ok(&["get", "pod", "often"]);
    assert!(line.contains("Init:"), "{line}");
}

/// A container of this kind outlives the others, and does not keep the pod from its end.
fn a_sidecar_starts_before_and_ends_after_the_rest(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let mut sidecar = mounted(script("sidecar", &format!("touch /scratch/sidecar; echo started; {RUN_UNTIL_STOPPED}")));
    sidecar["restartPolicy"] = json!("Always");
    let main = mounted(script(
        "main",
        "test -f /scratch/sidecar && echo it was there; until test -f /shared/go; do sleep 0.1; done",
    ));
    let main = {
        let mut main = main;
        main["volumeMounts"].as_array_mut().unwrap().push(json!({ "name": "shared", "mountPath": "/shared" }));
        main
    };
    stage.create_pod(
        "pair",
        json!({
            "restartPolicy": "Never",
            "initContainers": [sidecar],
            "containers": [main],
            "volumes": [
                { "name": "scratch", "emptyDir": {} },
                { "name": "shared", "hostPath": { "path": stage.shared(), "type": "Directory" } },
            ],
        }),
    );
    let pod = stage.until_running("pair");
    assert!(pod.container("sidecar")["state"]["running"].is_object() && pod.container("sidecar")["started"] == true);
    eventually("the first words", || {
        let said = stage.kubectl().run(&["logs", "pair", "-c", "main"])?;
        (said == "it was there\n").then_some(()).ok_or(said)
    });
    std::fs::write(stage.shared().join("go"), "").unwrap();
    let pod = stage.until_phase("pair", "Succeeded");
    assert_eq!(pod.terminated("main")["exitCode"], 0);
    let times = ["main", "sidecar"].map(|name| pod.terminated(name)["finishedAt"].as_str().unwrap().to_owned());
    assert!(times[0] <= times[1], "{times:?}");
    assert!(stage.docker().of_pod("pair").iter().all(|container| !container.running));
}

fn mounted(mut container: Value) -> Value {
    container["volumeMounts"] = json!([{ "name": "scratch", "mountPath": "/scratch" }]);
    container
}
