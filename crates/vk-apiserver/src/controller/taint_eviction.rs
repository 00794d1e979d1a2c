//! Evicts pods that do not, or no longer, tolerate a `NoExecute` taint of their node.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::clock::Now;
use crate::kernel::{Kernel, disrupt};
use crate::object::Object;
use crate::request::DeleteOptions;
use crate::resource;

/// Since when each pod has been on borrowed time, by its UID. When a taint was added says nothing: a pod may have come later.
#[derive(Debug, Default)]
pub(crate) struct BorrowedTime(BTreeMap<String, Timestamp>);

pub(super) fn act(kernel: &mut Kernel, now: Now) {
    let pods: Vec<Arc<Object>> = kernel.storage.collection("pods").objects(None).cloned().collect();
    let mut still = BTreeMap::new();
    for pod in pods.into_iter().filter(|pod| pod.deletion_timestamp().is_none()) {
        let node = kernel.storage.find("nodes", "", pod.text("/spec/nodeName"));
        match node.map_or(Tolerance::ForEver, |node| tolerance(&pod, node)) {
            Tolerance::ForEver => {}
            Tolerance::Not => evict(kernel, &pod, now),
            Tolerance::For(limit) => {
                let since = kernel.borrowed_time.0.get(pod.uid()).copied().unwrap_or(now.wall);
                let limit = SignedDuration::try_from(limit).unwrap_or(SignedDuration::MAX);
                if since.saturating_add(limit).is_ok_and(|end| end <= now.wall) {
                    evict(kernel, &pod, now);
                } else {
                    still.insert(pod.uid().to_owned(), since);
                }
            }
        }
    }
    kernel.borrowed_time = BorrowedTime(still);
}

/// How a pod bears the `NoExecute` taints of its node.
enum Tolerance {
    Not,
    For(Duration),
    ForEver,
}

fn tolerance(pod: &Object, node: &Object) -> Tolerance {
    let taints = node.items("/spec/taints").iter();
    let limits: Option<Vec<Option<Duration>>> = taints
        .filter(|taint| taint.get("effect").and_then(Value::as_str) == Some("NoExecute"))
        .map(|taint| tolerates(pod, taint))
        .collect();
    match limits {
        None => Tolerance::Not,
        Some(limits) => limits.into_iter().flatten().min().map_or(Tolerance::ForEver, Tolerance::For),
    }
}

/// Whether a pod tolerates a taint; inside, for how long if not forever. The first toleration that matches counts.
pub(super) fn tolerates(pod: &Object, taint: &Value) -> Option<Option<Duration>> {
    let of_taint = |field: &str| taint.get(field).and_then(Value::as_str).unwrap_or_default();
    pod.items("/spec/tolerations")
        .iter()
        .find(|toleration| {
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
