//! What runs beside the server, where it is switched on.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use vk_apiserver::{ApiServer, Options};

use crate::support::*;

fn controlled(switch: impl FnOnce(&mut Options)) -> ApiServer {
    let mut options = Options::default();
    switch(&mut options);
    server_with(options)
}

async fn ready_node(client: &kube::Client, name: &str) {
    let node = serde_json::from_value(json!({
        "metadata": {"name": name, "labels": {"kind": name}},
        "status": {"capacity": {"pods": "2"}, "conditions": [{"type": "Ready", "status": "True"}]},
    }))
    .unwrap();
    Api::<Node>::all(client.clone()).create(&PostParams::default(), &node).await.unwrap();
}

async fn unscheduled(client: &kube::Client, name: &str, spec: Value) {
    let mut pod = pod_from(name, json!({"containers": [{"name": "c", "image": "i"}]}));
    let extra: k8s_openapi::api::core::v1::PodSpec = serde_json::from_value(spec).unwrap();
    let own = pod.spec.as_mut().unwrap();
    own.node_selector = extra.node_selector;
    own.tolerations = extra.tolerations;
    pods(client).create(&PostParams::default(), &pod).await.unwrap();
}

async fn node_of(client: &kube::Client, pod: &str) -> Option<String> {
    pods(client).get(pod).await.unwrap().spec.unwrap().node_name
}

#[test]
fn the_scheduler_knows_selectors_taints_and_how_many_pods_fit() {
    run(|| async {
        let server = controlled(|options| {
            options.controllers.scheduler = true;
            options.controllers.node_lifecycle = true;
        });
        let client = admin(&server);
        ready_node(&client, "a").await;
        ready_node(&client, "b").await;
        let nodes: Api<Node> = Api::all(client.clone());
        let taint = Patch::Merge(json!({"spec": {"taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]}}));
        nodes.patch("b", &PatchParams::default(), &taint).await.unwrap();
        for name in ["p1", "p2", "p3"] {
            unscheduled(&client, name, json!({"containers": []})).await;
        }
        unscheduled(&client, "q", json!({"containers": [], "tolerations": [{"key": "k", "operator": "Exists"}]})).await;
        unscheduled(&client, "r", json!({"containers": [], "nodeSelector": {"kind": "none"}})).await;
        let mut placed = Vec::new();
        for name in ["p1", "p2", "p3", "q", "r"] {
            placed.push(node_of(&client, name).await.unwrap_or_default());
        }
        assert_eq!(placed, ["a", "a", "", "b", ""]);
        pods(&client).delete("p1", &grace(0)).await.unwrap();
        assert_eq!(node_of(&client, "p3").await.as_deref(), Some("a"), "room was made");
    });
}

#[test]
fn a_node_without_heartbeat_becomes_unknown_and_its_pods_are_evicted() {
    run(|| async {
        let server = controlled(|options| {
            options.controllers.node_lifecycle = true;
            options.controllers.taint_eviction = true;
        });
        let client = admin(&server);
        ready_node(&client, "n").await;
        create_pod(&client, "p", "n").await;
        let background = server.clone().background();
        let life = async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            let node = serde_json::to_value(Api::<Node>::all(client.clone()).get("n").await.unwrap()).unwrap();
            assert_eq!(node["status"]["conditions"][0]["status"], "Unknown");
            let keys: Vec<&Value> =
                node["spec"]["taints"].as_array().unwrap().iter().map(|taint| &taint["key"]).collect();
            assert_eq!(keys, ["node.kubernetes.io/unreachable", "node.kubernetes.io/unreachable"]);
            assert!(pods(&client).get("p").await.unwrap().metadata.deletion_timestamp.is_none());
            tokio::time::sleep(Duration::from_secs(310)).await;
            assert!(pods(&client).get("p").await.unwrap().metadata.deletion_timestamp.is_some());
        };
        tokio::select! {
            biased;
            () = life => {}
            () = background => {}
        }
    });
}

/// A node's clock may be wrong; that its lease's time grows is what counts.
#[test]
fn a_node_whose_clock_is_hours_behind_is_not_unknown() {
    run(|| async {
        let server = controlled(|options| options.controllers.node_lifecycle = true);
        let client = admin(&server);
        ready_node(&client, "n").await;
        let leases: Api<Lease> = Api::namespaced(client.clone(), "kube-node-lease");
        let lease = |second: i64| {
            let time = Timestamp::from_second(1_500_000_000 + second).unwrap().to_string();
            json!({"metadata": {"name": "n"}, "spec": {"holderIdentity": "n", "renewTime": time.replace('Z', ".000000Z")}})
        };
        let background = server.clone().background();
        let status = || async {
            let node = serde_json::to_value(Api::<Node>::all(client.clone()).get("n").await.unwrap()).unwrap();
            node["status"]["conditions"][0]["status"].as_str().unwrap().to_owned()
        };
        let life = async {
            leases.create(&PostParams::default(), &serde_json::from_value(lease(0)).unwrap()).await.unwrap();
            for second in 1..20 {
                tokio::time::sleep(Duration::from_secs(10)).await;
                leases.patch("n", &PatchParams::default(), &Patch::Merge(lease(second))).await.unwrap();
                assert_eq!(status().await, "True", "renewal {second}");
            }
            for _ in 0..7 {
                tokio::time::sleep(Duration::from_secs(10)).await;
                leases.patch("n", &PatchParams::default(), &Patch::Merge(lease(3))).await.unwrap();
            }
            assert_eq!(status().await, "Unknown", "a time that does not grow is no sign of life");
        };
        tokio::select! {
            biased;
            () = life => {}
            () = background => {}
        }
    });
}

#[test]
fn pods_of_a_node_that_is_gone_go_after_the_quarantine() {
    run(|| async {
        let server = controlled(|options| options.controllers.pod_garbage_collection = true);
        let client = admin(&server);
        ready_node(&client, "n").await;
        create_pod(&client, "p", "n").await;
        Api::<Node>::all(client.clone()).delete("n", &DeleteParams::default()).await.unwrap();
        let background = server.clone().background();
        let life = async {
            tokio::time::sleep(Duration::from_secs(30)).await;
            assert!(pods(&client).get_opt("p").await.unwrap().is_some());
            tokio::time::sleep(Duration::from_secs(20)).await;
            assert!(pods(&client).get_opt("p").await.unwrap().is_none());
        };
        tokio::select! {
            biased;
            () = life => {}
            () = background => {}
        }
    });
}
