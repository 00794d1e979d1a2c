//! Workloads outlived their pods, or pods their workloads.

use std::time::Duration;

use serde_json::json;
use virtual_kubelet::core::Error;
use vk_apiserver::{RequestClass, RequestFault, Verb};
use vk_testkit::backend::Happening;
use vk_testkit::{Fault, Method};

use super::cluster::{SOON, for_ten_minutes, in_the_end, is_gone, running_pod, runs, simulate};

/// vk#686, vk#760 and pod.go:451: at the end of the grace period the object was deleted while the workload ran: two
/// replicas of a StatefulSet lived at once.
#[test]
fn vk_760_the_object_stays_until_the_workload_has_stopped() {
    simulate(10, |world, _cluster| async move {
        let _agent = world.start_agent().await;
        let uid = running_pod(&world, "db-0", json!({})).await;
        // It accepts the stop, and nothing stops; later it does not even answer.
        for _ in 0..5 {
            world.backend().fail_next(Method::Terminate, Fault::Ignore);
        }
        for _ in 0..10_000 {
            world.backend().fail_next(Method::Terminate, Fault::Refuse(Error::unavailable("the host is away")));
        }
        world.delete_pod("db-0", Some(5)).await;
        let both = || async { world.phase("db-0").await == "Running" && runs(&world, &uid) };
        for_ten_minutes("the object stays with its workload", both).await;
        world.backend().heal();
        in_the_end("both go", async || is_gone(&world, "db-0", &uid).await).await;
        let happened: Vec<_> = world.backend().ledger().into_iter().map(|entry| entry.what).collect();
        assert_eq!(happened, [Happening::Started, Happening::Stopped, Happening::Released { running: false }]);
    });
}

/// vk#938: the API server refused a malformed status for ever, and the pod was never deleted at the provider.
#[test]
fn vk_938_a_refused_status_holds_up_no_stop() {
    simulate(11, |world, cluster| async move {
        let _agent = world.start_agent().await;
        let uid = running_pod(&world, "web", json!({})).await;
        cluster.server.set_faults(|request: &RequestClass| {
            let of_status =
                request.verb == Verb::Patch && request.resource == "pods" && request.subresource == "status";
            let of_agent = request.user.starts_with("system:node:");
            if of_status && of_agent { RequestFault::status(422) } else { RequestFault::default() }
        });
        world.delete_pod("web", Some(5)).await;
        world.eventually(SOON, "it is stopped", || async { !runs(&world, &uid) }).await;
        world
            .always(Duration::from_secs(60), "its end is not lost", || async { world.pod("web").await.is_some() })
            .await;
        assert!(world.backend().workload(&uid).is_some(), "what was not told is not released");
        cluster.server.set_faults(vk_apiserver::NoFaults);
        in_the_end("both go", async || is_gone(&world, "web", &uid).await).await;
    });
}

/// k3k#454: a pod that was deleted in the host cluster stayed Running.
#[test]
fn k3k_454_what_the_back_end_lost_does_not_stay_running() {
    simulate(12, |world, _cluster| async move {
        let _agent = world.start_agent().await;
        let uid = running_pod(&world, "web", json!({})).await;
        world.backend().lose(&uid);
        in_the_end("the loss is told", async || world.phase("web").await == "Failed").await;
        assert_eq!(world.backend().starts(&uid), 1);
    });
}

/// AKS#3344, kip#82: what earlier incarnations had finished was never cleaned up.
#[test]
fn aks_3344_finished_work_of_an_earlier_incarnation_is_released() {
    simulate(13, |world, _cluster| async move {
        let agent = world.start_agent().await;
        let mut uids = Vec::new();
        for number in 0..3 {
            uids.push(running_pod(&world, &format!("job-{number}"), json!({"restartPolicy": "Never"})).await);
        }
        agent.kill();
        uids.iter().for_each(|uid| world.backend().exit(uid, 0));
        let agent = world.start_agent().await;
        for number in 0..3 {
            let name = format!("job-{number}");
            world.eventually(SOON, "its end is told", || async { world.phase(&name).await == "Succeeded" }).await;
        }
        // The first is deleted while nobody is there, the second while somebody is; the third is kept.
        agent.kill();
        world.delete_pod("job-0", None).await;
        let _agent = world.start_agent().await;
        world.delete_pod("job-1", None).await;
        for number in [0, 1] {
            let name = format!("job-{number}");
            in_the_end("nothing is left", async || is_gone(&world, &name, &uids[number]).await).await;
        }
        assert!(world.backend().workload(&uids[2]).is_some(), "the logs of a completed pod are kept");
    });
}

/// tensile-kube#48, #49: what belonged to a pod that was force-deleted leaked when the first attempts to remove it failed.
#[test]
fn tensile_kube_48_a_force_deleted_pod_is_not_forgotten_before_the_back_end_has_let_go() {
    simulate(14, |world, _cluster| async move {
        let _agent = world.start_agent().await;
        let uid = running_pod(&world, "web", json!({})).await;
        for method in [Method::Terminate, Method::Remove, Method::Lookup] {
            for _ in 0..30 {
                world.backend().fail_next(method, Fault::Refuse(Error::unavailable("503")));
            }
        }
        world.delete_pod("web", Some(0)).await;
        in_the_end("it is let go", async || is_gone(&world, "web", &uid).await).await;
        let last = world.backend().ledger().pop().map(|entry| entry.what);
        assert_eq!(last, Some(Happening::Released { running: false }));
    });
}
