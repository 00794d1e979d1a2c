//! The back end refuses, hangs, is another one, or is asked for what it does not have.

use k8s_openapi::api::core::v1::{ConfigMap, Event};
use serde_json::json;
use virtual_kubelet::core::Error;
use virtual_kubelet::kube::Api;
use virtual_kubelet::kube::api::{ListParams, PostParams};

use crate::backend::{Fault, Method};
use crate::scenario::stage::Stage;

/// Again and again, more often than twenty times.
pub(in crate::scenario) async fn the_back_end_refuses_many_creates(stage: &Stage) {
    for _ in 0..25 {
        stage.world.backend().fail_next(Method::Create, Fault::Refuse(Error::unavailable("none left")));
    }
    stage.world.create_pod("web").await;
    stage.pass(40).await;
    let events: Api<Event> = Api::namespaced(stage.world.admin(), stage.world.namespace());
    let list = events.list(&ListParams::default()).await.expect("events can be listed");
    let told = |event: &Event| event.message.as_deref().is_some_and(|message| message.contains("none left"));
    assert!(list.items.iter().any(told), "an Event says why");
    stage.pass(300).await;
    stage.reaches("web", "Running").await;
}

/// A process that died in a bad moment, and lists that fail when it is back.
pub(in crate::scenario) async fn the_back_end_cannot_be_asked_after_a_restart(stage: &Stage) {
    let uid = stage.run_pod("web", json!({"restartPolicy": "Never"})).await;
    stage.kill_agent().await;
    for method in [Method::List, Method::Lookup] {
        for _ in 0..5 {
            stage.world.backend().fail_next(method, Fault::Refuse(Error::unavailable("503")));
        }
    }
    stage.start_agent();
    stage.pass(120).await;
    assert!(stage.is_running(&uid), "an error says nothing");
    stage.reaches("web", "Running").await;
}

/// The agent reaches another back end for a while, as after a failover; the pod's own runs on.
pub(in crate::scenario) async fn another_back_end_answers_for_a_while(stage: &Stage) {
    let uid = stage.run_pod("web", json!({"restartPolicy": "Never"})).await;
    stage.pass(3).await;
    stage.kill_agent().await;
    stage.world.backend().answer_elsewhere(true);
    stage.start_agent();
    stage.pass(100).await;
    stage.kill_agent().await;
    stage.world.backend().answer_elsewhere(false);
    stage.start_agent();
    stage.pass(60).await;
    assert!(stage.is_running(&uid), "another back end says nothing about this one");
    assert_eq!(stage.world.phase("web").await, "Running");
}

/// What was accepted shows in lists only seconds later.
pub(in crate::scenario) async fn a_pod_cannot_be_seen_at_first(stage: &Stage) {
    let uid = stage.run_pod("web", json!({"restartPolicy": "Never"})).await;
    stage.pass(60).await;
    assert_eq!(stage.world.phase("web").await, "Running");
    assert!(stage.is_running(&uid), "it was only not to be seen yet");
}

/// One call hangs: the other pods must not notice.
pub(in crate::scenario) async fn one_create_hangs(stage: &Stage) {
    let old = stage.run_pod("old", json!({})).await;
    stage.world.backend().fail_next(Method::Create, Fault::Hang);
    stage.world.create_pod("stuck").await;
    stage.pass(2).await;
    stage.world.create_pod("new").await;
    stage.world.delete_pod("old", None).await;
    stage.pass(30).await;
    assert_eq!(stage.world.phase("new").await, "Running");
    assert!(stage.world.backend().workload(&old).is_none(), "the stop has permits of its own");
    // The call that hangs ends in time, and is repeated.
    stage.pass(150).await;
    assert_eq!(stage.world.phase("stuck").await, "Running");
}

/// The answer to a create tells how another pod has failed.
pub(in crate::scenario) async fn an_answer_is_about_another_pod(stage: &Stage) {
    let failed = stage.run_pod("failed", json!({"restartPolicy": "Never"})).await;
    stage.world.backend().exit(&failed, 9);
    stage.reaches("failed", "Failed").await;
    stage.world.backend().fail_next(Method::Create, Fault::WrongPod);
    let uid = stage.world.create_pod_with("web", json!({"restartPolicy": "Never"})).await;
    let starts = || async { stage.world.backend().starts(&uid) > 0 };
    stage.eventually("it starts", starts).await;
    stage.pass(10).await;
    assert_eq!(stage.world.phase("web").await, "Running", "it was the other one that failed");
}

/// Many pods of the back end have no owner, as under a wrong cluster id: a person has to look first.
pub(in crate::scenario) async fn most_pods_lose_their_owner(stage: &Stage) {
    let names: Vec<String> = (0..14).map(|number| format!("web-{number}")).collect();
    for name in &names {
        stage.world.create_pod(name).await;
    }
    for name in &names {
        stage.reaches(name, "Running").await;
    }
    stage.kill_agent().await;
    for name in &names {
        stage.world.delete_pod(name, Some(0)).await;
    }
    stage.start_agent();
    stage.pass(300).await;
    let running = stage.world.backend().uids().len();
    assert_eq!(running, names.len(), "so many orphans at once look like a mistake");
    // Somebody has looked: they are gone, for the judge.
    stage.world.backend().uids().iter().for_each(|uid| stage.world.backend().lose(uid));
}

/// A pod asks for what the back end does not honour.
pub(in crate::scenario) async fn an_unsupported_field(stage: &Stage) {
    let policy = json!({"hostNetwork": true, "restartPolicy": "Never"});
    let uid = stage.world.create_pod_with("web", policy).await;
    stage.pass(30).await;
    assert_eq!(stage.world.phase("web").await, "Pending", "it is refused");
    assert_eq!(stage.world.backend().starts(&uid), 0);
    stage.world.delete_pod("web", Some(0)).await;
}

/// A pod names a ConfigMap.
pub(in crate::scenario) async fn a_pod_refers_to_a_config_map(stage: &Stage) {
    let maps: Api<ConfigMap> = Api::namespaced(stage.world.admin(), stage.world.namespace());
    let map =
        serde_json::from_value(json!({"metadata": {"name": "settings"}, "data": {"a": "1"}})).expect("a ConfigMap");
    maps.create(&PostParams::default(), &map).await.expect("it is taken");
    let env = json!([{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "a"}}}]);
    let containers = json!([{"name": "app", "image": "app:1", "env": env}]);
    stage.world.create_pod_with("web", json!({"containers": containers})).await;
    stage.pass(30).await;
    assert_eq!(stage.world.phase("web").await, "Running");
}

/// A pod names a ConfigMap that nobody makes, and is not to wait for ever.
pub(in crate::scenario) async fn a_pod_waits_beyond_its_deadline(stage: &Stage) {
    let env = json!([{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "a"}}}]);
    let containers = json!([{"name": "app", "image": "app:1", "env": env}]);
    let uid = stage.world.create_pod_with("job", json!({"containers": containers, "activeDeadlineSeconds": 20})).await;
    stage.reaches("job", "Failed").await;
    let reason = stage.world.pod("job").await.and_then(|pod| pod.status?.reason);
    assert_eq!(reason.as_deref(), Some("DeadlineExceeded"));
    assert_eq!(stage.world.backend().starts(&uid), 0);
}
