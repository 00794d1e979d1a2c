//! The life of a pod that its user starts, changes and deletes.

use std::time::Duration;

use serde_json::json;
use virtual_kubelet::core::Error;
use virtual_kubelet::kube::api::{Patch, PatchParams};

use crate::backend::{Fault, Method, Workload};
use crate::scenario::stage::Stage;

pub(in crate::scenario) async fn create_and_run(stage: &Stage) {
    stage.run_pod("web", json!({})).await;
}

pub(in crate::scenario) async fn create_and_delete(stage: &Stage) {
    let uid = stage.run_pod("web", json!({})).await;
    stage.world.delete_pod("web", None).await;
    stage.leaves_the_api("web").await;
    stage.is_let_go(&uid).await;
}

pub(in crate::scenario) async fn delete_while_creating(stage: &Stage) {
    stage.world.backend().fail_next(Method::Create, Fault::Delay(Duration::from_secs(2)));
    stage.world.create_pod("web").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    stage.world.delete_pod("web", None).await;
    stage.leaves_the_api("web").await;
}

pub(in crate::scenario) async fn force_delete(stage: &Stage) {
    let uid = stage.run_pod("web", json!({})).await;
    stage.world.delete_pod("web", Some(0)).await;
    stage.is_let_go(&uid).await;
}

/// Nothing is being written about it, and the watch is never silent for so long that it would be begun anew: nothing but
/// the watch can tell.
pub(in crate::scenario) async fn force_delete_beside_a_busy_pod(stage: &Stage) {
    stage.run_pod("busy", json!({})).await;
    let uid = stage.run_pod("web", json!({})).await;
    stage.pass(30).await;
    stage.world.delete_pod("web", Some(0)).await;
    for edit in 0..10 {
        stage.edit("busy", json!({"metadata": {"annotations": {"edit": edit.to_string()}}})).await;
        stage.pass(15).await;
    }
    assert!(stage.world.backend().workload(&uid).is_none(), "the back end is let go");
}

pub(in crate::scenario) async fn recreate_under_the_same_name(stage: &Stage) {
    let first = stage.run_pod("web-0", json!({})).await;
    stage.world.delete_pod("web-0", Some(0)).await;
    let second = stage.run_pod("web-0", json!({})).await;
    assert_ne!(first, second);
    stage.is_let_go(&first).await;
    assert!(stage.world.backend().workload(&second).is_some(), "the second is not the first");
}

/// The answer to a create is lost.
pub(in crate::scenario) async fn a_create_without_answer(stage: &Stage) {
    stage.world.backend().fail_next(Method::Create, Fault::LoseReply);
    stage.run_pod("web", json!({})).await;
}

pub(in crate::scenario) async fn update_labels(stage: &Stage) {
    stage.run_pod("web", json!({})).await;
    stage.edit("web", json!({"metadata": {"labels": {"edited": "yes"}}})).await;
    stage.pass(2).await;
}

pub(in crate::scenario) async fn update_the_image(stage: &Stage) {
    let uid = stage.run_pod("web", json!({})).await;
    stage.world.backend().fail_next(Method::Update, Fault::Refuse(Error::unavailable("503")));
    set_image(stage, "web").await;
    stage.workload_is(&uid, "it runs the new image", runs_new_image).await;
    assert_eq!(stage.world.phase("web").await, "Running");
}

pub(in crate::scenario) async fn the_image_changes_while_the_agent_is_away(stage: &Stage) {
    let uid = stage.run_pod("web", json!({})).await;
    stage.pass(2).await;
    stage.kill_agent().await;
    set_image(stage, "web").await;
    stage.start_agent();
    stage.workload_is(&uid, "it runs the new image", runs_new_image).await;
}

async fn set_image(stage: &Stage, name: &str) {
    let image = json!({"spec": {"containers": [{"name": "app", "image": "app:2"}]}});
    let edited = stage.world.pods().patch(name, &PatchParams::default(), &Patch::Strategic(image)).await;
    assert!(edited.is_ok(), "{edited:?}");
}

fn runs_new_image(workload: &Workload) -> bool {
    workload.image("app") == Some("app:2")
}

pub(in crate::scenario) async fn a_finalizer_holds_the_pod(stage: &Stage) {
    let uid = stage.run_pod("web", json!({})).await;
    stage.edit("web", json!({"metadata": {"finalizers": ["theirs.example/hold"]}})).await;
    stage.world.delete_pod("web", None).await;
    stage.is_let_go(&uid).await;
    assert!(stage.world.pod("web").await.is_some(), "the finalizer holds it");
    stage.edit("web", json!({"metadata": {"finalizers": []}})).await;
    stage.leaves_the_api("web").await;
}

pub(in crate::scenario) async fn two_pods(stage: &Stage) {
    stage.world.create_pod("one").await;
    stage.world.create_pod("other").await;
    stage.reaches("one", "Running").await;
    stage.reaches("other", "Running").await;
    stage.world.delete_pod("one", None).await;
    stage.leaves_the_api("one").await;
}

/// Somebody is in a hurry.
pub(in crate::scenario) async fn the_deadline_comes_nearer(stage: &Stage) {
    let uid = stage.run_pod("web", json!({"terminationGracePeriodSeconds": 600})).await;
    stage.world.delete_pod("web", None).await;
    stage.pass(5).await;
    stage.world.delete_pod("web", Some(2)).await;
    stage.pass(20).await;
    let runs_on = stage.world.backend().workload(&uid).is_some_and(|workload| workload.exit_code.is_none());
    assert!(!runs_on, "the nearer deadline holds");
    stage.leaves_the_api("web").await;
}

/// A stop that takes its time: nothing may be told or taken away before.
pub(in crate::scenario) async fn a_slow_stop(stage: &Stage) {
    let uid = stage.run_pod("web", json!({})).await;
    stage.world.delete_pod("web", None).await;
    let running = || async {
        let phase = stage.world.phase("web").await;
        stage.is_running(&uid) && phase == "Running"
    };
    stage.world.always(Duration::from_secs(6), "it is there and runs while it is being stopped", running).await;
    stage.leaves_the_api("web").await;
}

/// A deletion does not wait for a create that hangs.
pub(in crate::scenario) async fn delete_while_a_create_hangs(stage: &Stage) {
    stage.world.backend().fail_next(Method::Create, Fault::Delay(Duration::from_secs(100)));
    stage.world.create_pod("web").await;
    stage.pass(2).await;
    stage.world.delete_pod("web", Some(5)).await;
    stage.pass(20).await;
    assert!(stage.world.pod("web").await.is_none(), "the create was given up");
}

/// Nothing can be listed; the handle has to survive.
pub(in crate::scenario) async fn a_pod_found_by_its_handle(stage: &Stage) {
    let uid = stage.run_pod("web", json!({})).await;
    stage.pass(3).await;
    stage.world.delete_pod("web", None).await;
    stage.leaves_the_api("web").await;
    stage.is_let_go(&uid).await;
}
