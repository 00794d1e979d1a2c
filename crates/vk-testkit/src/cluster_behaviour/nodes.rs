//! Nodes that fall silent, are tainted, or go.

use serde_json::{Value, json};
use virtual_kubelet::kube::api::{DeleteParams, Patch, PatchParams};

use super::site::{Site, condition, is_deleting, read, release};
use crate::world::World;

/// Effects of the taint `node.kubernetes.io/unreachable`.
fn unreachable(node: &Value) -> Vec<&str> {
    let taints = node["spec"]["taints"].as_array().into_iter().flatten();
    let mut effects: Vec<&str> = taints
        .filter(|taint| taint["key"] == "node.kubernetes.io/unreachable")
        .filter_map(|taint| taint["effect"].as_str())
        .collect();
    effects.sort_unstable();
    effects
}

/// Node lifecycle. The neighbour keeps the zone from being one in which nobody is heard of, where less is done.
pub async fn a_node_without_heartbeat_becomes_unknown_until_it_is_heard_of_again(world: &World) {
    let site = Site::new(world);
    let silent = site.add_node("silent").await;
    let neighbour = site.add_node("neighbour").await;
    site.add_pod("web", json!({}), json!({ "nodeName": silent })).await;
    site.write_status("web", json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})).await;
    site.while_alive(&[&neighbour], async {
        site.eventually("the node is unknown and tainted", async || {
            let node = read(&site.nodes(), &silent).await;
            condition(&node, "Ready")["status"] == "Unknown" && unreachable(&node) == ["NoExecute", "NoSchedule"]
        })
        .await;
        let ready = condition(&read(&site.nodes(), &silent).await, "Ready");
        assert_eq!(ready["reason"], "NodeStatusUnknown");
        assert_eq!(ready["message"], "Kubelet stopped posting node status.");
        site.eventually("its pods are not ready", async || {
            condition(&site.pod("web").await, "Ready")["status"] == "False"
        })
        .await;
        assert!(!is_deleting(&site.pod("web").await), "it tolerates that for five minutes");
        let node = read(&site.nodes(), &neighbour).await;
        assert_eq!(condition(&node, "Ready")["status"], "True", "the neighbour is heard of");
    })
    .await;

    site.while_alive(&[&silent, &neighbour], async {
        site.report_ready(&silent).await;
        site.eventually("the taints are taken off", async || {
            let node = read(&site.nodes(), &silent).await;
            condition(&node, "Ready")["status"] == "True" && unreachable(&node).is_empty()
        })
        .await;
        let pod = site.pod("web").await;
        assert_eq!(condition(&pod, "Ready")["status"], "False", "that is its agent's business");
        assert!(!is_deleting(&pod));
    })
    .await;
    site.remove_node(&silent).await;
    site.remove_node(&neighbour).await;
}

/// Taint eviction: at once, after `tolerationSeconds`, or never.
#[allow(clippy::expect_used, reason = "a test's own requests are expected to be taken")]
pub async fn a_pod_is_evicted_when_its_toleration_ends(world: &World) {
    let site = Site::new(world);
    let node = site.add_node("tainted").await;
    let toleration = |more: Value| {
        let mut toleration = json!({"key": "example.com/out", "operator": "Exists", "effect": "NoExecute"});
        if let (Some(own), Value::Object(more)) = (toleration.as_object_mut(), more) {
            own.extend(more);
        }
        json!({"nodeName": node, "tolerations": [toleration]})
    };
    site.add_pod("intolerant", json!({}), json!({ "nodeName": node })).await;
    site.add_pod("patient", json!({}), toleration(json!({"tolerationSeconds": 10}))).await;
    let mut first_counts = toleration(json!({"tolerationSeconds": 10}));
    if let Some(all) = first_counts["tolerations"].as_array_mut() {
        all.push(json!({"key": "example.com/out", "operator": "Exists"}));
    }
    site.add_pod("first-counts", json!({}), first_counts).await;
    site.add_pod("for-long", json!({}), toleration(json!({"tolerationSeconds": 3600}))).await;
    site.add_pod("for-ever", json!({}), toleration(json!({}))).await;
    site.while_alive(&[&node], async {
        let taints = json!({"spec": {"taints": [{"key": "example.com/out", "effect": "NoExecute"}]}});
        let patched = site.nodes().patch(&node, &PatchParams::default(), &Patch::Strategic(taints)).await;
        patched.expect("the taint is taken");
        for name in ["intolerant", "patient", "first-counts"] {
            site.eventually(&format!("{name} is deleted"), async || is_deleting(&site.pod(name).await)).await;
            let pod = site.pod(name).await;
            let why = condition(&pod, "DisruptionTarget");
            assert_eq!((&why["status"], &why["reason"]), (&json!("True"), &json!("DeletionByTaintManager")));
            assert_eq!(pod["metadata"]["deletionGracePeriodSeconds"], 30, "with its own grace");
        }
        for name in ["for-long", "for-ever"] {
            let pod = site.pod(name).await;
            assert!(!is_deleting(&pod) && condition(&pod, "DisruptionTarget").is_null(), "{pod}");
        }
    })
    .await;
    site.remove_node(&node).await;
}

/// Pod garbage collection. Finalizers keep the pods in sight.
#[allow(clippy::expect_used, reason = "a test's own requests are expected to be taken")]
pub async fn pods_of_a_node_that_is_gone_fail_and_go(world: &World) {
    let site = Site::new(world);
    let node = site.add_node("gone").await;
    let held = json!({"finalizers": ["example.com/held"]});
    for (name, phase) in [("running", "Running"), ("finished", "Succeeded")] {
        site.add_pod(name, held.clone(), json!({ "nodeName": node })).await;
        site.write_status(name, json!({ "phase": phase })).await;
    }
    site.nodes().delete(&node, &DeleteParams::default()).await.expect("the node is deleted");
    for (name, phase, condemned) in [("running", "Failed", true), ("finished", "Succeeded", false)] {
        let forced = async || site.pod(name).await["metadata"]["deletionGracePeriodSeconds"] == 0;
        site.eventually(&format!("{name} is deleted by force"), forced).await;
        let pod = site.pod(name).await;
        assert_eq!(pod["status"]["phase"], phase);
        let why = condition(&pod, "DisruptionTarget");
        let reason = if condemned { json!("DeletionByPodGC") } else { Value::Null };
        assert_eq!(why["reason"], reason, "{name}");
        let message = if condemned { json!("PodGC: node no longer exists") } else { Value::Null };
        assert_eq!(why["message"], message, "{name}");
        release(&site.api::<k8s_openapi::api::core::v1::Pod>(), name).await;
        site.eventually(&format!("{name} is gone"), async || site.pod(name).await.is_null()).await;
    }
}
