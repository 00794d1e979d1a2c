//! The end of a pod: its object goes when its containers have stopped, not later and never before.

use std::time::Duration;

use serde_json::json;

use crate::stage::{Identity, Stage, eventually, eventually_within, script, sleeper};

under_both_identities! {
    the_object_goes_once_the_containers_have_stopped
    a_container_that_does_not_listen_is_killed_after_its_grace
    a_shorter_grace_counts
    a_force_deleted_pod_leaves_no_container
    a_deleted_namespace_goes
}

/// Far longer than the container takes: whoever waits for all of it does not come back in time.
const LONG_GRACE: u64 = 600;

fn the_object_goes_once_the_containers_have_stopped(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let slow = script("slow", "trap 'sleep 4; exit 0' TERM; sleep 10000 & wait $!");
    let quick = sleeper("quick");
    stage.create_pod("web", json!({ "containers": [slow, quick], "terminationGracePeriodSeconds": LONG_GRACE }));
    stage.until_running("web");
    stage.kubectl().ok(&["delete", "pod", "web", "--wait=false"]);
    let mut was_terminating = false;
    eventually("no pod web", || {
        let Some(pod) = stage.pod("web") else {
            // At this moment nothing of it may run.
            let running: Vec<_> = stage.docker().of_pod("web").into_iter().filter(|found| found.running).collect();
            assert!(running.is_empty(), "the object went before {running:?}");
            return Ok(());
        };
        let runs = stage.docker().of_pod("web").iter().any(|container| container.running);
        was_terminating |= pod.is_being_deleted() && runs;
        assert!(!(runs && ["Failed", "Succeeded"].contains(&pod.phase())), "ended while it runs: {}", pod.status());
        Err(pod.status().to_string())
    });
    assert!(was_terminating, "the pod was seen while it ended");
    stage.until_event("web", "Killing", "");
    until_nothing_is_left(&stage);
}

fn a_container_that_does_not_listen_is_killed_after_its_grace(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let deaf = script("deaf", "trap '' TERM; while true; do sleep 1; done");
    stage.create_pod("deaf", json!({ "containers": [deaf], "terminationGracePeriodSeconds": 3 }));
    stage.until_running("deaf");
    stage.kubectl().ok(&["delete", "pod", "deaf"]);
    assert!(stage.pod("deaf").is_none(), "kubectl delete waits for the end");
    until_nothing_is_left(&stage);
}

fn a_shorter_grace_counts(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let deaf = script("deaf", "trap '' TERM; while true; do sleep 1; done");
    stage.create_pod("deaf", json!({ "containers": [deaf], "terminationGracePeriodSeconds": LONG_GRACE }));
    stage.until_running("deaf");
    stage.kubectl().ok(&["delete", "pod", "deaf", "--wait=false"]);
    stage.until_event("deaf", "Killing", "");
    stage.kubectl().ok(&["delete", "pod", "deaf", "--grace-period=1", "--wait=false"]);
    eventually_within(Duration::from_secs(LONG_GRACE / 2), "no pod deaf", || {
        stage.pod("deaf").map_or(Ok(()), |pod| Err(pod.status().to_string()))
    });
    until_nothing_is_left(&stage);
}

fn a_force_deleted_pod_leaves_no_container(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    stage.create_pod("web", json!({ "containers": [sleeper("main")] }));
    let first = stage.until_running("web");
    stage.kubectl().ok(&["delete", "pod", "web", "--force", "--grace-period=0"]);
    // Another pod of the same name may come at once.
    stage.create_pod("web", json!({ "containers": [sleeper("main")] }));
    let second = stage.until_running("web");
    assert_ne!((first.uid(), first.ip()), (second.uid(), second.ip()));
    eventually("the second pod's containers alone", || {
        let all = stage.docker().all();
        let second_runs = all.iter().filter(|container| container.running).count() == 2;
        (all.len() == 2 && second_runs).then_some(()).ok_or_else(|| stage.docker().table())
    });
    assert_eq!(stage.until_running("web").runs(), second.runs());
}

fn a_deleted_namespace_goes(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    for name in ["one", "two"] {
        stage.create_pod(name, json!({ "containers": [sleeper("main")] }));
        stage.until_running(name);
    }
    stage.kubectl().ok(&["delete", "namespace", stage.name(), "--timeout=120s"]);
    until_nothing_is_left(&stage);
}

fn until_nothing_is_left(stage: &Stage) {
    eventually("no container left", || {
        let left = stage.docker().all();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    });
    eventually("no files left", || {
        let left = stage.files_of_pods();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    });
}
