//! Others who write to the same object.

use serde_json::{Value, json};
use virtual_kubelet::kube::api::{Patch, PatchParams};

use super::SOON;
use crate::world::World;

pub(super) async fn patch(world: &World, name: &str, body: &Value) {
    let patched = world.pods().patch(name, &PatchParams::default(), &Patch::Merge(body)).await;
    assert!(patched.is_ok(), "{patched:?}");
}

pub(super) async fn patch_status(world: &World, name: &str, body: &Value) {
    let patched = world.pods().patch_status(name, &PatchParams::default(), &Patch::Strategic(body)).await;
    assert!(patched.is_ok(), "{patched:?}");
}

/// vk#976, vk#988: a PUT of the whole status reverted what others had written.
pub async fn vk_976_what_others_write_survives(world: &World) {
    let _agent = world.start_agent().await;
    let uid = world.create_pod("web").await;
    world.eventually(SOON, "the pod runs", || async { world.phase("web").await == "Running" }).await;
    patch(world, "web", &json!({"metadata": {"labels": {"theirs": "1"}, "annotations": {"theirs": "2"}}})).await;
    let condition = json!({"type": "theirs.example/Done", "status": "True"});
    patch_status(world, "web", &json!({"status": {"conditions": [condition]}})).await;
    world.backend().exit(&uid, 0);
    world.eventually(SOON, "the end is told", || async { world.phase("web").await == "Succeeded" }).await;
    let pod = world.pod("web").await.unwrap_or_default();
    assert_eq!(pod.metadata.labels.unwrap_or_default().get("theirs").map(String::as_str), Some("1"));
    assert_eq!(pod.metadata.annotations.unwrap_or_default().get("theirs").map(String::as_str), Some("2"));
    let conditions = pod.status.unwrap_or_default().conditions.unwrap_or_default();
    assert!(conditions.iter().any(|condition| condition.type_ == "theirs.example/Done"));
}

/// vk#899: the node controller sets Ready to False; the provider has nothing new to say.
pub async fn vk_899_a_foreign_unready_is_repaired(world: &World) {
    let _agent = world.start_agent().await;
    world.create_pod("web").await;
    let ready = || async {
        let status = world.pod("web").await.and_then(|pod| pod.status).unwrap_or_default();
        status.conditions.iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    };
    world.eventually(SOON, "the pod is ready", ready).await;
    let foreign = json!({"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "NodeNotReady"}]}});
    patch_status(world, "web", &foreign).await;
    world.eventually(SOON, "the pod is ready again", ready).await;
}

/// A finalizer keeps the object; the back end is let go all the same, and DELETE is not sent for ever.
pub async fn finalizers_of_others_are_respected(world: &World) {
    let _agent = world.start_agent().await;
    let uid = world.create_pod("web").await;
    world.eventually(SOON, "the pod runs", || async { world.phase("web").await == "Running" }).await;
    patch(world, "web", &json!({"metadata": {"finalizers": ["theirs.example/hold"]}})).await;
    world.delete_pod("web", None).await;
    world.eventually(SOON, "the back end is let go", || async { world.backend().workload(&uid).is_none() }).await;
    assert!(world.pod("web").await.is_some(), "the finalizer holds it");
    patch(world, "web", &json!({"metadata": {"finalizers": []}})).await;
    world.eventually(SOON, "the object goes", || async { world.pod("web").await.is_none() }).await;
}
