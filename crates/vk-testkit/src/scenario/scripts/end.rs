//! How pods end by themselves, are lost, or are ended by others.

use std::time::Duration;

use serde_json::json;

use crate::scenario::stage::Stage;

pub(in crate::scenario) async fn a_job_completes(stage: &Stage) {
    let uid = stage.run_pod("job", json!({"restartPolicy": "Never"})).await;
    stage.world.backend().exit(&uid, 0);
    stage.reaches("job", "Succeeded").await;
}

pub(in crate::scenario) async fn a_container_fails(stage: &Stage) {
    let uid = stage.run_pod("job", json!({"restartPolicy": "Never"})).await;
    stage.world.backend().exit(&uid, 3);
    stage.reaches("job", "Failed").await;
}

/// Its job has failed; as long as the sidecar runs the pod does.
pub(in crate::scenario) async fn a_sidecar_outlives_its_job(stage: &Stage) {
    let sidecar = json!([{"name": "proxy", "image": "proxy:1", "restartPolicy": "Always"}]);
    let uid = stage.run_pod("job", json!({"initContainers": sidecar, "restartPolicy": "Never"})).await;
    stage.world.backend().exit(&uid, 3);
    let runs = || async { stage.world.phase("job").await == "Running" };
    stage.world.always(Duration::from_secs(6), "it runs as long as its sidecar does", runs).await;
    stage.reaches("job", "Failed").await;
}

pub(in crate::scenario) async fn a_finished_pod_is_deleted(stage: &Stage) {
    a_container_fails(stage).await;
    stage.world.delete_pod("job", None).await;
    stage.leaves_the_api("job").await;
}

pub(in crate::scenario) async fn a_job_is_lost(stage: &Stage) {
    let uid = stage.run_pod("job", json!({"restartPolicy": "Never"})).await;
    stage.world.backend().lose(&uid);
    stage.reaches("job", "Failed").await;
}

pub(in crate::scenario) async fn a_service_is_lost(stage: &Stage) {
    let uid = stage.run_pod("web", json!({"restartPolicy": "Always"})).await;
    stage.world.backend().lose(&uid);
    stage.reaches("web", "Failed").await;
}

/// As pod garbage collection and evictors do.
pub(in crate::scenario) async fn others_write_the_end(stage: &Stage) {
    let uid = stage.run_pod("web", json!({})).await;
    stage.evict_by_status("web", &uid).await;
    stage.workload_is(&uid, "what runs is stopped", |workload| workload.exit_code.is_some()).await;
}

/// The back end forgets what has ended half a second ago.
pub(in crate::scenario) async fn a_job_is_forgotten(stage: &Stage) {
    let uid = stage.world.create_pod_with("job", json!({"restartPolicy": "Never"})).await;
    let is_over = || async { matches!(stage.world.phase("job").await.as_str(), "Succeeded" | "Failed") };
    // Who died between the intent and the create cannot know whether it has run: then it has failed.
    let is_tried = || async { stage.world.backend().starts(&uid) > 0 || is_over().await };
    stage.eventually("it is tried", is_tried).await;
    stage.world.backend().exit(&uid, 0);
    stage.eventually("it is over", is_over).await;
    assert!(stage.world.backend().starts(&uid) <= 1, "a job runs once");
}

/// One of two containers ends.
pub(in crate::scenario) async fn one_of_two_containers_ends(stage: &Stage) {
    let two = json!([{"name": "app", "image": "app:1"}, {"name": "proxy", "image": "proxy:1"}]);
    let uid = stage.run_pod("web", json!({"containers": two, "restartPolicy": "Never"})).await;
    stage.world.backend().exit_container(&uid, 0, 1);
    stage.pass(20).await;
    assert_eq!(stage.world.phase("web").await, "Running", "the other one runs");
    stage.world.backend().exit(&uid, 0);
    stage.reaches("web", "Failed").await;
}
