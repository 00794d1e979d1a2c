//! Claims that are in use.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use serde_json::{Value, json};
use virtual_kubelet::kube::api::DeleteParams;

use super::site::{Site, create, is_deleting, read};
use crate::world::World;

async fn add_claim(site: &Site<'_>) {
    let claim = json!({
        "metadata": {"name": "data"},
        // No class: nobody is to make a volume for it.
        "spec": {
            "storageClassName": "", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
        },
    });
    create(&site.api::<PersistentVolumeClaim>(), claim).await;
}

async fn claim(site: &Site<'_>) -> Value {
    read(&site.api::<PersistentVolumeClaim>(), "data").await
}

#[allow(clippy::expect_used, reason = "a test's own requests are expected to be taken")]
async fn delete_claim(site: &Site<'_>) {
    site.api::<PersistentVolumeClaim>().delete("data", &DeleteParams::default()).await.expect("the deletion is taken");
}

fn with_the_claim(more: Value) -> Value {
    let mut spec = json!({"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]});
    if let (Some(own), Value::Object(more)) = (spec.as_object_mut(), more) {
        own.extend(more);
    }
    spec
}

/// `kubernetes.io/pvc-protection`: also while the pod has ended, for its volumes may not be released yet.
pub async fn a_claim_stays_as_long_as_a_pod_has_it(world: &World) {
    let site = Site::new(world);
    let node = site.add_node("user").await;
    site.while_alive(&[&node], async {
        add_claim(&site).await;
        assert_eq!(claim(&site).await["metadata"]["finalizers"], json!(["kubernetes.io/pvc-protection"]));
        site.add_pod("web", json!({}), with_the_claim(json!({ "nodeName": node }))).await;
        site.write_status("web", json!({"phase": "Running"})).await;
        delete_claim(&site).await;
        site.for_a_while("a running pod has it", async || is_deleting(&claim(&site).await)).await;
        site.write_status("web", json!({"phase": "Succeeded"})).await;
        site.for_a_while("a pod that has ended has it", async || is_deleting(&claim(&site).await)).await;
        site.remove_pod("web").await;
        site.eventually("the claim goes", async || claim(&site).await.is_null()).await;
    })
    .await;
    site.remove_node(&node).await;
}

/// No node has mounted anything for it.
pub async fn a_pod_without_a_node_holds_no_claim(world: &World) {
    let site = Site::new(world);
    add_claim(&site).await;
    let gated = json!({"schedulingGates": [{"name": "example.com/later"}]});
    site.add_pod("web", json!({}), with_the_claim(gated)).await;
    delete_claim(&site).await;
    site.eventually("the claim goes", async || claim(&site).await.is_null()).await;
    assert!(!is_deleting(&site.pod("web").await));
}
