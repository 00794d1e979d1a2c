//! Defects known from the Go project and its providers, where a real control plane can show them too.
//!
//! `docs/defects.md` says what users saw; tests that need faults of the API server or hours of time are in `test/world`.

use std::time::Duration;

use futures::TryStreamExt;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, Event, Node, Pod};
use serde_json::{Value, json};
use virtual_kubelet::core::{Error, ErrorKind, ExhaustionScope, PodUid};
use virtual_kubelet::kube::Api;
use virtual_kubelet::kube::api::{ListParams, Patch, PatchParams, WatchEvent, WatchParams};

use super::SOON;
use super::writers::{patch, patch_status};
use crate::backend::{Fault, Happening, Method, Nature};
use crate::world::World;

async fn running_pod(world: &World, name: &str, spec: Value) -> PodUid {
    let uid = world.create_pod_with(name, spec).await;
    world.eventually(SOON, "the pod runs", || async { world.phase(name).await == "Running" }).await;
    uid
}

async fn is_ready(world: &World, name: &str) -> bool {
    let status = world.pod(name).await.and_then(|pod| pod.status).unwrap_or_default();
    status.conditions.iter().flatten().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

async fn is_gone(world: &World, name: &str, uid: &PodUid) -> bool {
    world.pod(name).await.is_none() && world.backend().workload(uid).is_none()
}

/// Whether the object is gone.
async fn goes_not_before_its_workload(world: &World, name: &str, uid: &PodUid) -> bool {
    let gone = world.pod(name).await.is_none();
    let runs = world.backend().workload(uid).is_some_and(|workload| workload.exit_code.is_none());
    assert!(!(gone && runs), "the object of {name} is gone, and its workload runs");
    gone
}

/// Deletes the pod, and gives back its last version: what anybody who watches could learn of its end.
async fn last_version(world: &World, name: &str, grace_seconds: Option<u32>) -> Pod {
    let before = world.pod(name).await.and_then(|pod| pod.metadata.resource_version).unwrap_or_default();
    world.delete_pod(name, grace_seconds).await;
    let pods = world.pods();
    let params = WatchParams::default().fields(&format!("metadata.name={name}"));
    let seen = async {
        let mut events = Box::pin(pods.watch(&params, &before).await?);
        while let Some(event) = events.try_next().await? {
            if let WatchEvent::Deleted(pod) = event {
                return Ok(Some(pod));
            }
        }
        Ok::<_, virtual_kubelet::kube::Error>(None)
    };
    let seen = tokio::time::timeout(SOON * 2, seen).await;
    seen.ok().and_then(Result::ok).flatten().unwrap_or_else(|| panic!("nobody saw {name} go"))
}

fn ends_of_containers(pod: &Pod) -> Vec<ContainerStateTerminated> {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    statuses.filter_map(|status| status.state.clone()?.terminated).collect()
}

/// vk#587: the object was deleted with grace period 0 at once, so that nobody else could ever see how the pod ended.
pub async fn vk_587_the_end_is_seen_before_the_object_goes(world: &World) {
    let _agent = world.start_agent().await;
    running_pod(world, "web", json!({})).await;
    let last = last_version(world, "web", None).await;
    let phase = last.status.clone().and_then(|status| status.phase).unwrap_or_default();
    assert_eq!(phase, "Failed", "a container that was told to stop ended with 143");
    assert_eq!(ends_of_containers(&last).iter().map(|end| end.exit_code).collect::<Vec<_>>(), [143]);
}

/// azure-aci#32, #378, #409: what was deleted while the back end was still provisioning ran, and was billed, for ever.
pub async fn azure_aci_409_deleted_while_creating_leaves_nothing(world: &World) {
    // As there: nobody is told anything who does not ask.
    world.backend().set_nature(Nature { polled: true, answers_bare: true, ..Nature::default() });
    let _agent = world.start_agent().await;
    world.backend().fail_next(Method::Create, Fault::Delay(Duration::from_secs(20)));
    let slow = world.create_pod("slow").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.backend().fail_next(Method::Create, Fault::LoseReply);
    for _ in 0..3 {
        world.backend().fail_next(Method::Lookup, Fault::Refuse(Error::unavailable("429")));
    }
    let lost = world.create_pod("lost").await;
    world.eventually(SOON, "it is started", || async { world.backend().starts(&lost) == 1 }).await;
    for (name, uid) in [("slow", &slow), ("lost", &lost)] {
        world.delete_pod(name, Some(2)).await;
        let object_goes = || async { goes_not_before_its_workload(world, name, uid).await };
        world.eventually(SOON * 2, "the object goes", object_goes).await;
        world.eventually(SOON, "nothing is left", || is_gone(world, name, uid)).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(world.backend().uids(), [], "nothing came up later");
    assert_eq!(world.backend().starts(&slow), 0);
    let of_lost = world.backend().ledger().into_iter().filter(|entry| entry.uid == lost).map(|entry| entry.what);
    let expected = [Happening::Started, Happening::Stopped, Happening::Released { running: false }];
    assert_eq!(of_lost.collect::<Vec<_>>(), expected);
}

/// vk#391: create and delete of one pod ran side by side.
pub async fn vk_391_deleted_right_after_its_creation(world: &World) {
    let _agent = world.start_agent().await;
    let mut uids = Vec::new();
    for number in 0..10 {
        world.backend().fail_next(Method::Create, Fault::Delay(Duration::from_millis(number * 7)));
        let name = format!("brief-{number}");
        uids.push(world.create_pod(&name).await);
        tokio::time::sleep(Duration::from_millis(number * 5)).await;
        world.delete_pod(&name, Some(1)).await;
    }
    for (number, uid) in uids.iter().enumerate() {
        let name = format!("brief-{number}");
        world.eventually(SOON, "nothing is left", || is_gone(world, &name, uid)).await;
    }
    let complete = [Happening::Started, Happening::Stopped, Happening::Released { running: false }];
    for uid in &uids {
        let entries = world.backend().ledger().into_iter().filter(|entry| entry.uid == *uid);
        let happened: Vec<_> = entries.map(|entry| entry.what).collect();
        assert!(happened.is_empty() || happened == complete, "{happened:?}");
    }
}

/// interLink#540: one failure of an asynchronous delete, and the job ran on for ever, with nobody who knew of it.
pub async fn interlink_540_a_stop_that_fails_is_repeated_until_it_succeeds(world: &World) {
    let _agent = world.start_agent().await;
    let uid = running_pod(world, "job", json!({})).await;
    for fault in [
        Fault::Refuse(Error::unavailable("connection refused")),
        Fault::Refuse(Error::internal("500")),
        Fault::Refuse(Error::outcome_unknown("time-out")),
        Fault::Panic,
    ] {
        world.backend().fail_next(Method::Terminate, fault);
    }
    for _ in 0..3 {
        world.backend().fail_next(Method::Remove, Fault::Refuse(Error::unavailable("connection refused")));
    }
    world.delete_pod("job", Some(5)).await;
    let object_goes = || async { goes_not_before_its_workload(world, "job", &uid).await };
    world.eventually(SOON * 3, "the object goes", object_goes).await;
    world.eventually(SOON, "the back end is let go", || async { world.backend().workload(&uid).is_none() }).await;
}

/// kip#39, kip#42: a provider that answered with any error but "not found" left its pod Terminating for ever.
pub async fn kip_39_an_error_of_the_removal_does_not_hold_the_pod(world: &World) {
    let _agent = world.start_agent().await;
    let uid = running_pod(world, "web", json!({})).await;
    for _ in 0..1000 {
        world.backend().fail_next(Method::Remove, Fault::Refuse(Error::internal("instance does not exist")));
    }
    world.delete_pod("web", Some(1)).await;
    world.eventually(SOON, "the object goes", || async { world.pod("web").await.is_none() }).await;
    world.backend().heal();
    world.eventually(SOON * 4, "the back end is let go", || async { world.backend().workload(&uid).is_none() }).await;
}

/// admiralty#16, azure-aci#33: a pod whose workload had vanished stayed Terminating, since nobody reported its containers'
/// end.
pub async fn admiralty_16_the_end_of_a_vanished_workload_is_told(world: &World) {
    let _agent = world.start_agent().await;
    let uid = running_pod(world, "web", json!({})).await;
    world.backend().lose(&uid);
    let last = last_version(world, "web", Some(1)).await;
    let ends = ends_of_containers(&last);
    let told: Vec<_> = ends.iter().map(|end| (end.exit_code, end.reason.as_deref())).collect();
    assert_eq!(told, [(137, Some("ContainerStatusUnknown"))]);
}

/// k8s-runpod-kubelet#4: pods that were being deleted when the controller ended were created again when it came back.
pub async fn k8s_runpod_kubelet_4_a_deleted_pod_is_not_created_again(world: &World) {
    let agent = world.start_agent().await;
    let uid = running_pod(world, "web", json!({})).await;
    agent.kill();
    world.backend().lose(&uid);
    world.delete_pod("web", Some(2)).await;
    let _agent = world.start_agent().await;
    world.eventually(SOON, "the object goes", || async { world.pod("web").await.is_none() }).await;
    assert_eq!(world.backend().starts(&uid), 1);
}

/// vk#867, vk#907: the timer of a predecessor's grace period ended the pod that had taken its name.
pub async fn vk_867_the_grace_period_of_a_predecessor_ends_nobody_else(world: &World) {
    let _agent = world.start_agent().await;
    let first = running_pod(world, "web-0", json!({})).await;
    world.backend().fail_next(Method::Terminate, Fault::Delay(Duration::from_secs(4)));
    world.delete_pod("web-0", Some(2)).await;
    world.delete_pod("web-0", Some(0)).await;
    let second = running_pod(world, "web-0", json!({})).await;
    let alive = || async {
        let uid = world.pod("web-0").await.and_then(|pod| pod.metadata.uid).map(PodUid::from);
        let runs = world.backend().workload(&second).is_some_and(|workload| workload.exit_code.is_none());
        uid.as_ref() == Some(&second) && runs
    };
    world.always(Duration::from_secs(8), "the second pod lives", alive).await;
    assert!(world.backend().workload(&first).is_none());
}

/// The Go sources, pod.go:241: once somebody else had written a terminal phase, exit codes and reasons were never told.
pub async fn vk_pod_go_241_exit_codes_are_told_after_a_foreign_terminal_phase(world: &World) {
    let _agent = world.start_agent().await;
    let uid = running_pod(world, "web", json!({})).await;
    let evicted = json!({"status": {"phase": "Failed", "reason": "Evicted", "message": "too much memory"}});
    patch_status(world, "web", &evicted).await;
    let told = || async {
        let pod = world.pod("web").await.unwrap_or_default();
        ends_of_containers(&pod).iter().map(|end| end.exit_code).collect::<Vec<_>>() == [143]
    };
    world.eventually(SOON * 2, "the exit code is told", told).await;
    assert!(world.backend().workload(&uid).is_some_and(|workload| workload.exit_code == Some(143)));
    let status = world.pod("web").await.and_then(|pod| pod.status).unwrap_or_default();
    assert_eq!((status.phase.as_deref(), status.reason.as_deref()), (Some("Failed"), Some("Evicted")));
}

/// vk#744: an update that failed took a running pod back to Pending.
pub async fn vk_744_an_update_that_fails_takes_nothing_back(world: &World) {
    let _agent = world.start_agent().await;
    running_pod(world, "web", json!({})).await;
    world.eventually(SOON, "the pod is ready", || is_ready(world, "web")).await;
    world.backend().fail_next(Method::Update, Fault::Refuse(Error::internal("not implemented")));
    world.backend().fail_next(Method::Update, Fault::Panic);
    patch(world, "web", &json!({"metadata": {"labels": {"edited": "yes"}}})).await;
    let unmoved = || async { world.phase("web").await == "Running" && is_ready(world, "web").await };
    world.always(Duration::from_secs(4), "the pod runs and is ready", unmoved).await;
    world.eventually(SOON, "the failure is told", || async { failures_told(world).await > 0 }).await;
}

/// vk#361, vk#399: an answer like 429 to a create made a pod of a Job Failed for good.
pub async fn vk_399_a_busy_back_end_does_not_fail_a_job(world: &World) {
    let _agent = world.start_agent().await;
    let quota = || {
        let kind = ErrorKind::Exhausted { resource: "container groups".into(), scope: ExhaustionScope::Node };
        Fault::Refuse(Error::new(kind, "429").retry_after(Duration::from_secs(1)))
    };
    for _ in 0..4 {
        world.backend().fail_next(Method::Create, quota());
    }
    let uid = world.create_pod_with("job", json!({"restartPolicy": "Never"})).await;
    let runs = || async {
        let phase = world.phase("job").await;
        assert_ne!(phase, "Failed");
        phase == "Running"
    };
    world.eventually(SOON, "the pod runs", runs).await;
    assert_eq!(world.backend().starts(&uid), 1);
}

/// interLink#427: a create that timed out left its pod Pending for ever.
pub async fn interlink_427_a_create_that_times_out_is_made_in_the_end(world: &World) {
    let _agent = world.start_agent().await;
    for _ in 0..3 {
        world.backend().fail_next(Method::Create, Fault::Refuse(Error::outcome_unknown("504")));
    }
    let uid = running_pod(world, "web", json!({})).await;
    assert_eq!(world.backend().starts(&uid), 1);
}

/// aws-fargate#17, #18: injected volumes and defaults made every pod look changed, and every pass updated it.
pub async fn aws_fargate_17_an_unchanged_pod_is_never_updated(world: &World) {
    let _agent = world.start_agent().await;
    world.backend().fail_next(Method::Update, Fault::Refuse(Error::internal("an update that nobody asked for")));
    running_pod(world, "web", json!({"automountServiceAccountToken": true})).await;
    let theirs = json!({"type": "theirs.example/Done", "status": "True"});
    patch_status(world, "web", &json!({"status": {"conditions": [theirs]}})).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(failures_told(world).await, 0);
    // The fault is still there for the first update that somebody does ask for.
    patch(world, "web", &json!({"metadata": {"labels": {"edited": "yes"}}})).await;
    world.eventually(SOON, "the update is seen to fail", || async { failures_told(world).await == 1 }).await;
}

/// vk#824, vk#830: after a restart every status was written again.
pub async fn vk_830_a_restart_writes_nothing_that_is_known(world: &World) {
    let agent = world.start_agent().await;
    for number in 0..5 {
        running_pod(world, &format!("web-{number}"), json!({})).await;
    }
    // What is still to be told is told.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let versions = || async {
        let list = world.pods().list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default();
        let old = list.into_iter().filter(|pod| pod.metadata.name.as_deref() != Some("new"));
        old.map(|pod| pod.metadata.resource_version.unwrap_or_default()).collect::<Vec<_>>()
    };
    let before = versions().await;
    assert_eq!(before.len(), 5);
    agent.kill();
    let _agent = world.start_agent().await;
    running_pod(world, "new", json!({})).await;
    world.always(Duration::from_secs(3), "nothing was written", || async { versions().await == before }).await;
}

/// admiralty#44, vk#122, vk#222: the route controller said that the node has no network, and a taint kept pods away.
pub async fn admiralty_44_a_foreign_network_unavailable_is_repaired(world: &World) {
    let _agent = world.start_agent().await;
    let nodes: Api<Node> = Api::all(world.admin());
    let available = || async {
        let node = nodes.get_opt(world.node_name()).await.ok().flatten().unwrap_or_default();
        let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
        conditions.iter().any(|condition| condition.type_ == "NetworkUnavailable" && condition.status == "False")
    };
    world.eventually(SOON, "the network is there", available).await;
    let foreign = json!({"type": "NetworkUnavailable", "status": "True", "reason": "NoRouteCreated"});
    let foreign = json!({"status": {"conditions": [foreign]}});
    let patched = nodes.patch_status(world.node_name(), &PatchParams::default(), &Patch::Strategic(foreign)).await;
    assert!(patched.is_ok(), "{patched:?}");
    world.eventually(SOON, "the network is there again", available).await;
}

/// k3k#555: a node that is Ready and in phase Pending. The Go sources, node.go:42: a copy of the status in its annotations.
pub async fn k3k_555_a_node_has_neither_phase_nor_copies_of_its_status(world: &World) {
    let _agent = world.start_agent().await;
    let nodes: Api<Node> = Api::all(world.admin());
    let node = || async { nodes.get_opt(world.node_name()).await.ok().flatten() };
    let addressed = || async { node().await.and_then(|node| node.status?.addresses).is_some() };
    world.eventually(SOON, "the node is there", addressed).await;
    let node = node().await.unwrap_or_default();
    assert_eq!(node.status.and_then(|status| status.phase), None);
    let copies =
        node.metadata.annotations.unwrap_or_default().into_iter().filter(|(_, value)| value.contains("addresses"));
    assert_eq!(copies.collect::<Vec<_>>(), []);
}

/// How many Events say that the provider failed, repetitions counted.
async fn failures_told(world: &World) -> i32 {
    let events: Api<Event> = Api::namespaced(world.admin(), world.namespace());
    let list = events.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default();
    let failed = list.into_iter().filter(|event| event.reason.as_deref() == Some("ProviderFailed"));
    failed.map(|event| event.count.unwrap_or(1)).sum()
}
