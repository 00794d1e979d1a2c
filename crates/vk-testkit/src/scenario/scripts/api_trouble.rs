//! The API server refuses, forgets, or is slow.

use std::time::Duration;

use serde_json::json;
use vk_apiserver::{Kernel, NoFaults, RequestClass, RequestFault, Verb};

use crate::scenario::circumstance::LaggingWatchCache;
use crate::scenario::stage::Stage;

/// The node authorizer's graph may be behind; a role may be missing for a while.
pub(in crate::scenario) async fn statuses_are_forbidden_for_a_while(stage: &Stage) {
    let uid = stage.run_pod("web", json!({})).await;
    refuse_statuses(stage, 403);
    stage.edit_status("web", json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}})).await;
    stage.pass(60).await;
    stage.server.set_faults(NoFaults);
    assert!(stage.is_running(&uid), "a 403 says nothing");
}

/// Far more than twenty tries.
pub(in crate::scenario) async fn statuses_are_refused_for_minutes(stage: &Stage) {
    let uid = stage.run_pod("job", json!({"restartPolicy": "Never"})).await;
    refuse_statuses(stage, 503);
    stage.world.backend().exit(&uid, 7);
    stage.pass(240).await;
    stage.server.set_faults(NoFaults);
    stage.reaches("job", "Failed").await;
}

/// The end cannot be told for a while: nothing may be let go, and the object has to stay.
pub(in crate::scenario) async fn the_end_cannot_be_told_for_a_while(stage: &Stage) {
    let uid = stage.run_pod("web", json!({})).await;
    refuse_statuses(stage, 503);
    stage.world.delete_pod("web", Some(5)).await;
    stage.pass(30).await;
    assert!(stage.world.pod("web").await.is_some(), "the end was not told");
    assert!(stage.world.backend().workload(&uid).is_some(), "nothing is let go before its end is told");
    stage.server.set_faults(NoFaults);
    stage.leaves_the_api("web").await;
}

/// The watch of pods breaks, history is forgotten, and a pod goes meanwhile.
pub(in crate::scenario) async fn a_pod_goes_in_a_gap_of_the_watch(stage: &Stage) {
    stage.world.create_pod("stays").await;
    let uid = stage.run_pod("goes", json!({})).await;
    stage.reaches("stays", "Running").await;
    stage.pass(5).await;
    stage.restart_server();
    stage.world.delete_pod("goes", Some(0)).await;
    stage.restart_server();
    stage.is_let_go(&uid).await;
}

/// A list that is older than the newest pod.
pub(in crate::scenario) async fn the_watch_lists_anew(stage: &Stage) {
    stage.pass(3).await;
    let uid = stage.run_pod("web", json!({})).await;
    stage.pass(15).await;
    stage.restart_server();
    stage.pass(60).await;
    assert!(stage.is_running(&uid), "it runs on");
}

/// A watch cache that is far behind: the list lacks a pod, and the watch stays silent for minutes.
pub(in crate::scenario) async fn the_watch_cache_is_behind_after_a_restart(stage: &Stage) {
    stage.pass(5).await;
    let revision = stage.server.inspect(Kernel::revision);
    let uid = stage.run_pod("web", json!({})).await;
    stage.kill_agent().await;
    stage.server.set_faults(LaggingWatchCache::at(stage.server.clone(), revision));
    stage.start_agent();
    stage.pass(150).await;
    assert!(stage.is_running(&uid), "the API still has it");
    stage.server.set_faults(NoFaults);
}

/// A write that was under way when somebody else ended the pod.
pub(in crate::scenario) async fn others_write_the_end_meanwhile(stage: &Stage) {
    stage.pass(3).await;
    delay(stage, |request| request.resource == "pods" && request.subresource == "status");
    let uid = stage.world.create_pod("web").await;
    tokio::time::sleep(Duration::from_millis(250)).await;
    stage.evict_by_status("web", &uid).await;
    stage.pass(20).await;
    assert_eq!(stage.world.phase("web").await, "Failed", "what has ended stays as it ended");
    stage.server.set_faults(NoFaults);
}

/// The agent's DELETE is on its way when the object is replaced by another of the same name.
pub(in crate::scenario) async fn replaced_while_a_delete_is_under_way(stage: &Stage) {
    let first = stage.run_pod("web", json!({})).await;
    stage.pass(3).await;
    delay(stage, |request| request.resource == "pods" && request.verb == Verb::Delete);
    stage.world.delete_pod("web", Some(2)).await;
    let stopped = || async { stage.world.phase("web").await == "Failed" };
    stage.eventually("the end is told", stopped).await;
    stage.world.delete_pod("web", Some(0)).await;
    let second = stage.world.create_pod("web").await;
    stage.reaches("web", "Running").await;
    stage.pass(10).await;
    stage.server.set_faults(NoFaults);
    assert!(stage.is_running(&second), "the second pod is another one");
    stage.is_let_go(&first).await;
}

/// The agent's status is on its way when the object is replaced by another of the same name.
pub(in crate::scenario) async fn replaced_while_a_status_is_under_way(stage: &Stage) {
    let first = stage.run_pod("job", json!({"restartPolicy": "Never"})).await;
    stage.pass(3).await;
    delay(stage, |request| request.resource == "pods" && request.subresource == "status");
    stage.world.backend().exit(&first, 1);
    tokio::time::sleep(Duration::from_millis(100)).await;
    stage.world.delete_pod("job", Some(0)).await;
    let second = stage.run_pod("job", json!({"restartPolicy": "Never"})).await;
    stage.pass(10).await;
    stage.server.set_faults(NoFaults);
    assert!(stage.is_running(&second), "the second pod is another one");
    assert_eq!(stage.world.phase("job").await, "Running");
}

/// From now on the agent's requests of this kind take half a second to the server.
fn delay(stage: &Stage, of_this_kind: fn(&RequestClass) -> bool) {
    stage.server.set_faults(move |request: &RequestClass| {
        let is_ours = request.user.starts_with("system:node:");
        let delay_before = if is_ours && of_this_kind(request) { Duration::from_millis(500) } else { Duration::ZERO };
        RequestFault { delay_before, ..RequestFault::default() }
    });
}

/// From now on the agent's statuses of pods are answered with this code.
fn refuse_statuses(stage: &Stage, code: u16) {
    stage.server.set_faults(move |request: &RequestClass| {
        let is_ours = request.user.starts_with("system:node:");
        let is_status = request.resource == "pods" && request.subresource == "status";
        if is_ours && is_status { RequestFault::status(code) } else { RequestFault::default() }
    });
}
