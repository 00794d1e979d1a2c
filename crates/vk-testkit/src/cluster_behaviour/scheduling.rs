//! The scheduler, as far as pods meet it that are not bound by hand.

use serde_json::{Value, json};
use virtual_kubelet::kube::api::{Patch, PatchParams};

use super::site::{Site, condition};
use crate::world::World;

async fn is_on(site: &Site<'_>, pod: &str, node: &str) {
    site.eventually(&format!("{pod} is bound to {node}"), async || site.pod(pod).await["spec"]["nodeName"] == *node)
        .await;
    let scheduled = condition(&site.pod(pod).await, "PodScheduled");
    assert_eq!((&scheduled["status"], &scheduled["reason"]), (&json!("True"), &Value::Null));
}

/// This is the reason at least one node has.
async fn finds_no_node(site: &Site<'_>, pod: &str, reason: &str) {
    site.eventually(&format!("{pod} is told to be unschedulable"), async || {
        let scheduled = condition(&site.pod(pod).await, "PodScheduled");
        scheduled["status"] == "False" && scheduled["reason"] == "Unschedulable"
    })
    .await;
    let pod = site.pod(pod).await;
    assert_eq!((&pod["status"]["phase"], &pod["spec"]["nodeName"]), (&json!("Pending"), &Value::Null));
    let message = condition(&pod, "PodScheduled")["message"].to_string();
    assert!(message.starts_with("\"0/") && message.contains(" nodes are available: "), "{message}");
    assert!(message.contains(reason), "{message}");
}

/// `nodeSelector`.
pub async fn a_pod_goes_where_its_selector_says(world: &World) {
    let site = Site::new(world);
    let (left, right) = (site.add_node("left").await, site.add_node("right").await);
    site.while_alive(&[&left, &right], async {
        for (pod, node) in [("to-the-right", &right), ("to-the-left", &left)] {
            let mut selector = site.selector();
            selector["kubernetes.io/hostname"] = node.as_str().into();
            site.add_pod(pod, json!({}), json!({ "nodeSelector": selector })).await;
            is_on(&site, pod, node).await;
        }
        let mut selector = site.selector();
        selector["kubernetes.io/hostname"] = "nowhere".into();
        site.add_pod("nowhere", json!({}), json!({ "nodeSelector": selector })).await;
        finds_no_node(&site, "nowhere", "node(s) didn't match Pod's node affinity/selector").await;
    })
    .await;
    site.remove_node(&left).await;
    site.remove_node(&right).await;
}

/// `NoSchedule`, and what takes it off.
#[allow(clippy::expect_used, reason = "a test's own requests are expected to be taken")]
pub async fn a_pod_goes_only_where_it_tolerates_the_taints(world: &World) {
    let site = Site::new(world);
    let node = site.add_node("tainted").await;
    site.while_alive(&[&node], async {
        let taints = |taints: Value| Patch::Merge(json!({"spec": {"taints": taints}}));
        let kept_for_one = taints(json!([{"key": "example.com/for", "value": "one", "effect": "NoSchedule"}]));
        site.nodes().patch(&node, &PatchParams::default(), &kept_for_one).await.expect("the taint is taken");
        let tolerating = |value: &str| {
            let toleration = json!({"key": "example.com/for", "value": value, "effect": "NoSchedule"});
            json!({"nodeSelector": site.selector(), "tolerations": [toleration]})
        };
        site.add_pod("other", json!({}), tolerating("another")).await;
        finds_no_node(&site, "other", "node(s) had untolerated taint").await;
        site.add_pod("one", json!({}), tolerating("one")).await;
        is_on(&site, "one", &node).await;
        site.nodes().patch(&node, &PatchParams::default(), &taints(Value::Null)).await.expect("the patch is taken");
        is_on(&site, "other", &node).await;
    })
    .await;
    site.remove_node(&node).await;
}

/// The node has two processors.
pub async fn a_pod_that_does_not_fit_waits_for_room(world: &World) {
    let site = Site::new(world);
    let node = site.add_node("small").await;
    let wanting = |cpu: &str| {
        json!({"nodeSelector": site.selector(), "containers": [
            {"name": "app", "image": "app:1", "resources": {"requests": {"cpu": cpu}}},
        ]})
    };
    site.while_alive(&[&node], async {
        site.add_pod("large", json!({}), wanting("1500m")).await;
        is_on(&site, "large", &node).await;
        site.add_pod("second", json!({}), wanting("1")).await;
        finds_no_node(&site, "second", "Insufficient cpu").await;
        site.add_pod("little", json!({}), wanting("500m")).await;
        is_on(&site, "little", &node).await;
        site.write_status("large", json!({"phase": "Succeeded"})).await;
        is_on(&site, "second", &node).await;
        site.add_pod("third", json!({}), wanting("1")).await;
        finds_no_node(&site, "third", "Insufficient cpu").await;
        site.remove_pod("second").await;
        is_on(&site, "third", &node).await;
    })
    .await;
    site.remove_node(&node).await;
}
