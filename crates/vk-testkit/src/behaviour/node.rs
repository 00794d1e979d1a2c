//! The Node and its lease.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use serde_json::json;
use virtual_kubelet::kube::Api;
use virtual_kubelet::kube::api::{DeleteParams, Patch, PatchParams};

use super::SOON;
use crate::world::World;

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
