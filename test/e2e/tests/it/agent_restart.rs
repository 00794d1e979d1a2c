//! The agent ends, in good order or not, and comes back. Pods do not notice.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::stage::{Identity, Stage, eventually, script, seconds_of, sleeper};

under_both_identities! {
    twenty_pods_outlive_a_killed_agent
    an_agent_that_is_asked_to_end_leaves_its_pods_running
    what_happened_meanwhile_is_told_afterwards
    an_end_goes_on_with_its_hook_first
    an_end_goes_on_within_its_grace
}

const PODS: usize = 20;

fn twenty_pods_outlive_a_killed_agent(identity: Identity) {
    let mut stage = Stage::with_docker_node(identity);
    let labels = json!({ "app": "web" });
    let spec = stage.scheduled_here(json!({ "containers": [sleeper("main")] }));
    stage.kubectl().create(&json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": {
            "replicas": PODS, "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels }, "spec": spec },
        },
    }));
    seconds_of("20 pods run after", || stage.kubectl().ok(&["rollout", "status", "deployment/web", "--timeout=240s"]));
    let before = runs(&stage);
    let in_docker = stage.docker().running();
    assert_eq!((before.len(), in_docker.len()), (PODS, 2 * PODS));

    stage.kill_agent();
    assert_eq!(stage.docker().running(), in_docker, "containers are not the agent's children");
    seconds_of("after kill -9, from the restart to a new pod that runs", || {
        let mut command = stage.docker_command();
        stage.start(&mut command);
        stage.create_pod("new", json!({ "containers": [sleeper("main")] }));
        stage.until_running("new")
    });
    stage.until_ready();
    assert_eq!(runs(&stage), before);
    let now = stage.docker().running();
    assert!(in_docker.iter().all(|(id, started)| now.get(id) == Some(started)), "something was restarted");
    assert_eq!(now.len(), in_docker.len() + 2);
    // They are kept as before.
    stage.kubectl().ok(&["scale", "deployment/web", "--replicas=0"]);
    eventually("the new pod's containers alone", || {
        let left = stage.docker().all().len();
        if left == 2 { Ok(()) } else { Err(format!("{left} containers")) }
    });
}

fn an_agent_that_is_asked_to_end_leaves_its_pods_running(identity: Identity) {
    let mut stage = Stage::with_docker_node(identity);
    stage.create_pod("web", json!({ "containers": [sleeper("main")] }));
    let before = stage.until_running("web");
    let in_docker = stage.docker().running();
    assert_eq!(stage.stop_agent(), Some(0));
    assert_eq!(stage.docker().running(), in_docker);
    // The lease is free for whoever comes: nothing waits for it to expire.
    stage.start_docker_node();
    assert_eq!(stage.until_running("web").runs(), before.runs());
    assert_eq!(stage.docker().running(), in_docker);
}

/// vk#762, vk#783: ends that nobody saw.
fn what_happened_meanwhile_is_told_afterwards(identity: Identity) {
    let mut stage = Stage::with_docker_node(identity);
    let until_told = script("main", "until test -f /shared/go; do sleep 0.1; done; exit 7");
    let mut job = sharing(&stage, until_told);
    job["restartPolicy"] = json!("Never");
    stage.create_pod("ended", job);
    for name in ["deleted", "forced", "lost", "restarted"] {
        let policy = if name == "lost" { "Never" } else { "Always" };
        stage.create_pod(name, json!({ "restartPolicy": policy, "containers": [sleeper("main")] }));
    }
    for name in ["ended", "deleted", "forced", "lost", "restarted"] {
        stage.until_running(name);
    }
    stage.kill_agent();

    std::fs::write(stage.shared().join("go"), "").unwrap();
    stage.kubectl().ok(&["delete", "pod", "deleted", "--wait=false"]);
    stage.kubectl().ok(&["delete", "pod", "forced", "--force", "--grace-period=0"]);
    let lost: Vec<String> =
        stage.docker().all().into_iter().filter(|one| one.pod == "lost").map(|one| one.id).collect();
    stage
        .docker()
        .run(&[&["rm", "--force"][..], &lost.iter().map(String::as_str).collect::<Vec<_>>()].concat())
        .unwrap();
    let crashed = stage.docker().of_pod("restarted").remove(0).id;
    stage.docker().run(&["kill", &crashed]).unwrap();
    eventually("the container's end", || {
        let running = stage.docker().of_pod("ended").iter().any(|container| container.running);
        if running { Err("it runs".to_owned()) } else { Ok(()) }
    });

    stage.start_docker_node();
    assert_eq!(stage.until_phase("ended", "Failed").terminated("main")["exitCode"], 7);
    stage.until_gone("deleted");
    // Nobody knows how it ended, so it is not run again.
    let lost = stage.until_phase("lost", "Failed");
    let ended = lost.terminated("main");
    assert_eq!((&ended["reason"], &ended["exitCode"]), (&json!("ContainerStatusUnknown"), &json!(137)));
    let restarted =
        stage.until_pod("restarted", "runs again", |pod| pod.restarts("main") == 1 && pod.condition("Ready") == "True");
    assert_eq!(restarted.container("main")["lastState"]["terminated"]["exitCode"], 137);
    eventually("nothing of the pod that was deleted by force", || {
        let left: Vec<_> = stage.docker().all().into_iter().filter(|one| one.pod == "forced").collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    });
}

/// What the pod `web` has written to the file it shares with the test: `hook` when its hook begins, `signal` on SIGTERM.
fn told(stage: &Stage) -> String {
    std::fs::read_to_string(stage.shared().join("told")).unwrap_or_default()
}

/// Deletes a pod whose hook ends once the test says so, and kills the agent while the hook runs.
fn kill_the_agent_during_a_hook(stage: &mut Stage, grace: u64) {
    let mut main = script("main", "trap 'echo signal >> /shared/told; exit 0' TERM; while :; do sleep 0.1; done");
    let hook = "echo hook >> /shared/told; until test -f /shared/go; do sleep 0.1; done";
    main["lifecycle"] = json!({ "preStop": { "exec": { "command": ["sh", "-c", hook] } } });
    let mut spec = sharing(stage, main);
    spec["terminationGracePeriodSeconds"] = json!(grace);
    stage.create_pod("web", spec);
    stage.until_running("web");
    stage.kubectl().ok(&["delete", "pod", "web", "--wait=false"]);
    eventually("the hook runs", || match told(stage) {
        told if told == "hook\n" => Ok(()),
        told => Err(told),
    });
    stage.kill_agent();
    assert!(stage.docker().of_pod("web")[0].running, "it has not been told to stop");
}

/// Kubernetes promises that a hook runs at least once; a new agent cannot know how far the last one came, so it runs it once
/// more, as a kubelet does. No signal comes before its end.
fn an_end_goes_on_with_its_hook_first(identity: Identity) {
    let mut stage = Stage::with_docker_node(identity);
    kill_the_agent_during_a_hook(&mut stage, 600);
    stage.start_docker_node();
    eventually("the hook runs again", || match told(&stage) {
        told if told == "hook\nhook\n" => Ok(()),
        told => Err(told),
    });
    assert!(stage.pod("web").is_some_and(|pod| pod.is_being_deleted()));
    std::fs::write(stage.shared().join("go"), "").unwrap();
    stage.until_gone("web");
    assert_eq!(told(&stage), "hook\nhook\nsignal\n");
}

fn an_end_goes_on_within_its_grace(identity: Identity) {
    let mut stage = Stage::with_docker_node(identity);
    kill_the_agent_during_a_hook(&mut stage, 15);
    stage.start_docker_node();
    // The hook never ends: there is no time left for a signal before the kill.
    stage.until_gone("web");
    assert!(["hook\n", "hook\nhook\n"].contains(&told(&stage).as_str()), "{}", told(&stage));
    eventually("no container left", || match stage.docker().all() {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?}")),
    });
}

/// A pod with this container, which finds the directory that the test shares below `/shared`.
fn sharing(stage: &Stage, mut container: Value) -> Value {
    container["volumeMounts"] = json!([{ "name": "shared", "mountPath": "/shared" }]);
    json!({
        "containers": [container],
        "volumes": [{ "name": "shared", "hostPath": { "path": stage.shared() } }],
    })
}

/// Name, and what makes each run of its containers this one and no other.
fn runs(stage: &Stage) -> BTreeMap<String, Vec<(String, String, u64)>> {
    stage.pods("app=web").iter().map(|pod| (pod.name(), pod.runs())).collect()
}
