//! What the node takes, and what it refuses in the kubelet's words.

use k8s_openapi::api::core::v1::PodStatus;
use serde_json::{Value, json};
use virtual_kubelet::kube::Api;
use virtual_kubelet::kube::api::{Patch, PatchParams};

use super::SOON;
use crate::world::World;

fn requesting(requests: Value) -> Value {
    json!({
        "restartPolicy": "Never",
        // Extended resources have to be limited as well.
        "containers": [{"name": "app", "image": "app:1", "resources": {"requests": requests, "limits": requests}}],
    })
}

async fn runs(world: &World, name: &str) {
    world.eventually(SOON, &format!("{name} runs"), || async { world.phase(name).await == "Running" }).await;
}

async fn refused(world: &World, name: &str) -> PodStatus {
    world.eventually(SOON, &format!("{name} is refused"), || async { world.phase(name).await == "Failed" }).await;
    world.pod(name).await.and_then(|pod| pod.status).unwrap_or_default()
}

/// Requests count as the scheduler counts them, and what was refused or has ended takes up nothing.
pub async fn a_pod_without_room_is_refused_in_the_kubelets_words(world: &World) {
    world.backend().set_capacity(&[("cpu", "2"), ("memory", "1Gi"), ("pods", "3"), ("example.com/gpu", "1")]);
    let _agent = world.start_agent().await;
    let first = world.create_pod_with("first", requesting(json!({"cpu": "1500m"}))).await;
    runs(world, "first").await;

    let second = world.create_pod_with("second", requesting(json!({"cpu": "1"}))).await;
    let status = refused(world, "second").await;
    assert_eq!(status.reason.as_deref(), Some("OutOfcpu"));
    let expected =
        "Pod was rejected: Node didn't have enough resource: cpu, requested: 1000, used: 1500, capacity: 2000";
    assert_eq!(status.message.as_deref(), Some(expected));
    assert_eq!(world.backend().starts(&second), 0);
    world.create_pod_with("memory", requesting(json!({"memory": "2Gi"}))).await;
    assert_eq!(refused(world, "memory").await.reason.as_deref(), Some("OutOfmemory"));
    world.create_pod_with("gpu", requesting(json!({"example.com/gpu": "2"}))).await;
    assert_eq!(refused(world, "gpu").await.reason.as_deref(), Some("OutOfexample.com/gpu"));

    for name in ["small", "smaller"] {
        world.create_pod_with(name, requesting(json!({"cpu": "100m"}))).await;
        runs(world, name).await;
    }
    world.create_pod("fourth").await;
    assert_eq!(refused(world, "fourth").await.reason.as_deref(), Some("OutOfpods"));

    world.backend().exit(&first, 0);
    world.eventually(SOON, "it has ended", || async { world.phase("first").await == "Succeeded" }).await;
    world.create_pod_with("large", requesting(json!({"cpu": "1800m"}))).await;
    runs(world, "large").await;
}

/// k3k#590: a restart finds less than what runs, and refuses new pods, never those that have started.
pub async fn what_has_started_is_not_refused_after_a_restart(world: &World) {
    world.backend().set_capacity(&[("cpu", "4"), ("pods", "10")]);
    let agent = world.start_agent().await;
    let mut uids = Vec::new();
    for name in ["one", "two"] {
        uids.push(world.create_pod_with(name, requesting(json!({"cpu": "2"}))).await);
        runs(world, name).await;
    }
    agent.kill();
    world.backend().set_capacity(&[("cpu", "1"), ("pods", "1")]);
    let late = world.create_pod_with("late", requesting(json!({"cpu": "500m"}))).await;
    let _agent = world.start_agent().await;
    assert_eq!(refused(world, "late").await.reason.as_deref(), Some("OutOfpods"));
    assert_eq!(world.backend().starts(&late), 0);
    for (name, uid) in ["one", "two"].into_iter().zip(&uids) {
        assert_eq!((world.phase(name).await.as_str(), world.backend().starts(uid)), ("Running", 1));
    }
}

/// The labels are those of the Node itself, an administrator's included, as they are at this moment.
pub async fn a_pod_that_selects_other_nodes_is_refused(world: &World) {
    let agent = world.start_agent().await;
    assert!(agent.node().registered().await);
    let selecting = json!({"nodeSelector": {"example.com/rack": "7"}});
    let stray = world.create_pod_with("stray", selecting.clone()).await;
    let status = refused(world, "stray").await;
    assert_eq!(status.reason.as_deref(), Some("NodeAffinity"));
    let expected = "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector";
    assert_eq!(status.message.as_deref(), Some(expected));
    assert_eq!(world.backend().starts(&stray), 0);

    let nodes: Api<k8s_openapi::api::core::v1::Node> = Api::all(world.admin());
    let labels = json!({"metadata": {"labels": {"example.com/rack": "7"}}});
    let labelled = nodes.patch(world.node_name(), &PatchParams::default(), &Patch::Merge(labels)).await;
    assert!(labelled.is_ok(), "{labelled:?}");
    world.create_pod_with("at-home", selecting).await;
    runs(world, "at-home").await;
}
