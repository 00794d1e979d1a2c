//! The real Metrics Server scrapes our nodes: `kubectl top` shows their figures, and autoscalers act on them.

mod server;

use std::time::Duration;

use serde_json::{Value, json};

use crate::stage::{Identity, Stage, eventually_within, script};

under_both_identities! {
    kubectl_top_shows_docker_pods_and_their_node
    an_autoscaler_follows_the_load_of_mock_pods
}

/// The Metrics Server wants two measurements, ten seconds apart, before it tells anything.
const PATIENCE: Duration = Duration::from_secs(300);

fn kubectl_top_shows_docker_pods_and_their_node(identity: Identity) {
    let stage = Stage::with_docker_node(identity);
    server::run(stage.environment());
    let mut busy = script("main", "while :; do :; done");
    busy["resources"] = json!({ "limits": { "cpu": "200m" } });
    stage.create_pod("busy", json!({ "terminationGracePeriodSeconds": 1, "containers": [busy] }));
    stage.until_running("busy");
    let top = |arguments: &[&str]| stage.kubectl().run(&[&["top"], arguments, &["--no-headers"]].concat());
    eventually_within(PATIENCE, "kubectl top pod shows what the pod uses", || {
        let said = top(&["pod", "busy", "--containers"])?;
        let [pod, container, cpu, memory] = said.split_whitespace().collect::<Vec<_>>()[..] else { return Err(said) };
        // An engine on a busy machine gives it less than its limit, and never much more.
        let shown = (millis(cpu)? > 10 && millis(cpu)? < 300) && memory.ends_with("Mi");
        if (pod, container, shown) == ("busy", "main", true) { Ok(()) } else { Err(said) }
    });
    eventually_within(PATIENCE, "kubectl top node shows what the node uses", || {
        let said = top(&["node", stage.name()])?;
        let words: Vec<_> = said.split_whitespace().collect();
        match words[..] {
            [node, cpu, _, memory, _] if node == stage.name() && millis(cpu)? > 10 && memory.ends_with("Mi") => Ok(()),
            _ => Err(said),
        }
    });
}

fn an_autoscaler_follows_the_load_of_mock_pods(identity: Identity) {
    let stage = Stage::with_mock_node(identity);
    server::run(stage.environment());
    stage.kubectl().create(&deployment(&stage));
    stage.kubectl().create(&autoscaler());
    let load = |cpu: &str| {
        let annotation = format!("mock.virtual-kubelet.io/cpu={cpu}");
        stage.kubectl().ok(&["annotate", "pods", "--selector=app=web", "--overwrite", &annotation])
    };
    let until_replicas = |count: usize| {
        eventually_within(PATIENCE, &format!("{count} pods that run"), || {
            let pods = stage.pods("app=web");
            let running = pods.iter().filter(|pod| pod.phase() == "Running" && !pod.is_being_deleted()).count();
            if running == count && pods.len() == count {
                return Ok(());
            }
            let autoscaler = stage.kubectl().run(&["describe", "horizontalpodautoscaler", "web"]);
            Err(format!("{running} of {} pods\n{}", pods.len(), autoscaler.unwrap_or_else(|said| said)))
        });
    };
    until_replicas(1);
    // What the template says is just what the autoscaler aims at.
    eventually_within(PATIENCE, "the autoscaler knows what the pods use", || {
        let path = format!("/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers/web", stage.name());
        let autoscaler = stage.api().get(&path).unwrap_or_default();
        let current = &autoscaler["status"]["currentMetrics"][0]["resource"]["current"]["averageUtilization"];
        if current.as_u64() == Some(50) { Ok(()) } else { Err(autoscaler["status"].to_string()) }
    });
    load("400m");
    until_replicas(4);
    load("1m");
    until_replicas(1);
}

/// Mock pods that use half of what they ask for.
fn deployment(stage: &Stage) -> Value {
    let labels = json!({ "app": "web" });
    let container = json!({ "name": "main", "image": "any", "resources": { "requests": { "cpu": "100m" } } });
    let metadata = json!({ "labels": labels, "annotations": { "mock.virtual-kubelet.io/cpu": "50m" } });
    let spec = stage.scheduled_here(json!({ "containers": [container] }));
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": {
            "selector": { "matchLabels": labels },
            "template": { "metadata": metadata, "spec": spec },
        },
    })
}

/// Aims at half of what pods ask for, and does not wait to see whether a change lasts.
fn autoscaler() -> Value {
    let at_once = json!({
        "stabilizationWindowSeconds": 0,
        "policies": [{ "type": "Percent", "value": 900, "periodSeconds": 1 }],
    });
    let target = json!({ "type": "Utilization", "averageUtilization": 50 });
    json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": { "name": "web" },
        "spec": {
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" },
            "minReplicas": 1, "maxReplicas": 4,
            "metrics": [{ "type": "Resource", "resource": { "name": "cpu", "target": target } }],
            "behavior": { "scaleUp": at_once, "scaleDown": at_once },
        },
    })
}

/// Thousandths of a processor, as in `250m`.
fn millis(shown: &str) -> Result<u64, String> {
    shown.strip_suffix('m').and_then(|millis| millis.parse().ok()).ok_or_else(|| shown.to_owned())
}
