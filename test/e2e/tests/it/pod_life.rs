//! The main job: a pod comes through the scheduler, runs in Docker, and everybody can see it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::stage::{IMAGE, Identity, Stage, eventually, script, sleeper, text};

under_both_identities! {
    a_scheduled_pod_runs_in_docker
    two_containers_of_a_pod_talk_over_localhost
    a_pod_that_is_bound_by_hand_runs_too
}

fn a_scheduled_pod_runs_in_docker(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let web = script("web", "while true; do echo hello | nc -l -p 8080; done");
    stage.create_pod("web", json!({ "containers": [web], "terminationGracePeriodSeconds": 1 }));
    let pod = stage.until_running("web");

    let wide = stage.kubectl().ok(&["get", "pod", "web", "-o", "wide"]);
    for word in ["1/1", "Running", &pod.ip(), stage.name()] {
        assert!(wide.contains(word), "{word} in {wide}");
    }
    // What the status says is what Docker has.
    let container = stage.docker().of_pod("web").remove(0);
    assert_eq!(text(&pod.container("web")["containerID"]), format!("docker://{}", container.id));
    assert_eq!(pod.container("web")["image"], IMAGE);
    let sandbox = stage.docker().all().into_iter().find(|container| container.name.is_none()).unwrap();
    assert_eq!(pod.ip(), sandbox.address);
    let mut greeting = String::new();
    eventually("an answer of the pod", || {
        greeting.clear();
        let mut connection = TcpStream::connect((pod.ip(), 8080)).map_err(|error| error.to_string())?;
        connection.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        connection
            .write_all(b"\n")
            .and_then(|()| connection.read_to_string(&mut greeting))
            .map_err(|error| error.to_string())
    });
    assert_eq!(greeting, "hello\n");

    let status = pod.status();
    assert_eq!(status["hostIP"], stage.environment().cluster.address().to_string());
    assert_eq!((&status["qosClass"], &status["observedGeneration"]), (&json!("BestEffort"), &json!(1)));
    assert!(status["startTime"].is_string());
    for kind in ["PodScheduled", "PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready"] {
        assert_eq!(pod.condition(kind), "True", "{kind}");
    }
    for reason in ["Scheduled", "Pulled", "Created", "Started"] {
        stage.until_event("web", reason, "");
    }
    let described = stage.kubectl().ok(&["describe", "pod", "web"]);
    for words in [
        format!("Successfully assigned {}/web to {}", stage.name(), stage.name()),
        format!("Container image \"{IMAGE}\" already present on machine"),
        "Created container: web".to_owned(),
        "Started container web".to_owned(),
        "virtual-kubelet".to_owned(),
        format!("docker://{}", container.id),
    ] {
        assert!(described.contains(&words), "{words} in\n{described}");
    }
}

fn two_containers_of_a_pod_talk_over_localhost(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let server = script("server", "while true; do echo over localhost | nc -l -p 7000; done");
    let client = script(
        "client",
        "until nc -w 5 127.0.0.1 7000 < /dev/null; do sleep 0.2; done; trap 'exit 0' TERM; sleep 10000 & wait",
    );
    stage.create_pod("pair", json!({ "containers": [server, client], "terminationGracePeriodSeconds": 1 }));
    stage.until_running("pair");
    eventually("what was said over localhost", || {
        let said = stage.kubectl().run(&["logs", "pair", "-c", "client"])?;
        said.contains("over localhost").then_some(()).ok_or(said)
    });
}

fn a_pod_that_is_bound_by_hand_runs_too(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    // No toleration: the taint is for the scheduler alone.
    stage.kubectl().create(&json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "bound" },
        "spec": { "nodeName": stage.name(), "containers": [sleeper("main")] },
    }));
    stage.until_running("bound");
}
