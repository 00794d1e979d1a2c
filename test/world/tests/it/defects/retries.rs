//! Work was dropped, strangled by limits, or lost in a queue.

use std::time::Duration;

use serde_json::json;
use virtual_kubelet::core::{Error, ErrorKind, ExhaustionScope, PodUid};
use virtual_kubelet::kube::api::{Patch, PatchParams};
use vk_testkit::backend::Happening;
use vk_testkit::{Fault, Method, World};

use super::cluster::{SOON, condition, for_ten_minutes, in_the_end, is_gone, running_pod, runs, simulate};

/// vk#1309, vk#1310: after 20 failures, three quarters of an hour, a pod was dropped for good, and no resync brought it back.
#[test]
fn vk_1309_an_hour_of_failures_is_not_the_end() {
    simulate(50, |world, _cluster| async move {
        let _agent = world.start_agent().await;
        let doomed = running_pod(&world, "doomed", json!({})).await;
        for method in [Method::Create, Method::Admit, Method::Terminate, Method::Lookup] {
            for _ in 0..10_000 {
                world.backend().fail_next(method, Fault::Refuse(Error::unavailable("the account is locked")));
            }
        }
        let uid = world.create_pod_with("web", json!({"restartPolicy": "Never"})).await;
        world.delete_pod("doomed", Some(1)).await;
        for _ in 0..60 {
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert_eq!(world.phase("web").await, "Pending");
            assert!(world.pod("doomed").await.is_some());
        }
        world.backend().heal();
        world.eventually(SOON, "the pod runs", || async { world.phase("web").await == "Running" }).await;
        world.eventually(SOON, "the other one goes", || is_gone(&world, "doomed", &doomed)).await;
        assert_eq!(world.backend().starts(&uid), 1);
    });
}

/// A name for what went wrong, and the fault.
fn faults() -> Vec<(&'static str, Fault)> {
    let quota = ErrorKind::Exhausted { resource: "cpu".into(), scope: ExhaustionScope::Node };
    let refuse = |error: Error| Fault::Refuse(error);
    vec![
        ("429", refuse(Error::new(quota, "429").retry_after(Duration::from_secs(3)))),
        ("500", refuse(Error::internal("500"))),
        ("503", refuse(Error::unavailable("503"))),
        ("time-out", refuse(Error::outcome_unknown("504"))),
        ("no answer", Fault::LoseReply),
        ("conflict", refuse(Error::new(ErrorKind::Conflict, "409"))),
        ("credentials", refuse(Error::new(ErrorKind::Unauthenticated, "401"))),
        ("hang", Fault::Hang),
        ("panic", Fault::Panic),
    ]
}

/// vk#773: after too many errors of one call a pod was silently dropped. Here every call meets every kind of error.
#[test]
fn vk_773_no_kind_of_error_of_any_call_drops_a_pod() {
    for method in Method::ALL {
        for (name, fault) in faults() {
            simulate(51, |world, _cluster| async move {
                let agent = world.start_agent().await;
                let again = || (0..3).for_each(|_| world.backend().fail_next(method, fault.clone()));
                again();
                let context = format!("{name} at {method:?}");
                let uid = world.create_pod_with("web", json!({"restartPolicy": "Never"})).await;
                let is_running = || async { world.phase("web").await == "Running" };
                in_the_end(&format!("{context}: the pod runs"), is_running).await;
                agent.kill();
                again();
                let _agent = world.start_agent().await;
                label(&world, "web").await;
                world.delete_pod("web", Some(5)).await;
                in_the_end(&format!("{context}: all is gone"), async || is_gone(&world, "web", &uid).await).await;
                let happened: Vec<_> = world.backend().ledger().into_iter().map(|entry| entry.what).collect();
                let expected = [Happening::Started, Happening::Stopped, Happening::Released { running: false }];
                assert_eq!(happened, expected, "{context}");
            });
        }
    }
}

async fn label(world: &World, name: &str) {
    let labels = json!({"metadata": {"labels": {"edited": "yes"}}});
    world.pods().patch(name, &PatchParams::default(), &Patch::Merge(labels)).await.unwrap();
}

/// vk#773, and invariant 5: an answer that cannot change keeps the pod Pending and says why, until the pod changes.
#[test]
fn vk_773_what_the_back_end_cannot_do_is_told_and_tried_again_when_the_pod_changes() {
    for error in [Error::unsupported("spec.hostPID", "not here"), Error::invalid("spec.hostname", "too long")] {
        simulate(52, |world, _cluster| async move {
            let _agent = world.start_agent().await;
            let told = error.to_string();
            world.backend().fail_next(Method::Create, Fault::Refuse(error));
            let uid = world.create_pod_with("web", json!({"restartPolicy": "Never"})).await;
            let why = || async {
                let status = world.pod("web").await.and_then(|pod| pod.status).unwrap_or_default();
                let container = status.container_statuses.unwrap_or_default().into_iter().next();
                let message = container.and_then(|container| container.state?.waiting?.message).unwrap_or_default();
                message == told
            };
            world.eventually(SOON, "the status says why", why).await;
            let pending = || async { world.phase("web").await == "Pending" };
            for_ten_minutes("it stays Pending", pending).await;
            label(&world, "web").await;
            world.eventually(SOON, "it runs", || async { world.phase("web").await == "Running" }).await;
            assert_eq!(world.backend().starts(&uid), 1);
        });
    }
}

/// vk#840, vk#841, vk#822, vk#823: default limits of queue and client let bulk creation and deletion crawl, at 4.6 and 2.4
/// pods a second.
#[test]
fn vk_840_first_attempts_are_not_rationed() {
    simulate(53, |world, _cluster| async move {
        let _agent = world.start_agent().await;
        let mut uids = Vec::new();
        for number in 0..300 {
            uids.push(world.create_pod(&format!("web-{number}")).await);
        }
        let all_run = || async { running(&world).await == 300 };
        world.eventually(Duration::from_secs(10), "all run", all_run).await;
        // Another instant: so many calls in one are taken for a loop without end.
        tokio::time::sleep(Duration::from_secs(1)).await;
        for number in 0..300 {
            world.delete_pod(&format!("web-{number}"), None).await;
        }
        let all_gone = || async { world.backend().uids().is_empty() && running(&world).await == 0 };
        world.eventually(Duration::from_secs(10), "all are gone", all_gone).await;
        assert!(uids.iter().all(|uid| world.backend().starts(uid) == 1));
    });
}

async fn running(world: &World) -> usize {
    let list = world.pods().list(&Default::default()).await.unwrap();
    let phases = list.items.into_iter().filter_map(|pod| pod.status?.phase);
    phases.filter(|phase| phase == "Running").count()
}

/// vk#840: a delete waited behind every create that hung.
#[test]
fn vk_840_stops_do_not_queue_behind_starts() {
    simulate(54, |world, _cluster| async move {
        let _agent = world.start_agent().await;
        let uid = running_pod(&world, "web", json!({})).await;
        for _ in 0..200 {
            world.backend().fail_next(Method::Create, Fault::Hang);
        }
        for number in 0..100 {
            world.create_pod(&format!("hangs-{number}")).await;
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        world.delete_pod("web", Some(5)).await;
        world.eventually(SOON, "it is stopped and goes", || is_gone(&world, "web", &uid)).await;
        // A deletion of what waits for its turn does not wait for it.
        world.delete_pod("hangs-99", Some(5)).await;
        world.eventually(SOON, "it goes", || async { world.pod("hangs-99").await.is_none() }).await;
        world.backend().heal();
    });
}

/// azure-aci#33: while a backlog of creates was worked off, pods that waited looked "not found": they leaked and were made
/// again.
#[test]
fn azure_aci_33_pods_that_wait_for_their_create_are_neither_lost_nor_made_twice() {
    simulate(55, |world, _cluster| async move {
        let _agent = world.start_agent().await;
        for _ in 0..100 {
            world.backend().fail_next(Method::Create, Fault::Delay(Duration::from_secs(20)));
        }
        let mut uids: Vec<PodUid> = Vec::new();
        for number in 0..100 {
            uids.push(world.create_pod_with(&format!("web-{number}"), json!({"restartPolicy": "Never"})).await);
        }
        // Several lists of the back end come by meanwhile.
        in_the_end("all run", async || running(&world).await == 100).await;
        for_ten_minutes("all run", async || uids.iter().all(|uid| runs(&world, uid))).await;
        assert!(uids.iter().all(|uid| world.backend().starts(uid) == 1));
        assert_eq!(running(&world).await, 100);
    });
}

/// vk#1045: whole pods that had been deleted were kept for ever.
#[test]
fn vk_1045_nothing_is_kept_of_pods_that_are_gone() {
    simulate(56, |world, _cluster| async move {
        let agent = world.start_agent().await;
        let kept = running_pod(&world, "kept", json!({})).await;
        for round in 0..20 {
            for number in 0..10 {
                world.create_pod(&format!("brief-{number}")).await;
            }
            for number in 0..10 {
                let name = format!("brief-{number}");
                tokio::time::sleep(Duration::from_millis(round * 40)).await;
                world.delete_pod(&name, Some(u32::from(number % 2 == 0))).await;
                world.eventually(SOON, "it goes", || async { world.pod(&name).await.is_none() }).await;
            }
        }
        let only_one = || async { world.backend().uids() == [kept.clone()] };
        in_the_end("the back end holds nothing else", only_one).await;
        let known = agent.directory().all().await.unwrap();
        assert_eq!(known.into_iter().map(|pod| pod.snapshot.uid).collect::<Vec<_>>(), [kept]);
        assert_eq!(condition(&world, "kept", "Ready").await, "True");
    });
}
