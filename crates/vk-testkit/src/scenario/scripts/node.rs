//! The Node and its lease.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use serde_json::{Value, json};
use virtual_kubelet::kube::Api;
use virtual_kubelet::kube::api::{DeleteParams, Patch, PatchParams};
use vk_apiserver::Object;

use crate::scenario::stage::{Stage, is_ready};
use crate::world::AgentSettings;

pub(in crate::scenario) async fn the_node_is_deleted(stage: &Stage) {
    stage.node_is("the node is ready", is_ready).await;
    stage.run_pod("web", json!({})).await;
    let first = stage.node().await.and_then(|node| node.metadata.uid);
    let deleted = stage.nodes().delete(stage.world.node_name(), &DeleteParams::default()).await;
    assert!(deleted.is_ok(), "{deleted:?}");
    stage.node_is("another node is ready", |node| node.metadata.uid != first && is_ready(node)).await;
}

/// Others label the Node, and break what is ours.
pub(in crate::scenario) async fn others_edit_the_node(stage: &Stage) {
    stage.node_is("the node is ready", is_ready).await;
    let foreign = json!({"metadata": {"labels": {"type": null, "team": "a"}, "annotations": {"note": "x"}}});
    edit_node(stage, foreign).await;
    let has =
        |key: &'static str| move |node: &Node| node.metadata.labels.iter().flatten().any(|(known, _)| known == key);
    stage.node_is("our label is back", has("type")).await;
    stage.pass(30).await;
    assert!(stage.node().await.is_some_and(|node| has("team")(&node)), "what others wrote stays");
}

/// Another controller calls the node not ready.
pub(in crate::scenario) async fn others_call_the_node_not_ready(stage: &Stage) {
    stage.node_is("the node is ready", is_ready).await;
    let unready = json!({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}});
    let edited =
        stage.nodes().patch_status(stage.world.node_name(), &PatchParams::default(), &Patch::Strategic(unready)).await;
    assert!(edited.is_ok(), "{edited:?}");
    stage.pass(30).await;
    assert!(stage.node().await.is_some_and(|node| is_ready(&node)), "it is repaired");
}

/// A kubelet renews every ten seconds; the control plane waits forty.
pub(in crate::scenario) async fn the_lease_is_renewed(stage: &Stage) {
    stage.node_is("the node is ready", is_ready).await;
    let leases: Api<Lease> = Api::namespaced(stage.world.admin(), "kube-node-lease");
    let renewed = || async {
        let lease = leases.get_opt(stage.world.node_name()).await.ok().flatten();
        lease.and_then(|lease| lease.spec?.renew_time)
    };
    let mut last = renewed().await;
    for _ in 0..8 {
        stage.pass(35).await;
        let newest = renewed().await;
        assert!(newest > last, "{newest:?} after {last:?}");
        last = newest;
        assert!(stage.node().await.is_some_and(|node| is_ready(&node)), "a back end that hangs evicts nobody");
    }
    let was_unready = stage.server.inspect(|kernel| kernel.changes("nodes").any(|change| says_unready(&change.object)));
    assert!(!was_unready, "not for a moment");
}

/// The heartbeat of the first agent is lost, and nothing else of it: it sees every pod that the second one brings to the back
/// end.
pub(in crate::scenario) async fn another_agent_takes_the_node(stage: &Stage) {
    stage.run_pod("before", json!({})).await;
    stage.pass(30).await;
    let other = AgentSettings { instance: Some("another-instance".to_owned()), ..AgentSettings::default() };
    let second = stage.world.start_agent_with(other).await;
    for name in ["one", "two", "three"] {
        stage.run_pod(name, json!({})).await;
    }
    stage.pass(30).await;
    stage.world.delete_pod("one", None).await;
    stage.leaves_the_api("one").await;
    second.stop().await;
}

async fn edit_node(stage: &Stage, body: Value) {
    let edited = stage.nodes().patch(stage.world.node_name(), &PatchParams::default(), &Patch::Merge(body)).await;
    assert!(edited.is_ok(), "{edited:?}");
}

fn says_unready(node: &Object) -> bool {
    let conditions = node.items("/status/conditions").iter();
    let mut ready = conditions.filter(|condition| condition["type"] == "Ready");
    ready.any(|condition| condition["status"] != "True")
}
