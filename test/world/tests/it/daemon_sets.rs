//! Pods of DaemonSets. On a real control plane they are made by a controller, so these tests are for this ring alone.

#![allow(clippy::unwrap_used, reason = "what a test does itself is expected to work")]

use std::time::Duration;

use k8s_openapi::api::core::v1::{Event, Pod};
use serde_json::json;
use virtual_kubelet::core::PodUid;
use virtual_kubelet::core::admission::DaemonSetPods;
use virtual_kubelet::kube::Api;
use virtual_kubelet::kube::api::{ListParams, PostParams};
use vk_testkit::World;
use vk_testkit::world::{AgentSettings, simulate};

const SOON: Duration = Duration::from_secs(30);

fn under(policy: DaemonSetPods) -> AgentSettings {
    let mut settings = AgentSettings::default();
    settings.pods.daemon_set_pods = policy;
    settings
}

async fn create_pod_of_daemon_set(world: &World, name: &str) -> PodUid {
    let owner = json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "proxy", "uid": "d1", "controller": true});
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": name, "ownerReferences": [owner]},
        "spec": {
            "nodeName": world.node_name(),
            "containers": [{"name": "app", "image": "app:1"}],
            "tolerations": [{"operator": "Exists"}],
        },
    }))
    .unwrap();
    let created = world.pods().create(&PostParams::default(), &pod).await.unwrap();
    PodUid::from(created.metadata.uid.unwrap())
}

async fn events_of(world: &World, uid: &PodUid) -> Vec<Event> {
    let events: Api<Event> = Api::namespaced(world.admin(), world.namespace());
    let all = events.list(&ListParams::default()).await.unwrap();
    all.items.into_iter().filter(|event| event.involved_object.uid.as_deref() == Some(uid.as_str())).collect()
}

#[test]
fn they_run_unless_a_policy_says_otherwise() {
    simulate(31, |world, _server| async move {
        let _agent = world.start_agent().await;
        create_pod_of_daemon_set(&world, "proxy").await;
        world.eventually(SOON, "it runs", || async { world.phase("proxy").await == "Running" }).await;
    });
}

/// vk#20, kip#39: each of them got a virtual machine of its own.
#[test]
fn kip_39_ignored_they_stay_pending_with_a_reason_and_go_when_deleted() {
    simulate(32, |world, _server| async move {
        let _agent = world.start_agent_with(under(DaemonSetPods::Ignore)).await;
        let uid = create_pod_of_daemon_set(&world, "proxy").await;
        world.create_pod("web").await;
        world.eventually(SOON, "another pod runs", || async { world.phase("web").await == "Running" }).await;
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!((world.phase("proxy").await.as_str(), world.backend().starts(&uid)), ("Pending", 0));
        let status = world.pod("proxy").await.and_then(|pod| pod.status).unwrap_or_default();
        let waiting = status.container_statuses.unwrap_or_default().remove(0).state.unwrap_or_default().waiting;
        let message = waiting.and_then(|waiting| waiting.message).unwrap_or_default();
        assert!(message.contains("does not run pods of DaemonSets"), "{message}");
        let told: i32 = events_of(&world, &uid).await.iter().map(|event| event.count.unwrap_or(1)).sum();
        assert_eq!(told, 1, "it is said once, not every few minutes");

        world.delete_pod("proxy", None).await;
        world.eventually(SOON, "the object goes", || async { world.pod("proxy").await.is_none() }).await;
    });
}

/// admiralty#114
#[test]
fn admiralty_114_rejected_they_fail_as_at_a_kubelets_admission() {
    simulate(33, |world, _server| async move {
        let _agent = world.start_agent_with(under(DaemonSetPods::Reject)).await;
        let uid = create_pod_of_daemon_set(&world, "proxy").await;
        world.eventually(SOON, "it fails", || async { world.phase("proxy").await == "Failed" }).await;
        let status = world.pod("proxy").await.and_then(|pod| pod.status).unwrap_or_default();
        assert_eq!((status.reason.as_deref(), world.backend().starts(&uid)), (Some("NodeAffinity"), 0));
    });
}

#[test]
fn what_runs_already_runs_on_under_another_policy() {
    simulate(34, |world, _server| async move {
        let agent = world.start_agent().await;
        let uid = create_pod_of_daemon_set(&world, "proxy").await;
        world.eventually(SOON, "it runs", || async { world.phase("proxy").await == "Running" }).await;
        agent.stop().await;
        let _agent = world.start_agent_with(under(DaemonSetPods::Reject)).await;
        tokio::time::sleep(Duration::from_secs(300)).await;
        assert_eq!((world.phase("proxy").await.as_str(), world.backend().starts(&uid)), ("Running", 1));
    });
}
