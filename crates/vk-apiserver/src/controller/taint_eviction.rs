//! Evicts pods that do not, or no longer, tolerate a `NoExecute` taint of their node.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::clock::{Now, parse_rfc3339};
use crate::kernel::{Kernel, disrupt};
use crate::object::Object;
use crate::request::DeleteOptions;
use crate::resource;

pub(super) fn act(kernel: &mut Kernel, now: Now) {
    let pods: Vec<Arc<Object>> = kernel.storage.collection("pods").objects(None).cloned().collect();
    for pod in pods.into_iter().filter(|pod| pod.deletion_timestamp().is_none()) {
        let node = kernel.storage.find("nodes", "", pod.text("/spec/nodeName"));
        if node.is_some_and(|node| is_due(&pod, node, now.wall)) {
            evict(kernel, &pod, now);
        }
    }
}

fn is_due(pod: &Object, node: &Object, now: Timestamp) -> bool {
    node.items("/spec/taints")
        .iter()
        .filter(|taint| taint.get("effect").and_then(Value::as_str) == Some("NoExecute"))
        .any(|taint| {
            let since = taint.get("timeAdded").and_then(Value::as_str).and_then(parse_rfc3339).unwrap_or(now);
            match tolerates(pod, taint) {
                None => true,
                Some(None) => false,
                Some(Some(limit)) => {
                    let limit = SignedDuration::try_from(limit).unwrap_or(SignedDuration::MAX);
                    since.saturating_add(limit).is_ok_and(|end| end <= now)
                }
            }
        })
}

/// Whether a pod tolerates a taint; inside, for how long if not forever.
pub(super) fn tolerates(pod: &Object, taint: &Value) -> Option<Option<Duration>> {
    let of_taint = |field: &str| taint.get(field).and_then(Value::as_str).unwrap_or_default();
    pod.items("/spec/tolerations")
        .iter()
        .filter(|toleration| {
            let text = |field: &str| toleration.get(field).and_then(Value::as_str).unwrap_or_default();
            let key = text("key").is_empty() || text("key") == of_taint("key");
            let effect = text("effect").is_empty() || text("effect") == of_taint("effect");
            let value = text("operator") == "Exists" || text("value") == of_taint("value");
            key && effect && value
        })
        .map(|toleration| {
            let seconds = toleration.get("tolerationSeconds").and_then(Value::as_i64)?;
            Some(Duration::from_secs(u64::try_from(seconds).unwrap_or_default()))
        })
        .max_by_key(|limit| limit.unwrap_or(Duration::MAX))
}

fn evict(kernel: &mut Kernel, pod: &Arc<Object>, now: Now) {
    let Some(pods) = resource::find("", "pods") else { return };
    let mut disrupted = Object::clone(pod);
    disrupt(&mut disrupted, "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint", now);
    let disrupted = kernel.put("pods", disrupted, now);
    if let Err(error) = kernel.delete_object(pods, &disrupted, &DeleteOptions::default(), now) {
        tracing::warn!(%error, pod = pod.name(), "not evicted");
    }
}
