//! What a user does with pods.

use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use virtual_kubelet::core::{PodKey, PodUid};
use virtual_kubelet::kube::Api;
use virtual_kubelet::kube::api::{DeleteParams, PostParams};

use super::World;

#[allow(clippy::expect_used, reason = "a test's own requests are expected to be taken")]
impl World {
    /// The pods of the test's namespace.
    pub fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.admin(), self.namespace())
    }

    /// Creates a pod with one container, bound to the test's node.
    pub async fn create_pod(&self, name: &str) -> PodUid {
        self.create_pod_with(name, json!({})).await
    }

    /// The same, with these fields in its spec.
    pub async fn create_pod_with(&self, name: &str, spec: Value) -> PodUid {
        let mut pod = json!({
            "metadata": {"name": name},
            "spec": {
                "nodeName": self.node_name(),
                "containers": [{"name": "app", "image": "app:1"}],
                "automountServiceAccountToken": false,
                "tolerations": [{"operator": "Exists"}],
            },
        });
        if let (Some(Value::Object(base)), Value::Object(more)) = (pod.get_mut("spec"), spec) {
            base.extend(more);
        }
        let pod: Pod = serde_json::from_value(pod).expect("a pod");
        let created = self.pods().create(&PostParams::default(), &pod).await.expect("the pod is taken");
        PodUid::from(created.metadata.uid.expect("a UID"))
    }

    /// The pod now.
    pub async fn pod(&self, name: &str) -> Option<Pod> {
        self.pods().get_opt(name).await.expect("the API server answers")
    }

    /// Its phase now; empty if it is gone.
    pub async fn phase(&self, name: &str) -> String {
        let status = self.pod(name).await.and_then(|pod| pod.status);
        status.and_then(|status| status.phase).unwrap_or_default()
    }

    /// Deletes it with its own grace period, or the given one.
    pub async fn delete_pod(&self, name: &str, grace_seconds: Option<u32>) {
        let params = DeleteParams { grace_period_seconds: grace_seconds, ..DeleteParams::default() };
        self.pods().delete(name, &params).await.expect("the deletion is taken");
    }

    /// Its key.
    pub fn key(&self, name: &str) -> PodKey {
        PodKey::new(self.namespace(), name)
    }
}
