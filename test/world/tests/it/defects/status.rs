//! Statuses reverted what others wrote, came too late, or never.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use virtual_kubelet::kube::api::{Patch, PatchParams};
use vk_apiserver::{RequestClass, RequestFault, Verb};
use vk_testkit::backend::Nature;

use super::cluster::{Cluster, SOON, condition, for_ten_minutes, running_pod, simulate};

/// vk#976, vk#988: what others wrote between the read and the write was reverted. Here the write is on its way while labels,
/// annotations and conditions are edited.
#[test]
fn vk_976_edits_between_read_and_write_survive() {
    simulate(70, |world, cluster| async move {
        let _agent = world.start_agent().await;
        let gates = json!([{"conditionType": "theirs.example/InRotation"}]);
        let spec = json!({"restartPolicy": "Never", "readinessGates": gates});
        let uid = running_pod(&world, "web", spec).await;
        let under_way = Arc::new(AtomicBool::new(false));
        let seen = under_way.clone();
        cluster.server.set_faults(move |request: &RequestClass| {
            let of_agent = request.user.starts_with("system:node:") && request.resource == "pods";
            if !of_agent || request.verb != Verb::Patch || seen.swap(true, Ordering::Relaxed) {
                return RequestFault::default();
            }
            RequestFault { delay_before: Duration::from_secs(5), ..RequestFault::default() }
        });
        world.backend().exit(&uid, 4);
        let on_its_way = || async { under_way.load(Ordering::Relaxed) };
        world.eventually(SOON, "the write is under way", on_its_way).await;
        let (pods, params) = (world.pods(), PatchParams::default());
        let edit =
            json!({"metadata": {"labels": {"theirs": "1"}, "annotations": {"theirs": "2"}, "finalizers": ["a.b/c"]}});
        pods.patch("web", &params, &Patch::Merge(edit)).await.unwrap();
        let gate = json!({"type": "theirs.example/InRotation", "status": "True", "reason": "Theirs"});
        pods.patch_status("web", &params, &Patch::Strategic(json!({"status": {"conditions": [gate]}}))).await.unwrap();

        world.eventually(SOON, "the end is told", || async { world.phase("web").await == "Failed" }).await;
        let pod = world.pod("web").await.unwrap();
        assert_eq!(pod.metadata.labels.unwrap_or_default().get("theirs").map(String::as_str), Some("1"));
        assert_eq!(pod.metadata.annotations.unwrap_or_default().get("theirs").map(String::as_str), Some("2"));
        assert_eq!(pod.metadata.finalizers.unwrap_or_default(), ["a.b/c"]);
        assert_eq!(condition(&world, "web", "theirs.example/InRotation").await, "True");
        let overtaken = cluster.agent_requests().into_iter().filter(|it| it.subresource == "status" && it.code == 409);
        assert_eq!(overtaken.count(), 1, "the write that was overtaken was computed anew");
    });
}

/// pod.go:311: what the provider said before its pod was known was dropped after three seconds.
#[test]
fn vk_pod_go_311_what_is_said_before_the_pods_are_known_is_not_lost() {
    simulate(71, |world, cluster| async move {
        let agent = world.start_agent().await;
        let uid = running_pod(&world, "job", json!({"restartPolicy": "Never"})).await;
        agent.kill();
        cluster.server.set_faults(|request: &RequestClass| {
            let list = request.verb == Verb::List && request.resource == "pods";
            if list && request.user.starts_with("system:node:") {
                return RequestFault { delay_before: Duration::from_secs(20), ..RequestFault::default() };
            }
            RequestFault::default()
        });
        let _agent = world.start_agent().await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        world.backend().exit(&uid, 6);
        world.eventually(SOON * 2, "its end is told", || async { world.phase("job").await == "Failed" }).await;
        let status = world.pod("job").await.and_then(|pod| pod.status).unwrap();
        let end = status.container_statuses.unwrap().remove(0).state.unwrap().terminated.unwrap();
        assert_eq!(end.exit_code, 6);
    });
}

/// vk#813, saladcloud#137: nobody told provider authors how a status gets back; their pods ran, and stayed Pending for ever.
#[test]
fn saladcloud_137_a_provider_that_never_notifies_is_heard_all_the_same() {
    simulate(72, |world, _cluster| async move {
        let nature = Nature { polled: true, answers_bare: true, starts_after: 3000, ..Nature::default() };
        world.backend().set_nature(nature);
        let _agent = world.start_agent().await;
        let uid = running_pod(&world, "job", json!({"restartPolicy": "Never"})).await;
        world.backend().exit(&uid, 5);
        world.eventually(SOON, "its end is told", || async { world.phase("job").await == "Failed" }).await;
    });
}

/// vk#824, vk#830: after a restart every status was sent again, 5,000 writes for 5,000 pods that nothing had happened to.
#[test]
fn vk_830_a_restart_sends_no_status_that_is_known() {
    simulate(73, |world, cluster| async move {
        let agent = world.start_agent().await;
        for number in 0..50 {
            running_pod(&world, &format!("web-{number}"), json!({})).await;
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        agent.kill();
        let before = writes_to_pods(&cluster);
        let _agent = world.start_agent().await;
        running_pod(&world, "new", json!({})).await;
        for_ten_minutes("the new pod runs", async || world.phase("new").await == "Running").await;
        assert_eq!(writes_to_pods(&cluster) - before, 1, "the status of the new pod");
    });
}

fn writes_to_pods(cluster: &Cluster) -> usize {
    let requests = cluster.agent_requests().into_iter();
    requests.filter(|it| it.resource == "pods" && matches!(it.verb.as_str(), "patch" | "delete")).count()
}
