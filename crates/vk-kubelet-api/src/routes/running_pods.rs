//! `/runningpods/`: what runs in the back end, as a `v1.PodList` of the little that it knows of each.

use http::Response;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::limits::Limits;
use crate::pod_source::RunningPod;
use crate::response::{self, Body, Refusal};
use crate::server::NodeServices;

/// The pods of which at least one container was seen to run.
pub(super) async fn serve(node: &NodeServices, limits: &Limits) -> Result<Response<Body>, Refusal> {
    let running = timeout(limits.backend_timeout, node.pods.running()).await;
    let running = running.map_err(|_| Refusal::late("the pod source"))??;
    let items: Vec<Value> = running.iter().map(pod).collect();
    let list = json!({ "kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items });
    Ok(response::json(list.to_string()))
}

fn pod(pod: &RunningPod) -> Value {
    let containers: Vec<Value> =
        pod.containers.iter().map(|(name, image)| json!({ "name": name, "image": image, "resources": {} })).collect();
    let metadata = json!({ "name": &*pod.key.name, "namespace": &*pod.key.namespace, "uid": pod.uid.as_str() });
    json!({ "metadata": metadata, "spec": { "containers": containers }, "status": {} })
}
