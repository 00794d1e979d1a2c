//! Restarts of the agent killed what ran, or ran it again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use serde_json::json;
use virtual_kubelet::core::{Error, PodUid};
use virtual_kubelet::kube::Api;
use virtual_kubelet::kube::api::PostParams;
use vk_apiserver::{EventFault, FaultPlan, Kernel, Outcome, RequestClass, RequestFault, Verb};
use vk_testkit::backend::{Happening, Nature};
use vk_testkit::{Fault, Method, World};

use super::cluster::{
    Cluster, IN_THE_END, SOON, for_ten_minutes, in_the_end, is_gone, node_ready, running_pod, runs, simulate,
};

/// Five pods that run, under their names.
async fn five_pods(world: &World) -> Vec<PodUid> {
    let mut uids = Vec::new();
    for number in 0..5 {
        uids.push(running_pod(world, &format!("web-{number}"), json!({})).await);
    }
    uids
}

fn all_run_since_their_start(world: &World, uids: &[PodUid]) -> bool {
    uids.iter().all(|uid| runs(world, uid) && world.backend().starts(uid) == 1)
}

/// Whether the request is one of the agent for pods.
fn is_read_of_pods(request: &RequestClass) -> bool {
    let reads = matches!(request.verb, Verb::List | Verb::Watch);
    reads && request.resource == "pods" && request.user.starts_with("system:node:")
}

/// kip#107, vk#397: the agent was away for minutes, the node became Unknown, and the agent that came back took everything
/// that ran for dangling.
#[test]
fn kip_107_an_outage_is_no_massacre() {
    simulate(20, |world, _cluster| async move {
        let agent = world.start_agent().await;
        let uids = five_pods(&world).await;
        agent.kill();
        in_the_end("the node is given up", async || node_ready(&world).await == "Unknown").await;
        tokio::time::sleep(Duration::from_secs(900)).await;
        let _agent = world.start_agent().await;
        world.eventually(SOON, "the node is back", || async { node_ready(&world).await == "True" }).await;
        running_pod(&world, "new", json!({})).await;
        for_ten_minutes("everything runs on", async || all_run_since_their_start(&world, &uids)).await;
    });
}

/// kip#107: where the control plane did evict, what it evicted is stopped in order, once, and nothing else is.
#[test]
fn kip_107_what_was_evicted_meanwhile_is_stopped_in_order_and_nothing_else() {
    simulate(21, |world, _cluster| async move {
        let agent = world.start_agent().await;
        let uids = five_pods(&world).await;
        let for_a_minute = json!([
            {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60},
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60},
        ]);
        let evicted = running_pod(&world, "evicted", json!({"tolerations": for_a_minute})).await;
        agent.kill();
        tokio::time::sleep(IN_THE_END).await;
        assert!(world.pod("evicted").await.is_some_and(|pod| pod.metadata.deletion_timestamp.is_some()));
        assert!(runs(&world, &evicted));
        let _agent = world.start_agent().await;
        in_the_end("nothing is left", async || is_gone(&world, "evicted", &evicted).await).await;
        let entries = world.backend().ledger().into_iter().filter(|entry| entry.uid == evicted);
        let happened: Vec<_> = entries.map(|entry| entry.what).collect();
        assert_eq!(happened, [Happening::Started, Happening::Stopped, Happening::Released { running: false }]);
        for_ten_minutes("the others run on", async || all_run_since_their_start(&world, &uids)).await;
    });
}

/// The first list of pods after a restart is as old as this many writes, and the watch that follows it says nothing.
struct StaleThenSilent {
    behind: u64,
    lists: u32,
}

impl FaultPlan for StaleThenSilent {
    fn on_request(&mut self, request: &RequestClass) -> RequestFault {
        if !is_read_of_pods(request) || request.verb != Verb::List {
            return RequestFault::default();
        }
        self.lists += 1;
        RequestFault { stale_by: if self.lists == 1 { self.behind } else { 0 }, ..RequestFault::default() }
    }

    fn on_event(&mut self, request: &RequestClass, _index: u64) -> EventFault {
        if is_read_of_pods(request) { EventFault::Silence } else { EventFault::None }
    }
}

/// kip#107: the list after a restart lacked the pods, and all of them were killed as dangling. Here it is stale, and the
/// watch that could put it right is silent for minutes.
#[test]
fn kip_107_a_list_that_lacks_the_pods_orphans_nobody() {
    simulate(31, |world, cluster| async move {
        let before = cluster.server.inspect(Kernel::revision);
        let agent = world.start_agent().await;
        let uids = five_pods(&world).await;
        agent.kill();
        let behind = cluster.server.inspect(Kernel::revision) - before;
        cluster.server.set_faults(StaleThenSilent { behind, lists: 0 });
        let agent = world.start_agent().await;
        let untouched = || async { all_run_since_their_start(&world, &uids) };
        let until = tokio::time::Instant::now() + Duration::from_secs(200);
        while tokio::time::Instant::now() < until {
            assert!(untouched().await);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let known = agent.directory().all().await.unwrap();
        assert!(known.is_empty(), "the agent was shown none of them");
        let lists = cluster.agent_requests().into_iter().filter(|it| it.resource == "pods" && it.verb == "list");
        assert!(lists.count() > 2, "it asked for proof");
        cluster.server.set_faults(vk_apiserver::NoFaults);
        for_ten_minutes("everything runs on", untouched).await;
        running_pod(&world, "new", json!({})).await;
    });
}

/// liqo#2748, liqo#993: after a restart, what was decided before every cache was filled marked pods Failed and deleted them.
#[test]
fn liqo_2748_nothing_is_destroyed_before_both_sides_are_listed() {
    simulate(22, |world, cluster| async move {
        let agent = world.start_agent().await;
        let uids = five_pods(&world).await;
        agent.kill();
        // The API server's list does not come; the back end's does.
        cluster.server.set_faults(|request: &RequestClass| {
            if is_read_of_pods(request) { RequestFault::status(503) } else { RequestFault::default() }
        });
        let agent = world.start_agent().await;
        let untouched = || async { all_run_since_their_start(&world, &uids) };
        for_ten_minutes("everything runs on", untouched).await;
        cluster.server.set_faults(vk_apiserver::NoFaults);
        running_pod(&world, "new", json!({})).await;
        agent.kill();
        // The back end's list does not come; the API server's does.
        for method in [Method::List, Method::Lookup] {
            for _ in 0..1000 {
                world.backend().fail_next(method, Fault::Refuse(Error::unavailable("not ready yet")));
            }
        }
        let _agent = world.start_agent().await;
        for_ten_minutes("everything runs on", untouched).await;
        world.backend().heal();
        running_pod(&world, "newer", json!({})).await;
        for_ten_minutes("everything runs on", untouched).await;
        assert!(phases(&world).await.iter().all(|phase| phase == "Running"));
    });
}

/// liqo#1030: one temporary error took all offloaded pods back.
#[test]
fn liqo_1030_errors_of_every_kind_for_a_while_destroy_nothing() {
    simulate(23, |world, cluster| async move {
        let _agent = world.start_agent().await;
        let uids = five_pods(&world).await;
        for code in [401, 403, 404, 410, 429, 500, 503] {
            cluster.server.set_faults(move |request: &RequestClass| {
                let of_agent = request.user.starts_with("system:node:");
                if of_agent { RequestFault::status(code) } else { RequestFault::default() }
            });
            for _ in 0..20 {
                world.backend().fail_next(Method::List, Fault::Refuse(Error::unavailable("for a while")));
                world.backend().fail_next(Method::Lookup, Fault::Refuse(Error::unavailable("for a while")));
            }
            cluster.server.change(|kernel, _| kernel.compact());
            let untouched = || async { all_run_since_their_start(&world, &uids) };
            world.always(Duration::from_secs(120), "everything runs on", untouched).await;
            cluster.server.set_faults(vk_apiserver::NoFaults);
            world.backend().heal();
            world.always(Duration::from_secs(120), "everything runs on", untouched).await;
        }
        running_pod(&world, "new", json!({})).await;
        assert!(phases(&world).await.iter().all(|phase| phase == "Running"));
    });
}

async fn phases(world: &World) -> Vec<String> {
    let list = world.pods().list(&Default::default()).await.unwrap();
    list.items.into_iter().map(|pod| pod.status.and_then(|status| status.phase).unwrap_or_default()).collect()
}

/// aws-virtual-kubelet, docs/EdgeCases.md: a crash between the start of a machine and the record of its id orphaned it.
#[test]
fn aws_virtual_kubelet_a_crash_before_the_start_is_recorded_orphans_nothing() {
    for deleted_meanwhile in [false, true] {
        simulate(25, |world, cluster| async move {
            let unrecorded = Arc::new(AtomicBool::new(true));
            fail_writes_while(&cluster, unrecorded.clone());
            let agent = world.start_agent().await;
            let uid = world.create_pod("web").await;
            world.eventually(SOON, "it is started", || async { world.backend().starts(&uid) == 1 }).await;
            agent.kill();
            unrecorded.store(false, Ordering::Relaxed);
            assert_eq!(world.phase("web").await, "Pending", "nobody was told");
            // The list that shows it comes late, and a second create would be told.
            world.backend().fail_next(Method::List, Fault::Delay(Duration::from_secs(5)));
            let twice = Error::rejected("CreatedTwice", "it is there already");
            world.backend().fail_next(Method::Create, Fault::Refuse(twice));
            if deleted_meanwhile {
                world.delete_pod("web", Some(0)).await;
            }
            let _agent = world.start_agent().await;
            if deleted_meanwhile {
                in_the_end("it is collected", async || is_gone(&world, "web", &uid).await).await;
            } else {
                world.eventually(SOON, "it runs", || async { world.phase("web").await == "Running" }).await;
                assert!(runs(&world, &uid));
            }
            assert_eq!(world.backend().starts(&uid), 1);
        });
    }
}

/// No write of the agent to a pod reaches the API server.
fn fail_writes_while(cluster: &Cluster, failing: Arc<AtomicBool>) {
    cluster.server.set_faults(move |request: &RequestClass| {
        let write = request.resource == "pods" && matches!(request.verb, Verb::Patch | Verb::Delete);
        let of_agent = request.user.starts_with("system:node:");
        let fails = write && of_agent && failing.load(Ordering::Relaxed);
        if fails { RequestFault::outcome(Outcome::HangBefore) } else { RequestFault::default() }
    });
}

/// vk#762, between the provider's last word and the write of it: what the back end still knows is told, with its exit code,
/// and what it has forgotten is a loss; neither is a second run.
#[test]
fn vk_762_a_terminal_status_that_was_never_written_is_not_a_second_run() {
    for (forgotten, phase, exit_code) in [(false, "Succeeded", 0), (true, "Failed", 137)] {
        simulate(26, |world, cluster| async move {
            let unwritten = Arc::new(AtomicBool::new(false));
            fail_writes_while(&cluster, unwritten.clone());
            let agent = world.start_agent().await;
            let uid = running_pod(&world, "job", json!({"restartPolicy": "Never"})).await;
            unwritten.store(true, Ordering::Relaxed);
            world.backend().exit(&uid, 0);
            tokio::time::sleep(Duration::from_secs(10)).await;
            agent.kill();
            unwritten.store(false, Ordering::Relaxed);
            assert_eq!(world.phase("job").await, "Running", "nobody was told");
            if forgotten {
                world.backend().lose(&uid);
            }
            let _agent = world.start_agent().await;
            world.eventually(SOON, "its end is told", || async { world.phase("job").await == phase }).await;
            let status = world.pod("job").await.and_then(|pod| pod.status).unwrap();
            let end = status.container_statuses.unwrap().remove(0).state.unwrap().terminated.unwrap();
            assert_eq!(end.exit_code, exit_code);
            tokio::time::sleep(IN_THE_END).await;
            assert_eq!(world.backend().starts(&uid), 1);
        });
    }
}

/// vk#762: with `restartPolicy: Always` too, a pod that a pod-level back end lost is not silently run again.
#[test]
fn vk_762_a_lost_pod_is_not_run_again_whatever_its_policy() {
    for policy in ["Always", "OnFailure", "Never"] {
        simulate(27, |world, _cluster| async move {
            let agent = world.start_agent().await;
            let uid = running_pod(&world, "web", json!({"restartPolicy": policy})).await;
            agent.kill();
            world.backend().lose(&uid);
            let _agent = world.start_agent().await;
            world.eventually(SOON, "the loss is told", || async { world.phase("web").await == "Failed" }).await;
            tokio::time::sleep(IN_THE_END).await;
            assert_eq!((world.backend().starts(&uid), world.backend().uids()), (1, vec![]));
        });
    }
}

/// podcontroller.go:424: dangling pods were looked for once, at the start; what failed then was never tried again.
#[test]
fn vk_podcontroller_424_orphans_are_collected_however_late_the_proof_comes() {
    simulate(28, |world, cluster| async move {
        let agent = world.start_agent().await;
        let uid = running_pod(&world, "web", json!({})).await;
        agent.kill();
        world.delete_pod("web", Some(0)).await;
        let agent = world.start_agent().await;
        running_pod(&world, "new", json!({})).await;
        // The watch goes on, and every list fails: there is no proof.
        cluster.server.set_faults(|request: &RequestClass| {
            let list = is_read_of_pods(request) && request.verb == Verb::List;
            if list { RequestFault::status(500) } else { RequestFault::default() }
        });
        for_ten_minutes("without proof it runs on", async || runs(&world, &uid)).await;
        cluster.server.set_faults(vk_apiserver::NoFaults);
        in_the_end("it is collected", async || is_gone(&world, "web", &uid).await).await;
        drop(agent);
    });
}

/// podcontroller.go:312: Secrets were looked up in a cache that nobody had waited for, and "not found" came after every
/// restart.
#[test]
fn vk_podcontroller_312_a_pod_waits_until_its_secret_can_be_read() {
    simulate(29, |world, cluster| async move {
        let secret: Secret = serde_json::from_value(json!({"metadata": {"name": "login"}, "data": {}})).unwrap();
        Api::namespaced(world.admin(), "default").create(&PostParams::default(), &secret).await.unwrap();
        cluster.server.set_faults(|request: &RequestClass| {
            let read = request.resource == "secrets" && request.user.starts_with("system:node:");
            if read { RequestFault::status(503) } else { RequestFault::default() }
        });
        world.backend().set_nature(Nature { inline: true, ..Nature::default() });
        let _agent = world.start_agent().await;
        let env_from = json!([{"secretRef": {"name": "login"}}]);
        let containers = json!([{"name": "app", "image": "app:1", "envFrom": env_from}]);
        let uid = world.create_pod_with("web", json!({"restartPolicy": "Never", "containers": containers})).await;
        let waits = || async { world.phase("web").await == "Pending" && world.backend().starts(&uid) == 0 };
        for_ten_minutes("it waits", waits).await;
        cluster.server.set_faults(vk_apiserver::NoFaults);
        in_the_end("it runs", async || world.phase("web").await == "Running").await;
        assert_eq!(world.backend().starts(&uid), 1);
    });
}

/// 3fa76392: the node controller panicked when it was shut down. What is under way is finished or taken up again.
#[test]
fn vk_3fa76392_a_shutdown_in_the_middle_of_everything_loses_nothing() {
    simulate(30, |world, _cluster| async move {
        let agent = world.start_agent().await;
        let mut doomed = Vec::new();
        for number in 0..10 {
            doomed.push(running_pod(&world, &format!("doomed-{number}"), json!({})).await);
        }
        for number in 0..10 {
            world.backend().fail_next(Method::Create, Fault::Delay(Duration::from_millis(300 * number)));
            world.backend().fail_next(Method::Terminate, Fault::Delay(Duration::from_millis(300 * number)));
        }
        let mut fresh = Vec::new();
        for number in 0..10 {
            world.delete_pod(&format!("doomed-{number}"), Some(5)).await;
            fresh.push(world.create_pod(&format!("fresh-{number}")).await);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        agent.stop().await;
        let _agent = world.start_agent().await;
        for (number, uid) in doomed.iter().enumerate() {
            let name = format!("fresh-{number}");
            in_the_end("it runs", async || world.phase(&name).await == "Running").await;
            let name = format!("doomed-{number}");
            in_the_end("nothing is left", async || is_gone(&world, &name, uid).await).await;
        }
        assert!(all_run_since_their_start(&world, &fresh));
    });
}
