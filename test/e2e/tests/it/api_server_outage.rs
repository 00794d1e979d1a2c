//! The API server goes away for a minute. Pods run on, and what happened is told afterwards.

use std::thread;
use std::time::Duration;

use serde_json::json;
use test_cluster::{Component, ControlPlane, ControlPlaneOptions};

use crate::stage::{Environment, Identity, Stage, condition, eventually, seconds_of, sleeper};

const OUTAGE: Duration = Duration::from_secs(60);

/// One control plane of its own, with a node of each identity.
#[test]
fn an_outage_of_the_api_server_stops_no_pod() {
    // On loopback, as on a developer's machine: the nodes are told their address.
    let mut control_plane = ControlPlane::start(ControlPlaneOptions::default()).unwrap();
    let environment = Environment::read().with_cluster(control_plane.cluster().clone());
    let mut stages: Vec<Stage> = [Identity::Node, Identity::ServiceAccount]
        .into_iter()
        .map(|identity| {
            let mut stage = Stage::open(&environment, identity);
            stage.start_docker_node();
            for name in ["steady", "crashing"] {
                stage.create_pod(name, json!({ "containers": [sleeper("main")] }));
            }
            stage
        })
        .collect();
    let steady: Vec<_> = stages.iter().map(|stage| stage.until_running("steady").runs()).collect();
    for stage in &stages {
        stage.until_running("crashing");
    }

    control_plane.stop_component(Component::ApiServer).unwrap();
    for stage in &stages {
        // Nobody but the agent can start it again, and it does so without the API server.
        let crashed = stage.docker().of_pod("crashing").remove(0).id;
        stage.docker().run(&["kill", &crashed]).unwrap();
        eventually("another run of the container", || {
            let runs = stage.docker().of_pod("crashing");
            let again = runs.iter().any(|container| container.running && container.id != crashed);
            if again { Ok(()) } else { Err(format!("{runs:?}")) }
        });
    }
    thread::sleep(OUTAGE);
    for stage in &mut stages {
        assert!(stage.agent().runs());
        assert_eq!(stage.docker().running().len(), 4);
    }

    control_plane.start_component(Component::ApiServer).unwrap();
    for stage in &stages {
        stage.kubectl().create(&json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "new" },
            "spec": { "nodeName": stage.name(), "containers": [sleeper("main")] },
        }));
        seconds_of("after a minute without API server, a new pod runs after", || stage.until_running("new"));
    }
    for (stage, steady) in stages.iter().zip(steady) {
        assert_eq!(stage.until_running("steady").runs(), steady);
        stage.until_pod("crashing", "its restart is told", |pod| {
            pod.restarts("main") == 1 && pod.condition("Ready") == "True"
        });
        stage.until_node("the node is ready", |node| condition(node, "Ready") == "True");
        assert!(!stage.kubectl().ok(&["describe", "pod", "steady"]).contains("Evict"));
        // Through the new connections everything works again, logs included.
        assert_eq!(stage.kubectl().ok(&["logs", "new"]), "");
        stage.kubectl().ok(&["delete", "pods", "--all"]);
        eventually("nothing in Docker", || {
            let left = stage.docker().all();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        });
    }
}
