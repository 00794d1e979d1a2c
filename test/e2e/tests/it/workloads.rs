//! What the controllers of Kubernetes make of our pods.

use std::fs;

use serde_json::{Value, json};

use crate::stage::{Identity, Stage, eventually, script, sleeper};

under_both_identities! {
    a_deployment_scales_up_and_down
    a_job_completes_once
    a_job_whose_running_pod_is_deleted_gets_another
    a_stateful_pod_keeps_its_name_and_changes_its_identity
}

fn a_deployment_scales_up_and_down(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let labels = json!({ "app": "web" });
    stage.kubectl().create(&json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "web" },
        "spec": { "selector": labels, "ports": [{ "port": 80 }] },
    }));
    stage.kubectl().create(&json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": { "replicas": 3, "selector": { "matchLabels": labels }, "template": template(&stage, &labels) },
    }));
    let rollout = || stage.kubectl().ok(&["rollout", "status", "deployment/web", "--timeout=120s"]);
    rollout();
    let running = |count: usize| {
        eventually(&format!("{count} pods and no more"), || {
            let pods = stage.pods("app=web");
            let ready = pods.iter().filter(|pod| pod.condition("Ready") == "True").count();
            let containers = stage.docker().running().len();
            let seen = format!("{} pods, {ready} ready, {containers} containers", pods.len());
            // A container and a sandbox for each.
            if (pods.len(), ready, containers) == (count, count, 2 * count) { Ok(()) } else { Err(seen) }
        });
    };
    running(3);
    eventually("the pods' addresses in the EndpointSlice", || {
        let path = "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices".replace("{}", stage.name());
        let slices = stage.api().get(&path).unwrap();
        let endpoints = slices["items"][0]["endpoints"].as_array().cloned().unwrap_or_default();
        let mut listed: Vec<String> = endpoints
            .iter()
            .filter(|one| one["conditions"]["ready"] == true)
            .map(|one| one["addresses"][0].to_string())
            .collect();
        let mut own: Vec<String> = stage.pods("app=web").iter().map(|pod| format!("{:?}", pod.ip())).collect();
        listed.sort();
        own.sort();
        if listed == own { Ok(()) } else { Err(format!("{listed:?}, not {own:?}")) }
    });
    stage.kubectl().ok(&["scale", "deployment/web", "--replicas=5"]);
    rollout();
    running(5);
    stage.kubectl().ok(&["scale", "deployment/web", "--replicas=1"]);
    running(1);
    // A new revision replaces the pod and leaves nothing of the old one.
    stage.kubectl().ok(&["set", "env", "deployment/web", "REVISION=2"]);
    rollout();
    running(1);
    stage.kubectl().ok(&["delete", "deployment", "web"]);
    eventually("nothing in Docker", || {
        let left = stage.docker().all();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    });
}

fn a_job_completes_once(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    create_job(&stage, "count", "echo ran >> /shared/runs");
    stage.kubectl().ok(&["wait", "job/count", "--for=condition=Complete", "--timeout=120s"]);
    assert_eq!(fs::read_to_string(stage.shared().join("runs")).unwrap(), "ran\n");
    let [pod] = &stage.pods("job-name=count")[..] else { panic!("{:?}", stage.pods("job-name=count")) };
    assert_eq!((pod.phase(), &pod.terminated("main")["exitCode"]), ("Succeeded", &json!(0)));
    let line = stage.kubectl().ok(&["get", "job", "count"]);
    assert!(line.contains("Complete") && line.contains("1/1"), "{line}");
    // The finalizer by which the job counted it is gone, so it can be deleted like any other.
    stage.kubectl().ok(&["delete", "job", "count"]);
    stage.until_gone(&pod.name());
}

fn a_job_whose_running_pod_is_deleted_gets_another(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    create_job(
        &stage,
        "long",
        "trap 'exit 143' TERM; until test -f /shared/go; do sleep 0.2; done; echo done >> /shared/runs",
    );
    let first = eventually("a pod that runs", || {
        let pods = stage.pods("job-name=long");
        pods.into_iter().find(|pod| pod.phase() == "Running").ok_or_else(|| "none".to_owned())
    });
    stage.kubectl().ok(&["delete", "pod", &first.name(), "--wait=false"]);
    let second = eventually("another pod that runs", || {
        let pods = stage.pods("job-name=long");
        let seen = || pods.iter().map(|pod| format!("{} {}", pod.name(), pod.phase())).collect::<Vec<_>>().join(", ");
        pods.iter().find(|pod| pod.uid() != first.uid() && pod.phase() == "Running").cloned().ok_or_else(seen)
    });
    stage.until_gone(&first.name());
    fs::write(stage.shared().join("go"), "").unwrap();
    stage.kubectl().ok(&["wait", "job/long", "--for=condition=Complete", "--timeout=120s"]);
    assert_eq!(fs::read_to_string(stage.shared().join("runs")).unwrap(), "done\n");
    assert_eq!(stage.pod(&second.name()).unwrap().phase(), "Succeeded");
}

/// vk#867, vk#1295.
fn a_stateful_pod_keeps_its_name_and_changes_its_identity(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    let labels = json!({ "app": "db" });
    stage.kubectl().create(&json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": { "name": "db" },
        "spec": {
            "serviceName": "db", "replicas": 1,
            "selector": { "matchLabels": labels }, "template": template(&stage, &labels),
        },
    }));
    eventually("the pod", || stage.pod("db-0").map(drop).ok_or_else(|| "not there yet".to_owned()));
    let first = stage.until_running("db-0");
    stage.kubectl().ok(&["delete", "pod", "db-0"]);
    eventually("a new pod", || match stage.pod("db-0") {
        Some(pod) if pod.uid() != first.uid() => Ok(()),
        _ => Err("not there yet".to_owned()),
    });
    let second = stage.until_running("db-0");
    assert_ne!(first.runs(), second.runs());
    // Of two pods of one name there is only the second one's container.
    eventually("one container", || {
        let all = stage.docker().of_pod("db-0");
        if all.len() == 1 && all[0].running { Ok(()) } else { Err(format!("{all:?}")) }
    });
}

fn template(stage: &Stage, labels: &Value) -> Value {
    let spec = json!({ "containers": [sleeper("main")] });
    json!({ "metadata": { "labels": labels }, "spec": stage.scheduled_here(spec) })
}

fn create_job(stage: &Stage, name: &str, text: &str) {
    let mut main = script("main", text);
    main["volumeMounts"] = json!([{ "name": "shared", "mountPath": "/shared" }]);
    let spec = json!({
        "restartPolicy": "Never",
        "containers": [main],
        "volumes": [{ "name": "shared", "hostPath": { "path": stage.shared() } }],
    });
    stage.kubectl().create(&json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": name },
        "spec": { "template": { "spec": stage.scheduled_here(spec) } },
    }));
}
