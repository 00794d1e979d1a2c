//! Pods were known by their names (vk-asks: top of the list).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use virtual_kubelet::core::Error;
use vk_apiserver::{LinkState, RequestClass, RequestFault, Verb};
use vk_testkit::backend::{Happening, Nature};
use vk_testkit::{Fault, Method};

use super::cluster::{SOON, for_ten_minutes, in_the_end, is_gone, running_pod, runs, simulate};

/// vk#1295, and podcontroller.go:335: a list that showed another pod under a known name was taken for an update; with equal
/// specs nothing happened at all, and the old workload went on as the new pod.
#[test]
fn vk_1295_a_list_that_shows_another_uid_is_two_pods() {
    simulate(1, |world, cluster| async move {
        let _agent = world.start_agent().await;
        let first = running_pod(&world, "web-0", json!({})).await;
        cluster.set_network(LinkState::Refused);
        world.delete_pod("web-0", Some(0)).await;
        let second = world.create_pod("web-0").await;
        // The watch cannot go on where it was: it has to list.
        cluster.server.change(|kernel, _| kernel.compact());
        cluster.set_network(LinkState::Up);

        world.eventually(SOON, "the second runs", || async { world.phase("web-0").await == "Running" }).await;
        world.eventually(SOON, "the first is let go", || async { world.backend().workload(&first).is_none() }).await;
        assert_eq!((world.backend().starts(&first), world.backend().starts(&second)), (1, 1));
        let ended = world.backend().ledger().into_iter().filter(|entry| entry.uid == first).map(|entry| entry.what);
        let expected = [Happening::Started, Happening::Stopped, Happening::Released { running: false }];
        assert_eq!(ended.collect::<Vec<_>>(), expected);
        assert!(runs(&world, &second));
    });
}

/// podcontroller.go:389: the tombstone of a deletion that the watch had missed was thrown away, and the workload leaked.
#[test]
fn vk_podcontroller_389_a_deletion_that_the_watch_missed_is_found_by_the_list() {
    simulate(2, |world, cluster| async move {
        let _agent = world.start_agent().await;
        let kept = running_pod(&world, "kept", json!({})).await;
        let uid = running_pod(&world, "web", json!({})).await;
        cluster.set_network(LinkState::Refused);
        world.delete_pod("web", Some(0)).await;
        cluster.server.change(|kernel, _| kernel.compact());
        cluster.set_network(LinkState::Up);
        world.eventually(SOON, "it is let go", || is_gone(&world, "web", &uid)).await;
        assert!(runs(&world, &kept));
    });
}

/// vk#1157: the provider kept on reporting a predecessor, every write failed on its UID, and the pod that had taken its name
/// stayed Pending.
#[test]
fn vk_1157_no_status_of_a_predecessor_reaches_its_successor() {
    simulate(3, |world, cluster| async move {
        let _agent = world.start_agent().await;
        let first = running_pod(&world, "job-0", json!({"restartPolicy": "Never"})).await;
        let (slow, delayed) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
        let (is_slow, was_delayed) = (slow.clone(), delayed.clone());
        cluster.server.set_faults(move |request: &RequestClass| {
            let of_status =
                request.verb == Verb::Patch && request.subresource == "status" && request.resource == "pods";
            if !(of_status && is_slow.load(Ordering::Relaxed)) {
                return RequestFault::default();
            }
            was_delayed.store(true, Ordering::Relaxed);
            RequestFault { delay_before: Duration::from_secs(5), ..RequestFault::default() }
        });
        world.backend().exit(&first, 7);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(delayed.load(Ordering::Relaxed), "the end of the first is on its way");
        slow.store(false, Ordering::Relaxed);
        world.delete_pod("job-0", Some(0)).await;
        let second = running_pod(&world, "job-0", json!({"restartPolicy": "Never"})).await;
        world
            .always(Duration::from_secs(20), "the second runs", || async { world.phase("job-0").await == "Running" })
            .await;
        assert!(runs(&world, &second));
        let strays = cluster.agent_requests().into_iter().filter(|request| {
            let write = matches!(request.verb.as_str(), "patch" | "delete") && request.resource == "pods";
            write && request.asked_uid != request.uid
        });
        let codes: Vec<u16> = strays.map(|request| request.code).collect();
        assert!(!codes.is_empty() && codes.iter().all(|code| matches!(code, 404 | 409 | 422)), "{codes:?}");
    });
}

/// Every write names the UID that it means: what has taken the name is never touched.
#[test]
fn vk_1295_every_write_to_a_pod_names_its_uid() {
    simulate(4, |world, cluster| async move {
        let _agent = world.start_agent().await;
        for round in 0..5 {
            running_pod(&world, "web-0", json!({})).await;
            world.delete_pod("web-0", Some(round % 2)).await;
            world.eventually(SOON, "it goes", || async { world.pod("web-0").await.is_none() }).await;
        }
        let writes = cluster
            .agent_requests()
            .into_iter()
            .filter(|request| matches!(request.verb.as_str(), "patch" | "delete") && request.resource == "pods");
        let writes: Vec<_> = writes.collect();
        assert!(writes.len() >= 8, "{}", writes.len());
        assert!(writes.iter().all(|request| !request.asked_uid.is_empty()), "{writes:#?}");
    });
}

/// pod.go:89, azure-aci#33: a lookup that failed was read as "not there", and the pod was created a second time.
#[test]
fn vk_pod_go_89_a_failed_lookup_is_not_absence() {
    simulate(5, |world, _cluster| async move {
        world.backend().set_nature(Nature { polled: true, answers_bare: true, ..Nature::default() });
        let _agent = world.start_agent().await;
        running_pod(&world, "first", json!({})).await;
        world.backend().fail_next(Method::Create, Fault::LoseReply);
        // A second create would be told.
        world
            .backend()
            .fail_next(Method::Create, Fault::Refuse(Error::rejected("CreatedTwice", "it is there already")));
        for _ in 0..200 {
            world.backend().fail_next(Method::Lookup, Fault::Refuse(Error::unavailable("429")));
            world.backend().fail_next(Method::List, Fault::Refuse(Error::unavailable("429")));
        }
        let uid = world.create_pod("web").await;
        for_ten_minutes("nothing is concluded", async || world.phase("web").await == "Pending").await;
        in_the_end("the pod runs", async || world.phase("web").await == "Running").await;
        assert_eq!(world.backend().starts(&uid), 1);
    });
}
