//! The life of one pod.

use std::time::Duration;

use serde_json::json;
use virtual_kubelet::core::Error;

use super::SOON;
use crate::backend::{Fault, Happening, Method};
use crate::world::World;

/// The main job.
pub async fn a_pod_runs_and_its_status_is_told(world: &World) {
    let _agent = world.start_agent().await;
    let uid = world.create_pod("web").await;
    world.eventually(SOON, "the pod runs", || async { world.phase("web").await == "Running" }).await;
    assert_eq!(world.backend().starts(&uid), 1);

    let status = world.pod("web").await.and_then(|pod| pod.status).unwrap_or_default();
    assert!(status.pod_ip.is_some() && status.host_ip.is_some() && status.start_time.is_some());
    let container = &status.container_statuses.unwrap_or_default()[0];
    assert!(container.ready && container.started == Some(true) && container.restart_count == 0);
    let conditions: Vec<_> =
        status.conditions.iter().flatten().map(|c| (c.type_.as_str(), c.status.as_str())).collect();
    for kind in ["Ready", "ContainersReady", "Initialized", "PodReadyToStartContainers"] {
        assert!(conditions.contains(&(kind, "True")), "{kind} in {conditions:?}");
    }
}

/// Invariant 4: the order of the end.
pub async fn a_deleted_pod_is_stopped_and_goes(world: &World) {
    let _agent = world.start_agent().await;
    let uid = world.create_pod("web").await;
    world.eventually(SOON, "the pod runs", || async { world.phase("web").await == "Running" }).await;
    world.delete_pod("web", None).await;
    world.eventually(SOON, "the object goes", || async { world.pod("web").await.is_none() }).await;
    world.eventually(SOON, "the back end is let go", || async { world.backend().workload(&uid).is_none() }).await;
    let happened: Vec<_> = world.backend().ledger().into_iter().map(|entry| entry.what).collect();
    assert_eq!(happened, [Happening::Started, Happening::Stopped, Happening::Released { running: false }]);
}

/// The object is gone at once; the workload has to follow.
pub async fn a_force_deleted_pod_is_cleaned_up(world: &World) {
    let _agent = world.start_agent().await;
    let uid = world.create_pod("web").await;
    world.eventually(SOON, "the pod runs", || async { world.phase("web").await == "Running" }).await;
    world.delete_pod("web", Some(0)).await;
    world.eventually(SOON, "the back end is let go", || async { world.backend().workload(&uid).is_none() }).await;
}

/// A completed pod stays, with its exit code, until somebody deletes it.
pub async fn a_finished_pod_keeps_its_exit_code(world: &World) {
    let _agent = world.start_agent().await;
    let uid = world.create_pod_with("job", json!({"restartPolicy": "Never"})).await;
    world.eventually(SOON, "the pod runs", || async { world.phase("job").await == "Running" }).await;
    world.backend().exit(&uid, 3);
    world.eventually(SOON, "the pod fails", || async { world.phase("job").await == "Failed" }).await;
    let status = world.pod("job").await.and_then(|pod| pod.status).unwrap_or_default();
    let state = status.container_statuses.unwrap_or_default().remove(0).state.unwrap_or_default();
    assert_eq!(state.terminated.map(|terminated| terminated.exit_code), Some(3));
    world
        .always(Duration::from_secs(3), "its logs are kept", || async { world.backend().workload(&uid).is_some() })
        .await;
}

/// vk#867, vk#1295: a pod of the same name is another pod.
pub async fn a_recreated_pod_is_another_pod(world: &World) {
    let _agent = world.start_agent().await;
    let first = world.create_pod("web-0").await;
    world.eventually(SOON, "the first runs", || async { world.phase("web-0").await == "Running" }).await;
    world.delete_pod("web-0", Some(0)).await;
    let second = world.create_pod("web-0").await;
    assert_ne!(first, second);
    world.eventually(SOON, "the first is gone", || async { world.backend().workload(&first).is_none() }).await;
    world.eventually(SOON, "the second runs", || async { world.phase("web-0").await == "Running" }).await;
    let named = world.backend().named(&world.key("web-0"));
    assert_eq!(named.into_iter().map(|(uid, _)| uid).collect::<Vec<_>>(), [second]);
}

/// vk#361, vk#773: errors of a create are visible, never the end of the pod.
pub async fn a_pod_that_cannot_be_created_says_why_and_runs_in_the_end(world: &World) {
    let _agent = world.start_agent().await;
    for _ in 0..4 {
        world.backend().fail_next(Method::Admit, Fault::Refuse(Error::unavailable("the back end is being repaired")));
    }
    world.create_pod_with("web", json!({"restartPolicy": "Never"})).await;
    let why = || async {
        let status = world.pod("web").await.and_then(|pod| pod.status).unwrap_or_default();
        let containers = status.container_statuses.unwrap_or_default();
        let waiting = containers.first().and_then(|container| container.state.clone()?.waiting);
        waiting.and_then(|waiting| waiting.message).is_some_and(|message| message.contains("being repaired"))
    };
    world.eventually(SOON, "the status says why", why).await;
    world.eventually(SOON, "the pod runs", || async { world.phase("web").await == "Running" }).await;
}

/// A time-out of a create that took effect.
pub async fn a_create_without_answer_is_not_repeated(world: &World) {
    let _agent = world.start_agent().await;
    world.backend().fail_next(Method::Create, Fault::LoseReply);
    world.backend().fail_next(Method::Lookup, Fault::Refuse(Error::unavailable("503")));
    let uid = world.create_pod("web").await;
    world.eventually(SOON, "the pod runs", || async { world.phase("web").await == "Running" }).await;
    assert_eq!(world.backend().starts(&uid), 1);
}

/// A defect of the provider that shows with one pod leaves the others alone.
pub async fn a_panic_stays_with_its_pod(world: &World) {
    let _agent = world.start_agent().await;
    for _ in 0..3 {
        world.backend().fail_next(Method::Create, Fault::Panic);
    }
    let unlucky = world.create_pod("unlucky").await;
    world.create_pod("lucky").await;
    for name in ["lucky", "unlucky"] {
        world.eventually(SOON * 2, "both run", || async { world.phase(name).await == "Running" }).await;
    }
    assert_eq!(world.backend().starts(&unlucky), 1);
}
