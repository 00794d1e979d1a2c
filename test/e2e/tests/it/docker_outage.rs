//! Docker goes away for a minute. Containers outlive it (`--live-restore`); so does everything else.

use std::thread;
use std::time::Duration;

use serde_json::json;
use test_cluster::{Cluster, DockerEngine, DockerOptions};
use tokio::time::Instant;

use crate::faults::{Ledger, Row, Rule};
use crate::stage::{Environment, Identity, Stage, condition, eventually, text};

const OUTAGE: Duration = Duration::from_secs(60);
const PODS: [&str; 3] = ["one", "two", "three"];

#[test]
fn a_docker_outage_is_told_and_evicts_nothing() {
    let (pods, _) = outage(&Environment::read().cluster);
    for pod in pods {
        assert!(pod.complaints.is_empty(), "{pod:?}");
    }
}

/// One engine of its own, under a node of each identity. Answers with what has become of the pods, and with how many seconds
/// after the daemon answers again those run that were created meanwhile.
pub(crate) fn outage(cluster: &Cluster) -> (Vec<Row>, f64) {
    let mut engine = DockerEngine::start(DockerOptions::default()).unwrap();
    engine.load_test_image().unwrap();
    let environment = Environment::of(cluster.clone(), engine.host());
    let stages: Vec<Stage> = [Identity::Node, Identity::ServiceAccount]
        .into_iter()
        .map(|identity| {
            let mut stage = Stage::open(&environment, identity);
            stage.start_docker_node();
            for name in PODS {
                create(&stage, name);
            }
            stage
        })
        .collect();
    let before: Vec<_> = stages.iter().map(|stage| PODS.map(|name| stage.until_running(name).runs())).collect();
    let in_docker: Vec<_> = stages.iter().map(|stage| stage.docker().running()).collect();

    engine.stop_daemon().unwrap();
    for stage in &stages {
        let node = stage.until_node("a node that says why", |node| condition(node, "BackendReachable") == "False");
        let told = node["status"]["conditions"].to_string();
        assert!(told.contains("is dockerd running?"), "{told}");
        assert_eq!(
            (condition(&node, "Ready").as_str(), text(&node["status"]["allocatable"]["pods"]).as_str()),
            ("True", "0")
        );
    }
    let renewed = || stages.iter().map(|stage| text(&stage.lease()["spec"]["renewTime"])).collect::<Vec<_>>();
    let at_first = renewed();
    // Longer than a lease holds: without heartbeat the node would be lost and its pods evicted.
    thread::sleep(OUTAGE);
    for ((stage, earlier), now) in stages.iter().zip(at_first).zip(renewed()) {
        assert!(now > earlier, "the lease of {} was not renewed: {now}", stage.name());
        assert_eq!(condition(&stage.node().unwrap(), "Ready"), "True");
        for name in PODS {
            let pod = stage.pod(name).unwrap();
            assert!(pod.phase() == "Running" && !pod.is_being_deleted(), "{name}: {}", pod.status());
        }
        // What comes meanwhile waits.
        create(stage, "later");
    }

    engine.start_daemon().unwrap();
    let answers = Instant::now();
    for stage in &stages {
        stage.until_node("Docker is back", |node| condition(node, "BackendReachable") == "True");
        stage.until_running("later");
    }
    let seconds = answers.elapsed().as_secs_f64();
    let mut judged = Vec::new();
    for ((stage, before), in_docker) in stages.iter().zip(before).zip(in_docker) {
        assert_eq!(PODS.map(|name| stage.until_running(name).runs()), before);
        let now = stage.docker().running();
        assert!(in_docker.iter().all(|(id, started)| now.get(id) == Some(started)), "something was restarted");
        // Afterwards its events are heard again.
        stage.docker().run(&["kill", &stage.docker().of_pod("one")[0].id]).unwrap();
        stage.until_pod("one", "was restarted", |pod| pod.restarts("main") == 1 && pod.condition("Ready") == "True");
        assert_eq!(
            stage.until_node("pods again", |node| node["status"]["allocatable"]["pods"] == "110")["spec"]["unschedulable"],
            json!(null)
        );
        let ledger = Ledger::of(stage);
        judged.extend(
            stage
                .all_pods()
                .iter()
                .map(|pod| Row::judge(pod, "runs through the outage".to_owned(), Rule::OneForEachRun, &ledger)),
        );
        stage.kubectl().ok(&["delete", "pods", "--all"]);
        eventually("nothing in Docker", || {
            let left = stage.docker().all();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        });
    }
    (judged, seconds)
}

fn create(stage: &Stage, name: &str) {
    let ledger = Ledger::of(stage);
    stage.create_pod(name, ledger.spec(ledger.sleeper("main")));
}
