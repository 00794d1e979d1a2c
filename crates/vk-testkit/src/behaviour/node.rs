//! The Node and its lease.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use serde_json::json;
use virtual_kubelet::core::node::OutagePolicy;
use virtual_kubelet::kube::Api;
use virtual_kubelet::kube::api::{DeleteParams, Patch, PatchParams};

use super::SOON;
use crate::world::{AgentSettings, World};

fn nodes(world: &World) -> Api<Node> {
    Api::all(world.admin())
}

async fn node(world: &World) -> Option<Node> {
    nodes(world).get_opt(world.node_name()).await.ok().flatten()
}

async fn is_ready(world: &World) -> bool {
    let status = node(world).await.and_then(|node| node.status).unwrap_or_default();
    status.conditions.iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// Complete in its first version: pods may be scheduled to it at once.
pub async fn a_node_is_ready_and_complete(world: &World) {
    let _agent = world.start_agent().await;
    world.eventually(SOON, "the node is ready", || is_ready(world)).await;
    let node = node(world).await.unwrap_or_default();
    let labels = node.metadata.labels.unwrap_or_default();
    for label in
        ["kubernetes.io/hostname", "kubernetes.io/os", "node.kubernetes.io/exclude-from-external-load-balancers"]
    {
        assert!(labels.contains_key(label), "{label} in {labels:?}");
    }
    let status = node.status.unwrap_or_default();
    let allocatable = status.allocatable.unwrap_or_default();
    assert!(allocatable.contains_key("cpu") && allocatable.contains_key("pods"), "{allocatable:?}");
    assert!(status.addresses.unwrap_or_default().iter().any(|address| address.type_ == "InternalIP"));
    assert!(status.node_info.unwrap_or_default().kubelet_version.starts_with('v'));

    let leases: Api<Lease> = Api::namespaced(world.admin(), "kube-node-lease");
    let owned = || async {
        let lease = leases.get_opt(world.node_name()).await.ok().flatten().unwrap_or_default();
        lease.metadata.owner_references.unwrap_or_default().iter().any(|owner| owner.kind == "Node")
    };
    world.eventually(SOON, "the lease belongs to the node", owned).await;
}

/// vk#321, open: a cloud's node controller deletes the node, and the Go project never brings it back.
pub async fn vk_321_a_deleted_node_comes_back(world: &World) {
    let _agent = world.start_agent().await;
    world.eventually(SOON, "the node is ready", || is_ready(world)).await;
    let uid = world.create_pod("web").await;
    world.eventually(SOON, "the pod runs", || async { world.phase("web").await == "Running" }).await;
    let first = node(world).await.and_then(|node| node.metadata.uid);
    let deleted = nodes(world).delete(world.node_name(), &DeleteParams::default()).await;
    assert!(deleted.is_ok(), "{deleted:?}");
    let back = || async { node(world).await.and_then(|node| node.metadata.uid).is_some_and(|uid| Some(uid) != first) };
    world.eventually(SOON, "another node object is there", back).await;
    world.eventually(SOON, "it is ready", || is_ready(world)).await;
    assert_eq!(world.backend().starts(&uid), 1);
}

/// vk#956, open: Ready=False by somebody else stayed until the agent was restarted.
pub async fn vk_956_a_foreign_not_ready_is_repaired(world: &World) {
    let _agent = world.start_agent().await;
    world.eventually(SOON, "the node is ready", || is_ready(world)).await;
    let unready =
        json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}]}});
    let patched =
        nodes(world).patch_status(world.node_name(), &PatchParams::default(), &Patch::Strategic(unready)).await;
    assert!(patched.is_ok(), "{patched:?}");
    world.eventually(SOON, "the node is ready again", || is_ready(world)).await;
}

/// What is allocatable of this resource; empty if the Node does not say.
async fn allocatable(world: &World, resource: &str) -> String {
    let status = node(world).await.and_then(|node| node.status).unwrap_or_default();
    status.allocatable.unwrap_or_default().remove(resource).map(|amount| amount.0).unwrap_or_default()
}

/// k3k#590: the node kept the capacity of its start.
pub async fn capacity_follows_the_back_end(world: &World) {
    world.backend().set_capacity(&[("cpu", "8"), ("pods", "10")]);
    let _agent = world.start_agent().await;
    world.eventually(SOON, "it is told", || async { allocatable(world, "cpu").await == "8" }).await;
    world.backend().set_capacity(&[("cpu", "2"), ("pods", "20")]);
    let followed =
        || async { (allocatable(world, "cpu").await, allocatable(world, "pods").await) == ("2".into(), "20".into()) };
    world.eventually(SOON, "it follows", followed).await;
}

/// The lease goes on under every policy; only one of them gives up the node's pods.
pub async fn an_outage_of_the_back_end_is_what_its_policy_says(world: &World) {
    for (policy, pods, ready) in [
        (OutagePolicy::ZeroAllocatable, "0", true),
        (OutagePolicy::Ignore, "1k", true),
        (OutagePolicy::NotReady, "1k", false),
    ] {
        let mut settings = AgentSettings { outage_policy: policy, ..AgentSettings::default() };
        settings.node.ping.interval = Duration::from_millis(100);
        let agent = world.start_agent_with(settings).await;
        let is_well = || async { is_ready(world).await && allocatable(world, "pods").await == "1k" };
        world.eventually(SOON, "all is well", is_well).await;
        world.backend().set_answering(false);
        let says_so = || async {
            let status = node(world).await.and_then(|node| node.status).unwrap_or_default();
            let mut conditions = status.conditions.into_iter().flatten();
            conditions.any(|condition| condition.type_ == "BackendReachable" && condition.status == "False")
                && (allocatable(world, "pods").await.as_str(), is_ready(world).await) == (pods, ready)
        };
        world.eventually(SOON, &format!("the Node says so, as is right for {policy:?}"), says_so).await;
        world.backend().set_answering(true);
        world.eventually(SOON, "all is well again", is_well).await;
        agent.stop().await;
    }
}

/// What a node identity may not do ends the agent no later, and leaves the Node where it is.
pub async fn a_node_identity_does_not_deregister(world: &World) {
    let mut settings = AgentSettings::default();
    settings.node.deregister_on_exit = true;
    let agent = world.start_agent_with(settings).await;
    world.eventually(SOON, "the node is ready", || is_ready(world)).await;
    agent.stop().await;
    assert!(node(world).await.is_some());
}
